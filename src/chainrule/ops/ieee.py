"""Elementary functions on floats that never raise: IEEE 754 results where Python's `math` has exceptions.

Compiled code calls the C library under the same names; this module gives uncompiled code its answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_INF = math.inf
_NAN = math.nan

copysign = math.copysign
fabs = math.fabs
atan = math.atan
atan2 = math.atan2
erf = math.erf
erfc = math.erfc
tanh = math.tanh
hypot = math.hypot


def divide(a: float, b: float) -> float:
    """Return a / b; x / 0 is a signed infinity, 0 / 0 is nan."""
    if b != 0.0:
        return a / b
    if a == 0.0 or a != a or b != b:
        return _NAN
    return copysign(_INF, a) * copysign(1.0, b)


def pow(a: float, b: float) -> float:
    """Return a to the power b as C's `pow`: 0 ** -1 is inf, (-1) ** 0.5 is nan."""
    try:
        return math.pow(a, b)
    except OverflowError:
        odd = a < 0.0 and math.fmod(b, 2.0) != 0.0
        return -_INF if odd else _INF
    except ValueError:
        if a != 0.0:
            return _NAN
        odd = math.fmod(fabs(b), 2.0) == 1.0
        return copysign(_INF, a) if odd else _INF


def _overflows_to_inf(function: Callable[[float], float]) -> Callable[[float], float]:
    """Wrap a function whose only exception is overflow towards +inf."""

    def wrapped(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return _INF

    return wrapped


def _nan_outside(function: Callable[[float], float]) -> Callable[[float], float]:
    """Wrap a function that is nan wherever `math` raises a domain error."""

    def wrapped(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return _NAN

    return wrapped


exp = _overflows_to_inf(math.exp)
expm1 = _overflows_to_inf(math.expm1)
cosh = _overflows_to_inf(math.cosh)
sqrt = _nan_outside(math.sqrt)
sin = _nan_outside(math.sin)
cos = _nan_outside(math.cos)
tan = _nan_outside(math.tan)
asin = _nan_outside(math.asin)
acos = _nan_outside(math.acos)


def sinh(x: float) -> float:
    """Return the hyperbolic sine; it overflows to the infinity of x's sign."""
    try:
        return math.sinh(x)
    except OverflowError:
        return copysign(_INF, x)


def log(x: float) -> float:
    """Return the natural logarithm; log 0 is -inf, the logarithm of a negative number nan."""
    try:
        return math.log(x)
    except ValueError:
        return -_INF if x == 0.0 else _NAN


def log1p(x: float) -> float:
    """Return log(1 + x); -inf at -1, nan below."""
    try:
        return math.log1p(x)
    except ValueError:
        return -_INF if x == -1.0 else _NAN
