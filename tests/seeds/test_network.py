"""The lecture's network, typed as a listener types it: Neuron, Layer and MLP on Value, trained on four samples."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import StaleGradientWarning
from chainrule.engine import Value
from chainrule.nn import MLP as OUR_MLP
from tests.seeds import lecture

XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


class Module:
    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0.0

    def parameters(self) -> list[Value]:
        return []


class Neuron(Module):
    def __init__(self, nin: int) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x: Any) -> Value:
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        out: Value = act.tanh()
        return out

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class Layer(Module):
    def __init__(self, nin: int, nout: int) -> None:
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x: Any) -> Any:
        outs = [n(x) for n in self.neurons]
        return outs[0] if len(outs) == 1 else outs

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP(Module):
    def __init__(self, nin: int, nouts: list[int]) -> None:
        sz = [nin, *nouts]
        self.layers = [Layer(sz[i], sz[i + 1]) for i in range(len(nouts))]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]


def ours(nin: int, nouts: list[int]) -> Any:
    return OUR_MLP(nin, nouts, activation="tanh", output_activation="tanh", bias="uniform")


KINDS: list[Callable[[int, list[int]], Any]] = [MLP, ours]


def squared_error(model: Any) -> Value:
    ypred = [model(x) for x in XS]
    loss: Value = sum((yout - ygt) ** 2 for ygt, yout in zip(YS, ypred, strict=True))
    return loss


def test_a_neuron() -> None:
    random.seed(1)
    x = [2.0, 3.0]
    n = Neuron(2)
    out = n(x)
    total = n.w[0].data * 2.0 + n.w[1].data * 3.0 + n.b.data
    assert out.data == pytest.approx(Value(total).tanh().data, rel=1e-12)
    assert len(lecture.trace(out)[0]) == len(cr.trace(out)[0])


def test_a_layer() -> None:
    outputs = Layer(2, 3)([2.0, 3.0])
    assert len(outputs) == 3
    assert all(isinstance(out, Value) for out in outputs)


@pytest.mark.parametrize("make", KINDS)
def test_the_network_has_41_parameters(make: Callable[[int, list[int]], Any]) -> None:
    n = make(3, [4, 4, 1])
    out = n([2.0, 3.0, -1.0])
    assert isinstance(out, Value)
    assert -1.0 < out.data < 1.0
    assert len(n.parameters()) == 41
    assert len(set(n.parameters())) == 41


def test_ours_is_the_lectures() -> None:
    random.seed(1337)
    typed = MLP(3, [4, 4, 1])
    random.seed(1337)
    built = ours(3, [4, 4, 1])
    assert [p.data for p in built.parameters()] == [p.data for p in typed.parameters()]
    losses = []
    for model in (typed, built):
        loss = squared_error(model)
        loss.backward()
        losses.append(loss.data)
    assert losses[0] == pytest.approx(losses[1], rel=1e-14)
    for p, q in zip(typed.parameters(), built.parameters(), strict=True):
        assert p.grad == pytest.approx(q.grad, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("make", KINDS)
def test_the_whole_graph_of_the_loss_can_be_drawn(make: Callable[[int, list[int]], Any]) -> None:
    random.seed(1)
    loss = squared_error(make(3, [4, 4, 1]))
    loss.backward()
    source = lecture.draw_dot(loss).source
    nodes, edges = cr.trace(loss)
    assert (nodes, edges) == lecture.trace(loss)
    assert source.count("shape=record") == len(nodes)
    assert cr.draw_dot(loss).source.startswith("digraph")


@pytest.mark.parametrize("make", KINDS)
def test_one_step_against_the_gradient_lowers_the_loss(make: Callable[[int, list[int]], Any]) -> None:
    random.seed(2)
    n = make(3, [4, 4, 1])
    loss = squared_error(n)
    loss.backward()
    weight = n.layers[0].neurons[0].w[0]
    before, gradient = weight.data, weight.grad
    for p in n.parameters():
        p.data += -0.01 * p.grad
    assert weight.data == before - 0.01 * gradient
    assert squared_error(n).data < loss.data


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gradient_descent_learns_the_four_samples(make: Callable[[int, list[int]], Any], seed: int) -> None:
    random.seed(seed)
    n = make(3, [4, 4, 1])
    losses = []
    for _ in range(60):
        loss = squared_error(n)
        n.zero_grad()
        loss.backward()
        for p in n.parameters():
            p.data += -0.05 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.1 < losses[0]
    ypred = [n(x) for x in XS]
    assert [(y > 0) for y in ypred] == [y > 0 for y in YS]


@pytest.mark.parametrize("make", KINDS)
def test_the_most_common_mistake_is_told(make: Callable[[int, list[int]], Any]) -> None:
    """The lecture's own loop without zero_grad(): it runs, it adds up, and a warning says so once a step."""
    random.seed(3)
    n = make(3, [4, 4, 1])
    told = 0
    grads: list[float] = []
    for _ in range(3):
        loss = squared_error(n)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loss.backward()
        told += sum(issubclass(each.category, StaleGradientWarning) for each in caught)
        grads.append(abs(n.layers[0].neurons[0].b.grad))
        for p in n.parameters():
            p.data += -0.01 * p.grad
    assert told == 2
    assert grads == sorted(grads)


def test_central_differences_of_every_parameter() -> None:
    random.seed(4)
    n = MLP(3, [4, 4, 1])
    squared_error(n).backward()
    h = 1e-6
    with cr.no_grad():
        for p in n.parameters():
            middle = p.data
            p.data = middle + h
            above = squared_error(n).data
            p.data = middle - h
            below = squared_error(n).data
            p.data = middle
            assert p.grad == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-7)
