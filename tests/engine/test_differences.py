"""The deliberate differences from micrograd, each beside micrograd's own behaviour where it is installed."""

from __future__ import annotations

import math
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import compiled, is_constant


@pytest.fixture(scope="module")
def micrograd() -> Any:
    """The Value of the installed package."""
    engine = pytest.importorskip("micrograd.engine", reason="micrograd is not installed: nothing to differ from")
    return engine.Value


def test_prev_is_an_ordered_tuple(micrograd: Any) -> None:
    a, b = Value(1.0), Value(2.0)
    assert (a * a)._prev == (a, a)
    assert (b - a)._prev == (b, a)
    x = micrograd(1.0)
    assert (x * x)._prev == {x}


def test_subtraction_and_division_are_nodes_of_their_own(micrograd: Any) -> None:
    assert ((Value(1.0) - 2.0)._op, (Value(1.0) / 2.0)._op) == ("-", "/")
    assert ((-Value(1.0))._op, (2.0 - Value(1.0))._op, (2.0 / Value(1.0))._op) == ("neg", "-", "/")
    assert ((micrograd(1.0) - 2.0)._op, (micrograd(1.0) / 2.0)._op) == ("+", "*")


def test_gradients_print_as_floats(micrograd: Any) -> None:
    assert repr(Value(1)) == "Value(data=1.0, grad=0.0)"
    assert repr(micrograd(1)) == "Value(data=1, grad=0)"
    v = Value(1.0)
    v.grad = 0
    assert repr(v) == "Value(data=1.0, grad=0.0)"


def test_interior_gradients_are_fresh(micrograd: Any) -> None:
    for make, again in ((Value, (12.0, 4.0)), (micrograd, (36.0, 12.0))):
        a = make(2.0)
        m = a * 3.0
        root = m * 2.0 * 2.0
        root.backward()
        assert (a.grad, m.grad) == (12.0, 4.0)
        a.grad = 0
        root.backward()
        assert (a.grad, m.grad) == again


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda v: v(-1.0) ** 0.5, math.nan),
        (lambda v: v(0.0) ** -1, math.inf),
        (lambda v: v(1.0) / v(0.0), math.inf),
        (lambda v: v(1e200) ** 2.0, math.inf),
    ],
)
def test_nan_and_infinity_instead_of_complex_numbers_and_exceptions(
    compute: Any, expected: float, micrograd: Any
) -> None:
    ours = compute(Value)
    assert ours.data == expected or (math.isnan(ours.data) and math.isnan(expected))
    ours.backward()
    try:
        theirs = compute(micrograd).data
    except (ZeroDivisionError, OverflowError):
        return
    assert isinstance(theirs, complex)


def test_the_value_of_zero_is_false(micrograd: Any) -> None:
    assert not Value(0.0)
    assert not Value(-0.0)
    assert Value(0.1)
    assert micrograd(0.0)


def test_constants_carry_no_gradient(micrograd: Any) -> None:
    product = Value(2.0) * 3.0
    product.backward()
    (number,) = [each for each in product._prev if is_constant(each)]
    assert (number.data, number.grad) == (3.0, 0.0)
    other = micrograd(2.0) * 3.0
    other.backward()
    assert sorted(each.grad for each in other._prev) == [2.0, 3.0]


def test_derivatives_are_taken_at_the_values_of_the_forward_pass(micrograd: Any) -> None:
    for make, expected in ((Value, 5.0), (micrograd, 100.0)):
        a, b = make(2.0), make(5.0)
        product = a * b
        b.data = 100.0
        product.backward()
        assert a.grad == expected


@pytest.mark.skipif(not compiled, reason="only the compiled class is closed")
def test_the_class_cannot_be_monkey_patched() -> None:
    with pytest.raises(TypeError, match="immutable"):
        Value.tanh = lambda self: self  # type: ignore[method-assign]
    with pytest.raises(TypeError, match="immutable"):
        Value.__add__ = None  # type: ignore[assignment,method-assign]
    assert (Value(0.0) + 1.0).tanh().data == math.tanh(1.0)


def test_the_rest_is_micrograds(micrograd: Any) -> None:
    def program(make: Any) -> list[float]:
        a, b = make(-4.0), make(2.0)
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        g.backward()
        return [g.data, a.grad, b.grad]

    assert program(Value) == pytest.approx(program(micrograd), rel=1e-14)
    assert cr.engine.Value is Value
