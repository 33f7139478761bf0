"""Arithmetic with a Value or a number on either side, comparisons and conversions: a number among numbers."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chainrule import Value
from tests.engine.arithmetic import ARITHMETIC

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMBERS: list[Any] = [2, 2.5, -3, True, Fraction(3, 4), 2**64]


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_arithmetic_with_a_number_on_either_side(name: str, number: Any) -> None:
    op = ARITHMETIC[name]
    v = Value(3.0)
    with np.errstate(over="ignore"):
        left, right = op(np.float64(3.0), float(number)), op(np.float64(number), 3.0)
    assert op(v, number).data == left
    assert op(number, v).data == right
    assert op(v, Value(number)).data == left
    assert type(op(v, number)) is type(op(number, v)) is Value


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("thing", ["a", None, 1j, [1.0], (), {}, object()], ids=repr)
def test_anything_else_is_a_type_error(name: str, thing: Any) -> None:
    v = Value(1.0)
    with pytest.raises(TypeError):
        ARITHMETIC[name](v, thing)
    with pytest.raises(TypeError):
        ARITHMETIC[name](thing, v)


@pytest.mark.parametrize("op", [operator.floordiv, operator.mod, operator.matmul, operator.and_, divmod])
def test_operators_without_a_derivative_are_type_errors(op: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(TypeError):
        op(Value(1.0), 2)
    with pytest.raises(TypeError):
        op(2, Value(1.0))


def test_a_power_has_no_modulus() -> None:
    with pytest.raises(TypeError):
        pow(Value(2.0), 2, 5)


def test_ieee_numbers_never_raise() -> None:
    zero, one = Value(0.0), Value(1.0)
    assert (one / zero).data == math.inf
    assert (one / Value(-0.0)).data == -math.inf
    assert (1 / zero).data == math.inf
    assert (one / 0).data == math.inf
    assert math.isnan((zero / 0).data)
    assert (zero**-1).data == math.inf
    assert math.isnan((Value(-1.0) ** 0.5).data)
    assert math.isnan(((-1) ** Value(0.5)).data)
    assert (Value(1e200) ** 2).data == math.inf
    assert (Value(1e308) * 10).data == math.inf
    assert (Value(10.0) ** 400).data == math.inf
    assert (Value(2.0) * 10**400).data == math.inf
    assert Value(1000.0).exp().data == math.inf
    assert zero.log().data == -math.inf


def test_in_place_operators_make_new_nodes() -> None:
    a = Value(2.0)
    b = a
    b += 1
    assert b is not a
    assert (a.data, b.data, b._op) == (2.0, 3.0, "+")
    b -= a
    b *= 3
    b /= 4
    b **= 2
    assert b.data == 0.5625
    b.backward()
    assert a.grad == 0.0  # the a that was added was taken away again


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("left", [1.0, 2.0, math.nan])
@pytest.mark.parametrize("right", [1.0, 2.0, math.inf, math.nan])
def test_comparisons_look_at_data(name: str, left: float, right: float) -> None:
    compare = COMPARISONS[name]
    expected = compare(left, right)
    assert compare(Value(left), Value(right)) is expected
    assert compare(Value(left), right) is expected
    assert compare(left, Value(right)) is expected


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("thing", ["a", None, 1j, [1.0]], ids=repr)
def test_comparison_with_no_number_is_a_type_error(name: str, thing: Any) -> None:
    with pytest.raises(TypeError):
        COMPARISONS[name](Value(1.0), thing)


def test_values_are_ordered_by_data() -> None:
    values = [Value(3.0), Value(-1.0), Value(2.0)]
    assert [v.data for v in sorted(values)] == [-1.0, 2.0, 3.0]
    assert max(values) is values[0]
    assert min(values) is values[1]
    mixed: list[Any] = [*values, -5]
    assert max(mixed) is values[0]
    assert min(mixed) == -5


def test_equality_and_hash_are_identity() -> None:
    a, same = Value(1.0), Value(1.0)
    assert a == a
    assert a != same
    assert a != 1.0
    assert a != "a"
    assert len({a, same, a}) == 2
    assert hash(a) == hash(a)
    assert [same, a].index(a) == 1
    assert same not in [a]
    before = hash(a)
    a.data = 5.0
    a.label = "a"
    assert hash(a) == before


@pytest.mark.parametrize(
    ("data", "truth"), [(0.0, False), (-0.0, False), (1e-300, True), (-2.0, True), (math.nan, True)]
)
def test_truth_is_that_of_the_number(data: float, truth: bool) -> None:
    assert bool(Value(data)) is truth


def test_conversions_look_at_data() -> None:
    v = Value(2.75)
    assert (float(v), int(v), complex(v)) == (2.75, 2, 2.75 + 0j)
    assert type(float(v)) is float
    assert (round(v), round(v, 1), round(Value(2.5)), round(Value(1234.5), -2)) == (3, 2.8, 2, 1200.0)
    assert type(round(v)) is int
    assert (math.floor(v), math.ceil(v), math.ceil(Value(-0.5))) == (2, 3, 0)
    assert math.isclose(v, 2.75)
    assert math.sqrt(v) == math.sqrt(2.75)
    assert cmath.phase(v) == 0.0
    assert f"{v:.3f} {v:>8.1e} {v:g}" == "2.750  2.8e+00 2.75"
    assert format(v, ".3f") == "2.750"
    assert "%.4f" % v == "2.7500"  # noqa: UP031 - the lecture's way
    assert f"{v}" == repr(v)


@pytest.mark.parametrize(("data", "error"), [(math.nan, ValueError), (math.inf, OverflowError)])
def test_a_number_without_an_integer_raises_as_a_float_does(data: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="integer"):
        int(Value(data))
    with pytest.raises(error, match="integer"):
        round(Value(data))


def test_a_wrong_format_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="format"):
        format(Value(1.0), "no format")


def test_pythons_sum() -> None:
    values = [Value(1.0), Value(2.0), Value(3.5)]
    total = sum(values)
    assert isinstance(total, Value)
    assert total.data == 6.5
    total.backward()
    assert [v.grad for v in values] == [1.0, 1.0, 1.0]
    assert sum(values, Value(1.0)).data == 7.5
    mixed: list[Any] = [Value(1.0), 2, 3.0]
    assert sum(mixed).data == 6.0
    assert math.fsum(values) == 6.5


def test_everything_in_the_readme_of_micrograd_on_one_line_of_numbers() -> None:
    v = Value(3.0)
    assert (2 * v - 1).data == 5.0
    assert (1 - v).data == -2.0
    assert (6 / v).data == 2.0
    assert (2**v).data == 8.0
    assert (v**v).data == 27.0
    assert (v**-1).data == pytest.approx(1 / 3, rel=1e-15)
