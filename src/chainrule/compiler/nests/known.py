"""What must be there: columns that a class has by its kind, fits that loops have been found for."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def known(thing: T | None) -> T:
    """Return a thing that the passes before have made; its absence is a mistake of theirs."""
    if thing is None:
        raise AssertionError("a pass of the compiler left something out")
    return thing
