"""Writing files: whoever reads one finds all of the old content or all of the new, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TypeAlias

from chainrule.errors import WriteError

PathLike: TypeAlias = str | os.PathLike[str]


def write_whole(path: PathLike, content: bytes, parents: bool = False) -> None:
    """Replace a file by one with this content, or leave it as it was.

    The content is brought to the disk beside its place, then moved there in one step. A link stays a link:
    the file that it leads to is replaced. Permissions stay; a new file gets those that the umask leaves.

    Args:
        path: the file; a folder, a device or a pipe is refused.
        content: all of it.
        parents: make the folders above it when they are missing.

    Raises:
        WriteError: the system does not let it; what was there is unchanged.
    """
    try:
        target = Path(os.path.realpath(path))
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        mode = _permissions(target, path)
        temporary = target.with_name(f".{os.urandom(8).hex()}.part")
        try:
            _write_new(temporary, content, mode)
            os.replace(temporary, target)  # noqa: PTH105 - the step that all rests on, by its usual name
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    except WriteError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path that the system's calls do not take
        raise WriteError(
            f"{path} could not be written ({getattr(error, 'strerror', None) or error}), and what was there is "
            f"unchanged: check that the folder exists, is writable and has space, or choose another place",
            error,
        ) from error


def _permissions(target: Path, path: PathLike) -> int | None:
    """Return the permissions of the file that will be replaced, or None when there is none.

    Moving a file into place asks only the folder for leave, so what protects the file itself is asked here.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise WriteError(f"{path or 'a path without a name'} is not a regular file: choose another path")
    if not os.access(target, os.W_OK):
        raise WriteError(f"{path} may not be written to: allow it (chmod u+w) or choose another path")
    return stat.S_IMODE(mode)


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    """Write a file that is not there yet, to the disk; at no moment do more people see it than `mode` allows."""

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else mode & 0o666)

    with open(path, "xb", opener=create) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        path.chmod(mode)
