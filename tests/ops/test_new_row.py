"""Adding an op touches one place: a row added while the program runs is everywhere at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import apply, is_constant, local_derivatives, op_of, parts, topological_order
from chainrule.ops import TABLE, Op, op
from chainrule.ops.elementary import divide, exp, log
from chainrule.ops.row import BY_CODE
from chainrule.ops.transcendental import cos, sin
from tests.ops.accuracy import LIMIT, misses
from tests.ops.higher_order import mixed
from tests.ops.references import mp


@pytest.fixture(autouse=True)
def removed_again() -> Iterator[None]:
    """Leave the table as it was."""
    before = len(BY_CODE)
    yield
    for row in BY_CODE[before:]:
        del TABLE[row.name]
    del BY_CODE[before:]


@pytest.fixture
def sec() -> Op:
    """A unary row, known to mpmath, that no engine was built with."""

    @op("sec", formula="1 / cos a", slopes=("y · tan a",), domain=((-1.5, 1.5),))
    def sec(a: Any) -> Any:
        """Secant."""
        return 1.0 / math.cos(a) if math.isfinite(a) else math.nan

    @sec.derivative
    def sec_da(a: Any, y: Any) -> Any:
        return divide(y * sin(a), cos(a))

    return sec


@pytest.fixture
def geometric_mean() -> Op:
    """A row of two operands."""

    @op("gm", arity=2, formula="√(a·b)", slopes=("…", "…"))
    def geometric_mean(a: Any, b: Any) -> Any:
        """Geometric mean."""
        return math.sqrt(a * b) if a * b >= 0.0 else math.nan

    @geometric_mean.derivative
    def geometric_mean_da(_a: Any, b: Any, y: Any) -> Any:
        return divide(0.5 * b, y)

    @geometric_mean.derivative
    def geometric_mean_db(a: Any, _b: Any, y: Any) -> Any:
        return divide(0.5 * a, y)

    return geometric_mean


@pytest.fixture
def log_mean_exp() -> Op:
    """A row of any number of operands."""

    @op(arity=None, formula="ln of the mean of e^aᵢ", slopes=("…",), public=False)
    def log_mean_exp(*operands: Any) -> Any:
        """Logarithm of the mean exponential."""
        return math.log(math.fsum(map(math.exp, operands)) / len(operands))

    @log_mean_exp.derivative
    def slopes(operands: Sequence[Any], y: Any) -> list[Any]:
        return [exp(each - y - math.log(len(operands))) for each in operands]

    return log_mean_exp


def test_a_unary_row_is_function_method_and_node(sec: Op) -> None:
    a = Value(0.7, label="a")
    nodes = [sec(a), a.sec(), apply(sec, [a])]
    for node in nodes:
        assert type(node) is Value
        assert node.data == 1.0 / math.cos(0.7)
        assert node._prev == (a,)
        assert node._op == "sec"
        assert op_of(node) is sec
        assert local_derivatives(node) == (pytest.approx(math.tan(0.7) / math.cos(0.7), rel=1e-15),)
    assert sec(0.7) == 1.0 / math.cos(0.7)
    assert type(sec(np.float64(0.7))) is float
    assert np.array_equal(sec(np.array([0.1, 0.2])), [sec(0.1), sec(0.2)])


def test_it_is_differentiated(sec: Op) -> None:
    a = Value(0.7)
    (sec(a * 2.0) + sec(a)).backward()
    slope = 2.0 * math.tan(1.4) / math.cos(1.4) + math.tan(0.7) / math.cos(0.7)
    assert a.grad == pytest.approx(slope, rel=1e-14)
    y = sec(a)
    y.grad, a.grad = 2.0, 0.0
    y._backward()
    assert a.grad == 2.0 * local_derivatives(y)[0]


def test_it_is_differentiated_three_times(sec: Op) -> None:
    a = Value(0.7)
    for order in (1, 2, 3):
        assert mixed(sec(a), [a], [order]) == pytest.approx(float(mp.diff(mp.sec, 0.7, order)), rel=1e-13)


def test_it_is_measured_against_mpmath_with_no_new_test(sec: Op) -> None:
    found = misses(sec, lambda row, operands: [row.value(*operands), *row.local_derivatives(tuple(operands), 0.0)])
    assert found, "its slope needs y"
    assert not [miss for miss in found if miss.place == "the value"]
    assert LIMIT == 4.0


def test_it_is_drawn_and_walked(sec: Op) -> None:
    a = Value(0.7, label="angle")
    y = sec(a) * 2.0
    order = topological_order(y)
    assert [node._op for node in order if not is_constant(node)] == ["", "sec", "*"]
    source = cr.draw_dot(y).source
    assert "sec" in source
    assert "angle" in source
    nodes, edges = cr.trace(y)
    assert len(nodes) == 4
    assert (a, y._prev[0]) in edges


def test_it_obeys_no_grad(sec: Op) -> None:
    with cr.no_grad():
        y = sec(Value(0.5))
    assert y._prev == ()
    assert y._op == ""


def test_a_row_of_two_operands(geometric_mean: Op) -> None:
    a, b = Value(2.0), Value(8.0)
    y = geometric_mean(a, b)
    assert (y.data, y._op, y._prev) == (4.0, "gm", (a, b))
    y.backward()
    assert (a.grad, b.grad) == (1.0, 0.25)
    assert a.geometric_mean(b).data == 4.0
    assert mixed(geometric_mean(a, b), [a, b], [1, 1]) == pytest.approx(0.0625)


@pytest.mark.parametrize("place", [0, 1])
def test_a_row_of_two_operands_with_a_number(geometric_mean: Op, place: int) -> None:
    a = Value(2.0)
    operands: list[Any] = [8.0, 8.0]
    operands[place] = a
    y = geometric_mean(*operands)
    y.backward()
    assert a.grad == 1.0
    assert [is_constant(each) for each in y._prev] == [place == 1, place == 0]
    assert y._prev[1 - place].data == 8.0
    assert y._prev[1 - place] is y._prev[1 - place]
    found, _ = parts(y)
    assert found[1 - place] == 8.0


def test_a_row_of_any_number_of_operands(log_mean_exp: Op) -> None:
    a, b = Value(0.0), Value(math.log(3.0))
    y = log_mean_exp(a, b, math.log(2.0))
    assert y.data == pytest.approx(math.log(2.0))
    y.backward()
    assert (a.grad, b.grad) == (pytest.approx(1 / 6), pytest.approx(0.5))
    assert [is_constant(each) for each in y._prev] == [False, False, True]
    assert y._op == "log_mean_exp"


def test_a_private_row_is_no_method(log_mean_exp: Op) -> None:
    with pytest.raises(AttributeError, match="log_mean_exp"):
        Value(1.0).log_mean_exp()
    assert log_mean_exp.name in TABLE


def test_rows_of_the_program_work_together(sec: Op, geometric_mean: Op) -> None:
    a, b = Value(0.4), Value(1.2)

    def f(a: Any, b: Any) -> Any:
        return log(geometric_mean(sec(a), b) * b.tanh())

    f(a, b).backward()
    h = 1e-6
    for x, slope in (((h, 0.0), a.grad), ((0.0, h), b.grad)):
        numeric = (f(0.4 + x[0], Value(1.2 + x[1])).data - f(0.4 - x[0], Value(1.2 - x[1])).data) / (2 * h)
        assert slope == pytest.approx(numeric, rel=1e-8)


def test_after_removal_the_name_is_free_again() -> None:
    assert "sec" not in TABLE
    with pytest.raises(AttributeError, match="sec"):
        Value(1.0).sec()
