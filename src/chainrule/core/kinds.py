"""Which class of number Python or numpy would give: what a stand-in must know beside its number."""

from __future__ import annotations

from functools import cache
from typing import Any

from chainrule.ops.dispatch import Code

ARITHMETIC = (Code.ADD, Code.SUBTRACT, Code.MULTIPLY)
COMPARISONS = (Code.LESS, Code.LESS_EQUAL, Code.EQUAL)
MOST_EXACT = 2**53  # integers up to here are float64 numbers


def kind_after(code: int, left: Any, right: Any, other: object) -> Any:
    """Return the class of what an operator gives for numbers of two classes.

    None where float64 arithmetic is not what Python or numpy would do: they would round to another format, wrap
    around, or, for an integer to the power of an integer, look at its sign. `other` is the operand on the right of
    a power.
    """
    if code == Code.POWER and not is_float_class(left) and not is_float_class(right):
        whole = left is int and type(other) is int and 0 <= other <= 64
        return int if whole else None
    return _kind_after(code, left, right)


@cache
def _kind_after(code: int, left: Any, right: Any) -> Any:
    kinds = {left, right}
    if any(kind.__module__ != "numpy" and kind not in (int, float, bool) for kind in kinds):  # a Fraction
        return float if any(map(is_float_class, kinds)) else None
    narrow = [kind for kind in kinds if _is_narrow(kind)]
    kind: Any
    if any(map(is_float_class, narrow)) or (narrow and code not in (*COMPARISONS, Code.DIVIDE)):
        kind = None
    elif code in COMPARISONS:
        kind = bool
    elif code in (Code.NEGATIVE, Code.ABSOLUTE):
        kind = int if left is bool else left
    elif code == Code.DIVIDE or any(map(is_float_class, kinds)):
        kind = float if kinds <= {int, float, bool} else _float64()
    else:
        kind = next(iter(kinds - {int, bool}), int)
    return kind


def is_float_class(kind: Any) -> bool:
    """Tell whether numbers of a class are floats, Python's or numpy's."""
    return issubclass(kind, float) or kind.__name__.startswith("float")


def _is_narrow(kind: Any) -> bool:
    """Tell whether a class of numbers has fewer digits than float64 or wraps around early."""
    return kind not in (int, float, bool) and kind.__name__ not in ("float64", "int64")


def _float64() -> Any:
    import numpy as np

    return np.float64


def as_kind(number: float, kind: Any) -> Any:
    """Return a float as a number of a class; one that float64 does not hold exactly is None."""
    if issubclass(kind, float):
        return kind(number)
    if kind is bool:
        return number != 0.0
    return kind(int(number)) if abs(number) <= MOST_EXACT else None
