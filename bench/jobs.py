"""What a worker process can be asked to time: each job builds one step on one engine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from bench import demo_step, gpt_step
from bench.plain_value import PlainValue

Step = Callable[[], float]


@dataclass
class Job:
    """A step to time, and the gradient of its first step where that is checked."""

    step: Step
    gradient: list[float] = field(default_factory=list)


def _upstream_network(scalar: Any) -> Any:
    """Micrograd's own MLP, its weights made by `scalar`: only the name in its module is rebound."""
    nn: Any = import_module("micrograd.nn")
    nn.Value = scalar
    random.seed(1337)
    return nn.MLP(2, [16, 16, 1])


def demo_floats() -> Job:
    """The demo's loops over plain floats, forward only."""
    return Job(demo_step.FloatForward())


def demo_micrograd() -> Job:
    """The demo as published."""
    value = import_module("micrograd.engine").Value
    return Job(demo_step.DemoStep(_upstream_network(value), value))


def demo_upstream() -> Job:
    """Micrograd's nn on our Value."""
    value = import_module("chainrule.engine").Value
    return Job(demo_step.DemoStep(_upstream_network(value), value))


def demo_seen() -> Job:
    """Micrograd's nn on our Value after its graph was traced, explained, put on a page and its lines recorded."""
    chainrule = import_module("chainrule")
    lines = import_module("chainrule.views.tracing.lines")
    step = demo_step.DemoStep(_upstream_network(chainrule.Value), chainrule.Value)
    with lines.record_lines():
        output = step.network([chainrule.Value(1.0), chainrule.Value(2.0)])
    chainrule.explain(output, step.network.parameters()[0])
    chainrule.to_html(output)
    return Job(step)


def demo_own() -> Job:
    """The demo's loops on our MLP."""
    value = import_module("chainrule.engine").Value
    random.seed(1337)
    network = import_module("chainrule.nn").MLP(2, [16, 16, 1])
    return Job(demo_step.DemoStep(network, value))


def demo_all_own() -> Job:
    """Our MLP, hinge loss, dot and SGD."""
    cr = import_module("chainrule")
    optim = import_module("chainrule.optim")
    losses = import_module("chainrule.losses")
    random.seed(1337)
    network = import_module("chainrule.nn").MLP(2, [16, 16, 1])
    points, labels = demo_step.moons()
    rows = points.tolist()
    targets = labels.tolist()
    parameters = network.parameters()
    optimizer = optim.SGD(parameters, lr=1.0)
    steps = 0

    def step() -> float:
        nonlocal steps
        scores = [network(row) for row in rows]
        loss = losses.hinge(scores, targets) + demo_step.L2 * cr.dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = demo_step.rate_at(steps)
        optimizer.step()
        steps += 1
        return float(loss.data)

    return Job(step)


def demo_scalargrad() -> Job:
    """Scalargrad's own MLP in the demo's loops."""
    scalargrad = import_module("scalargrad")
    random.seed(1337)
    network = scalargrad.MLP(2, [16, 16, 1])
    return Job(demo_step.DemoStep(network, scalargrad.Scalar))


def demo_xad() -> Job:
    """Micrograd's nn on xad's taped numbers, whose values cannot be set: each update makes new ones."""
    xad = import_module("xad.adj_1st")
    maximum = import_module("xad.math").max
    real = xad.Real
    real.relu = lambda number: maximum(number, 0.0)
    network = _upstream_network(real)
    points, labels = demo_step.moons()
    tape = xad.Tape()
    tape.activate()
    steps = 0

    def step() -> float:
        nonlocal steps
        parameters = network.parameters()
        tape.clearAll()
        tape.registerInputs(parameters)
        tape.newRecording()
        inputs = [list(map(real, point)) for point in points]
        loss = demo_step.loss_of(network, inputs, labels, parameters)
        tape.registerOutput(loss)
        loss.derivative = 1.0
        tape.computeAdjoints()
        rate = demo_step.rate_at(steps)
        for layer in network.layers:
            for neuron in layer.neurons:
                neuron.w = [real(w.value - rate * w.derivative) for w in neuron.w]
                neuron.b = real(neuron.b.value - rate * neuron.b.derivative)
        steps += 1
        return float(loss.value)

    return Job(step)


def demo_torch() -> Job:
    """Micrograd's nn on 0-dimensional float64 tensors, one thread."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    network = _upstream_network(lambda number: torch.tensor(number, dtype=torch.float64, requires_grad=True))
    points, labels = demo_step.moons()
    steps = 0

    def step() -> float:
        nonlocal steps
        parameters = network.parameters()
        inputs = [[torch.tensor(x, dtype=torch.float64) for x in point] for point in points]
        loss = demo_step.loss_of(network, inputs, labels, parameters)
        for p in parameters:
            p.grad = None
        loss.backward()
        rate = demo_step.rate_at(steps)
        with torch.no_grad():
            for p in parameters:
                p.sub_(rate * p.grad)
        steps += 1
        return float(loss.item())

    return Job(step)


def _first_gradient(model: gpt_step.Gpt) -> list[float]:
    """The gradient of the first document, taken before any update; leaves every grad at zero."""
    model.loss(gpt_step.tokens_of(gpt_step.DOCUMENTS[8])).backward()
    gradient = [float(p.grad) for p in model.parameters()]
    for p in model.parameters():
        p.grad = 0
    return gradient


def gpt_plain() -> Job:
    """The GPT step on the plain-Python Value."""
    model = gpt_step.Gpt(PlainValue)
    gradient = _first_gradient(model)
    update = gpt_step.PythonAdam(model.parameters()).step
    return Job(gpt_step.GptStep(model, update), gradient=gradient)


def gpt_swapped() -> Job:
    """The GPT step with only Value swapped for ours: its sums and its Adam stay Python loops."""
    model = gpt_step.Gpt(import_module("chainrule.engine").Value)
    gradient = _first_gradient(model)
    update = gpt_step.PythonAdam(model.parameters()).step
    return Job(gpt_step.GptStep(model, update), gradient=gradient)


def gpt_dot() -> Job:
    """The GPT step with our Value, dot and Adam."""
    cr = import_module("chainrule")
    model = gpt_step.Gpt(cr.Value, cr.dot)
    gradient = _first_gradient(model)
    adam = import_module("chainrule.optim").Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99), eps=1e-8)

    def update(rate: float) -> None:
        adam.lr = rate
        adam.step()
        adam.zero_grad()

    return Job(gpt_step.GptStep(model, update), gradient=gradient)


Build = Callable[[], Job]

JOBS: dict[str, Build] = {
    "demo.floats": demo_floats,
    "demo.micrograd": demo_micrograd,
    "demo.upstream": demo_upstream,
    "demo.seen": demo_seen,
    "demo.own": demo_own,
    "demo.all_own": demo_all_own,
    "demo.scalargrad": demo_scalargrad,
    "demo.xad": demo_xad,
    "demo.torch": demo_torch,
    "gpt.plain": gpt_plain,
    "gpt.swapped": gpt_swapped,
    "gpt.dot": gpt_dot,
}
