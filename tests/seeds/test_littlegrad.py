"""The littlegrad post, listing by listing: the same Value built up in other steps."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.engine import Value, topological_order
from tests.seeds import lecture


def test_sum_and_product() -> None:
    a = Value(2.0)
    b = Value(3.0)
    assert repr(a) == "Value(data=2.0, grad=0.0)"
    assert repr(a + b) == "Value(data=5.0, grad=0.0)"
    assert repr(a * b) == "Value(data=6.0, grad=0.0)"


def test_a_plain_number_on_either_side() -> None:
    a = Value(2.0)
    c = 3.0
    assert (a * c).data == (c * a).data == 6.0
    assert (a + c).data == (c + a).data == 5.0


def test_op_and_operands() -> None:
    a = Value(2.0, label="a")
    b = Value(-3.0, label="b")
    c = a + b
    c.label = "c"
    assert c.data == -1.0
    assert c._op == "+"
    assert c._prev == (a, b)
    assert [each.data for each in c._prev] == [2.0, -3.0]


def expression() -> dict[str, Value]:
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
    return {node.label: node for node in (a, b, c, e, d, f, L)}


GRADIENTS = {"a": 6.0, "b": -4.0, "c": -2.0, "e": -2.0, "d": -2.0, "f": 4.0, "L": 1.0}


def test_the_expression_and_its_picture() -> None:
    L = expression()["L"]
    assert L.data == -8.0
    for source in (lecture.draw_dot(L).source, cr.draw_dot(L).source):
        assert "{ L | data -8.0000 | grad 0.0000 }" in source
        assert "{ a | data 2.0000 | grad 0.0000 }" in source


def test_backward_called_node_by_node() -> None:
    nodes = expression()
    nodes["L"].grad = 1.0
    for name in ("L", "f", "d", "e", "c", "b", "a"):
        nodes[name]._backward()
    assert {name: node.grad for name, node in nodes.items()} == GRADIENTS
    assert "{ e | data -6.0000 | grad -2.0000 }" in lecture.draw_dot(nodes["L"]).source


def test_the_topological_sort_printed_in_the_post() -> None:
    nodes = expression()
    topo = lecture.topological(nodes["L"])
    assert [node.data for node in topo] == [2.0, -3.0, -6.0, 10.0, 4.0, -2.0, -8.0]
    assert topological_order(nodes["L"]) == topo
    nodes["L"].grad = 1.0
    for node in reversed(topo):
        node._backward()
    assert {name: node.grad for name, node in nodes.items()} == GRADIENTS


def test_backward() -> None:
    nodes = expression()
    nodes["L"].backward()
    assert {name: node.grad for name, node in nodes.items()} == GRADIENTS


@pytest.mark.parametrize(("x", "y", "slope"), [(2.0, 2.0, 1.0), (-2.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_relu(x: float, y: float, slope: float) -> None:
    a = Value(x)
    out = a.relu()
    out.backward()
    assert (out.data, a.grad, out._op) == (y, slope, "ReLU")


@pytest.mark.parametrize("x", [-3.0, -0.5, 0.0, 0.5, 3.0])
def test_tanh(x: float) -> None:
    a, b = Value(x), Value(x)
    a.tanh().backward()
    lecture.tanh(b).backward()
    assert a.grad == pytest.approx(b.grad, rel=1e-12)


def test_the_toy_neuron() -> None:
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    x1w1x2w2 = x1w1 + x2w2
    x1w1x2w2.label = "x1*w1 + x2*w2"
    n = x1w1x2w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    assert "{ o | data 0.7071 | grad 0.0000 }" in lecture.draw_dot(o).source
    o.backward()
    assert "{ x1 | data 2.0000 | grad -1.5000 }" in lecture.draw_dot(o).source
    grads = [v.grad for v in (x1, w1, x2, w2, b, n)]
    assert grads == pytest.approx([-1.5, 1.0, 0.5, 0.0, 0.5, 0.5], rel=1e-9, abs=1e-12)
