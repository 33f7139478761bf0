"""The files that the compiled engine is made from, and their hash, which tells a stale one."""

from __future__ import annotations

import hashlib
from pathlib import Path

# In the order in which the build puts them behind one another.
PARTS = (
    "value",
    "node",
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
    "rows",
    "tape",
    "patterns",
    "reading",
    "guarding",
    "calling",
    "updating",
    "stepping",
    "keys",
    "classing",
    "scanning",
    "exporting",
    "memory",
)


def source_hash(package: Path) -> str:
    """Return the hash of everything that the engine in this folder (`src/chainrule`) is compiled from."""
    digest = hashlib.sha256()
    for path in [*sorted((package / "core").glob("*.py")), *sorted((package / "ops").glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
