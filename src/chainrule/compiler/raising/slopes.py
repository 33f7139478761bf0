"""Local derivatives as expressions: the rules of the op table called with symbols in place of numbers.

A slope that comes out short is built from ordinary maps, which merge with what is there already: one 1/b serves all
quotients by b. What has branches or is long stays a rule of its own, see `chainrule.compiler.classes.Rule`.

Two liberties, which the agreement of compiled with eager code allows (1e-12 of the largest number around, where all is
finite) and `strict=True` does without: branches that only save the digits of numbers beyond 1e±290 are left out, and
tanh and sigmoid take the short form of their slope, whose error is small beside 1, not beside the slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainrule.ops import Op

LONGEST = 6  # ops in an expression; longer ones stay rules
SMALL, LARGE = 1e-290, 1e300

# Slopes by another form than the row's.
_SHORT: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda _, y: 1.0 - y * y,
    "sigmoid": lambda _, y: y * (1.0 - y),
}
# Rows whose branches for numbers beyond 1e±290 show where all is finite: their rules stay whole.
_WHOLE = {"hypot"}
# Rows whose slope at y is their slope at a: their operand need not be kept.
_DECIDED_BY_VALUE = {"relu", "leaky_relu"}


@dataclass(frozen=True, eq=False)
class Symbol:
    """An expression: `args[0]` is the number of an operand where the name is `operand`, the value's after these."""

    name: str
    args: tuple[Any, ...]

    def __chainrule_apply__(self, op: Op, operands: tuple[Any, ...]) -> Expression:
        if op.name == "where":
            return _choice(*operands)
        return Symbol(op.name, tuple(operands))

    def __add__(self, other: Expression) -> Expression:
        return Symbol("add", (self, other))

    def __radd__(self, other: Expression) -> Expression:
        return Symbol("add", (other, self))

    def __sub__(self, other: Expression) -> Expression:
        return Symbol("subtract", (self, other))

    def __rsub__(self, other: Expression) -> Expression:
        return Symbol("subtract", (other, self))

    def __mul__(self, other: Expression) -> Expression:
        return _product(self, other)

    def __rmul__(self, other: Expression) -> Expression:
        return _product(other, self)

    def __truediv__(self, other: Expression) -> Expression:
        return Symbol("divide", (self, other))

    def __rtruediv__(self, other: Expression) -> Expression:
        return Symbol("divide", (other, self))

    def __pow__(self, other: Expression) -> Expression:
        return Symbol("power", (self, other))

    def __neg__(self) -> Expression:
        return _product(-1.0, self)

    def __abs__(self) -> Expression:
        return Symbol("absolute", (self,))

    def __lt__(self, other: Expression) -> Expression:
        return Symbol("less", (self, other))

    def __le__(self, other: Expression) -> Expression:
        return Symbol("less_equal", (self, other))

    def __gt__(self, other: Expression) -> Expression:
        return Symbol("less", (other, self))

    def __ge__(self, other: Expression) -> Expression:
        return Symbol("less_equal", (other, self))

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value")


Expression: TypeAlias = Symbol | float


def _product(a: Expression, b: Expression) -> Expression:
    """Return a · b, with a number, if any, in front and alone."""
    if isinstance(b, float):
        a, b = b, a
    if isinstance(a, float):
        if a == 1.0 or isinstance(b, float):
            return a * b
        if b.name == "multiply" and isinstance(b.args[0], float):
            return _product(a * b.args[0], b.args[1])
    return Symbol("multiply", (a, b))


def _choice(condition: Expression, a: Expression, b: Expression) -> Expression:
    """Return `where`, without the branch for numbers that are hardly floats any more."""
    if isinstance(condition, Symbol) and condition.name in ("less", "less_equal"):
        left, right = condition.args
        if isinstance(right, float) and 0.0 < right <= SMALL:
            return b
        if isinstance(right, float) and right >= LARGE:
            return a
        if isinstance(left, float) and left >= LARGE:
            return b
    return Symbol("where", (condition, a, b))


@lru_cache(maxsize=4096)
def slope_of(code: int, place: int, numbers: tuple[float | None, ...]) -> Expression:
    """Return the slope of an op by one operand.

    Args:
        code: the op's.
        place: the operand's.
        numbers: the operands that are numbers, None for the others.

    Returns:
        A number, or an expression of operands (and of the value, whose number follows theirs). Where the rule does
        with its operands what no symbol can do, an expression named `unknown`, of all of them.
    """
    row = BY_CODE[code]
    value = Symbol("operand", (len(numbers),))
    operands = [Symbol("operand", (i,)) if number is None else number for i, number in enumerate(numbers)]
    unknown = Symbol("unknown", (*operands, value))
    if row.name in _WHOLE:
        return unknown
    rule: Callable[..., Any] = _SHORT[row.name] if row.name in _SHORT else row.derivatives[place]
    try:
        slope = rule(*operands, value)
    except (TypeError, AttributeError, ValueError, ArithmeticError):
        slope = unknown
    if row.name in _DECIDED_BY_VALUE:
        slope = _replaced(slope, value)
    return slope if isinstance(slope, Symbol) else float(slope)


def _replaced(expression: Expression, value: Symbol) -> Expression:
    if not isinstance(expression, Symbol):
        return expression
    if expression.name == "operand":
        return value
    return Symbol(expression.name, tuple(_replaced(each, value) for each in expression.args))


def operands_used(expression: Expression) -> set[int]:
    """Return the numbers of the operands in an expression."""
    if not isinstance(expression, Symbol):
        return set()
    if expression.name == "operand":
        return {expression.args[0]}
    return set().union(*[operands_used(each) for each in expression.args])


def is_short(expression: Expression) -> bool:
    """Tell whether an expression is to be built from maps: few ops, and no choice among them."""
    return _length(expression) <= LONGEST


def _length(expression: Expression) -> int:
    if not isinstance(expression, Symbol) or expression.name == "operand":
        return 0
    if expression.name in ("where", "less", "less_equal", "unknown"):
        return LONGEST + 1
    return 1 + sum(_length(each) for each in expression.args)
