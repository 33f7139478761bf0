"""_backward, callable and assignable: the lecture's manual walk, and ops that a program makes itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import has_closure, is_constant, local_derivatives, op_of, topological_order
from chainrule.errors import GraphError


def cube(a: Value, calls: list[float] | None = None) -> Value:
    """a³, in the way of the lecture."""
    out = Value(a.data**3, (a,), "cube")

    def _backward() -> None:
        a.grad += 3 * a.data**2 * out.grad
        if calls is not None:
            calls.append(out.grad)

    out._backward = _backward
    return out


def test_manual_walk_of_the_lecture() -> None:
    x, w, b = Value(2.0), Value(-3.0), Value(6.7)
    o = (x * w + b).tanh() ** 2
    topo: list[Value] = []
    visited = set()

    def build_topo(v: Value) -> None:
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                build_topo(child)
            topo.append(v)

    build_topo(o)
    o.grad = 1.0
    for node in reversed(topo):
        node._backward()
    by_hand = [node.grad for node in topo]
    for node in topo:
        node.grad = 0.0
    o.backward()
    assert [node.grad for node in topo] == by_hand
    assert x.grad == pytest.approx(2 * math.tanh(0.7) * (1 - math.tanh(0.7) ** 2) * -3, rel=1e-15)


def test_each_call_adds_this_nodes_share() -> None:
    a, b = Value(2.0), Value(3.0)
    m = a * b
    m.grad = 10.0
    m._backward()
    assert (a.grad, b.grad, m.grad) == (30.0, 20.0, 10.0)
    m._backward()
    assert (a.grad, b.grad) == (60.0, 40.0)


def test_a_leafs_backward_does_nothing() -> None:
    a = Value(2.0)
    a.grad = 3.0
    assert a._backward() is None
    assert a.grad == 3.0


def test_a_share_goes_to_duplicates_and_not_to_constants() -> None:
    a = Value(3.0)
    m = a * a
    m.grad = 1.0
    m._backward()
    assert a.grad == 6.0
    k = a * 5.0
    k.grad = 1.0
    k._backward()
    assert a.grad == 11.0
    assert k._prev[1].grad == 0.0
    p = a**2
    p.grad = 1.0
    p._backward()
    assert a.grad == 17.0


def test_a_user_op_is_a_full_citizen() -> None:
    a, b = Value(2.0), Value(5.0)
    calls: list[float] = []
    node = cube(a + b, calls)
    assert (node.data, node._op, node.label, op_of(node), has_closure(node)) == (343.0, "cube", "", None, True)
    loss = (node * 2.0 + a).relu()
    loss.backward()
    assert calls == [2.0]
    assert (a.grad, b.grad, node.grad) == (1.0 + 2 * 147.0, 2 * 147.0, 2.0)
    loss.backward()
    assert (a.grad, b.grad, node.grad) == (2 * (1.0 + 2 * 147.0), 4 * 147.0, 2.0)


def test_a_user_op_of_user_ops_with_shared_operands() -> None:
    a = Value(1.5)
    inner = cube(a)
    outer = cube(inner) + inner * a
    outer.backward()
    expected = 9 * 1.5**8 + 4 * 1.5**3
    assert a.grad == pytest.approx(expected, rel=1e-14)


def test_the_lectures_tanh() -> None:
    def tanh(x: Value) -> Value:
        n = x.data
        t = (math.exp(2 * n) - 1) / (math.exp(2 * n) + 1)
        out = Value(t, (x,), "tanh")

        def _backward() -> None:
            x.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    mine, ours = Value(0.8), Value(0.8)
    tanh(mine).backward()
    ours.tanh().backward()
    assert mine.grad == pytest.approx(ours.grad, rel=1e-14)


def test_a_user_op_without_backward_passes_nothing_on() -> None:
    a = Value(2.0)
    out = Value(4.0, (a,), "sq")
    (out * 3.0).backward()
    assert (out.grad, a.grad) == (3.0, 0.0)


def test_reassigning_the_backward_of_a_builtin_op() -> None:
    a = Value(3.0)
    m = a * 2.0
    original = m._backward
    seen: list[float] = []

    def clipped() -> None:
        seen.append(m.grad)
        m.grad = min(m.grad, 1.0)
        original()

    m._backward = clipped
    (m * 100.0).backward()
    assert (seen, a.grad) == ([100.0], 2.0)
    assert m._backward is clipped


def test_every_node_of_a_graph_may_be_wrapped() -> None:
    a, b = Value(2.0), Value(3.0)
    loss = (a * 3.0 + b) ** 2 * a
    loss.backward()
    expected = (a.grad, b.grad)
    a.grad = b.grad = 0.0
    seen: list[Value] = []

    def logged(node: Value, give: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            seen.append(node)
            give()

        return run

    order = topological_order(loss)
    for node in order:
        node._backward = logged(node, node._backward)
    loss.backward()
    assert (a.grad, b.grad) == expected
    met = {node for node in seen if not is_constant(node)}
    assert met == {node for node in order if not is_constant(node)}
    assert len(seen) == len(set(seen))
    places = [seen.index(node) for node in order if node in met]
    assert all(seen.index(user) < seen.index(op) for user in met for op in user._prev if op in met)
    assert len(places) == len(met)


def test_a_hook_on_a_leaf_sees_its_complete_gradient_once() -> None:
    a = Value(2.0)
    seen: list[float] = []
    a._backward = lambda: seen.append(a.grad)
    (a * 3.0 + a * a).backward()
    assert seen == [7.0]
    assert a.grad == 7.0


@pytest.mark.parametrize("thing", [None, 5, "text"])
def test_a_backward_that_is_no_function_is_an_error(thing: Any) -> None:
    a = Value(2.0)
    out = Value(4.0, (a,), "sq")

    def assign_and_call() -> None:
        out._backward = thing
        out.backward()

    with pytest.raises(TypeError):
        assign_and_call()
    b = Value(1.0)
    (b * 2.0).backward()
    assert b.grad == 2.0


def overlapping(where: str) -> tuple[Value, Value]:
    """A graph whose closure calls backward() on something that it shares interior nodes with."""
    a = Value(2.0)
    m = a * 3.0
    other = a * 5.0
    out = Value(36.0, (m,), "mine")
    loss = (out * 1.0 + m) * other
    target = {"itself": out, "its operand": m, "the root": loss, "a node beside": other, "a new user": None}[where]

    def share() -> None:
        m.grad += out.grad
        (other * 2.0 if target is None else target).backward()

    out._backward = share
    return a, loss


@pytest.mark.parametrize("where", ["itself", "its operand", "the root", "a node beside", "a new user"])
def test_a_nested_backward_on_an_overlapping_graph_is_refused(where: str) -> None:
    a, loss = overlapping(where)
    for _ in range(2):
        with pytest.raises(GraphError, match=r"_backward.*detach"):
            loss.backward()
    a.grad = 0.0
    (a * a).backward()
    assert a.grad == 4.0


def test_a_nested_backward_on_a_graph_of_its_own_is_allowed() -> None:
    a, b = Value(2.0), Value(3.0)
    out = Value(8.0, (a,), "cube")

    def share() -> None:
        x = a.detach()
        (x * x * x).backward()
        a.grad += x.grad * out.grad

    out._backward = share
    loss = out * b + a
    loss.backward()
    assert (a.grad, b.grad, out.grad, loss.grad) == (37.0, 8.0, 3.0, 1.0)
    loss.backward()
    assert (a.grad, b.grad) == (74.0, 16.0)


def test_nested_backward_may_share_leaves() -> None:
    a, w = Value(2.0), Value(10.0)
    out = Value(4.0, (a,), "mine")

    def share() -> None:
        a.grad += out.grad
        (w * 7.0).backward()

    out._backward = share
    (out * w).backward()
    assert (a.grad, w.grad) == (10.0, 4.0 + 7.0)


def test_nested_three_deep() -> None:
    def counted(depth: int, a: Value) -> Value:
        out = Value(a.data, (a,), f"level {depth}")

        def share() -> None:
            if depth:
                x = a.detach()
                (counted(depth - 1, x) * 2.0).backward()
                a.grad += x.grad * out.grad
            else:
                a.grad += out.grad

        out._backward = share
        return out

    a = Value(1.0)
    counted(3, a).backward()
    assert a.grad == 8.0


def test_without_a_function_nothing_is_given_whatever_the_memory_held() -> None:
    """Compiled, operands are kept in memory that was another node's, here one with slopes 5 and 7."""
    for _ in range(100):
        cr.dot([Value(7.0)], [Value(5.0)])
    a, b = Value(1.0), Value(2.0)
    out = Value(3.0, (a, b), "mine")
    out.grad = 1.0
    assert local_derivatives(out) == (0.0, 0.0)
    out._backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
