"""Value(data, _children, _op, label): what it takes, what it refuses, and what it keeps."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.errors import ChainruleError, NumberError

NUMBERS: list[tuple[Any, float]] = [
    (2, 2.0),
    (-0.5, -0.5),
    (True, 1.0),
    (Fraction(1, 4), 0.25),
    (float("inf"), float("inf")),
    (10**400, float("inf")),
    (-(10**400), float("-inf")),
    (np.float64(1.5), 1.5),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.float16(2), 2.0),
    (np.longdouble(3), 3.0),
    (np.int8(-3), -3.0),
    (np.uint64(7), 7.0),
    (np.bool_(True), 1.0),
    (np.array(2.5), 2.5),
    (np.array(3), 3.0),
]
NO_NUMBERS: list[Any] = [
    "3",
    b"3",
    None,
    1j,
    np.complex128(1),
    Decimal(2),
    [1.0],
    (1.0,),
    {1.0},
    np.array([1.0]),
    np.array([[1.0, 2.0]]),
    np.array("a"),
    np.array(None),
    np.datetime64("2020-01-01"),
    Value(1.0),
    object(),
    float,
]


@pytest.mark.parametrize(("number", "expected"), NUMBERS, ids=repr)
def test_data_is_any_real_number_as_float64(number: Any, expected: float) -> None:
    value = Value(number)
    assert value.data == expected
    assert type(value.data) is float


@pytest.mark.parametrize("thing", NO_NUMBERS, ids=lambda thing: type(thing).__name__)
def test_anything_else_is_a_type_error_that_names_the_type(thing: Any) -> None:
    with pytest.raises(TypeError, match=f"'{type(thing).__name__}'") as caught:
        Value(thing)
    assert isinstance(caught.value, NumberError)
    assert isinstance(caught.value, ChainruleError)


def test_data_is_needed() -> None:
    with pytest.raises(TypeError):
        Value()  # type: ignore[call-arg]  # wrong on purpose


def test_positions_and_defaults_are_micrograds() -> None:
    a = Value(1.0)
    plain = Value(3.0)
    assert (plain.data, plain.grad, plain._prev, plain._op, plain.label) == (3.0, 0.0, (), "", "")
    full = Value(4.0, (a, a), "twice", "out")
    assert (full.data, full._prev, full._op, full.label) == (4.0, (a, a), "twice", "out")
    named = Value(data=4.0, _children=(a,), _op="mine", label="out")
    assert (named._prev, named._op, named.label) == ((a,), "mine", "out")


@pytest.mark.parametrize("container", [tuple, list, iter, dict.fromkeys, set])
def test_children_are_any_iterable_of_values(container: Any) -> None:
    a, b = Value(1.0), Value(2.0)
    node = Value(3.0, container([a, b]), "+")
    assert set(node._prev) == {a, b}
    assert isinstance(node._prev, tuple)


def test_a_child_that_is_no_value_is_refused_by_place_and_type() -> None:
    with pytest.raises(TypeError, match=r"number 2 is of type 'float'.*Value\(") as caught:
        Value(3.0, (Value(1.0), 2.0), "+")
    assert isinstance(caught.value, NumberError)


def test_children_that_are_no_iterable_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        Value(3.0, Value(1.0), "x")


@pytest.mark.parametrize("name", ["data", "grad"])
@pytest.mark.parametrize(("number", "expected"), NUMBERS, ids=repr)
def test_data_and_grad_take_any_real_number(name: str, number: Any, expected: float) -> None:
    value = Value(1.0)
    setattr(value, name, number)
    assert getattr(value, name) == expected
    assert type(getattr(value, name)) is float


@pytest.mark.parametrize("name", ["data", "grad"])
@pytest.mark.parametrize("thing", NO_NUMBERS, ids=lambda thing: type(thing).__name__)
def test_a_refused_assignment_loses_nothing(name: str, thing: Any) -> None:
    value = Value(1.5)
    value.grad = 2.5
    with pytest.raises(NumberError, match=f"'{type(thing).__name__}'"):
        setattr(value, name, thing)
    assert (value.data, value.grad) == (1.5, 2.5)


def test_update_step_as_everybody_writes_it() -> None:
    p = Value(1.0)
    p.grad = 4.0
    p.data += -0.1 * p.grad
    p.grad = 0
    assert p.data == pytest.approx(0.6, rel=1e-15)
    assert p.grad == 0.0


def test_label_is_assignable_after_creation() -> None:
    a = Value(2.0, label="a")
    e = a * a
    assert e.label == ""
    e.label = "e"
    assert (a.label, e.label) == ("a", "e")
    e.label = ""
    assert e.label == ""


@pytest.mark.parametrize("make", [lambda: Value(1.0), lambda: Value(1.0) * 2.0, lambda: cr.dot([Value(1.0)], [2.0])])
@pytest.mark.parametrize("name", ["velocity", "m", "_m", "name", "history", "größe"])
def test_attributes_that_a_program_sets_are_kept(make: Any, name: str) -> None:
    p = make()
    before = (p.data, p.grad, p.label, p._op, len(p._prev))
    assert not hasattr(p, name)
    setattr(p, name, [1, 2])
    assert getattr(p, name) == [1, 2]
    setattr(p, name, 0.5)
    assert getattr(p, name) == 0.5
    assert (p.data, p.grad, p.label, p._op, len(p._prev)) == before
    delattr(p, name)
    assert not hasattr(p, name)
    with pytest.raises(AttributeError, match=name):
        delattr(p, name)


def test_attributes_are_of_one_value_only() -> None:
    p, q = Value(1.0), Value(1.0)
    p.velocity = 0.0
    q.velocity = 3.0
    p.velocity = 0.9 * p.velocity + 1.0
    assert (p.velocity, q.velocity) == (1.0, 3.0)
    p.label = "p"
    assert p.velocity == 1.0


def test_an_unknown_attribute_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match=r"Value.*'momentum'"):
        _ = Value(1.0).momentum


@pytest.mark.parametrize("data", [0.0, -0.0, 2, 1e-5, float("nan"), float("-inf")])
def test_repr(data: float) -> None:
    value = Value(data)
    assert repr(value) == f"Value(data={float(data)}, grad=0.0)"
    value.grad = np.float64(-8)
    assert repr(value) == str(value) == f"{value}" == f"Value(data={float(data)}, grad=-8.0)"
