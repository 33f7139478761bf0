"""The lecture's first graph, L = (a·b + c)·f: built, drawn, differentiated by hand, by steps and by backward()."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import chainrule as cr
from chainrule.engine import Value
from tests.seeds import lecture


@dataclass
class Graph:
    a: Value
    b: Value
    c: Value
    e: Value
    d: Value
    f: Value
    L: Value


def build() -> Graph:
    a = Value(2.0, label="a")
    b = Value(-3.0, label="b")
    c = Value(10.0, label="c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    f = Value(-2.0, label="f")
    L = d * f
    L.label = "L"
    return Graph(a, b, c, e, d, f, L)


def test_a_value_wraps_a_number() -> None:
    a = Value(2.0)
    b = Value(-3.0)
    c = Value(10.0)
    assert repr(a).startswith("Value(data=2.0")
    assert (a + b).data == -1.0
    d = a * b + c
    assert d.data == 4.0
    assert (a.__mul__(b)).__add__(c).data == 4.0


def test_a_node_knows_its_operands_and_its_op() -> None:
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    d = a * b + c
    product, last = d._prev
    assert (product.data, last, d._op) == (-6.0, c, "+")
    assert (set(product._prev), product._op) == ({a, b}, "*")
    assert (a._prev, a._op) == ((), "")


def test_the_lectures_trace_and_ours() -> None:
    L = build().L
    nodes, edges = lecture.trace(L)
    assert (nodes, edges) == cr.trace(L)
    assert (len(nodes), len(edges)) == (7, 6)


@pytest.mark.parametrize("with_grad", [False, True])
def test_the_lectures_drawing(with_grad: bool) -> None:
    graph = build()
    if with_grad:
        graph.L.backward()
    source = lecture.draw_dot(graph.L, with_grad).source
    for value in lecture.trace(graph.L)[0]:
        grad = f" | grad {value.grad:.4f}" if with_grad else ""
        assert f'label="{{ {value.label} | data {value.data:.4f}{grad} }}" shape=record' in source
    assert source.count("shape=record") == 7
    assert source.count("->") == 3 + 6
    assert "rankdir=LR" in source


def test_our_drawing_has_the_same_records() -> None:
    graph = build()
    graph.L.backward()
    source = cr.draw_dot(graph.L).source
    for value in lecture.trace(graph.L)[0]:
        assert f"{{ {value.label} | data {value.data:.4f} | grad {value.grad:.4f} }}" in source
    assert source.count("->") == 3 + 6


def test_data_of_the_forward_pass() -> None:
    graph = build()
    assert [(v.label, v.data) for v in (graph.e, graph.d, graph.L)] == [("e", -6.0), ("d", 4.0), ("L", -8.0)]
    assert all(v.grad == 0.0 for v in lecture.trace(graph.L)[0])


def test_lol_the_derivative_of_l_by_itself() -> None:
    def lol() -> float:
        h = 0.0001
        L1 = build().L.data
        L2 = build().L.data + h
        return (L2 - L1) / h

    assert lol() == pytest.approx(0.9999999999976694, rel=1e-9)


GRADIENTS = {"a": 6.0, "b": -4.0, "c": -2.0, "e": -2.0, "d": -2.0, "f": 4.0, "L": 1.0}


def by_hand(graph: Graph) -> Graph:
    graph.L.grad = 1.0
    graph.f.grad = graph.d.data * graph.L.grad
    graph.d.grad = graph.f.data * graph.L.grad
    graph.c.grad = 1.0 * graph.d.grad
    graph.e.grad = 1.0 * graph.d.grad
    graph.a.grad = graph.b.data * graph.e.grad
    graph.b.grad = graph.a.data * graph.e.grad
    return graph


def test_gradients_by_hand() -> None:
    graph = by_hand(build())
    assert {name: getattr(graph, name).grad for name in GRADIENTS} == GRADIENTS


def test_gradients_by_backward() -> None:
    graph = build()
    graph.L.backward()
    assert {name: getattr(graph, name).grad for name in GRADIENTS} == GRADIENTS


@pytest.mark.parametrize("name", ["a", "b", "c", "f"])
def test_gradients_by_small_steps(name: str) -> None:
    h = 0.0001
    data = {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0}

    def loss(at: dict[str, float]) -> float:
        d = Value(at["a"]) * Value(at["b"]) + Value(at["c"])
        return float(d * at["f"])

    slope = (loss({**data, name: data[name] + h}) - loss(data)) / h
    assert slope == pytest.approx(GRADIENTS[name], rel=1e-9)


def test_one_step_uphill() -> None:
    graph = by_hand(build())
    a, b, c, f = graph.a, graph.b, graph.c, graph.f
    a.data += 0.01 * a.grad
    b.data += 0.01 * b.grad
    c.data += 0.01 * c.grad
    f.data += 0.01 * f.grad
    e = a * b
    d = e + c
    L = d * f
    assert L.data == pytest.approx(-7.286496, rel=1e-9)


def test_labels_may_be_given_later() -> None:
    graph = build()
    graph.L.label = "loss"
    assert graph.L.label == "loss"
    assert replace(graph).L is graph.L


def test_the_fields_of_the_lectures_constructor() -> None:
    a = Value(2.0)
    out = Value(4.0, (a,), "twice", label="out")
    assert (out.data, out.grad, out._op, out.label, set(out._prev)) == (4.0, 0.0, "twice", "out", {a})
    a._backward()
    assert a.grad == 0.0


def test_the_bug_of_a_plus_a() -> None:
    a = Value(3.0, label="a")
    b = a + a
    b.backward()
    assert (b.data, a.grad) == (6.0, 2.0)


def test_a_node_used_twice_further_up() -> None:
    a = Value(-2.0, label="a")
    b = Value(3.0, label="b")
    d = a * b
    e = a + b
    f = d * e
    f.backward()
    assert (f.data, a.grad, b.grad) == (-6.0, -3.0, -8.0)
