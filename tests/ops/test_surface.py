"""One op, three faces: the row, the function of the package and the method of Value are the same thing."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import local_derivatives, op_of
from chainrule.errors import ArityError
from chainrule.ops import TABLE, Op
from tests.ops.accuracy import by_rule, by_value, node_of, rounds_alike
from tests.ops.grids import grid

UNARY = [row for row in TABLE.values() if row.public and row.arity == 1]
FIXED = [row for row in TABLE.values() if row.public and row.arity]
# The operators of Python stand for these, so that they need no function: a + b, −a, abs(a).
OPERATORS = {"add", "subtract", "multiply", "divide", "power", "negative", "absolute"}
# Parts of other rows' rules. A new row belongs to people or to this list.
PRIVATE = {"bell", "normal_cdf", "exp_difference"}
# What a trace makes of comparisons and of detach().
OF_TRACES = {"less", "less_equal", "equal", "detached"}
# Functions of the package that take a list where their rows take the operands themselves.
OF_LISTS = {"sum", "dot", "logsumexp"}
# Where the engine and the row do not give the same bits; each is within 4 of the truth.
ULPS_BETWEEN_THEM = 8.0


def test_every_row_is_public_or_has_its_place() -> None:
    hidden = {row.name for row in TABLE.values() if not row.public}
    assert hidden == OPERATORS | PRIVATE | OF_TRACES | OF_LISTS


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_a_public_row_is_the_function_of_the_package(row: Op) -> None:
    assert getattr(cr, row.name) is row
    assert row.name in cr.__all__


@pytest.mark.parametrize("name", sorted(OF_LISTS))
def test_functions_of_lists(name: str) -> None:
    assert name in cr.__all__


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_a_unary_row_is_a_method(row: Op) -> None:
    assert callable(vars(Value).get(row.name)), f"Value lacks the one-line method `{row.name}`"
    low, high = row.domain[0]
    x = min(max(0.3, low), high)
    by_method, by_function = getattr(Value(x), row.name)(), row(Value(x))
    assert type(by_method) is type(by_function) is Value
    assert by_method.data == by_function.data
    assert local_derivatives(by_method) == local_derivatives(by_function)
    assert by_method._op == by_function._op == row.symbol
    assert op_of(by_method) is row


@pytest.mark.parametrize("row", [row for row in FIXED if row.arity != 1], ids=lambda row: row.name)
def test_a_row_of_several_operands_is_a_method_too(row: Op) -> None:
    operands = [Value(0.3 + place) for place in range(row.arity or 0)]
    by_method, by_function = getattr(operands[0], row.name)(*operands[1:]), row(*operands)
    assert by_method.data == by_function.data
    assert by_method._prev == by_function._prev == tuple(operands)


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_a_number_gives_a_float(row: Op) -> None:
    for number in (1, 1.0, np.float64(1.0), np.float32(1.0), np.array(1.0), True):
        y = row(*[number] * (row.arity or 0))
        assert type(y) is float
        assert y == row.value(*[1.0] * (row.arity or 0)) or math.isnan(y)


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_a_float_array_gives_a_float_array(row: Op) -> None:
    low, high = row.domain[0]
    columns = [np.linspace(max(low, -3.0), min(high, 3.0), 12).reshape(3, 4) for _ in range(row.arity or 0)]
    got = row(*columns)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float64
    assert got.shape == (3, 4)
    expected = [row.value(*operands) for operands in zip(*(c.ravel().tolist() for c in columns), strict=True)]
    assert got.ravel().tolist() == expected


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_arrays_never_warn(row: Op) -> None:
    wild = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1e308, 5e-324])
    got = row(*[wild] * (row.arity or 0))
    expected = [row.value(*[x] * (row.arity or 0)) for x in wild.tolist()]
    assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_an_array_of_values_gives_values(row: Op) -> None:
    values = np.array([Value(0.25), Value(0.5)], dtype=object)
    got = row(values)
    assert got.dtype == object
    assert [type(each) for each in got] == [Value, Value]
    assert [each.data for each in got] == [row(0.25), row(0.5)]


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_the_wrong_number_of_operands_is_an_error(row: Op) -> None:
    for count in (0, (row.arity or 0) + 1):
        with pytest.raises(ArityError, match=rf"{row.name} takes {row.arity} operand.* {count} "):
            row(*[1.0] * count)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_row_explains_itself(row: Op) -> None:
    assert row.formula
    assert row.__doc__
    assert row.__doc__.strip().endswith(".")
    assert row.symbol
    if row.arity is not None:
        assert len(row.derivatives) == len(row.slopes) == len(row.domain) == row.arity
    assert all(low < high for low, high in row.domain)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_the_engine_gives_what_the_row_says(row: Op) -> None:
    """The same bits where both use the C library alike, else within a few ulp."""
    exact = rounds_alike(row) and row.name != "logsumexp"  # whose terms the engine adds in another order
    operands = grid(row)
    for each in random.Random(1).sample(operands, min(len(operands), 400)):
        for ours, rule in zip(by_value(row, each), by_rule(row, each), strict=True):
            if exact:
                assert ours.hex() == rule.hex(), (row.name, each)
            else:
                assert ours == pytest.approx(rule, rel=ULPS_BETWEEN_THEM * 2.3e-16, abs=2e-323, nan_ok=True)


def test_constants_have_no_slope() -> None:
    a = Value(3.0)
    for row in TABLE.values():
        if row.arity == 2:
            assert local_derivatives(node_of(row, [a, 2.0]))[1:] in ((0.0,), ())
