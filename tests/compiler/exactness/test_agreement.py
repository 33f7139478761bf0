"""The checker finds planted faults, small and large, and excuses only what rounding itself would do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.agreement import (
    Count,
    DisagreementError,
    Draw,
    Execution,
    Outcome,
    check,
    check_bits,
    compare,
    misses,
)
from tests.compiler.exactness.random_programs import RandomProgram, random_programs

Function = Callable[..., Any]


def loss(p: list[Value], x: list[float], y: list[float]) -> Any:
    hidden = [cr.tanh(p[0] * each + p[1]) for each in x]
    return cr.sum([(h * p[2] / (1.5 + p[3]) - t) ** 2 for h, t in zip(hidden, y, strict=True)])


def draw(function: Function = loss) -> Draw:
    p = [Value(x) for x in (0.3, -0.8, 1.2, 0.4)]
    return Draw(lambda x, y: function(p, x, y), ([0.1, 0.5, -0.9], [1.0, -1.0, 0.25]), p)


def judge(faulty: Function, size: float = 0.0) -> None:
    """Check a function that pretends to be the compiled `loss`."""
    mine = draw(lambda p, x, y: faulty(p, x, y, size) if size else faulty(p, x, y))
    check(mine.function, mine, draw())


def nothing_for(slope: float, p: Value) -> Value:
    """A zero whose derivative is not."""
    zero: Value = slope * (p - p.data)
    return zero


FAULTS: dict[str, Function] = {
    "a gradient off by 1e-10": lambda p, x, y: loss(p, x, y) + nothing_for(1e-10, p[1]),
    "a gradient off by 1e-11": lambda p, x, y: loss(p, x, y) + nothing_for(1e-11, p[3]),
    "a value off by 1e-10": lambda p, x, y: loss(p, x, y) + 1e-10,
    "a missing term": lambda p, x, y: loss(p, x[:-1], y[:-1]),
    "a term twice": lambda p, x, y: loss(p, [*x, x[0]], [*y, y[0]]),
    "swapped operands": lambda p, x, y: loss([p[0], p[1], 1.5 + p[3], p[2] - 1.5], x, y),
    "swapped parameters": lambda p, x, y: loss([p[1], p[0], p[2], p[3]], x, y),
    "a parameter frozen": lambda p, x, y: loss([p[0].detach(), *p[1:]], x, y),
    "nan for a number": lambda p, x, y: loss(p, x, y) * math.nan,
    "an infinite gradient": lambda p, x, y: loss(p, x, y) + nothing_for(math.inf, p[0]) * 0.0,
    "a list for a Value": lambda p, x, y: [loss(p, x, y)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    with pytest.raises(DisagreementError):
        judge(FAULTS[fault])


def test_the_function_itself_agrees() -> None:
    count, mine = Count(), draw()
    check(mine.function, mine, draw(), count)
    check_bits(Execution(draw()).outcome, Execution(draw()).outcome)
    assert count == Count(agreed=1)


def test_another_order_of_summation_agrees() -> None:
    def reversed_loss(p: list[Value], x: list[float], y: list[float]) -> Any:
        return loss(p, x[::-1], y[::-1])

    mine = draw(reversed_loss)
    count = Count()
    check(mine.function, mine, draw(), count)
    assert count == Count(agreed=1)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [1e-10, -1e-9, 1e-5])
def test_each_gradient_is_looked_at(place: int, size: float) -> None:
    with pytest.raises(DisagreementError, match=f"gradient {place} "):
        judge(lambda p, x, y, slope: loss(p, x, y) + nothing_for(slope, p[place]), size)


def cancelling(p: list[Value], scale: float, noise: float = 0.0) -> Any:
    """The digits that a sum of large numbers has lost, made large again."""
    return cr.exp(30.0 * cr.sin(scale * p[0])) + noise * p[1]


def test_an_ill_conditioned_draw_says_nothing_and_is_counted() -> None:
    def of(inputs: float) -> Draw:
        p = [Value(inputs), Value(1.0)]
        return Draw(lambda: cancelling(p, 1e9), (), p)

    count, mine = Count(), of(0.7 * (1 + 2**-52))
    check(mine.function, mine, of(0.7), count)
    assert count == Count(undecided=1)


def test_not_even_an_ill_conditioned_draw_excuses_everything() -> None:
    def of(noise: float) -> Draw:
        p = [Value(0.7), Value(1.0)]
        return Draw(lambda: cancelling(p, 1e9, noise), (), p)

    moved = Execution(of(0.0)).movement
    for noise in (1e3 * moved.values[0], 1e10):  # the second is a gradient that does not move
        mine = of(noise)
        with pytest.raises(DisagreementError):
            check(mine.function, mine, of(0.0))


def test_the_bound_is_the_contracts() -> None:
    assert misses([0.0], [1.1e-12], 0.0) == [0]
    assert misses([0.0], [0.9e-12], 0.0) == []
    assert misses([1e6], [1e6 + 0.9e-6], 0.0) == []
    assert misses([1.0, 2.0], [1.0, 2.0 + 1e-9], 900.0) == [1]
    assert misses([1.0], [1.0 + 1e-9], 1100.0) == []
    assert misses([math.nan, math.inf], [1.0, 2.0], 0.0) == []
    assert misses([1.0], [math.nan], 0.0) == [0]
    assert misses([1.0], [math.inf], 1e300) == [0]


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, -0.0), (1.0, 1.0 + 2**-52), (math.nan, 1.0), (math.inf, -math.inf), (math.inf, math.nan)]
)
def test_bits_are_compared_to_the_last(one: float, other: float) -> None:
    check_bits(Outcome([one], [other]), Outcome([one], [other]))
    for values, gradients in (([one], [2.0]), ([2.0], [one])):
        found = Outcome([other], gradients) if values == [one] else Outcome(values, [other])
        with pytest.raises(DisagreementError):
            check_bits(Outcome(values, gradients), found)


QUICK = settings(max_examples=100, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@QUICK
@given(random_programs())
def test_random_programs_are_fit_for_comparison(program: RandomProgram) -> None:
    """They run, are finite and repeat to the bit, and a gradient that is off by 1e-9 of the bound's size is found."""
    eager = Execution(program.draw())
    check_bits(eager.outcome, Execution(program.draw()).outcome)
    assert all(map(math.isfinite, [*eager.outcome.values, *eager.outcome.gradients]))
    largest = eager.largest()[1]
    assert largest < 1e6
    off = [x + 1e-9 * max(1.0, largest) for x in eager.outcome.gradients]
    with pytest.raises(DisagreementError):
        compare(eager, Outcome(eager.outcome.values, off, eager.outcome.shape))
