"""numpy: scalars behave as floats, an array on either side gives an object array of Values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.errors import NumberError
from tests.engine.arithmetic import ARITHMETIC

SCALARS: list[Any] = [
    np.float64(3),
    np.float32(3),
    np.float16(3),
    np.longdouble(3),
    np.int8(3),
    np.int64(3),
    np.uint16(3),
    np.array(3.0),
    np.array(3),
    np.bool_(True),
]
COMPARISONS: list[Callable[[Any, Any], Any]] = [operator.lt, operator.le, operator.gt, operator.ge]
IDS = [f"{type(each).__name__}{getattr(each, 'dtype', '')}" for each in SCALARS]


@pytest.mark.parametrize("scalar", SCALARS, ids=IDS)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_a_scalar_on_either_side_is_a_float(name: str, scalar: Any) -> None:
    op, number = ARITHMETIC[name], float(scalar)
    v = Value(2.0)
    for mixed, plain in ((op(v, scalar), op(v, number)), (op(scalar, v), op(number, v))):
        assert type(mixed) is Value
        assert type(mixed.data) is float
        assert mixed.data == plain.data
        assert [operand.data for operand in mixed._prev] == [operand.data for operand in plain._prev]
        v.grad = 0.0
        mixed.backward()
        gradient, v.grad = v.grad, 0.0
        plain.backward()
        assert gradient == v.grad


@pytest.mark.parametrize("scalar", SCALARS, ids=IDS)
@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_with_a_scalar(compare: Callable[[Any, Any], Any], scalar: Any) -> None:
    for data in (0.0, 1.0, 2.0, 3.0, 4.0):
        v = Value(data)
        assert bool(compare(v, scalar)) is bool(compare(data, float(scalar)))
        assert bool(compare(scalar, v)) is bool(compare(float(scalar), data))
    assert not bool(Value(3.0) == scalar)
    assert bool(scalar != Value(3.0))


def test_in_place_on_a_scalar() -> None:
    total: Any = np.float64(0.0)
    for v in [Value(1.0), Value(2.0)]:
        total += v
    assert type(total) is Value
    assert total.data == 3.0


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize(
    "array",
    [
        np.array([1.0, 2.0, 3.0]),
        np.array([[1, 2], [3, 4]]),
        np.array([True, False]),
        np.array([[1.5]], dtype=np.float32),
        np.arange(8.0).reshape(2, 2, 2)[:, ::-1, :],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.empty((0, 3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_on_either_side(name: str, array: np.ndarray[Any, Any]) -> None:
    op = ARITHMETIC[name]
    v = Value(2.0)
    for result, expected in (
        (op(v, array), [op(v, x).data for x in array.ravel().tolist()]),
        (op(array, v), [op(x, v).data for x in array.ravel().tolist()]),
    ):
        assert isinstance(result, np.ndarray)
        assert (result.dtype, result.shape) == (np.dtype(object), array.shape)
        assert [each.data for each in result.ravel()] == expected
        assert all(type(each) is Value for each in result.ravel())


def test_gradients_flow_through_arrays() -> None:
    w = Value(2.0)
    x = np.array([1.0, 2.0, 3.0])
    total = (w * x + 1.0).sum()
    total.backward()
    assert (total.data, w.grad) == (15.0, 6.0)


def test_arrays_of_values() -> None:
    ws = np.array([Value(1.0), Value(2.0)])
    assert ws.dtype == object
    y = ws @ np.array([3.0, 4.0]) + (ws**2).sum() - Value(1.0) * ws[0]
    y.backward()
    assert [w.grad for w in ws] == [3.0 + 2.0 - 1.0, 4.0 + 4.0]
    both = ws * np.array([Value(5.0), 6.0], dtype=object)
    assert [each.data for each in both] == [5.0, 12.0]
    assert [each.data for each in Value(10.0) - ws] == [9.0, 8.0]
    assert [each.data for each in -ws] == [-1.0, -2.0]


def test_numpys_functions_on_object_arrays_find_the_methods() -> None:
    ws = np.array([Value(0.5), Value(1.0)])
    assert [each.data for each in np.tanh(ws)] == [Value(0.5).tanh().data, Value(1.0).tanh().data]
    assert np.exp(ws)[0]._op == "exp"


def test_arrays_of_data() -> None:
    values = [Value(1.0), Value(2.5)]
    assert np.array([v.data for v in values]).dtype == np.float64
    assert np.array(values, dtype=float).tolist() == [1.0, 2.5]
    assert np.asarray(values).dtype == object


@pytest.mark.parametrize(
    "array",
    [np.array(["a", "b"]), np.array([1j]), np.array([None]), np.array(["2020-01-01"], dtype="datetime64[D]")],
    ids=lambda array: str(array.dtype),
)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_an_array_of_no_numbers_is_a_clear_error(name: str, array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(NumberError):
        ARITHMETIC[name](Value(1.0), array)
    with pytest.raises(TypeError):
        ARITHMETIC[name](array, Value(1.0))


@pytest.mark.parametrize("function", [cr.tanh, cr.exp, cr.relu, cr.sqrt])
def test_functions_take_arrays(function: Callable[[Any], Any]) -> None:
    x = np.array([0.25, 1.0])
    assert function(x).tolist() == [function(0.25), function(1.0)]
    assert function(x).dtype == np.float64
    mixed = function(np.array([Value(0.25), Value(1.0)]))
    assert [each.data for each in mixed] == function(x).tolist()


def test_rows_of_a_matrix_are_inputs() -> None:
    w = [Value(0.5), Value(-1.0)]
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    outputs = [cr.dot(w, row) for row in X]
    assert [out.data for out in outputs] == [-1.5, -2.5]
    cr.sum(outputs).backward()
    assert [each.grad for each in w] == [4.0, 6.0]
