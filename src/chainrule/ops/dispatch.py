"""The table by number, as the engine's inner loops call it.

When the package is built, `build_tools/kernels.py` writes the same names, translated from the rows to C, into
`_kernels.pxd`; the compiled engine takes those and the uncompiled one takes these.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.ops import rows

# Any: the members are the rows' names in capitals, made from the table
Code: Any = SimpleNamespace(
    LEAF=0,
    CUSTOM=-1,  # an op of the user's
    COMPILED=-2,  # a compiled function's result
    RESULT=-3,  # one of several results, and
    CALL=-4,  # the call that gave them
    ROWS=len(list(rows())),
    **{row.name.upper(): row.code for row in rows()},
)

_VALUES: Any = [None, *[row.value for row in rows()]]
_SLOPES: Any = [[], *[row.derivatives for row in rows()]]


def unary_value(code: int, a: float) -> float:
    """Return the value of the unary op with this code."""
    value: float = _VALUES[code](a)
    return value


def unary_slope(code: int, a: float, y: float) -> float:
    """Return the local derivative of the unary op with this code at a, where its value is y."""
    slope: float = _SLOPES[code][0](a, y)
    return slope


def binary_value(code: int, a: float, b: float) -> float:
    """Return the value of the binary op with this code."""
    value: float = _VALUES[code](a, b)
    return value


def left_slope(code: int, a: float, b: float, y: float) -> float:
    """Return the local derivative of the binary op with this code by its left operand."""
    slope: float = _SLOPES[code][0](a, b, y)
    return slope


def right_slope(code: int, a: float, b: float, y: float) -> float:
    """Return the local derivative of the binary op with this code by its right operand."""
    slope: float = _SLOPES[code][1](a, b, y)
    return slope


def ternary_value(code: int, a: float, b: float, c: float) -> float:
    """Return the value of the op of three operands with this code."""
    value: float = _VALUES[code](a, b, c)
    return value


def ternary_slope_a(code: int, a: float, b: float, c: float, y: float) -> float:
    """Return the local derivative of the op of three operands with this code by its first operand."""
    slope: float = _SLOPES[code][0](a, b, c, y)
    return slope


def ternary_slope_b(code: int, a: float, b: float, c: float, y: float) -> float:
    """Return the local derivative of the op of three operands with this code by its second operand."""
    slope: float = _SLOPES[code][1](a, b, c, y)
    return slope


def ternary_slope_c(code: int, a: float, b: float, c: float, y: float) -> float:
    """Return the local derivative of the op of three operands with this code by its third operand."""
    slope: float = _SLOPES[code][2](a, b, c, y)
    return slope
