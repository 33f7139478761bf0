"""What every row starts from: samples, targets and first weights as numbers, made by no library that is measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bench import demo_step, gpt_step

# One array of weights (neurons, inputs) and one of biases for each layer.
Layers = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Problem:
    """Samples and targets, the sizes of an MLP with its first parameters neuron by neuron, and the rate of SGD."""

    X: Any
    y: Any
    sizes: tuple[int, ...]
    parameters: list[float]
    rate: float

    def layers(self, flat: Sequence[float] | None = None) -> Layers:
        """Parameters (the first ones, or those given) as matrices: each neuron's weights, then its bias, are a row."""
        numbers = np.array(self.parameters if flat is None else flat)
        out, start = [], 0
        for inputs, neurons in pairwise(self.sizes):
            rows = numbers[start : start + neurons * (inputs + 1)].reshape(neurons, inputs + 1)
            out.append((rows[:, :-1].copy(), rows[:, -1].copy()))
            start += rows.size
        return out


def flat_of(layers: Layers) -> list[float]:
    """The inverse of `Problem.layers`: matrices as parameters neuron by neuron."""
    rows = [np.column_stack([np.asarray(weights), np.asarray(biases)]).ravel() for weights, biases in layers]
    return [float(number) for number in np.concatenate(rows)]


def _drawn(sizes: Sequence[int], uniform_bias: bool = False) -> list[float]:
    """The weights that micrograd's MLP draws after `random.seed(1337)`."""
    draw = random.Random(1337)
    numbers = []
    for inputs, neurons in pairwise(sizes):
        for _ in range(neurons):
            numbers += [draw.uniform(-1, 1) for _ in range(inputs)]
            numbers.append(draw.uniform(-1, 1) if uniform_bias else 0.0)
    return numbers


def demo(samples: int = demo_step.SAMPLES) -> Problem:
    """The demo of micrograd: points of two half circles, labels ±1, 337 parameters; beyond 100 points repeat."""
    points, labels = demo_step.moons()
    chosen = np.arange(samples) % len(points)
    sizes = (2, 16, 16, 1)
    return Problem(points[chosen], labels[chosen].astype(float), sizes, _drawn(sizes), 0.1)


def tiny() -> Problem:
    """The lecture's four samples and 41 parameters."""
    X = np.array([[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]])
    sizes = (3, 4, 4, 1)
    return Problem(X, np.array([1.0, -1.0, -1.0, 1.0]), sizes, _drawn(sizes, uniform_bias=True), 0.05)


def digits(samples: int = 128) -> Problem:
    """The first of scikit-learn's digits, 8 x 8 pixels from 0 to 1, targets as one-hot rows, 2,410 parameters."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    sizes = (64, 32, 10)
    X = np.ascontiguousarray(pixels[:samples] / 16.0)
    return Problem(X, np.eye(10)[classes[:samples]], sizes, _drawn(sizes), 0.05)


# What GPT rows train on, over and over: the eight positions of a name, one letter of which occurs twice.
DOCUMENT = gpt_step.tokens_of(gpt_step.DOCUMENTS[8])
ADAM = {"rate": 0.01, "beta1": 0.85, "beta2": 0.99, "eps": 1e-8}


def gpt_weights() -> dict[str, Any]:
    """The GPT's first matrices by name, drawn in the order of `gpt_step.SHAPES`."""
    draw = random.Random(42)
    return {
        name: np.array([[draw.gauss(0.0, 0.08) for _ in range(columns)] for _ in range(rows)])
        for name, (rows, columns) in gpt_step.SHAPES.items()
    }
