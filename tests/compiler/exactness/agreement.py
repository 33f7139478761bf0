"""Whether compiled code is right: its numbers beside eager's, within the contract's bound and no other.

The bound is 1e-12 · max(1, |x|, largest intermediate). A program may be so ill-conditioned that rounding alone moves
its numbers further than that; then no two orders of summation agree, and the draw says nothing about the compiler.
Such draws are told apart by moving every number of eager's recorded graph by as much as its rounding may, and looking
how far eager's own results go. They are counted, so that a checker which excuses everything would be found out.
"""

from __future__ import annotations

import functools
import math
import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chainrule as cr
from chainrule import Value
from chainrule.engine import is_constant, op_of, parts, topological_order

TOLERANCE = 1e-12
# The contract promises values and slopes within 4 ulp; that far two right executions may differ at every node.
ROUNDING = 4 * 2.0**-52
PERTURBATIONS = 12
# How many times eager's own movement a difference may be and still say nothing: twelve draws do not find the largest.
EXCUSED = 32.0


@dataclass
class Draw:
    """One call: the function, its arguments, the leaves whose gradients count.

    Every execution gets a draw of its own, since gradients accumulate in its leaves.
    """

    function: Callable[..., Any]
    arguments: Sequence[Any]
    leaves: Sequence[Value]


@dataclass
class Outcome:
    """What one execution gave: the results' numbers and nesting, and the gradient of every leaf of the draw."""

    values: list[float]
    gradients: list[float]
    shape: Any = None


@dataclass
class Count:
    """How often a comparison was made, and how often it could not say anything."""

    agreed: int = 0
    undecided: int = 0


class DisagreementError(AssertionError):
    """Compiled numbers that rounding does not explain."""


def flatten(results: Any) -> list[Any]:
    """The Values of a nested result, in order."""
    if isinstance(results, Mapping):
        return [each for part in results.values() for each in flatten(part)]
    if isinstance(results, (list, tuple)):
        return [each for part in results for each in flatten(part)]
    return [results]


def shape_of(results: Any) -> Any:
    """The nesting of a result without its numbers, which both executions must have in common."""
    if isinstance(results, Mapping):
        return (type(results), [(key, shape_of(part)) for key, part in results.items()])
    if isinstance(results, (list, tuple)):
        return (type(results), [shape_of(part) for part in results])
    return type(results)


def seeds(count: int) -> list[float]:
    """What several results' gradients are weighted with, all different."""
    return [1.0 - 0.375 * k + 0.0625 * k * k for k in range(count)]


class Execution:
    """A draw executed, by default eagerly: the outcome, and the graph it came from."""

    def __init__(self, draw: Draw, function: Callable[..., Any] | None = None) -> None:
        for leaf in draw.leaves:
            leaf.grad = 0
        results = (function or draw.function)(*draw.arguments)
        self.leaves = draw.leaves
        self.results: list[Value] = flatten(results)
        # the only result itself, or a weighted sum of all, which eager code makes of what a compiled function gives
        self.total = self.results[0] if len(self.results) == 1 else cr.dot(self.results, seeds(len(self.results)))
        self.total.backward()
        self.outcome = Outcome(
            [each.data for each in self.results], [leaf.grad for leaf in draw.leaves], shape_of(results)
        )
        for leaf in draw.leaves:
            leaf.grad = 0

    def largest(self) -> tuple[float, float]:
        """The largest number on the way forward, and on both ways."""
        nodes = topological_order(self.total)
        forward = _largest(node.data for node in nodes)
        return forward, max(forward, _largest(node.grad for node in nodes), _largest(self.outcome.gradients))

    @functools.cached_property
    def movement(self) -> Outcome:
        """How far values and gradients go when every number of the graph is rounded a little differently."""
        nodes = topological_order(self.total, constants=False)
        expected = [*self.outcome.values, *self.outcome.gradients]
        furthest = [0.0] * len(expected)
        for attempt in range(PERTURBATIONS):
            moved = self._rounded_differently(nodes, random.Random(attempt))
            furthest = [max(far, _distance(x, y)) for far, x, y in zip(furthest, expected, moved, strict=True)]
        count = len(self.results)
        return Outcome(furthest[:count], furthest[count:])

    def _rounded_differently(self, nodes: Sequence[Value], chance: random.Random) -> list[float]:
        """Values and gradients from a plain walk over the graph that moves every number by a few ulp."""
        data: dict[int, float] = {}
        slopes: dict[int, list[tuple[Value, float]]] = {}
        for node in nodes:
            row = op_of(node)
            if row is None:
                data[id(node)] = _near(node.data, chance)
                continue
            operands, _ = parts(node)
            numbers = tuple(_number(each, data) for each in operands)
            y = _near(row.value(*numbers), chance)
            data[id(node)] = y
            pairs = zip(operands, row.local_derivatives(numbers, y), strict=True)
            slopes[id(node)] = [(a, d) for a, d in pairs if isinstance(a, Value) and not is_constant(a)]
        adjoints = {id(node): 0.0 for node in nodes}
        adjoints[id(self.total)] = 1.0
        for node in reversed(nodes):
            for operand, slope in slopes.get(id(node), ()):
                adjoints[id(operand)] += _near(slope * adjoints[id(node)], chance)
        gradients = [adjoints.get(id(leaf), 0.0) for leaf in self.leaves]
        return [*(data[id(each)] for each in self.results), *gradients]


def _number(operand: Any, data: Mapping[int, float]) -> float:
    if not isinstance(operand, Value):
        return float(operand)
    return operand.data if is_constant(operand) else data[id(operand)]


def _near(x: float, chance: random.Random) -> float:
    return x * (1.0 + ROUNDING * chance.uniform(-1.0, 1.0))


def _distance(x: float, y: float) -> float:
    return 0.0 if x == y else abs(x - y) if math.isfinite(x) and math.isfinite(y) else math.inf


def _largest(numbers: Iterable[float]) -> float:
    return max((abs(each) for each in numbers if math.isfinite(each)), default=0.0)


def bound(x: float, largest: float) -> float:
    """How far compiled code may be from x."""
    return TOLERANCE * max(1.0, abs(x), largest)


def misses(expected: Sequence[float], found: Sequence[float], largest: float) -> list[int]:
    """The places where found is not expected within the bound; where expected is not finite nothing is asked."""
    pairs = enumerate(zip(expected, found, strict=True))
    return [i for i, (x, y) in pairs if math.isfinite(x) and not abs(x - y) <= bound(x, largest)]


def compare(eager: Execution, found: Outcome, count: Count | None = None) -> None:
    """Raise a DisagreementError unless an outcome agrees with eager's; `count` takes whether it could say anything."""
    expected = eager.outcome
    if expected.shape != found.shape:
        raise DisagreementError(f"eager returns {expected.shape}, compiled {found.shape}")
    forward, both = eager.largest()
    wrong_values = misses(expected.values, found.values, forward)
    wrong_gradients = misses(expected.gradients, found.gradients, both)
    if wrong_values or wrong_gradients:
        outcomes = (expected, found, eager.movement)
        wrong = [_sentence("result", i, outcomes, forward) for i in wrong_values]
        wrong += [_sentence("gradient", i, outcomes, both) for i in wrong_gradients]
        if any(wrong):
            raise DisagreementError("; ".join(filter(None, wrong))[:2000])
    if count is not None:
        count.undecided += bool(wrong_values or wrong_gradients)
        count.agreed += not (wrong_values or wrong_gradients)


def _sentence(what: str, place: int, outcomes: Sequence[Outcome], largest: float) -> str:
    """What is wrong at a place; nothing where eager itself moves beyond the bound, and the miss is of that size."""
    x, y, far = ((each.values if what == "result" else each.gradients)[place] for each in outcomes)
    if far > bound(x, largest) and abs(y - x) <= EXCUSED * far:
        return ""
    return (
        f"{what} {place} is {x!r} eagerly and {y!r} compiled, with {largest:.3g} the largest intermediate; "
        f"rounding moves eager's by {far:.3g}"
    )


def check(compiled: Callable[..., Any], draw: Draw, again: Draw, count: Count | None = None) -> None:
    """Compare a compiled function called with a draw with eager on the same draw again, see `compare`."""
    compare(Execution(again), Execution(draw, compiled).outcome, count)


def bits(x: float) -> bytes:
    """What tells a float from every other; all nan are one."""
    return b"nan" if x != x else struct.pack("<d", x)


def check_bits(expected: Outcome, found: Outcome) -> None:
    """Raise a DisagreementError unless two outcomes are the same to the last bit, nan and inf included."""
    if expected.shape != found.shape:
        raise DisagreementError(f"one returns {expected.shape}, the other {found.shape}")
    for what in ("values", "gradients"):
        for i, (x, y) in enumerate(zip(getattr(expected, what), getattr(found, what), strict=True)):
            if bits(x) != bits(y):
                raise DisagreementError(f"{what}[{i}] is {x!r} and {y!r}")
