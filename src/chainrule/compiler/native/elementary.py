"""The primitives: what the emitter computes in vectors, each within a few units of the last place.

exp and its relatives reduce their argument by multiples of ln 2 (Cody and Waite 1980), log by powers of 2; what is left
is a polynomial that `tests/compiler/native/test_elementary.py` holds against mpmath. Numbers below the normal floats
may come out as such or as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

from chainrule.compiler.native.lanes import Lanes

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453
LN2_HIGH = 0.693147180559663  # 41 bits of ln 2: its products with whole numbers up to 2¹¹ are exact
LN2_LOW = 2.8235290563031577e-13
ROUNDER = 6755399441055744.0  # 1.5 · 2⁵²: added, it leaves the nearest whole number in the last bits
ONE_BITS = 0x3FF0000000000000
SMALLEST_NORMAL = 2.2250738585072014e-308
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
EXPONENT_BITS = -0x10000000000000  # the sign and the exponent of a float64
LEAK = 0.01

# (eʳ − 1 − r) / r² for |r| ≤ ½ ln 2, and (2 artanh s − 2 s) / s³ in s² for 1/√2 ≤ (1 + s)/(1 − s) ≤ √2: Chebyshev
# interpolation, error below 2e-17 and 5e-18 beside the whole
EXP = (
    0.5,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
)
LOG = (
    0.666666666666667,
    0.3999999999989938,
    0.28571428626031065,
    0.2222221112572281,
    0.18182889786191042,
    0.15331699633543858,
    0.14616721179861816,
)
# (1 + 2 z) e^(z²) erfc z in t = (z − 3¾)/(z + 3¾) for 0 ≤ z ≤ 27½ (Shepherd and Laframboise 1981), and (erf z)/z in z²
# for |z| ≤ 1, with errors below 9e-17 and 8e-18
ERFC = (
    1.2375126308378277,
    -0.14024059858554674,
    0.0035854154854406263,
    0.08227673849011272,
    -0.10880393014050231,
    0.0923043211618553,
    -0.05869339861490474,
    0.028362277388664456,
    -0.009746579299304092,
    0.0017556261853162855,
    0.0002937121624214955,
    -0.00029015621932169385,
    5.165427467849784e-05,
    2.239268782178258e-05,
    -1.1454499743572263e-05,
    -9.94303425389303e-07,
    1.7619848789194937e-06,
    -2.6313721750312644e-08,
    -2.595772184283799e-07,
    -2.459383817593784e-09,
    3.1108953538864705e-08,
    5.690156402224857e-09,
)
ERF = (
    1.1283791670955126,
    -0.37612638903183543,
    0.11283791670945006,
    -0.02686617064323777,
    0.0052239776071164225,
    -0.0008548325975389692,
    0.00012055294904839707,
    -1.492473690741966e-05,
    1.6447424703317362e-06,
    -1.6208483801871705e-07,
    1.3720064546777686e-08,
    -7.795898827002142e-10,
)


def polynomial(x: Lanes, coefficients: tuple[float, ...]) -> Lanes:
    """Return c₀ + c₁·x + c₂·x² + …, by pairs (Estrin), so that the processor can compute them side by side."""
    terms: list[Any] = list(coefficients)
    while len(terms) > 1:
        pairs = [x.lift(b).fused(x, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = [*pairs, terms[-1]] if len(terms) % 2 else pairs
        x = x * x
    result: Lanes = terms[0]
    return result


def _reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return n + ROUNDER and eʳ − 1 with x = n·ln 2 + r, n whole, |r| ≤ ½ ln 2."""
    rounded = x.fused(LOG2_E, ROUNDER)
    n = rounded - ROUNDER
    return rounded, _less_one(n.fused(-LN2_LOW, n.fused(-LN2_HIGH, x)))


def _less_one(r: Lanes) -> Lanes:
    """Return eʳ − 1 for |r| ≤ ½ ln 2."""
    low, middle, high = EXP[:2], EXP[2:6], EXP[6:]
    square = r * r
    fourth = square * square
    result = square.fused(polynomial(r, low), r)
    result = fourth.fused(polynomial(r, middle), result)
    return (fourth * fourth).fused(polynomial(r, high), result)


def _power_of_two(rounded: Lanes) -> Lanes:
    """Return 2ⁿ of n + ROUNDER, for a whole number n within the exponents of normal floats."""
    return rounded.bits().integer("shl", 52).integer("add", ONE_BITS).as_float()


def _clipped(x: Lanes, low: float | None, high: float | None) -> Lanes:
    """Return x within limits; nan stays nan."""
    if high is not None:
        x = (x > high).choose(high, x)
    return x if low is None else (x < low).choose(low, x)


def _scaled(p: Lanes, rounded: Lanes) -> Lanes:
    """Return p · 2ⁿ of n + ROUNDER, also where 2ⁿ is no normal float."""
    n = rounded - ROUNDER
    if p.writer.scale_width == p.lanes:
        kind, width = p.type, p.lanes * 64
        name = f"@llvm.x86.avx512.mask.scalef.pd.{width}"
        p.writer.declare(f"declare {kind} {name}({kind}, {kind}, {kind}, i8, i32)")
        operands = f"{kind} {p.text}, {kind} {n.spread(p.lanes).text}, {kind} zeroinitializer, i8 -1, i32 4"
        return Lanes(p.writer, p.writer.pure(f"call {kind} {name}({operands})"), p.lanes)
    half = n.fused(0.5, ROUNDER)
    return p * _power_of_two(half) * _power_of_two(rounded - (half - ROUNDER))


def exp(x: Lanes) -> Lanes:
    """Return eˣ."""
    rounded, less_one = _reduced(_clipped(x, -746.0, 710.0))
    return _scaled(less_one + 1.0, rounded)


def expm1(x: Lanes) -> Lanes:
    """Return eˣ − 1."""
    rounded, less_one = _reduced(_clipped(x, -40.0, 710.0))
    half = _power_of_two(rounded - 1.0)  # 2¹⁰²⁴ would be no float
    return half.fused(less_one, half - 0.5) * 2.0


def tanh(x: Lanes) -> Lanes:
    """Return the hyperbolic tangent, by u / (u + 2) with u = e²ˣ − 1."""
    rounded = x.fused(2.0 * LOG2_E, ROUNDER)
    n = rounded - ROUNDER
    if x.writer.fuses:  # what n · LN2 lacks, n · 2e-17, is nothing where the slope of tanh is not
        less_one = _less_one(n.fused(-LN2, x + x))
    else:
        less_one = _less_one(n.fused(-LN2_LOW, n.fused(-LN2_HIGH, x + x)))
    scale = _power_of_two(rounded)
    quotient = scale.fused(less_one, scale - 1.0) / scale.fused(less_one, scale + 1.0)
    limit = x.lift(1.0).spread(x.lanes).intrinsic("copysign", x)
    return (abs(x) > 22.0).choose(limit, quotient)  # where the scale may be no power of 2


def exp_difference(a: Lanes, b: Lanes) -> Lanes:
    """Return e^(a − b) with what the subtraction rounds away (Knuth's TwoSum)."""
    difference = a - b
    taken = difference - a
    lost = (a - (difference - taken)) - (b + taken)
    whole = exp(difference)
    return (abs(difference) > 800.0).choose(whole, whole * (lost + 1.0))


def sigmoid(x: Lanes) -> Lanes:
    """Return 1 / (1 + e⁻ˣ), of e^−|x| alone, which cannot overflow."""
    rounded, less_one = _reduced(_clipped(-abs(x), -746.0, None))
    small = _scaled(less_one + 1.0, rounded)
    return (x < 0.0).choose(small, 1.0) / (small + 1.0)


def softplus(x: Lanes) -> Lanes:
    """Return ln(1 + eˣ)."""
    return (x > 0.0).choose(x, 0.0) + log1p(exp(-abs(x)))


def silu(x: Lanes) -> Lanes:
    """Return x · σ(x)."""
    return x * sigmoid(x)


def log(x: Lanes) -> Lanes:
    """Return the natural logarithm."""
    small = x < SMALLEST_NORMAL
    bits = small.choose(x * 2.0**54, x).bits()
    # m in [1/√2, √2) and the exponent, brought into a float without an integer conversion
    above = bits.integer("sub", ROOT_HALF_BITS)
    m = _difference(bits, above.integer("and", EXPONENT_BITS)).as_float()
    exponent = above.integer("add", ONE_BITS).integer("lshr", 52).integer("or", 0x4330000000000000).as_float()
    k = exponent - small.choose(2.0**52 + 1023.0 + 54.0, 2.0**52 + 1023.0)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    rest = z * polynomial(z, LOG)
    result = k.fused(LN2_HIGH, f - (half_square - k.fused(LN2_LOW, s * (half_square + rest))))
    result = (x < inf).choose(result, x)
    return (x <= 0.0).choose((x < 0.0).choose(nan, -inf), result)


def log1p(x: Lanes) -> Lanes:
    """Return ln(1 + x), with what 1 + x rounds away."""
    u = x + 1.0
    lost = (x - (u - 1.0)) / u
    return log(u) + lost.compared("==", lost).choose(lost, 0.0)


def erfc(x: Lanes) -> Lanes:
    """Return 1 − erf x with all digits where it is small."""
    size = _clipped(abs(x), None, 28.0)
    square = size * size
    lost = size.fused(size, -square) if x.writer.fuses else 0.0
    tail = exp(-square)
    tail = tail - tail * lost
    tail = tail * polynomial((size - 3.75) / (size + 3.75), ERFC) / size.fused(2.0, 1.0)
    return (x < 0.0).choose(2.0 - tail, tail)


def erf(x: Lanes) -> Lanes:
    """Return the error function."""
    size = abs(x)
    far = 1.0 - erfc(size)
    return (size < 1.0).choose(size * polynomial(x * x, ERF), far).intrinsic("copysign", x)


def _difference(a: Lanes, b: Lanes) -> Lanes:
    """Return a − b of integers."""
    return Lanes(a.writer, a.writer.pure(f"sub {a.type} {a.text}, {b.text}"), a.lanes, "i64")


def maximum(a: Lanes, b: Lanes) -> Lanes:
    """Return the larger, nan if one is."""
    return a.compared("!=", a).choose(a, (a > b).choose(a, b))


def minimum(a: Lanes, b: Lanes) -> Lanes:
    """Return the smaller, nan if one is."""
    return a.compared("!=", a).choose(a, (a < b).choose(a, b))


# What computes each of `symbols.PRIMITIVES`
FUNCTIONS: dict[str, Callable[..., Lanes]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "absolute": abs,
    "sqrt": lambda a: a.intrinsic("sqrt"),
    "maximum": maximum,
    "minimum": minimum,
    "where": lambda a, b, c: a.truth().choose(b, c),
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a.compared("==", b),
    "relu": lambda a: (a < 0.0).choose(0.0, a) + 0.0,  # one maximum, and 0 for -0
    "leaky_relu": lambda a: (a > 0.0).choose(a, a * LEAK),
    "exp": exp,
    "log": log,
    "log1p": log1p,
    "expm1": expm1,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "silu": silu,
    "exp_difference": exp_difference,
    "erf": erf,
    "erfc": erfc,
}
