"""Machine code on disk: what was compiled once for this processor is loaded the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from functools import cache
from pathlib import Path

from chainrule.compiler.native.machine import Machine
from chainrule.errors import WriteError
from chainrule.files import write_whole

FORMAT = 1
MOST_BYTES = 256 << 20
DIGEST = 32
MARK = b"chainrule code\n"
NAME = re.compile("[0-9a-f]{64}")  # a key, and nothing that a person would call a file


def folder() -> Path | None:
    """Return where code is kept; None where CHAINRULE_CACHE is set and empty, or no place is known."""
    chosen = os.environ.get("CHAINRULE_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    try:
        if sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        elif sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home
        return None
    return base / "chainrule" / "native"


@cache
def _llvm_version() -> str:
    import llvmlite

    return str(llvmlite.__version__)


def key_of(text: str, machine: Machine) -> str:
    """Return the name of a module's code: another text, LLVM, processor or format has another one."""
    parts = [str(FORMAT), _llvm_version(), machine.triple, machine.cpu, machine.features, text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read(key: str) -> bytes | None:
    """Return the code of this name, None where there is none, or none that is whole."""
    place = folder()
    if place is None:
        return None
    path = place / key
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    head, code = content[: len(MARK) + DIGEST], content[len(MARK) + DIGEST :]
    if head != MARK + _digest(key, code):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # what is used stays longest
    return code


def write(key: str, code: bytes) -> None:
    """Keep code; a folder that cannot be written to is no error."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(WriteError, OSError, ValueError):
        write_whole(place / key, MARK + _digest(key, code) + code, parents=True)
        _make_room(place)


def _digest(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def _make_room(place: Path) -> None:
    """Delete the code that was used longest ago while there is too much; a person's own files may lie beside it."""
    found = []
    for entry in os.scandir(place):
        if not NAME.fullmatch(entry.name):
            continue
        with contextlib.suppress(OSError):
            status = entry.stat()
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MOST_BYTES:
            break
        with contextlib.suppress(OSError):
            Path(path).unlink()
        total -= size
