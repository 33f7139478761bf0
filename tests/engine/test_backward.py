"""backward(): leaves accumulate, interior nodes are fresh, slopes are those of the forward pass."""

from __future__ import annotations

import math

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import topological_order
from chainrule.errors import ChainruleError, NumberError


def test_the_root_gets_1_and_every_node_its_gradient() -> None:
    a, b, c, f = Value(2.0), Value(-3.0), Value(10.0), Value(-2.0)
    e = a * b
    d = e + c
    loss = d * f
    loss.backward()
    assert [node.grad for node in (loss, d, f, e, c, a, b)] == [1.0, -2.0, 4.0, -2.0, -2.0, 6.0, -4.0]


def test_backward_returns_nothing() -> None:
    assert (Value(1.0) * 2.0).backward() is None


def test_nodes_that_the_root_does_not_depend_on_are_left_alone() -> None:
    a = Value(2.0)
    m = a * 3.0
    beside, above = m * 5.0, m + 1.0
    beside.grad, above.grad = 7.0, 8.0
    m.backward()
    assert (beside.grad, above.grad, m.grad, a.grad) == (7.0, 8.0, 1.0, 3.0)


@pytest.mark.parametrize("times", [1, 2, 3, 5])
def test_a_second_call_doubles_the_leaves_and_never_more(times: int) -> None:
    a, b = Value(2.0), Value(3.0)
    m = a * b
    root = (m * m + a).tanh() * 0.5 + m
    root.backward()
    once = [a.grad, b.grad]
    interior = [node.grad for node in topological_order(root) if node._prev]
    for _ in range(times - 1):
        root.backward()
    assert [a.grad, b.grad] == pytest.approx([times * each for each in once], rel=1e-15)
    assert [node.grad for node in topological_order(root) if node._prev] == interior


def test_leaves_accumulate_over_different_graphs_too() -> None:
    a = Value(3.0)
    (a * 2.0).backward()
    (a * a).backward()
    assert a.grad == 8.0
    a.grad = 0.0
    (a * 5.0).backward()
    assert a.grad == 5.0


def test_a_grad_that_was_set_on_a_leaf_is_added_to_and_on_an_interior_node_replaced() -> None:
    a = Value(3.0)
    m = a * 2.0
    root = m * 4.0
    a.grad, m.grad, root.grad = 100.0, 100.0, 100.0
    root.backward()
    assert (root.grad, m.grad, a.grad) == (1.0, 4.0, 108.0)


def test_backward_from_an_interior_node_and_then_from_the_root() -> None:
    a = Value(3.0)
    m = a * 2.0
    root = m * 4.0
    root.backward()
    m.backward()
    assert (root.grad, m.grad, a.grad) == (1.0, 1.0, 10.0)
    root.backward()
    assert (root.grad, m.grad, a.grad) == (1.0, 4.0, 18.0)


def test_backward_of_a_leaf_sets_its_own_gradient() -> None:
    a = Value(3.0)
    a.backward()
    assert a.grad == 1.0
    a.backward()
    assert a.grad == 1.0
    (a * 2.0).backward()
    assert a.grad == 3.0


@pytest.mark.parametrize(
    ("make", "gradient"),
    [
        (lambda a: a + a, 2.0),
        (lambda a: a * a, 6.0),
        (lambda a: a - a, 0.0),
        (lambda a: a / a, 0.0),
        (lambda a: a**a, 27.0 * (1 + math.log(3.0))),
        (lambda a: cr.maximum(a, a), 1.0),
        (lambda a: cr.where(a, a, a), 1.0),
        (lambda a: cr.sum([a, a, a]), 3.0),
        (lambda a: cr.dot([a, a], [a, a], a), 13.0),
        (lambda a: cr.logsumexp([a, a]), 1.0),
        (lambda a: cr.hypot(a, a), math.sqrt(2.0)),
    ],
)
def test_a_node_used_twice_gets_both_shares(make: object, gradient: float) -> None:
    a = Value(3.0)
    make(a).backward()  # type: ignore[operator]
    assert a.grad == pytest.approx(gradient, rel=1e-15, abs=1e-15)


def test_slopes_are_those_of_the_forward_pass() -> None:
    a, b = Value(2.0), Value(5.0)
    root = a * b + a.exp()
    a.data, b.data = 100.0, 200.0
    root.backward()
    assert (a.grad, b.grad) == (5.0 + math.exp(2.0), 2.0)
    assert root.data == 10.0 + math.exp(2.0)


def test_changed_data_of_an_interior_node_reaches_only_what_is_computed_later() -> None:
    a = Value(2.0)
    m = a * 3.0
    before = m * m
    m.data = 10.0
    after = m * m
    assert (before.data, after.data) == (36.0, 100.0)
    before.backward()
    assert a.grad == 36.0


def test_a_diamond_of_diamonds() -> None:
    # 2^60 paths: each node may be visited only once
    a = Value(1.0)
    node = a
    for _ in range(60):
        node = node + node
    node.backward()
    assert a.grad == node.data == 2.0**60


def test_a_ladder_with_uneven_paths() -> None:
    a = Value(1.0)
    short, long = a, a
    for _ in range(50):
        long = long * 1.0 + short * 0.0 + short - short
        short = short + long * 0.0
    (short + long).backward()
    assert a.grad == 2.0


def test_nan_and_infinity_follow_arithmetic() -> None:
    a, b = Value(0.0), Value(1.0)
    (b / a).backward()
    assert (a.grad, b.grad) == (-math.inf, math.inf)
    c = Value(0.0)
    (c.sqrt() * 0.0).backward()
    assert math.isnan(c.grad)
    d = Value(math.nan)
    (d * 2.0).backward()
    assert d.grad == 2.0
    e = Value(math.nan)
    e.relu().backward()
    assert math.isnan(e.relu().data)


def test_no_negative_zero_in_sight() -> None:
    a = Value(1.0)
    assert repr(a) == "Value(data=1.0, grad=0.0)"
    (a * 1.0).backward()
    assert repr(Value(2.0).grad) == "0.0"


def test_topological_order_is_the_lectures() -> None:
    a, b, c, f = (Value(x, label=name) for x, name in [(2.0, "a"), (-3.0, "b"), (10.0, "c"), (-2.0, "f")])
    e = a * b
    d = e + c
    loss = d * f
    assert topological_order(loss) == [a, b, e, c, d, f, loss]
    assert topological_order(a) == [a]


def test_topological_order_may_leave_constants_out() -> None:
    a = Value(2.0)
    root = (3.0 * a) ** 2 - 1.0
    assert [node.data for node in topological_order(root)] == [3.0, 2.0, 6.0, 36.0, 1.0, 35.0]
    assert [node.data for node in topological_order(root, constants=False)] == [2.0, 6.0, 36.0, 35.0]


def test_topological_order_of_something_else() -> None:
    with pytest.raises(NumberError, match="'float'") as caught:
        topological_order(1.0)
    assert isinstance(caught.value, ChainruleError)


def test_mean_and_softmax_are_built_of_ops() -> None:
    xs = [Value(1.0), Value(2.0), Value(6.0)]
    cr.mean(xs).backward()
    assert [x.grad for x in xs] == [pytest.approx(1 / 3, rel=1e-15)] * 3
    ys = [Value(0.0), Value(3.0), Value(-2.0), Value(1.0)]
    shares = cr.softmax(ys)
    assert math.fsum(s.data for s in shares) == pytest.approx(1.0, rel=1e-15)
    shares[1].backward()
    p = [s.data for s in shares]
    expected = [p[1] * ((i == 1) - p[i]) for i in range(4)]
    assert [y.grad for y in ys] == pytest.approx(expected, rel=1e-12)
