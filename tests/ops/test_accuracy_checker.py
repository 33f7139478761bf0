"""The accuracy checker finds what it is there to find: rules with planted faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from chainrule.ops import TABLE, Op
from tests.ops.accuracy import Evaluate, by_rule, error_in_ulp, misses, truth
from tests.ops.references import mp


@dataclass(frozen=True)
class At:
    """What a faulty formula is given: the operands (b is 0 where there is one) and the right value."""

    a: float
    b: float
    y: float


Fault = Callable[[At], float]


def with_fault(place: int, fault: Fault) -> Evaluate:
    """Return an evaluation of a row in which one result (0: the value) comes from `fault`."""

    def evaluate(row: Op, operands: Sequence[float]) -> list[float]:
        got = by_rule(row, operands)
        got[place] = fault(At(operands[0], operands[1] if len(operands) > 1 else 0.0, got[0]))
        return got

    return evaluate


def formula(function: Fault) -> Fault:
    """Make a formula in Python's `math` give nan where that raises, as any wrong result."""

    def never_raising(at: At) -> float:
        try:
            return function(at)
        except (OverflowError, ValueError, ZeroDivisionError):
            return math.nan

    return never_raising


FAULTS = [
    pytest.param("tanh", 1, lambda at: 1.0 - at.y * at.y, id="tanh' as 1 - y² cancels"),
    pytest.param("tanh", 1, formula(lambda at: 1.0 / math.cosh(at.a) ** 2), id="tanh' by cosh overflows"),
    pytest.param("sigmoid", 1, lambda at: at.y * (1.0 - at.y), id="sigmoid' as y·(1 - y) cancels"),
    pytest.param("sin", 1, lambda at: math.sin(at.a), id="sin' is sin"),
    pytest.param("cos", 1, lambda at: math.sin(at.a), id="cos' has the wrong sign"),
    pytest.param("log1p", 0, formula(lambda at: math.log(1.0 + at.a)), id="log1p as log(1 + a)"),
    pytest.param("expm1", 0, formula(lambda at: math.exp(at.a) - 1.0), id="expm1 as exp - 1"),
    pytest.param("expm1", 1, lambda at: at.y + 1.0, id="expm1' as y + 1 cancels"),
    pytest.param("softplus", 0, formula(lambda at: math.log(1.0 + math.exp(at.a))), id="softplus overflows"),
    pytest.param("asin", 1, formula(lambda at: 1 / math.sqrt(1 - at.a * at.a)), id="asin' near 1"),
    pytest.param("gelu", 0, formula(lambda at: at.a * 0.5 * (1 + math.erf(at.a / 2**0.5))), id="gelu's tail"),
    pytest.param("atan", 1, formula(lambda at: 1 / (1 + at.a * at.a) * (1 + 1e-15)), id="atan' 5 ulp off"),
    pytest.param("sqrt", 1, formula(lambda at: 0.5 / at.y + 1e-168), id="sqrt' at the far end"),
    pytest.param("divide", 2, formula(lambda at: -at.y / at.b), id="divide' through a subnormal quotient"),
    pytest.param("divide", 2, formula(lambda at: -at.a / (at.b * at.b)), id="divide' through b²"),
    pytest.param("divide", 2, formula(lambda at: at.y / at.b), id="divide' has the wrong sign"),
    pytest.param("power", 1, formula(lambda at: at.b * at.a ** (at.b - 1.0)), id="power' through a rounded b - 1"),
    pytest.param("power", 2, formula(lambda at: at.y * math.log(at.a)), id="power' through a subnormal power"),
    pytest.param("hypot", 1, formula(lambda at: at.a / at.y), id="hypot' through an infinite length"),
    pytest.param("hypot", 0, formula(lambda at: math.sqrt(at.a * at.a + at.b * at.b)), id="hypot through squares"),
    pytest.param("atan2", 2, formula(lambda at: at.b / (at.a * at.a + at.b * at.b)), id="atan2's slopes swapped"),
    pytest.param("relu", 1, lambda at: 1.0 if at.a >= 0.0 else 0.0, id="relu' at the kink"),
    pytest.param("absolute", 1, lambda at: math.copysign(1.0, at.a), id="abs' at the kink"),
    pytest.param("maximum", 1, lambda at: 1.0 if at.a >= at.b else 0.0, id="a tie not shared"),
    pytest.param("power", 2, formula(lambda at: at.y * math.log(at.a or 1e-320)), id="power' at 0"),
]


@pytest.mark.parametrize(("name", "place", "fault"), FAULTS)
def test_a_planted_fault_is_found(name: str, place: int, fault: Fault) -> None:
    row = TABLE[name]
    assert misses(row, with_fault(place, fault))
    assert not misses(row, by_rule)


def test_the_wrong_slope_of_tanh_fails_at_15() -> None:
    known = truth(TABLE["tanh"], (15.0,))
    assert known is not None
    (miss,) = misses(TABLE["tanh"], with_fault(1, lambda at: 1.0 - at.y * at.y), [known])
    assert miss.error > 1e11
    assert "slope 1 of tanh(15.0)" in str(miss)
    assert not misses(TABLE["tanh"], by_rule, [known])


def test_swapped_slopes_are_found() -> None:
    def swapped(row: Op, operands: Sequence[float]) -> list[float]:
        y, first, second = by_rule(row, operands)
        return [y, second, first]

    for name in ("subtract", "multiply", "divide", "power", "atan2", "hypot", "maximum"):
        assert misses(TABLE[name], swapped), name


def test_nan_is_always_a_miss() -> None:
    assert misses(TABLE["exp"], with_fault(0, lambda _: math.nan))


@pytest.mark.parametrize(
    ("got", "expected", "ulps"),
    [
        (1.0, mp.mpf(1), 0.0),
        (math.nextafter(1.0, 2.0), mp.mpf(1), 1.0),
        (1.0, mp.mpf(1) + mp.ldexp(1, -53), 0.5),
        (5e-324, mp.mpf(0), 1.0),
        (0.0, mp.mpf("1e-400"), 0.0),
        (-1.0, mp.mpf(1), 2.0**53),
        (math.inf, mp.mpf("1e400"), 0.0),
        (-math.inf, mp.mpf("1e400"), 2.0**54),
        (math.inf, mp.ldexp(1, 1023), 2.0**52),
        (math.nan, mp.mpf(0), math.inf),
    ],
)
def test_errors_are_counted_in_ulp(got: float, expected: object, ulps: float) -> None:
    assert error_in_ulp(got, expected, abs(expected)) == pytest.approx(ulps)  # type: ignore[arg-type]


def test_where_terms_cancel_their_size_counts() -> None:
    assert error_in_ulp(1e-16, mp.mpf(0), mp.mpf(1)) < 1.0 < error_in_ulp(1e-16, mp.mpf(0), mp.mpf("1e-20"))
