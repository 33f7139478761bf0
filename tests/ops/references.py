"""What every row of the op table should give, from mpmath: values, slopes, and the sizes of terms that cancel.

A row without an entry here is measured against mpmath's function of its name, its slopes by numerical
differentiation of that, so a new row needs an entry only where mpmath calls the function something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath

from chainrule.ops import Op

mp = mpmath.MPContext()
mp.prec = 320  # bits; tells sigmoid(−40) from 0 beside 1, and a·b from its rounding
EXTRA_BITS = 1000  # tanh's slope at 300 is what is left of 1 − (1 − 1e-260)

Real = Any  # mpmath's numbers carry no types
Function = Callable[..., Real]


@dataclass(frozen=True)
class Reference:
    """True functions of one row.

    Attributes:
        value: the value of the operands.
        slopes: all local derivatives of the operands; by numerical differentiation where None.
        sizes: for value and slopes in this order, the sum of the sizes of the terms where terms cancel,
            None for each where none do.
        operands: the operands to measure at where the row is only meant for some.
    """

    value: Function
    slopes: Callable[..., Sequence[Real]] | None = None
    sizes: Callable[..., Sequence[Real | None]] | None = None
    operands: Sequence[tuple[float, ...]] | None = None

    def all_slopes(self, *operands: Real) -> list[Real]:
        """Return the slope by each operand."""
        if self.slopes is not None:
            return list(self.slopes(*operands))
        return [self.numeric_slope(place, *operands) for place in range(len(operands))]

    def numeric_slope(self, place: int, *operands: Real) -> Real:
        """Return the slope by one operand from a central difference in very many digits."""

        def at(shifted: Real) -> Real:
            return self.value(*operands[:place], shifted, *operands[place + 1 :])

        digits = mp.prec  # the step's square is what the difference is wrong by
        x = mp.mpf(operands[place])
        with mp.workprec(3 * digits + EXTRA_BITS):
            step = mp.ldexp(abs(x) if x else mp.mpf(1), -digits)
            return (at(x + step) - at(x - step)) / (2 * step)

    def all_sizes(self, *operands: Real) -> list[Real | None]:
        """Return the sizes of cancelling terms of the value and of each slope."""
        if self.sizes is None:
            return [None] * (len(operands) + 1)
        return list(self.sizes(*operands))


def sigmoid(a: Real) -> Real:
    return 1 / (1 + mp.exp(-a))


def sech2(a: Real) -> Real:
    return 1 / mp.cosh(a) ** 2


def density(a: Real) -> Real:
    return mp.exp(-a * a / 2) / mp.sqrt(2 * mp.pi)


def bell(a: Real, b: Real, c: Real) -> Real:
    return mp.exp(c - b * a * a)


def normal_cdf(a: Real) -> Real:
    # mpmath's own overflows far out, where this is 0 or 1 to every digit that a float could have
    return mp.ncdf(a) if abs(a) < 1000 else mp.mpf(1 if a > 0 else 0)


def power(a: Real, b: Real) -> Real:
    if a < 0:
        if not mp.isint(b):
            raise ValueError("not a real number")
        return power(-a, b) * (-1 if int(b) % 2 else 1)
    if a > 0 and abs(b * mp.log(a)) > 2000:  # beyond all floats; mpmath would compute 10^300 digits
        return mp.exp(mp.sign(b * mp.log(a)) * 2000)
    return mp.power(a, b)


def power_by_exponent(a: Real, b: Real) -> Real:
    if a == 0:  # PyTorch's convention: 0ᵇ is constantly 0 for b > 0, and b = 0 is counted among these
        return mp.mpf(0) if b >= 0 else -mp.inf
    return power(a, b) * mp.log(a)


def power_by_base(a: Real, b: Real) -> Real:
    return mp.mpf(0) if b == 0 else b * power(a, b - 1)


def shares(*operands: Real) -> list[Real]:
    largest = max(operands)
    total = mp.fsum(mp.exp(each - largest) for each in operands)
    return [mp.exp(each - largest) / total for each in operands]


def log_sum_exp(*operands: Real) -> Real:
    largest = max(operands)
    # ln(1 + others) in as many digits as the others have: they may be e^−700
    others = sorted(operands)[:-1]
    return largest + mp.log1p(mp.fsum(mp.exp(each - largest) for each in others))


def halves(operands: Sequence[Real]) -> tuple[Sequence[Real], Sequence[Real], Sequence[Real]]:
    """Return dot's left operands, right operands, and what its sum starts with, if anything."""
    half = len(operands) // 2
    return operands[:half], operands[half : 2 * half], operands[2 * half :]


def dot(*operands: Real) -> Real:
    left, right, start = halves(operands)
    return mp.fsum([*start, *(a * b for a, b in zip(left, right, strict=True))])


def dot_sizes(*operands: Real) -> list[Real | None]:
    left, right, start = halves(operands)
    terms = [*start, *(a * b for a, b in zip(left, right, strict=True))]
    return [mp.fsum(terms, absolute=True), *[None] * len(operands)]


def dot_slopes(*operands: Real) -> list[Real]:
    left, right, start = halves(operands)
    return [*right, *left, *(mp.mpf(1) for _ in start)]


def larger_share(a: Real, b: Real) -> Real:
    return mp.mpf(1 if a > b else 0.5 if a == b else 0)


BELLS = [
    (sign * x, b, c) for b in (0.25, 0.5, 1.0, 2.0, 4.0) for c in (0.0, 32.0, -3.0) for sign in (1.0, -1.0)
    for x in (0.0, 5e-324, 1e-300, 1e-160, 1e-8, 0.1, 1 / 3, 0.7, 1.1, 2.3, 4.7, 9.9, 13.3, 18.61, 19.3, 21.9, 26.7,
              27.29, 31.1, 37.7, 38.1, 38.58, 38.9, 46.3, 52.1, 54.4, 54.6, 63.99, 64.01, 1e10, 1e200, 1e308)
]  # fmt: skip

DIFFERENCES = [
    (shift + x, shift)
    for shift in (0.0, 1e-300, 0.1, 1 / 3, -2.7, 33.3, -710.1, 1e4 + 0.1, 1e15, -1e300)
    for x in (0.0, 5e-324, 1e-20, 1e-8, 0.3, -1.7, 17.77, -33.4, 321.9, -444.4, 700.7, -705.3, 709.6, -744.1, 2e3, -2e3)
]

REFERENCES: dict[str, Reference] = {
    "add": Reference(lambda a, b: a + b, lambda *_: (1, 1)),
    "subtract": Reference(lambda a, b: a - b, lambda *_: (1, -1)),
    "multiply": Reference(lambda a, b: a * b, lambda a, b: (b, a)),
    "divide": Reference(lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    "power": Reference(power, lambda a, b: (power_by_base(a, b), power_by_exponent(a, b))),
    "negative": Reference(lambda a: -a, lambda _: (-1,)),
    "absolute": Reference(abs, lambda a: (mp.sign(a),)),
    "where": Reference(lambda a, b, c: b if a else c, lambda a, *_: (0, 1 if a else 0, 0 if a else 1)),
    "maximum": Reference(max, lambda a, b: (larger_share(a, b), larger_share(b, a))),
    "minimum": Reference(min, lambda a, b: (larger_share(b, a), larger_share(a, b))),
    "less": Reference(lambda a, b: mp.mpf(a < b), lambda *_: (0, 0)),
    "less_equal": Reference(lambda a, b: mp.mpf(a <= b), lambda *_: (0, 0)),
    "equal": Reference(lambda a, b: mp.mpf(a == b), lambda *_: (0, 0)),
    "detached": Reference(lambda a: a, lambda _: (0,)),
    "exp": Reference(mp.exp, lambda a: (mp.exp(a),)),
    "exp_difference": Reference(
        lambda a, b: mp.exp(a - b), lambda a, b: (mp.exp(a - b), -mp.exp(a - b)), operands=DIFFERENCES
    ),
    "log": Reference(mp.log, lambda a: (1 / a,)),
    "log1p": Reference(mp.log1p, lambda a: (1 / (1 + a),)),
    "expm1": Reference(mp.expm1, lambda a: (mp.exp(a),)),
    "sqrt": Reference(mp.sqrt, lambda a: (1 / (2 * mp.sqrt(a)),)),
    "sigmoid": Reference(sigmoid, lambda a: (sigmoid(a) * sigmoid(-a),)),
    "tanh": Reference(mp.tanh, lambda a: (sech2(a),)),
    "sinh": Reference(mp.sinh, lambda a: (mp.cosh(a),)),
    "cosh": Reference(mp.cosh, lambda a: (mp.sinh(a),)),
    "sin": Reference(mp.sin, lambda a: (mp.cos(a),)),
    "cos": Reference(mp.cos, lambda a: (-mp.sin(a),)),
    "tan": Reference(mp.tan, lambda a: (1 / mp.cos(a) ** 2,)),
    "asin": Reference(mp.asin, lambda a: (1 / mp.sqrt((1 - a) * (1 + a)),)),
    "acos": Reference(mp.acos, lambda a: (-1 / mp.sqrt((1 - a) * (1 + a)),)),
    "atan": Reference(mp.atan, lambda a: (1 / (1 + a * a),)),
    "atan2": Reference(mp.atan2, lambda a, b: (b / (a * a + b * b), -a / (a * a + b * b))),
    "hypot": Reference(mp.hypot, lambda a, b: (a / mp.hypot(a, b), b / mp.hypot(a, b))),
    "erf": Reference(mp.erf, lambda a: (2 / mp.sqrt(mp.pi) * mp.exp(-a * a),)),
    "bell": Reference(
        bell, lambda a, b, c: (-2 * a * b * bell(a, b, c), -a * a * bell(a, b, c), bell(a, b, c)), operands=BELLS
    ),
    "normal_cdf": Reference(normal_cdf, lambda a: (density(a),)),
    "relu": Reference(lambda a: max(a, mp.mpf(0)), lambda a: (1 if a > 0 else 0,)),
    "leaky_relu": Reference(lambda a: a if a > 0 else a * mp.mpf(0.01), lambda a: (1 if a > 0 else mp.mpf(0.01),)),
    "softplus": Reference(
        lambda a: mp.log1p(mp.exp(a)) if a < 0 else a + mp.log1p(mp.exp(-a)), lambda a: (sigmoid(a),)
    ),
    "silu": Reference(
        lambda a: a * sigmoid(a),
        lambda a: (sigmoid(a) + a * sigmoid(a) * sigmoid(-a),),
        lambda a: (None, sigmoid(a) + abs(a) * sigmoid(a) * sigmoid(-a)),
    ),
    "gelu": Reference(
        lambda a: a * normal_cdf(a),
        lambda a: (normal_cdf(a) + a * density(a),),
        lambda a: (None, normal_cdf(a) + abs(a) * density(a)),
    ),
    "sum": Reference(
        lambda *terms: mp.fsum(terms),
        lambda *terms: [1] * len(terms),
        lambda *terms: [mp.fsum(terms, absolute=True), *[None] * len(terms)],
    ),
    "dot": Reference(dot, dot_slopes, dot_sizes),
    "logsumexp": Reference(
        log_sum_exp,
        shares,
        # ln Σ e^aᵢ is the largest operand plus a logarithm, and may be near 0 where neither is
        lambda *a: [abs(max(a)) + log_sum_exp(*a) - max(a), *[None] * len(a)],
    ),
}


def reference(row: Op) -> Reference:
    """Return what to measure a row against.

    Raises:
        LookupError: neither this file nor mpmath knows a function of the row's name.
    """
    if row.name in REFERENCES:
        return REFERENCES[row.name]
    function = getattr(mp, row.name, None)
    if function is None:
        raise LookupError(
            f"the row '{row.name}' has no reference: mpmath has no function of this name, so add "
            f'"{row.name}": Reference(...) to REFERENCES in tests/ops/references.py'
        )
    return Reference(function)
