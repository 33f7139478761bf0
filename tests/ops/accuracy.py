"""The accuracy checker: how many ulp a row's value and slopes are away from mpmath's."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import chainrule as cr
from chainrule import Value
from chainrule.engine import apply, local_derivatives
from chainrule.ops import Op
from tests.ops.grids import grid
from tests.ops.references import Real, mp, reference

LIMIT = 4.0  # ulp, what the contract promises
TOP = mp.ldexp(1, 1024)  # where floats end; the last ulp below it is 2⁹⁷¹

# (value, *slopes) of a row at some operands
Evaluate = Callable[[Op, Sequence[float]], list[float]]


@dataclass(frozen=True)
class Truth:
    """What a row should give at some operands: value and slopes, and the sizes that their ulp is taken of."""

    operands: tuple[float, ...]
    numbers: tuple[Real, ...]
    sizes: tuple[Real, ...]


@dataclass(frozen=True)
class Miss:
    """One number that a row got wrong."""

    row: str
    place: str
    operands: tuple[float, ...]
    got: float
    expected: float
    error: float

    def __str__(self) -> str:
        inputs = ", ".join(map(repr, self.operands))
        return f"{self.place} of {self.row}({inputs}) is {self.got!r}, not {self.expected!r}: {self.error:.3g} ulp"


def truth(row: Op, operands: tuple[float, ...]) -> Truth | None:
    """Return what is true at these operands; None where no real number is (0/0, a pole of the reference)."""
    exact = [mp.mpf(x) for x in operands]
    known = reference(row)
    try:
        numbers = (known.value(*exact), *known.all_slopes(*exact))
        sizes = known.all_sizes(*exact)
    except (ZeroDivisionError, ValueError):
        return None
    if any(isinstance(number, mp.mpc) or mp.isnan(number) for number in numbers):
        return None
    return Truth(
        operands,
        tuple(mp.mpf(number) for number in numbers),
        tuple(abs(number) if size is None else size for number, size in zip(numbers, sizes, strict=True)),
    )


@functools.cache
def truths(row: Op) -> tuple[Truth, ...]:
    """Return what is true over a row's grid; kept, since both ways to evaluate a row are held against it."""
    return tuple(each for each in (truth(row, operands) for operands in grid(row)) if each is not None)


def ulp(size: Real) -> Real:
    """Return the distance of the floats at this size, the smallest subnormal near 0, 2⁹⁷¹ beyond the largest."""
    return mp.mpf(math.ulp(min(float(size), math.ldexp(1.0, 1023))))


def error_in_ulp(got: float, expected: Real, size: Real) -> float:
    """Return |got − expected| in ulp of size; infinities count as 2¹⁰²⁴, the float that they would be next."""
    if math.isnan(got):
        return math.inf
    number = mp.sign(got) * TOP if math.isinf(got) else mp.mpf(got)
    bounded = max(-TOP, min(TOP, expected))
    return float(abs(number - bounded) / ulp(min(TOP, size)))


def places(count: int) -> list[str]:
    """Return names for the value and the slopes of an op with this many operands."""
    return ["the value", *(f"slope {place}" for place in range(1, count + 1))]


def misses(row: Op, evaluate: Evaluate, known: Iterable[Truth] | None = None, limit: float = LIMIT) -> list[Miss]:
    """Return every number that evaluate gets wrong by more than limit ulp, the worst first."""
    found = []
    for each in truths(row) if known is None else known:
        got = evaluate(row, each.operands)
        for place, number, expected, size in zip(
            places(len(each.operands)), got, each.numbers, each.sizes, strict=True
        ):
            error = error_in_ulp(number, expected, size)
            if not error <= limit:
                found.append(Miss(row.name, place, each.operands, number, float(expected), error))
    return sorted(found, key=lambda miss: -miss.error)


def by_rule(row: Op, operands: Sequence[float]) -> list[float]:
    """Evaluate a row's own Python functions on floats."""
    y = row.value(*operands)
    return [y, *row.local_derivatives(tuple(operands), y)]


def by_value(row: Op, operands: Sequence[float]) -> list[float]:
    """Evaluate a row by a Value node of the engine that runs: C functions where it is compiled."""
    node = node_of(row, [Value(x) for x in operands])
    return [node.data, *local_derivatives(node)]


def rounds_alike(row: Op) -> bool:
    """Tell whether a row gives the same bits in Python and in C; Python's `math` has a hypot of its own."""
    return not any("hypot" in function.__code__.co_names for function in (row.value, *row.derivatives))


OPERATORS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "negative": lambda a: -a,
    "absolute": abs,
    "sum": lambda *terms: cr.sum(terms),
    "dot": lambda *x: cr.dot(x[: len(x) // 2], x[len(x) // 2 : len(x) // 2 * 2], *x[len(x) // 2 * 2 :]),
    "logsumexp": lambda *terms: cr.logsumexp(terms),
}


def node_of(row: Op, operands: Sequence[Any]) -> Any:
    """Apply a row in the way that a program does: operator, method, or function of the package."""
    if row.name in OPERATORS:
        return OPERATORS[row.name](*operands)
    if row.arity == 1 and row.public:
        return getattr(operands[0], row.name)()
    return apply(row, list(operands))
