"""Sigmoid, hyperbolic and circular functions, lengths and angles, the error function and the bell curve."""

from __future__ import annotations

from chainrule.ops import ieee
from chainrule.ops.elementary import divide, pick, sqrt
from chainrule.ops.row import Operand, op

ONE_OVER_SQRT_2_HIGH = 0.7071067811865476
ONE_OVER_SQRT_2_LOW = -4.833646656726457e-17  # what the double above lacks of 1/√2
ONE_OVER_SQRT_2_PI = 0.3989422804014327
TWO_OVER_SQRT_PI = 1.1283791670955126
E_TO_MINUS_32 = 1.2664165549094176e-14
BIG = 3.273390607896142e150  # 2⁵⁰⁰: scaling by it is exact
SMALL = 1e-290  # lengths below it, or halves of them, may be subnormal
LARGE = 1e300  # lengths of this size may overflow
SPLITTER = 134217729.0  # 2²⁷ + 1, Veltkamp's split of a double into two halves (Dekker 1971)

UNIT = ((-1.0, 1.0),)


@op(formula="1 / (1 + e⁻ᵃ)", slopes=("y · (1 − y)",))
def sigmoid(a: Operand) -> Operand:
    """Logistic function; exactly 0 and 1 far from 0, with slope 0 there."""
    # the second form keeps e^a where e^−a overflows
    if a >= 0.0:
        return ieee.divide(1.0, 1.0 + ieee.exp(-a))
    return ieee.divide(ieee.exp(a), 1.0 + ieee.exp(a))


@sigmoid.derivative
def sigmoid_da(a: Operand, y: Operand) -> Operand:
    # not y·(1 − y) for a > 0: it cancels where y is near 1; the slope is even, so take y at −a there
    mirrored = sigmoid(-a)
    return pick(a < 0.0, y * (1.0 - y), mirrored * (1.0 - mirrored))


# Hyperbolic and circular functions


@op(formula="(eᵃ − e⁻ᵃ) / (eᵃ + e⁻ᵃ)", slopes=("1 − y²",))
def tanh(a: Operand) -> Operand:
    """Hyperbolic tangent; exactly ±1 far from 0, with slope 0 there."""
    return ieee.tanh(a)


@tanh.derivative
def tanh_da(a: Operand, y: Operand) -> Operand:
    # 1 − y² keeps no digit where y rounds to 1 (relative error 1.7e-4 at 15), and 1 / cosh² overflows in
    # its own derivatives; 4·σ(2a)·σ(−2a) is the same function, accurate and smooth everywhere, here with the
    # smaller σ and 1 minus it
    smaller = sigmoid(pick(a < 0.0, 2.0 * a, -2.0 * a))
    return 4.0 * smaller * (1.0 - smaller)


@op(formula="(eᵃ − e⁻ᵃ) / 2", slopes=("cosh a",))
def sinh(a: Operand) -> Operand:
    """Hyperbolic sine."""
    return ieee.sinh(a)


@sinh.derivative
def sinh_da(a: Operand, y: Operand) -> Operand:
    return cosh(a)


@op(formula="(eᵃ + e⁻ᵃ) / 2", slopes=("sinh a",))
def cosh(a: Operand) -> Operand:
    """Hyperbolic cosine."""
    return ieee.cosh(a)


@cosh.derivative
def cosh_da(a: Operand, y: Operand) -> Operand:
    return sinh(a)


@op(formula="sin a", slopes=("cos a",))
def sin(a: Operand) -> Operand:
    """Sine of an angle in radians."""
    return ieee.sin(a)


@sin.derivative
def sin_da(a: Operand, y: Operand) -> Operand:
    return cos(a)


@op(formula="cos a", slopes=("−sin a",))
def cos(a: Operand) -> Operand:
    """Cosine of an angle in radians."""
    return ieee.cos(a)


@cos.derivative
def cos_da(a: Operand, y: Operand) -> Operand:
    return -sin(a)


@op(formula="tan a", slopes=("1 + y²",))
def tan(a: Operand) -> Operand:
    """Tangent of an angle in radians."""
    return ieee.tan(a)


@tan.derivative
def tan_da(a: Operand, y: Operand) -> Operand:
    return 1.0 + y * y


@op(formula="arcsin a", slopes=("1 / √(1 − a²)",), domain=UNIT)
def asin(a: Operand) -> Operand:
    """Angle in radians whose sine is a."""
    return ieee.asin(a)


@asin.derivative
def asin_da(a: Operand, y: Operand) -> Operand:
    # (1 − a)(1 + a) keeps the digits that 1 − a² loses near ±1
    return divide(1.0, sqrt((1.0 - a) * (1.0 + a)))


@op(formula="arccos a", slopes=("−1 / √(1 − a²)",), domain=UNIT)
def acos(a: Operand) -> Operand:
    """Angle in radians whose cosine is a."""
    return ieee.acos(a)


@acos.derivative
def acos_da(a: Operand, y: Operand) -> Operand:
    return divide(-1.0, sqrt((1.0 - a) * (1.0 + a)))


@op(formula="arctan a", slopes=("1 / (1 + a²)",))
def atan(a: Operand) -> Operand:
    """Angle in radians, between −π/2 and π/2, whose tangent is a."""
    return ieee.atan(a)


@atan.derivative
def atan_da(a: Operand, y: Operand) -> Operand:
    # hypot(1, a)² is 1 + a² without the overflow beyond 1e154
    return divide(divide(1.0, hypot(1.0, a)), hypot(1.0, a))


@op(arity=2, formula="angle of the point (b, a)", slopes=("b / (a² + b²)", "−a / (a² + b²)"), kinks=((0.0, 0.0),))
def atan2(a: Operand, b: Operand) -> Operand:
    """Angle in radians, between −π and π, of the point with y-coordinate a and x-coordinate b."""
    return ieee.atan2(a, b)


@atan2.derivative
def atan2_da(a: Operand, b: Operand, y: Operand) -> Operand:
    # b / length², in two divisions since length² leaves the range of floats, with lengths scaled by powers of
    # 2 where the length or the first quotient would lose digits; 0 at the origin (PyTorch's convention)
    length = hypot(a, b)
    near = hypot(a * BIG, b * BIG)
    far = hypot(a * 0.25, b * 0.25)
    return pick(
        length < 0.5,
        pick(length > 0.0, divide(divide(b * BIG * BIG, near), near), 0.0),
        pick(length > LARGE, divide(divide(b * 0.25, far) * 0.25, far), divide(divide(b, length), length)),
    )


@atan2.derivative
def atan2_db(a: Operand, b: Operand, y: Operand) -> Operand:
    length = hypot(a, b)
    near = hypot(a * BIG, b * BIG)
    far = hypot(a * 0.25, b * 0.25)
    return -pick(
        length < 0.5,
        pick(length > 0.0, divide(divide(a * BIG * BIG, near), near), 0.0),
        pick(length > LARGE, divide(divide(a * 0.25, far) * 0.25, far), divide(divide(a, length), length)),
    )


@op(arity=2, formula="√(a² + b²)", slopes=("a / y", "b / y"), kinks=((0.0, 0.0),))
def hypot(a: Operand, b: Operand) -> Operand:
    """Length of the vector (a, b), without overflow in between."""
    return ieee.hypot(a, b)


@hypot.derivative
def hypot_da(a: Operand, b: Operand, y: Operand) -> Operand:
    # both operands scaled by a power of 2 where y has overflowed, or is subnormal and so has few digits
    return pick(
        y < SMALL,
        divide(a * BIG, hypot(a * BIG, b * BIG)),
        pick(y > LARGE, divide(a * 0.25, hypot(a * 0.25, b * 0.25)), divide(a, y)),
    )


@hypot.derivative
def hypot_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return pick(
        y < SMALL,
        divide(b * BIG, hypot(a * BIG, b * BIG)),
        pick(y > LARGE, divide(b * 0.25, hypot(a * 0.25, b * 0.25)), divide(b, y)),
    )


# The bell curve and its integrals


@op(arity=3, formula="e^(c − b·a²)", slopes=("−2·a·b·y", "−a²·y", "y"), public=False)
def bell(a: Operand, b: Operand, c: Operand) -> Operand:
    """exp(c − b·a²), b a power of 2 and c whole, with every digit of b·a² (its rounding alone costs b·a²/2 ulp)."""
    if b * a * a - c > 800.0:  # 0 in floats, and the split below would overflow further out
        return 0.0
    big = a * SPLITTER
    high = big - (big - a)
    low = a - high
    square = a * a
    lost = ((high * high - square) + 2.0 * high * low) + low * low
    # the exponent and what its own subtraction rounds away (Knuth's TwoSum)
    exponent = c - b * square
    taken = exponent - c
    lost = b * lost - ((c - (exponent - taken)) - (b * square + taken))
    whole = ieee.exp(exponent)
    return whole - whole * lost


@bell.derivative
def bell_da(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    # lifted by e³² where y has lost digits that a·y shows again
    lifted = a * bell(a, b, c + 32.0) * E_TO_MINUS_32
    return -2.0 * b * pick(abs(y) < SMALL, lifted, a * y)


@bell.derivative
def bell_db(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    lifted = a * (a * bell(a, b, c + 32.0)) * E_TO_MINUS_32
    return -pick(abs(y) < SMALL, lifted, a * (a * y))


@bell.derivative
def bell_dc(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    return y


@op(formula="2/√π · ∫₀ᵃ e^(−t²) dt", slopes=("2/√π · e^(−a²)",))
def erf(a: Operand) -> Operand:
    """Error function."""
    return ieee.erf(a)


@erf.derivative
def erf_da(a: Operand, y: Operand) -> Operand:
    return TWO_OVER_SQRT_PI * bell(a, 1.0, 0.0)


@op(formula="½ · (1 + erf(a/√2))", slopes=("e^(−a²/2) / √(2π)",), public=False)
def normal_cdf(a: Operand) -> Operand:
    """Probability that a standard normal number is below a, with full relative precision in the lower tail."""
    # erfc magnifies the rounding of its argument by 2·z²: put back what the product −a/√2 lost
    z = -a * ONE_OVER_SQRT_2_HIGH
    if ieee.fabs(a) > 64.0:
        return 0.5 * ieee.erfc(z)
    big = -a * SPLITTER
    high = big - (big + a)
    low = -a - high
    root_big = ONE_OVER_SQRT_2_HIGH * SPLITTER
    root_high = root_big - (root_big - ONE_OVER_SQRT_2_HIGH)
    root_low = ONE_OVER_SQRT_2_HIGH - root_high
    lost = ((high * root_high - z) + high * root_low + low * root_high) + low * root_low
    lost = lost - a * ONE_OVER_SQRT_2_LOW
    return 0.5 * (ieee.erfc(z) - TWO_OVER_SQRT_PI * bell(z, 1.0, 0.0) * lost)


@normal_cdf.derivative
def normal_cdf_da(a: Operand, y: Operand) -> Operand:
    return ONE_OVER_SQRT_2_PI * bell(a, 0.5, 0.0)
