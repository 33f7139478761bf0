"""What compiled code asks of bare pointers to objects, as ordinary functions for uncompiled code."""

from __future__ import annotations

from math import copysign
from operator import getitem
from typing import Any

item_at = tuple_item_at = getitem


def is_float(item: Any) -> bool:
    """Tell whether an object is a float and of no other class."""
    return type(item) is float


def float_at(item: Any) -> float:
    """Return a float's number."""
    number: float = item
    return number


def signbit(x: float) -> bool:
    """Tell whether a number has a minus sign, which -0.0 has too."""
    return copysign(1.0, x) < 0.0


def PyErr_CheckSignals() -> None:  # noqa: N802 - C's name
    """Do nothing: between two lines of Python, Python looks for Ctrl-C itself."""


def let_others_run() -> None:
    """Do nothing: between two lines of Python, other threads run anyway."""
