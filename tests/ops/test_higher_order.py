"""Every rule, evaluated on Values, can be differentiated again: to order 3, against mpmath."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from chainrule import Value
from chainrule.ops import TABLE, Op
from tests.ops.accuracy import node_of
from tests.ops.higher_order import grad, mixed
from tests.ops.references import Real, mp, reference

UNARY = [row for row in TABLE.values() if row.arity == 1]
BINARY = [row for row in TABLE.values() if row.arity == 2]
SMOOTH_POINTS = (0.0, 1e-160, 1e-8, 0.3, 0.5, 0.8, 1.0, 1.7, 2.5, 6.0, 20.0, 37.3, 300.0, 1000.0)
PAIRS = ((0.3, 0.4), (1.7, 2.0), (2.5, -1.3), (0.8, 0.25), (4.0, 3.0), (0.5, 1e-3), (1.2, 1.0), (3.0, -20.0))
RELATIVE = 1e-12  # of the derivative, or of all those up to it together: what cancels in one is in another


def unary_points(row: Op) -> list[float]:
    low, high = row.domain[0]
    signed = {sign * x for x in SMOOTH_POINTS for sign in (1.0, -1.0)}
    return sorted(x for x in signed if low < x < high and x not in row.kinks)


def close(got: float, expected: Real, scale: Real) -> bool:
    """Tell whether a derivative is right; beyond the largest float it is an infinity of the right sign."""
    if abs(expected) > 2.0**1023:
        return math.isinf(got) and (got > 0) == (expected > 0)
    return bool(abs(mp.mpf(got) - expected) <= RELATIVE * (abs(expected) + scale) + 1e-320) and not math.isnan(got)


def unary_truths(row: Op, x: float) -> list[Real]:
    """Return the derivatives of order 1, 2 and 3: the known slope, and its differences in very many digits."""

    def slope(a: Real) -> Real:
        return mp.mpf(reference(row).all_slopes(a)[0])

    with mp.workprec(2000):
        a = mp.mpf(x)
        step = mp.ldexp(abs(a) if x else mp.mpf(1), -200)
        before, here, after = slope(a - step), slope(a), slope(a + step)
        return [here, (after - before) / (2 * step), (after - 2 * here + before) / step**2]


def truths(row: Op, operands: tuple[float, ...], orders: list[tuple[int, ...]]) -> dict[tuple[int, ...], Real]:
    """Return mpmath's partial derivatives."""
    exact = [mp.mpf(x) for x in operands]
    with mp.workprec(500):
        return {order: mp.diff(reference(row).value, exact, order) for order in orders}


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_unary(row: Op) -> None:
    for x in unary_points(row):
        true = unary_truths(row, x)
        scale = sum(abs(each) for each in true)
        for order, expected in enumerate(true, start=1):
            a = Value(x)
            got = mixed(node_of(row, [a]), [a], [order])
            assert close(got, expected, scale), f"{row.name}, order {order} at {x}: {got}, not {expected}"


@pytest.mark.parametrize("row", BINARY, ids=lambda row: row.name)
def test_binary(row: Op) -> None:
    orders = [order for order in itertools.product(range(4), repeat=2) if 1 <= sum(order) <= 3]
    for operands in PAIRS:
        true = truths(row, operands, orders)
        scale = sum(abs(each) for each in true.values())
        for order in orders:
            inputs = [Value(x) for x in operands]
            got = mixed(node_of(row, inputs), inputs, order)
            assert close(got, true[order], scale), f"{row.name}, {order} at {operands}: {got}, {true[order]}"


@pytest.mark.parametrize("operands", [(0.7, 0.5, 0.0), (-3.0, 1.0, 0.0), (30.0, 0.25, 32.0), (0.0, 0.5, 0.0)])
def test_bell(operands: tuple[float, ...]) -> None:
    orders = [order for order in itertools.product(range(4), repeat=3) if 1 <= sum(order) <= 3]
    true = truths(TABLE["bell"], operands, orders)
    scale = sum(abs(each) for each in true.values())
    for order in orders:
        inputs = [Value(x) for x in operands]
        assert close(mixed(node_of(TABLE["bell"], inputs), inputs, order), true[order], scale), order


@pytest.mark.parametrize("count", [1, 2, 4])
def test_logsumexp(count: int) -> None:
    operands = (0.3, -1.2, 2.0, 0.5)[:count]
    orders = [order for order in itertools.product(range(4), repeat=count) if 1 <= sum(order) <= 3]
    true = truths(TABLE["logsumexp"], operands, orders)
    for order in orders:
        inputs = [Value(x) for x in operands]
        got = mixed(node_of(TABLE["logsumexp"], inputs), inputs, order)
        assert got == pytest.approx(float(true[order]), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("row", [row for row in UNARY if row.kinks], ids=lambda row: row.name)
def test_at_a_kink_the_derivatives_are_those_of_one_side(row: Op) -> None:
    for kink in row.kinks:
        for order in (2, 3):
            sides = [float(mp.diff(reference(row).value, kink, order, direction=side)) for side in (-1, 1)]
            a = Value(kink)
            got = mixed(node_of(row, [a]), [a], [order])
            assert got in [pytest.approx(side) for side in sides]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("order", [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (0, 3)])
def test_a_tie_is_flat_beyond_its_slope(name: str, order: tuple[int, int]) -> None:
    inputs = [Value(0.7), Value(0.7)]
    assert mixed(node_of(TABLE[name], inputs), inputs, order) == 0.0


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "erf", "softplus", "silu", "gelu"])
@pytest.mark.parametrize("x", [-1e308, -1e5, -1000.0, 1000.0, 1e5, 1e308])
def test_in_the_tails_slopes_of_every_order_are_constant(name: str, x: float) -> None:
    a = Value(x)
    first = mixed(node_of(TABLE[name], [a]), [a], [1])
    linear_on_the_right = name in ("softplus", "silu", "gelu") and x > 0
    assert first == (1.0 if linear_on_the_right else 0.0)
    for order in (2, 3):
        assert mixed(node_of(TABLE[name], [a]), [a], [order]) == 0.0


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@pytest.mark.parametrize("x", [-20.0, 20.0])
def test_where_the_value_rounds_to_a_bound_slopes_keep_their_digits(name: str, x: float) -> None:
    for order, expected in enumerate(unary_truths(TABLE[name], x), start=1):
        a = Value(x)
        got = mixed(node_of(TABLE[name], [a]), [a], [order])
        assert got == pytest.approx(float(expected), rel=1e-14, abs=0.0)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("x", [0.0, -1.5, 2.0])
def test_whole_powers(exponent: int, x: float) -> None:
    for order in (1, 2, 3):
        a = Value(x)
        falling = math.prod(exponent - k for k in range(order))
        expected = falling * x ** (exponent - order) if falling else 0.0
        assert mixed(a**exponent, [a], [order]) == pytest.approx(expected, rel=1e-14, abs=0.0)


def test_the_slope_by_the_base_still_depends_on_an_exponent_of_0() -> None:
    a, b = Value(2.0), Value(0.0)
    assert mixed(a**b, [a, b], [1, 1]) == pytest.approx(0.5)  # ∂²aᵇ/∂a∂b = aᵇ⁻¹·(1 + b·ln a)


def test_a_square_written_with_a_value_depends_on_its_exponent() -> None:
    a, b = Value(3.0), Value(2.0)
    assert mixed(a**b, [a, b], [1, 1]) == pytest.approx(3.0 * (1.0 + 2.0 * math.log(3.0)))


def composite(a: Any, b: Any) -> Any:
    return (a * b).tanh() / (b.sigmoid() + a * a) + (a - b).gelu() * (a * 2.0).softplus()


def composite_truth(a: Real, b: Real) -> Real:
    gelu = (a - b) * mp.ncdf(a - b)
    return mp.tanh(a * b) / (1 / (1 + mp.exp(-b)) + a * a) + gelu * mp.log1p(mp.exp(2 * a))


@pytest.mark.parametrize("order", [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)])
def test_rules_work_together(order: tuple[int, int]) -> None:
    inputs = [Value(0.7), Value(-0.4)]
    with mp.workprec(300):
        true = float(mp.diff(composite_truth, (0.7, -0.4), order))
    assert mixed(composite(*inputs), inputs, order) == pytest.approx(true, rel=1e-12)


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_the_first_order_is_what_backward_gives(row: Op) -> None:
    low, high = row.domain[0]
    for x in (0.0, 0.4, 0.9, -0.4, 3.0, -3.0):
        if low <= x <= high:
            a, again = Value(x), Value(x)
            node_of(row, [a]).backward()
            assert float(grad(node_of(row, [again]), [again])[0]) == a.grad
