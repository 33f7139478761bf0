"""_prev and _op: what a node was made from, in order, and what it calls itself."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import is_constant, local_derivatives, op_of, parts

A, B = 0.5, 0.25

OPS: list[tuple[Callable[[Value, Value], Value], str]] = [
    (operator.add, "+"),
    (operator.sub, "-"),
    (operator.mul, "*"),
    (operator.truediv, "/"),
    (operator.pow, "**"),
    (cr.maximum, "maximum"),
    (cr.minimum, "minimum"),
    (cr.atan2, "atan2"),
    (cr.hypot, "hypot"),
]
METHODS = [
    *("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sinh", "cosh", "sin", "cos", "tan", "asin", "acos", "atan"),
    *("erf", "relu", "leaky_relu", "sigmoid", "softplus", "silu", "gelu"),
]
SYMBOLS = {"relu": "ReLU"}


@pytest.mark.parametrize(("op", "symbol"), OPS, ids=[symbol for _, symbol in OPS])
def test_binary_ops(op: Any, symbol: str) -> None:
    a, b = Value(A), Value(B)
    assert op(a, b)._prev == (a, b)
    assert op(b, a)._prev == (b, a)
    assert op(a, a)._prev == (a, a)
    assert op(a, b)._op == symbol


@pytest.mark.parametrize("name", METHODS)
def test_methods_and_functions_of_one_operand(name: str) -> None:
    a = Value(A)
    method, function = getattr(a, name)(), getattr(cr, name)(a)
    for node in (method, function):
        assert type(node) is Value
        assert node._prev == (a,)
        assert node._op == SYMBOLS.get(name, name)
    number = getattr(cr, name)(A)
    assert type(number) is float
    assert number == method.data == function.data


def test_unary_operators() -> None:
    a = Value(-A)
    assert ((-a)._op, (-a)._prev, (-a).data) == ("neg", (a,), A)
    assert (abs(a)._op, abs(a)._prev, abs(a).data) == ("abs", (a,), A)
    assert (+a).data == -A


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a + 3,
        lambda a: 3 - a,
        lambda a: a * 3.0,
        lambda a: 3.0 / a,
        lambda a: 3**a,
        lambda a: cr.maximum(3, a),
        lambda a: cr.where(a, 3.0, a),
        lambda a: cr.sum([3, a]),
        lambda a: cr.dot([3.0], [a], a),
        lambda a: cr.logsumexp([a, 3]),
    ],
)
def test_a_constant_is_a_value_and_the_same_object_each_time(make: Callable[[Value], Value]) -> None:
    a = Value(2.0)
    node = make(a)
    first, second = node._prev, node._prev
    assert all(x is y for x, y in zip(first, second, strict=True))
    (number,) = [operand for operand in first if operand is not a]
    assert isinstance(number, Value)
    assert (number.data, number._prev, number._op, is_constant(number)) == (3.0, (), "", True)
    assert not is_constant(a)
    node.backward()
    node._backward()
    assert number.grad == 0.0
    assert node._prev == first


def test_constants_of_different_nodes_are_different_objects() -> None:
    a = Value(1.0)
    assert (a + 3)._prev[1] is not (a + 3)._prev[1]


def test_constants_stand_where_they_were_written() -> None:
    a = Value(2.0)
    assert [operand.data for operand in (7 - a)._prev] == [7.0, 2.0]
    assert [operand.data for operand in (a - 7)._prev] == [2.0, 7.0]
    assert [operand.data for operand in cr.where(1, a, 5.0)._prev] == [1.0, 2.0, 5.0]


EXPONENTS: list[tuple[Any, str]] = [
    (2, "**2"),
    (3, "**3"),
    (-1, "**-1"),
    (0, "**0"),
    (2.0, "**2.0"),
    (0.5, "**0.5"),
    (-0.5, "**-0.5"),
    (Fraction(1, 3), "**1/3"),
    (np.int64(2), "**2"),
    (10**20, "**100000000000000000000"),
    (10**25, "**10000000000000000000000000"),
    (1e300, "**1e+300"),
]


@pytest.mark.parametrize(("exponent", "symbol"), EXPONENTS, ids=[symbol for _, symbol in EXPONENTS])
def test_a_power_shows_its_exponent_as_given_and_has_one_operand(exponent: Any, symbol: str) -> None:
    a = Value(1.0)
    node = a**exponent
    assert node._op == symbol
    assert node._prev == (a,)
    assert len(local_derivatives(node)) == 1


@pytest.mark.parametrize("exponent", [np.float64(2), np.float32(2), np.array(2.0)])
def test_numpys_exponents_are_shown_as_numbers(exponent: Any) -> None:
    assert (Value(3.0) ** exponent)._op in {"**2.0", "**2"}


def test_a_value_exponent_is_an_operand_and_the_name_is_bare() -> None:
    v, w = Value(2.0), Value(3.0)
    assert ((v**w)._op, (v**w)._prev) == ("**", (v, w))
    node = 2**v
    assert node._op == "**"
    assert [operand.data for operand in node._prev] == [2.0, 2.0]
    assert node._prev[1] is v


def test_ops_of_several_operands() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    assert (cr.where(a, b, c)._op, cr.where(a, b, c)._prev) == ("where", (a, b, c))
    assert (cr.sum([a, b, a])._op, cr.sum([a, b, a])._prev) == ("sum", (a, b, a))
    assert cr.dot([a, b], [b, c], c)._prev == (a, b, b, c, c)
    assert cr.dot([a, b], [b, c])._op == "dot"
    assert (cr.logsumexp([c, a])._op, cr.logsumexp([c, a])._prev) == ("logsumexp", (c, a))


def test_a_leaf_has_no_op() -> None:
    assert (Value(1.0)._op, Value(1.0)._prev, op_of(Value(1.0))) == ("", (), None)


@pytest.mark.parametrize("name", ["_prev", "_op"])
def test_prev_and_op_cannot_be_replaced(name: str) -> None:
    node = Value(1.0) + 1.0
    with pytest.raises(AttributeError):
        setattr(node, name, ())
    assert (len(node._prev), node._op) == (2, "+")


def test_parts_give_plain_numbers_and_slopes() -> None:
    a = Value(3.0)
    assert parts(a**2) == ([a, 2.0], [6.0, 2.0])
    assert parts(10.0 - a) == ([10.0, a], [10.0, -1.0])
    assert parts(cr.dot([a, 2.0], [4.0, a], 1.0)) == ([a, 2.0, 4.0, a, 1.0], [4.0, 2.0, 4.0, 2.0, 1.0])
    assert parts(a) == ([], [])
    shown = a + 5.0
    _ = shown._prev
    assert parts(shown) == ([a, 5.0], [1.0, 5.0])


def test_local_derivatives_lie_beside_prev_with_0_for_a_constant() -> None:
    a, b = Value(3.0), Value(4.0)
    assert local_derivatives(a * b) == (4.0, 3.0)
    assert local_derivatives(a * 7) == (7.0, 0.0)
    assert local_derivatives(7 / a) == (0.0, pytest.approx(-7 / 9, rel=1e-15))
    assert local_derivatives(a) == ()
    assert local_derivatives(cr.sum([a, 2.0, b])) == (1.0, 0.0, 1.0)
