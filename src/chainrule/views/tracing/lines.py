"""Source lines, on request: where in the user's program each Value was made.

Python's own `tracemalloc` notes where memory is asked for, and a Value is memory: all that the engine does for it
is to ask anew for each node while lines are recorded. So a program that does not want lines pays nothing.
"""

from __future__ import annotations

import linecache
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import GraphError
from chainrule.graph import Value, keep_dead_nodes

# Calls between the user's line and the engine: model, layer, neuron and op, and room for the user's own modules.
FRAMES = 12
_PACKAGE = str(Path(__file__).parents[2]) + os.sep
_under_way: list[None] = []  # an entry for each recording, since one may stand inside another


@dataclass(frozen=True)
class Line:
    """A line of the user's program: the file (relative to the working folder, or its name), number, text."""

    file: str
    line: int
    text: str


@contextmanager
def record_lines() -> Iterator[None]:
    """Record where each Value is made; traces, pages and explanations made inside show the lines.

        with record_lines():
            L = loss(model, X, y)
            cr.show(L)

    Recording costs time and memory (some 12 µs and 300 bytes a Value), and ends with the block.
    The uncompiled engine records from Python 3.12 on.

    Raises:
        GraphError: the program uses `tracemalloc` already; what that noted may be of dead Values.
    """
    if tracemalloc.is_tracing() and not _under_way:
        raise GraphError("record_lines() needs tracemalloc for itself, and it is running: stop it before")
    _under_way.append(None)
    try:
        if not tracemalloc.is_tracing():
            keep_dead_nodes(False)
            tracemalloc.start(FRAMES)
        yield
    finally:
        _under_way.pop()
        if not _under_way:
            tracemalloc.stop()
            keep_dead_nodes(True)


def line_of(value: Value) -> Line | None:
    """Return the innermost line outside of this package that made the Value, None where none was recorded."""
    if not _under_way:
        return None
    frames = tracemalloc.get_object_traceback(value)
    for frame in reversed(frames or ()):  # most recent call last
        if not frame.filename.startswith((_PACKAGE, "<frozen")):
            return Line(_shown(frame.filename), frame.lineno, linecache.getline(frame.filename, frame.lineno).strip())
    return None


def _shown(filename: str) -> str:
    """Return a path that says nothing about whose machine it is; a notebook's cells have names of the day."""
    if "ipykernel_" in filename or filename.startswith("<ipython-input"):
        return "notebook"
    path = Path(filename)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.name
