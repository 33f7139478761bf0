"""The lecture's neuron: tanh(x1·w1 + x2·w2 + b), its gradients in every way the lecture finds them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule.engine import Value, topological_order
from tests.seeds import lecture

B = 6.8813735870195432
N = 0.8813735870195432
O = 0.7071067811865476  # noqa: E741 - the lecture's name
GRADIENTS = {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5, "n": 0.5}


def neuron(activate: Callable[[Value], Value]) -> dict[str, Value]:
    x1 = Value(2.0, label="x1")
    x2 = Value(0.0, label="x2")
    w1 = Value(-3.0, label="w1")
    w2 = Value(1.0, label="w2")
    b = Value(B, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    x1w1x2w2 = x1w1 + x2w2
    x1w1x2w2.label = "x1*w1 + x2*w2"
    n = x1w1x2w2 + b
    n.label = "n"
    o = activate(n)
    o.label = "o"
    return {node.label: node for node in (x1, x2, w1, w2, b, x1w1, x2w2, x1w1x2w2, n, o)}


def from_exponentials(n: Value) -> Value:
    e = (2 * n).exp()
    result: Value = (e - 1) / (e + 1)
    return result


def from_two_exponentials(n: Value) -> Value:
    result: Value = ((2 * n).exp() - 1) / ((2 * n).exp() + 1)
    return result


WAYS = [Value.tanh, cr.tanh, lecture.tanh, from_exponentials, from_two_exponentials]


@pytest.mark.parametrize("activate", WAYS)
def test_forward_and_backward(activate: Callable[[Value], Value]) -> None:
    nodes = neuron(activate)
    assert nodes["n"].data == pytest.approx(N, rel=1e-12)
    assert nodes["o"].data == pytest.approx(O, rel=1e-12)
    nodes["o"].backward()
    for name, gradient in GRADIENTS.items():
        assert nodes[name].grad == pytest.approx(gradient, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("activate", WAYS)
def test_the_manual_walk(activate: Callable[[Value], Value]) -> None:
    nodes = neuron(activate)
    nodes["o"].grad = 1.0
    for node in reversed(lecture.topological(nodes["o"])):
        node._backward()
    for name, gradient in GRADIENTS.items():
        assert nodes[name].grad == pytest.approx(gradient, rel=1e-12, abs=1e-12)


def test_gradients_by_hand() -> None:
    nodes = neuron(lecture.tanh)
    x1, x2, w1, w2 = (nodes[name] for name in ("x1", "x2", "w1", "w2"))
    nodes["o"].grad = 1.0
    nodes["n"].grad = 1 - nodes["o"].data ** 2
    nodes["b"].grad = nodes["x1*w1 + x2*w2"].grad = nodes["n"].grad
    nodes["x1*w1"].grad = nodes["x2*w2"].grad = nodes["n"].grad
    x1.grad = nodes["x1*w1"].grad * w1.data
    w1.grad = nodes["x1*w1"].grad * x1.data
    x2.grad = nodes["x2*w2"].grad * w2.data
    w2.grad = nodes["x2*w2"].grad * x2.data
    assert {name: nodes[name].grad for name in GRADIENTS} == pytest.approx(GRADIENTS, rel=1e-9, abs=1e-12)


def test_calling_backward_node_by_node() -> None:
    nodes = neuron(lecture.tanh)
    nodes["o"].grad = 1.0
    for name in ("o", "n", "b", "x1*w1 + x2*w2", "x2*w2", "x1*w1", "x1", "w1", "x2", "w2"):
        nodes[name]._backward()
    assert {name: nodes[name].grad for name in GRADIENTS} == pytest.approx(GRADIENTS, rel=1e-9, abs=1e-12)


def test_the_topological_order() -> None:
    nodes = neuron(lecture.tanh)
    order = lecture.topological(nodes["o"])
    # the lecture prints the same ten numbers in the order of its sets, which have none
    assert sorted(node.data for node in order) == pytest.approx(
        sorted([B, 0.0, 1.0, 0.0, -3.0, 2.0, -6.0, -6.0, N, O]), rel=1e-9
    )
    assert order == topological_order(nodes["o"])
    place = {node: i for i, node in enumerate(order)}
    assert all(place[operand] < place[node] for node in order for operand in node._prev)


def test_the_drawing() -> None:
    nodes = neuron(lecture.tanh)
    nodes["o"].backward()
    for source in (lecture.draw_dot(nodes["o"]).source, cr.draw_dot(nodes["o"]).source):
        assert "{ o | data 0.7071 | grad 1.0000 }" in source
        assert "{ w1 | data -3.0000 | grad 1.0000 }" in source
        assert "{ x1*w1 + x2*w2 | data -6.0000 | grad 0.5000 }" in source
        assert source.count("label=tanh") + source.count('label="tanh"') == 1


def test_the_same_in_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: no comparison with it")
    at: dict[str, float] = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": B}
    tensors: dict[str, Any] = {name: torch.Tensor([x]).double() for name, x in at.items()}
    for tensor in tensors.values():
        tensor.requires_grad = True
    n = tensors["x1"] * tensors["w1"] + tensors["x2"] * tensors["w2"] + tensors["b"]
    o = torch.tanh(n)
    o.backward()
    nodes = neuron(Value.tanh)
    nodes["o"].backward()
    assert nodes["o"].data == pytest.approx(o.data.item(), rel=1e-6)  # torch.Tensor rounds b to float32
    for name, tensor in tensors.items():
        assert nodes[name].grad == pytest.approx(tensor.grad.item(), rel=1e-6, abs=1e-9)


def test_tanh_is_one_op_or_many() -> None:
    assert neuron(lecture.tanh)["o"]._op == neuron(Value.tanh)["o"]._op == "tanh"
    assert neuron(from_exponentials)["o"]._op == "/"
    assert math.tanh(N) == pytest.approx(O, rel=1e-15)


def test_the_operators_of_the_listing() -> None:
    a = Value(2.0)
    assert [(1 + a).data, (a + 1).data, (2 * a).data, (a * 2).data, (a - 1).data] == [3.0, 3.0, 4.0, 4.0, 1.0]
    assert (a.exp().data, (a**3)._op, (a / Value(4.0)).data, (-a).data) == (math.exp(2.0), "**3", 0.5, -2.0)
    b = a**3
    b.backward()
    assert a.grad == 12.0
