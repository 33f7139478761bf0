"""Arithmetic, choices, exponentials and logarithms: the rows that the other rows' rules are written with."""

from __future__ import annotations

from math import inf

from chainrule.ops import ieee
from chainrule.ops.row import Operand, op

POSITIVE = ((0.0, inf),)

# Numbers below SMALL, or products with them, may be subnormal and so have lost digits.
SMALL = 1e-290
LARGE = 1e300
LARGEST_FLOAT = 1.7976931348623157e308
GREAT = 4.149515568880993e180  # 2⁶⁰⁰: scaling by it is exact
ONE_GREATTH = 2.409919865102884e-181  # 2⁻⁶⁰⁰


def pick(condition: Operand, a: Operand, b: Operand) -> Operand:
    """Choose in a rule: a plain truth value picks at once and leaves no node; a symbolic one uses `where`."""
    if isinstance(condition, bool):
        return a if condition else b
    return where(condition, a, b)


# Arithmetic


@op("+", arity=2, formula="a + b", slopes=("1", "1"), exactly_rounded=True, public=False)
def add(a: Operand, b: Operand) -> Operand:
    """Sum of two numbers."""
    return a + b


@add.derivative
def add_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return 1.0


@add.derivative
def add_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return 1.0


@op("-", arity=2, formula="a − b", slopes=("1", "−1"), exactly_rounded=True, public=False)
def subtract(a: Operand, b: Operand) -> Operand:
    """Difference of two numbers."""
    return a - b


@subtract.derivative
def subtract_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return 1.0


@subtract.derivative
def subtract_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return -1.0


@op("*", arity=2, formula="a · b", slopes=("b", "a"), exactly_rounded=True, public=False)
def multiply(a: Operand, b: Operand) -> Operand:
    """Product of two numbers."""
    return a * b


@multiply.derivative
def multiply_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return b


@multiply.derivative
def multiply_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return a


@op("/", arity=2, formula="a / b", slopes=("1 / b", "−a / b²"), exactly_rounded=True, public=False)
def divide(a: Operand, b: Operand) -> Operand:
    """Quotient; x / 0 is a signed infinity, 0 / 0 nan."""
    return ieee.divide(a, b)


@divide.derivative
def divide_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return divide(1.0, b)


@divide.derivative
def divide_db(a: Operand, b: Operand, y: Operand) -> Operand:
    # not −a / (b·b), whose square leaves the range of floats for |b| beyond 1e154; and where y is below the
    # normal floats it has lost digits that a small b would show again, so there a is scaled (exactly) first
    return pick(
        abs(y) < SMALL,
        pick(abs(b) < 1.0, -(divide(divide(a * GREAT, b), b) * ONE_GREATTH), -divide(y, b)),
        -divide(y, b),
    )


@op(
    "**",
    arity=2,
    formula="aᵇ",
    slopes=("b · aᵇ⁻¹", "aᵇ · ln a"),
    kinks=((0.0, 0.5), (0.0, 0.0)),
    public=False,
)
def power(a: Operand, b: Operand) -> Operand:
    """a to the power b; nan for a negative a and a fractional b."""
    if b == 2.0:  # correctly rounded, and the commonest power by far
        return a * a
    if b == 1.0:
        return a
    return ieee.pow(a, b)


@power.derivative
def power_da(a: Operand, b: Operand, y: Operand) -> Operand:
    direct = b * power(a, b - 1.0)
    # below ½ by y / a, since b − 1 may round there, which the logarithm of a magnifies up to 700 times;
    # a⁰ is constant: its slope is 0 even at a = 0, where b · aᵇ⁻¹ would be 0 · inf
    quotient = divide(b * y, a)
    slope = pick(b < 0.5, pick(abs(quotient) <= LARGEST_FLOAT, quotient, pick(abs(b) <= 0.0, 0.0, direct)), direct)
    # What is so small has lost digits that a large b shows again: take |a|^(b/2) twice instead. (Not at 0, where
    # |a| would bend the derivatives.)
    half = power(abs(a), 0.5 * b)
    halved = divide(b * half, abs(a)) * half * pick(a < 0.0, power(-1.0, b - 1.0), 1.0)
    return pick(abs(slope) < SMALL, pick(abs(a) > 1e-60, pick(abs(a) < 1e60, halved, slope), slope), slope)


@power.derivative
def power_db(a: Operand, b: Operand, y: Operand) -> Operand:
    direct = y * log(a)
    # in halves where y has left the range of normal floats and y · ln a may not have
    half = power(a, 0.5 * b)
    halved = half * log(a) * half
    return pick(
        abs(a) <= 0.0,
        # 0ᵇ is 0 for every b > 0, so its slope by b is 0, not 0 · ln 0 (PyTorch's convention, b = 0 included)
        pick(b >= 0.0, 0.0, direct),
        pick(abs(y) < SMALL, halved, pick(abs(y) > LARGE, halved, direct)),
    )


@op("neg", formula="−a", slopes=("−1",), exactly_rounded=True, public=False)
def negative(a: Operand) -> Operand:
    """The number with the other sign."""
    return -a


@negative.derivative
def negative_da(a: Operand, y: Operand) -> Operand:
    return -1.0


@op("abs", formula="|a|", slopes=("sign of a",), kinks=(0.0,), exactly_rounded=True, public=False)
def absolute(a: Operand) -> Operand:
    """The number without its sign; the slope at 0 is 0."""
    return ieee.fabs(a)


@absolute.derivative
def absolute_da(a: Operand, y: Operand) -> Operand:
    return pick(a > 0.0, 1.0, pick(a < 0.0, -1.0, 0.0))


# Choices


@op(
    arity=3,
    formula="b if a else c",
    slopes=("0", "1 if a else 0", "0 if a else 1"),
)
def where(a: Operand, b: Operand, c: Operand) -> Operand:
    """b where the condition a holds (is not 0), else c."""
    return b if a != 0.0 else c


@where.derivative
def where_da(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    return 0.0


@where.derivative
def where_db(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    return where(a, 1.0, 0.0)


@where.derivative
def where_dc(a: Operand, b: Operand, c: Operand, y: Operand) -> Operand:
    return where(a, 0.0, 1.0)


@op(
    arity=2,
    formula="the larger of a and b",
    slopes=("1 if a > b, ½ if equal", "1 if b > a, ½ if equal"),
    kinks=((0.0, 0.0),),
    exactly_rounded=True,
)
def maximum(a: Operand, b: Operand) -> Operand:
    """The larger of two numbers, nan if one is; a tie shares the gradient evenly."""
    if a != a:
        return a
    return a if a > b else b


@maximum.derivative
def maximum_da(a: Operand, b: Operand, y: Operand) -> Operand:
    # ordered so that nan, which compares false, lets the gradient through to both (PyTorch's convention)
    return pick(a <= b, pick(a < b, 0.0, 0.5), 1.0)


@maximum.derivative
def maximum_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return pick(b <= a, pick(b < a, 0.0, 0.5), 1.0)


@op(
    arity=2,
    formula="the smaller of a and b",
    slopes=("1 if a < b, ½ if equal", "1 if b < a, ½ if equal"),
    kinks=((0.0, 0.0),),
    exactly_rounded=True,
)
def minimum(a: Operand, b: Operand) -> Operand:
    """The smaller of two numbers, nan if one is; a tie shares the gradient evenly."""
    if a != a:
        return a
    return a if a < b else b


@minimum.derivative
def minimum_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return pick(a >= b, pick(a > b, 0.0, 0.5), 1.0)


@minimum.derivative
def minimum_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return pick(b >= a, pick(b > a, 0.0, 0.5), 1.0)


# Conditions and the end of gradients: what the compiler's traces need beside the ops that people call


@op("<", arity=2, formula="1 if a < b else 0", slopes=("0", "0"), public=False)
def less(a: Operand, b: Operand) -> Operand:
    """1 where the first number is smaller, else 0; 0 if one is nan."""
    return 1.0 if a < b else 0.0


@less.derivative
def less_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@less.derivative
def less_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@op("<=", arity=2, formula="1 if a ≤ b else 0", slopes=("0", "0"), public=False)
def less_equal(a: Operand, b: Operand) -> Operand:
    """1 where the first number is smaller or the same, else 0; 0 if one is nan."""
    return 1.0 if a <= b else 0.0


@less_equal.derivative
def less_equal_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@less_equal.derivative
def less_equal_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@op("==", arity=2, formula="1 if a = b else 0", slopes=("0", "0"), public=False)
def equal(a: Operand, b: Operand) -> Operand:
    """1 where two numbers are the same, else 0; 0 if one is nan."""
    return 1.0 if a == b else 0.0


@equal.derivative
def equal_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@equal.derivative
def equal_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return 0.0


@op(formula="a, without its gradient", slopes=("0",), public=False)
def detached(a: Operand) -> Operand:
    """The number itself, through which no gradient flows."""
    return a


@detached.derivative
def detached_da(a: Operand, y: Operand) -> Operand:
    return 0.0


# Exponentials and logarithms


@op(formula="eᵃ", slopes=("y",))
def exp(a: Operand) -> Operand:
    """e to the power a; inf beyond 709.8."""
    return ieee.exp(a)


@exp.derivative
def exp_da(a: Operand, y: Operand) -> Operand:
    return y


@op(arity=2, formula="e^(a − b)", slopes=("y", "−y"), public=False)
def exp_difference(a: Operand, b: Operand) -> Operand:
    """exp(a − b) with every digit of the difference (its rounding alone costs |a − b|/2 ulp)."""
    difference = a - b
    if ieee.fabs(difference) > 800.0:  # inf, 0, and no digits to save
        return ieee.exp(difference)
    # what the subtraction has rounded away (Knuth's TwoSum)
    taken = difference - a
    lost = (a - (difference - taken)) - (b + taken)
    return ieee.exp(difference) * (1.0 + lost)


@exp_difference.derivative
def exp_difference_da(a: Operand, b: Operand, y: Operand) -> Operand:
    return y


@exp_difference.derivative
def exp_difference_db(a: Operand, b: Operand, y: Operand) -> Operand:
    return -y


@op(formula="ln a", slopes=("1 / a",), domain=POSITIVE)
def log(a: Operand) -> Operand:
    """Natural logarithm; −inf at 0, nan below."""
    return ieee.log(a)


@log.derivative
def log_da(a: Operand, y: Operand) -> Operand:
    return divide(1.0, a)


@op(formula="ln(1 + a)", slopes=("1 / (1 + a)",), domain=((-1.0, inf),))
def log1p(a: Operand) -> Operand:
    """log(1 + a), exact for small a where 1 + a would round a away."""
    return ieee.log1p(a)


@log1p.derivative
def log1p_da(a: Operand, y: Operand) -> Operand:
    return divide(1.0, 1.0 + a)


@op(formula="eᵃ − 1", slopes=("eᵃ",))
def expm1(a: Operand) -> Operand:
    """exp(a) − 1, exact for small a where the subtraction would cancel."""
    return ieee.expm1(a)


@expm1.derivative
def expm1_da(a: Operand, y: Operand) -> Operand:
    # not y + 1, which cancels for large negative a
    return exp(a)


@op(formula="√a", slopes=("1 / (2·√a)",), domain=POSITIVE, exactly_rounded=True)
def sqrt(a: Operand) -> Operand:
    """Square root; nan below 0, slope inf at 0."""
    return ieee.sqrt(a)


@sqrt.derivative
def sqrt_da(a: Operand, y: Operand) -> Operand:
    return divide(0.5, y)
