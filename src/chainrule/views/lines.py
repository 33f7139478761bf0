"""Source lines, on request: where in the user's program each Value was made.

Nothing in the engine knows of this. Python's own `tracemalloc` notes where memory is asked for, and a Value is
memory; so a program that does not ask for lines pays nothing.
"""

from __future__ import annotations

import linecache
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chainrule.graph import Value

# Calls between the user's line and the engine: model, layer, neuron and op, and room for the user's own modules.
FRAMES = 12
# The engine keeps the memory of up to this many dead nodes (`chainrule.core.memory`).
KEPT = 65_536
_PACKAGE = str(Path(__file__).parents[1])


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

    Recording costs time and memory (a Value takes about 12 µs and 300 bytes more), and ends with the block.
    The uncompiled engine records from Python 3.12 on.
    """
    begun = not tracemalloc.is_tracing()
    if begun:
        tracemalloc.start(FRAMES)
    try:
        _use_up_memory_from_before()
        yield
    finally:
        if begun:
            tracemalloc.stop()


def line_of(value: Value) -> Line | None:
    """Return the innermost line outside of this package that made the Value, None where none was recorded."""
    if not tracemalloc.is_tracing():
        return None
    frames = tracemalloc.get_object_traceback(value)
    for frame in reversed(frames or ()):  # most recent call last
        if not frame.filename.startswith((_PACKAGE, "<frozen")):
            return Line(_shown(frame.filename), frame.lineno, linecache.getline(frame.filename, frame.lineno).strip())
    return None


def _use_up_memory_from_before() -> None:
    """Make Values until new memory is asked for: what was asked for before the recording has no line."""
    held = []
    for _ in range(KEPT + 1):
        held.append(Value(0.0))
        if tracemalloc.get_object_traceback(held[-1]) is not None:
            return


def _shown(filename: str) -> str:
    """Return a path that says nothing about whose machine it is."""
    path = Path(filename)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.name
