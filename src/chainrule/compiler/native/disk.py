"""What was compiled once for this processor, on disk: machine code, and what else a program needs to run."""

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

FORMAT = 2
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


def key_of(machine: Machine, *source: bytes | memoryview) -> str:
    """Return the name of what is made of a source: another source, LLVM, processor or format has another one."""
    made_by = "\0".join([str(FORMAT), _llvm_version(), machine.triple, machine.cpu, machine.features])
    digest = hashlib.sha256()
    for part in (made_by.encode(), *source):
        digest.update(memoryview(part).nbytes.to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def read(key: str) -> bytes | None:
    """Return what has this name, None where there is nothing, or nothing that is whole."""
    place = folder()
    if place is None:
        return None
    path = place / key
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    head, kept = content[: len(MARK) + DIGEST], content[len(MARK) + DIGEST :]
    if head != MARK + _digest(key, kept):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # what is used stays longest
    return kept


def write(key: str, content: bytes) -> None:
    """Keep something under its name; a folder that cannot be written to is no error."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(WriteError, OSError, ValueError):
        write_whole(place / key, MARK + _digest(key, content) + content, parents=True)
        _make_room(place)


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def _make_room(place: Path) -> None:
    """Delete what was used longest ago while there is too much; a person's own files may lie beside it."""
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
