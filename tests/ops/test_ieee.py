"""The contract's sentences on numbers, one test each: IEEE 754 results, never an exception, never complex."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.errors import NumberError
from chainrule.ops import TABLE, Op
from tests.ops.accuracy import Evaluate, by_rule, by_value, node_of

INF, NAN = math.inf, math.nan


def value_and_slope(function: Callable[[Value], Any], x: float) -> tuple[float, float]:
    a = Value(x)
    y = function(a)
    y.backward()
    return y.data, a.grad


@pytest.mark.parametrize(
    ("function", "x", "value", "slope"),
    [
        pytest.param(cr.exp, 1000, INF, INF, id="exp(1000)"),
        pytest.param(cr.exp, -1000, 0.0, 0.0, id="exp(-1000)"),
        pytest.param(cr.log, 0, -INF, INF, id="log(0)"),
        pytest.param(cr.log, -1, NAN, -1.0, id="log(-1)"),
        pytest.param(cr.log1p, -1, -INF, INF, id="log1p(-1)"),
        pytest.param(cr.sqrt, 0, 0.0, INF, id="sqrt(0)"),
        pytest.param(cr.sqrt, -1, NAN, NAN, id="sqrt(-1)"),
        pytest.param(cr.asin, 1, math.pi / 2, INF, id="asin(1)"),
        pytest.param(cr.asin, 1.5, NAN, NAN, id="asin(1.5)"),
        pytest.param(cr.sinh, -1000, -INF, INF, id="sinh(-1000)"),
        pytest.param(cr.cosh, -1000, INF, -INF, id="cosh(-1000)"),
        pytest.param(cr.sin, INF, NAN, NAN, id="sin(inf)"),
        pytest.param(cr.tanh, 1000, 1.0, 0.0, id="tanh(1000)"),
        pytest.param(cr.tanh, -1000, -1.0, 0.0, id="tanh(-1000)"),
        pytest.param(cr.sigmoid, 1000, 1.0, 0.0, id="sigmoid(1000)"),
        pytest.param(cr.sigmoid, -1000, 0.0, 0.0, id="sigmoid(-1000)"),
        pytest.param(cr.relu, NAN, NAN, 1.0, id="relu(nan)"),
        pytest.param(lambda a: (-a) ** 0.5, 1, NAN, NAN, id="(-1)**0.5"),
        pytest.param(lambda a: a**0.5, -1, NAN, NAN, id="a**0.5 at -1"),
        pytest.param(lambda a: a**-1, 0, INF, -INF, id="0**-1"),
        pytest.param(lambda a: a**0, 0, 1.0, 0.0, id="a**0 at 0"),
        pytest.param(lambda a: a**0.5, 0, 0.0, INF, id="a**0.5 at 0"),
        pytest.param(lambda a: a**1000, 10, INF, INF, id="10**1000"),
        pytest.param(lambda a: 0**a, 2, 0.0, 0.0, id="0**a at 2"),
        pytest.param(lambda a: 10**a, 400, INF, INF, id="10**400"),
        pytest.param(lambda a: 1 / a, 0, INF, -INF, id="1/0"),
        pytest.param(lambda a: a / 0, 0, NAN, INF, id="0/0"),
        pytest.param(lambda a: -1 / a, -0.0, INF, INF, id="-1/-0"),
        pytest.param(lambda a: a * INF, 0, NAN, INF, id="0*inf"),
        pytest.param(lambda a: a * 1e200 * 1e200, 1, INF, INF, id="overflow of a product"),
        pytest.param(lambda a: cr.log(a) * 0.0, 0, NAN, NAN, id="0*inf in the chain"),
        pytest.param(abs, 0, 0.0, 0.0, id="abs(0)"),
    ],
)
def test_a_sentence(function: Callable[[Value], Any], x: float, value: float, slope: float) -> None:
    got = value_and_slope(function, x)
    assert got == pytest.approx((value, slope), rel=1e-15, nan_ok=True)
    assert all(type(number) is float for number in got)


@pytest.mark.parametrize("choose", [cr.maximum, cr.minimum])
def test_a_tie_shares_the_gradient_evenly(choose: Op) -> None:
    a, b = Value(2.0), Value(2.0)
    choose(a, b).backward()
    assert (a.grad, b.grad) == (0.5, 0.5)


@pytest.mark.parametrize("choose", [cr.maximum, cr.minimum])
@pytest.mark.parametrize("operands", [(NAN, 1.0), (1.0, NAN), (NAN, NAN)])
def test_nan_is_the_larger_and_the_smaller(choose: Op, operands: tuple[float, float]) -> None:
    assert math.isnan(choose(*operands))


@pytest.mark.parametrize("way", [by_rule, by_value], ids=["rule", "node"])
@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.arity == 1], ids=lambda row: row.name)
def test_a_value_is_nan_outside_of_the_domain_only(row: Op, way: Evaluate) -> None:
    for end, outwards in zip(row.domain[0], (-INF, INF), strict=True):
        if math.isfinite(end):
            assert not math.isnan(way(row, [end])[0])
            assert not math.isnan(way(row, [math.nextafter(end, -outwards)])[0])
            assert math.isnan(way(row, [math.nextafter(end, outwards)])[0])
            assert math.isnan(way(row, [outwards])[0])
    for x in (-1e9, -0.5, 0.5, 1e9):
        assert math.isnan(way(row, [x])[0]) is not (row.domain[0][0] <= x <= row.domain[0][1])


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.arity == 1], ids=lambda row: row.name)
def test_slopes_jump_at_the_kinks_and_nowhere_else(row: Op) -> None:
    low, high = row.domain[0]
    for x in (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0):
        if low < x < high:
            sides = [by_rule(row, [x + side])[1] for side in (-1e-12, 1e-12)]
            assert (abs(sides[0] - sides[1]) > 1e-3) is (x in row.kinks), (row.name, x)


WILD = (0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, INF, -INF, NAN, 1.0, -1.0, 1e-160, 709.9, -745.2, 0.5)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_no_row_ever_raises_or_leaves_the_floats(row: Op) -> None:
    """Whatever the operands, both ways give floats, and a nan operand does not come out as a number unseen."""
    count = row.arity or 3
    for place in range(len(WILD) ** min(count, 2)):
        first, second = WILD[place % len(WILD)], WILD[place // len(WILD)]
        operands = (first, second, first)[:count]
        for way in (by_rule, by_value):
            got = way(row, operands)
            assert all(isinstance(number, float) for number in got), (row, operands)


FLOAT_LIKE = [
    pytest.param(2, 2.0, id="int"),
    pytest.param(True, 1.0, id="bool"),
    pytest.param(Fraction(1, 3), 1 / 3, id="Fraction"),
    pytest.param(np.float64(0.25), 0.25, id="float64"),
    pytest.param(np.float32(0.1), float(np.float32(0.1)), id="float32"),
    pytest.param(np.int64(3), 3.0, id="int64"),
    pytest.param(np.bool_(True), 1.0, id="numpy bool"),
    pytest.param(np.array(1.5), 1.5, id="0-d array"),
    pytest.param(np.array(2), 2.0, id="0-d array of int"),
    pytest.param(10**400, INF, id="huge int"),
    pytest.param(-(10**400), -INF, id="huge negative int"),
    pytest.param(Fraction(10**400, 3), INF, id="huge Fraction"),
    pytest.param(Fraction(1, 10**400), 0.0, id="tiny Fraction"),
    pytest.param(2**53 + 1, 2.0**53, id="int that a float must round"),
]


@pytest.mark.parametrize(("number", "expected"), FLOAT_LIKE)
def test_any_real_number_is_data(number: Any, expected: float) -> None:
    a = Value(number)
    assert type(a.data) is float
    assert a.data == expected
    a.grad = number
    assert a.grad == expected


@pytest.mark.parametrize(("number", "expected"), FLOAT_LIKE)
def test_any_real_number_is_an_operand(number: Any, expected: float) -> None:
    a = Value(2.0)
    assert (a + number).data == 2.0 + expected
    assert (number - a).data == expected - 2.0
    assert cr.maximum(a, number).data == max(2.0, expected)
    assert cr.sum([a, number]).data == 2.0 + expected
    assert cr.relu(number) == max(expected, 0.0)


NO_NUMBERS = [
    ("1.5", "str"),
    (None, "NoneType"),
    (1 + 0j, "complex"),
    ([1.0], "list"),
    (np.array([1.0]), "ndarray"),
    (np.complex128(1), "complex128"),
    (np.array("x"), "ndarray"),
    (Decimal("1.5"), "Decimal"),
    (b"1", "bytes"),
]


@pytest.mark.parametrize(("thing", "kind"), NO_NUMBERS, ids=[kind for _, kind in NO_NUMBERS])
def test_anything_else_is_an_error_that_names_the_type(thing: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"'{kind}'") as caught:
        Value(thing)
    assert isinstance(caught.value, NumberError)
    a = Value(1.0)
    with pytest.raises(NumberError, match=f"'{kind}'"):
        a.data = thing
    assert a.data == 1.0, "bad input loses nothing"


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.public], ids=lambda row: row.name)
@pytest.mark.parametrize("thing", ["1.5", None, 1j])
def test_every_public_op_refuses_what_is_no_number(row: Op, thing: Any) -> None:
    operands = [1.0] * (row.arity or 2)
    for place in range(len(operands)):
        bad = [*operands[:place], thing, *operands[place + 1 :]]
        with pytest.raises(NumberError, match=f"{row.name}.*'{type(thing).__name__}'"):
            row(*bad)
        if len(bad) > 1:
            bad[place - 1] = Value(1.0)
            with pytest.raises(NumberError, match=f"'{type(thing).__name__}'"):
                row(*bad)


def test_nodes_of_rows_match_their_functions() -> None:
    assert node_of(TABLE["tanh"], [Value(0.5)]).data == cr.tanh(0.5)
