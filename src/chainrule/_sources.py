"""The files that the compiled engine is made from, and their hash, which tells a stale one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

# A file that was written later is not what runs.
IMPORTED = time.time()

# In the order in which the build puts them behind one another.
PARTS = (
    "value",
    "node",
    "deferring",
    "numbers",
    "kinds",
    "tracing",
    "recording",
    "standins",
    "symbolic",
    "operands",
    "tracking",
    "making",
    "nary",
    "backward",
    "walking",
    "parameters",
    "buffers",
    "executing",
    "reaching",
    "outcomes",
    "owing",
    "rows",
    "tape",
    "patterns",
    "reading",
    "guarding",
    "calling",
    "homes",
    "updating",
    "stepping",
    "keys",
    "classing",
    "scanning",
    "surveying",
    "exporting",
    "pages",
    "memory",
)


def source_hash(package: Path) -> str:
    """Return the hash of everything that the engine in this folder (`src/chainrule`) is compiled from."""
    return hash_of(source_files(package, "core", "ops"))


def source_files(package: Path, *folders: str) -> list[Path]:
    """Return the source files below some folders of a package."""
    return [path for folder in folders for path in sorted((package / folder).rglob("*.py"))]


def hash_of(paths: Iterable[Path]) -> str:
    """Return the hash of what is in files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
