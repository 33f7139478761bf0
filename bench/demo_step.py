"""One training step of micrograd's demo (moons, MLP 2-16-16-1, hinge and L2) on the scalar it is given."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Scalar = Any
Network = Callable[[list[Scalar]], Scalar]

SAMPLES = 100
L2 = 1e-4
NODES = 65_818
# The published losses of the first steps; what a row computes has to equal them to 1e-12.
LOSSES = (0.8958441028683222, 1.7235905336972022, 0.7429006313851131)


def moons() -> tuple[Any, Any]:
    """The demo's points (100, 2) and labels ±1: scikit-learn's make_moons(100, noise=0.1), seed 1337."""
    np.random.seed(1337)
    angles = np.linspace(0, np.pi, SAMPLES // 2)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lower = np.stack([1 - np.cos(angles), 1 - np.sin(angles) - 0.5], axis=1)
    shuffled = np.arange(SAMPLES)
    np.random.shuffle(shuffled)
    points = np.concatenate([upper, lower])[shuffled]
    points = points + np.random.normal(scale=0.1, size=points.shape)
    labels = np.repeat([-1, 1], SAMPLES // 2)[shuffled]
    return points, labels


def rate_at(step: int) -> float:
    """The demo's learning rate; it stays at its last value when more than 100 steps are timed."""
    return 1.0 - 0.9 * min(step, 100) / 100


def loss_of(
    network: Network,
    inputs: list[list[Scalar]],
    labels: Iterable[Any],
    parameters: Sequence[Scalar],
) -> Scalar:
    """Mean hinge loss of the network's scores plus L2 of its parameters."""
    scores = list(map(network, inputs))
    losses = [(1 + -label * score).relu() for label, score in zip(labels, scores, strict=True)]
    mean = sum(losses) * (1.0 / len(losses))
    return mean + L2 * sum(p * p for p in parameters)


class DemoStep:
    """A call does one step (forward, zero_grad, backward, SGD) of a network like micrograd's."""

    def __init__(self, network: Any, scalar: Callable[[Any], Scalar]) -> None:
        self.network = network
        self.scalar = scalar
        self.points, self.labels = moons()
        self.steps = 0

    def __call__(self) -> float:
        inputs = [list(map(self.scalar, point)) for point in self.points]
        loss = loss_of(self.network, inputs, self.labels, self.network.parameters())
        self.network.zero_grad()
        loss.backward()
        rate = rate_at(self.steps)
        for p in self.network.parameters():
            p.data -= rate * p.grad
        self.steps += 1
        return float(loss.data)


class FloatNeuron:
    """micrograd's neuron on plain floats."""

    def __init__(self, inputs: int, nonlinear: bool) -> None:
        self.w = [random.uniform(-1, 1) for _ in range(inputs)]
        self.b = 0.0
        self.nonlinear = nonlinear

    def __call__(self, x: list[float]) -> float:
        score = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)  # noqa: B905 - a learner's loop
        if self.nonlinear and score < 0.0:
            return 0.0
        return score

    def parameters(self) -> list[float]:
        """Weights and bias."""
        return [*self.w, self.b]


class FloatLayer:
    """Neurons that read the same inputs."""

    def __init__(self, inputs: int, outputs: int, nonlinear: bool) -> None:
        self.neurons = [FloatNeuron(inputs, nonlinear) for _ in range(outputs)]

    def __call__(self, x: list[float]) -> list[float]:
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[float]:
        """Those of every neuron."""
        return [p for neuron in self.neurons for p in neuron.parameters()]


class FloatNetwork:
    """The demo's network on plain floats: the loops without any engine, forward only."""

    def __init__(self) -> None:
        self.layers = [FloatLayer(2, 16, True), FloatLayer(16, 16, True), FloatLayer(16, 1, False)]

    def __call__(self, x: list[float]) -> float:
        for layer in self.layers:
            x = layer(x)
        return x[0]

    def parameters(self) -> list[float]:
        """Those of every layer."""
        return [p for layer in self.layers for p in layer.parameters()]


class FloatForward:
    """A call does the demo's forward pass on plain floats, the floor of eager Python, giving the loss."""

    def __init__(self) -> None:
        random.seed(1337)
        self.network = FloatNetwork()
        self.points, labels = moons()
        self.labels = [float(label) for label in labels]

    def __call__(self) -> float:
        inputs = [list(map(float, point)) for point in self.points]
        scores = list(map(self.network, inputs))
        margins = [1 + -label * score for label, score in zip(self.labels, scores, strict=True)]
        losses = [margin if margin > 0.0 else 0.0 for margin in margins]
        mean = sum(losses) * (1.0 / len(losses))
        return mean + L2 * sum(p * p for p in self.network.parameters())
