"""Neurons and layers as groups: their nodes, and none of the loss."""

from __future__ import annotations

import random
from collections import Counter

import pytest

import chainrule as cr
from chainrule.engine import Value
from chainrule.nn import MLP, Module
from chainrule.views.tracing.groups import Group, module_path
from chainrule.views.tracing.trace import Trace, trace_of


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ("layers.0.neurons.3.w.1", "layers.0.neurons.3"),
        ("layers.0.neurons.3.b", "layers.0.neurons.3"),
        ("w.2.7", ""),
        ("attention.query.w.2.7", "attention.query"),
        ("parameters.7", ""),
        ("b", ""),
    ],
)
def test_module_of_a_parameter(parameter: str, path: str) -> None:
    assert module_path(parameter) == path


def members(trace: Trace, path: str) -> list[str]:
    return [node.op or node.kind for node in trace.nodes if node.group == path]


def test_groups_of_an_mlp() -> None:
    model = MLP(2, [3, 1])
    assert trace_of(model([1.0, 2.0]), model=model).groups == (
        Group("layers.0", "layer 0", ""),
        Group("layers.0.neurons.0", "neuron 0", "layers.0"),
        Group("layers.0.neurons.1", "neuron 1", "layers.0"),
        Group("layers.0.neurons.2", "neuron 2", "layers.0"),
        Group("layers.1", "layer 1", ""),
        Group("layers.1.neurons.0", "neuron 0", "layers.1"),
    )


def test_neurons_come_in_the_order_of_counting() -> None:
    model = MLP(1, [11, 1])
    paths = [group.path for group in trace_of(model([1.0]), model=model).groups if group.parent == "layers.0"]
    assert paths == [f"layers.0.neurons.{place}" for place in range(11)]


def test_a_neuron_holds_its_parameters_its_inputs_sum_and_activation() -> None:
    model = MLP(2, [3, 1])
    trace = trace_of(model([1.0, 2.0]), model=model)
    assert Counter(members(trace, "layers.0.neurons.1")) == Counter(constant=2, dot=1, leaf=3, relu=1)
    assert Counter(members(trace, "layers.1.neurons.0")) == Counter(dot=1, leaf=4)


def test_a_batch_puts_each_neurons_nodes_in_one_group_and_the_loss_in_none() -> None:
    model = MLP(2, [3, 1], activation="tanh", output_activation="tanh")
    outputs = [model([1.0, x]) for x in (1.0, 2.0, 3.0)]
    loss = cr.sum([(output - 1.0) ** 2 for output in outputs]) / 3
    trace = trace_of(loss, model=model)
    assert members(trace, "layers.0.neurons.2").count("dot") == 3
    assert members(trace, "layers.0.neurons.2").count("tanh") == 3
    assert {node.op for node in trace.nodes if node.kind == "op" and not node.group} == {
        "subtract",
        "power",
        "sum",
        "divide",
    }


@pytest.mark.parametrize("loss", ["hinge", "cross_entropy", "binary_cross_entropy", "mse"])
def test_no_loss_is_part_of_a_neuron(loss: str) -> None:
    random.seed(1)
    model = MLP(2, [3, 3 if loss == "cross_entropy" else 1])
    outputs = [model([1.0, x]) for x in (1.0, 2.0)]
    total = getattr(cr.losses, loss)(outputs, [1, 1])
    trace = trace_of(total, model=model)
    ops = {node.op for node in trace.nodes if node.group and node.kind == "op"}
    assert ops <= {"dot", "relu"}


class Hand(Module):
    """A neuron written as in micrograd, node by node."""

    def __init__(self) -> None:
        self.w = [Value(0.5), Value(-0.25)]
        self.b = Value(1.0)

    def __call__(self, x: list[float]) -> Value:
        total: Value = sum((w * each for w, each in zip(self.w, x, strict=True)), self.b)
        out: Value = total.tanh()
        return out


class Pair(Module):
    """Two of them under names of their own."""

    def __init__(self) -> None:
        self.left = Hand()
        self.right = Hand()

    def __call__(self, x: list[float]) -> Value:
        out: Value = self.left(x) * self.right(x)
        return out


def test_neuron_written_by_hand() -> None:
    model = Pair()
    trace = trace_of(model([1.0, 2.0]), model=model)
    assert trace.groups == (Group("left", "left", ""), Group("right", "right", ""))
    for path in ("left", "right"):
        assert Counter(members(trace, path)) == Counter(add=2, constant=2, leaf=3, multiply=2, tanh=1)
    assert trace.nodes[-1].group == ""


def test_names_within_a_group_say_which() -> None:
    model = MLP(2, [1])
    outputs = [model([1.0, 2.0]), model([3.0, 4.0])]
    names = [node.name for node in trace_of(outputs[0] + outputs[1], model=model).nodes if node.op == "dot"]
    assert names == ["layers.0.neurons.0.dot", "layers.0.neurons.0.dot#2"]


def test_no_model_no_groups() -> None:
    trace = trace_of(MLP(2, [1])([1.0, 2.0]))
    assert trace.groups == ()
    assert {node.group for node in trace.nodes} == {""}
