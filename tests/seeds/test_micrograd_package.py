"""Programs written for the micrograd package, run on our Value: its own nn module, and what its users write."""

from __future__ import annotations

import random
from typing import Any

import pytest

import chainrule.engine
import chainrule.nn

XS = [[2.0, 3.0], [3.0, -1.0], [0.5, 1.0], [1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The installed package's nn module with our Value in place of its own."""
    nn = pytest.importorskip("micrograd.nn", reason="micrograd is not installed: its nn cannot run on our Value")
    monkeypatch.setattr(nn, "Value", chainrule.engine.Value)
    return nn


def hinge(model: Any, steps: int) -> list[float]:
    """Train as the demo of the package does; return the losses."""
    losses = []
    for k in range(steps):
        scores = [model(list(x)) for x in XS]
        data = [(1 + -yi * score).relu() for yi, score in zip(YS, scores, strict=True)]
        loss = sum(data) * (1.0 / len(data)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (0.1 - 0.05 * k / steps) * p.grad
        losses.append(loss.data)
    return losses


def test_its_nn_runs_on_our_value(upstream: Any) -> None:
    random.seed(1337)
    model = upstream.MLP(2, [8, 8, 1])
    assert all(type(p) is chainrule.engine.Value for p in model.parameters())
    losses = hinge(model, 20)
    assert losses[-1] < losses[0]
    assert all(isinstance(loss, float) for loss in losses)


def test_its_nn_learns_the_same_on_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    nn = pytest.importorskip("micrograd.nn", reason="micrograd is not installed: nothing to compare with")
    trained = []
    for value in (nn.Value, chainrule.engine.Value):
        monkeypatch.setattr(nn, "Value", value)
        random.seed(7)
        trained.append(hinge(nn.MLP(2, [6, 6, 1]), 15))
    assert trained[0] == pytest.approx(trained[1], rel=1e-12)


def test_our_nn_learns_the_same_as_its(upstream: Any) -> None:
    trained = []
    for nn in (upstream, chainrule.nn):
        random.seed(7)
        model = nn.MLP(2, [6, 6, 1])
        assert repr(model).startswith("MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)")
        trained.append((repr(model), hinge(model, 15)))
    assert trained[0] == trained[1]


def test_zero_grad_of_its_module(upstream: Any) -> None:
    model = upstream.MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(p.grad != 0 for p in model.parameters())
    model.zero_grad()
    assert all(p.grad == 0 for p in model.parameters())


def test_a_program_of_the_package_after_renaming_its_imports() -> None:
    program = (
        "from micrograd.engine import Value\n"
        "from micrograd.nn import Module, Neuron, Layer, MLP\n"
        "model = MLP(3, [4, 1])\n"
        "out = model([Value(1.0), Value(-2.0), 3.0])\n"
        "out.backward()\n"
        "result = (len(model.parameters()), repr(model), isinstance(out, Value), issubclass(MLP, Module),\n"
        "          repr(Neuron(2)), repr(Neuron(2, nonlin=False)), repr(Layer(2, 2)))\n"
    )
    names: dict[str, Any] = {}
    exec(compile(program.replace("micrograd", "chainrule"), "program", "exec"), names)
    neuron = ", ".join(["ReLUNeuron(3)"] * 4)
    assert names["result"] == (
        21,
        f"MLP of [Layer of [{neuron}], Layer of [LinearNeuron(4)]]",
        True,
        True,
        "ReLUNeuron(2)",
        "LinearNeuron(2)",
        "Layer of [ReLUNeuron(2), ReLUNeuron(2)]",
    )


def more_ops(lift: Any) -> tuple[Any, Any, Any]:
    a, b = lift(-4.0), lift(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    g = e**2 / 2.0
    g = g + 10.0 / e**2
    return g, a, b


def sanity(lift: Any) -> tuple[Any, Any, Any]:
    x, one = lift(-4.0), lift(1.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    return y * one, x, one


@pytest.mark.parametrize("expression", [more_ops, sanity])
def test_expressions_like_those_of_its_test_program_agree_with_torch(expression: Any) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: no comparison with it")

    def tensor(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    ours = expression(chainrule.engine.Value)
    theirs = expression(tensor)
    ours[0].backward()
    theirs[0].backward()
    assert ours[0].data == pytest.approx(theirs[0].item(), rel=1e-12)
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        assert mine.grad == pytest.approx(other.grad.item(), rel=1e-12)
