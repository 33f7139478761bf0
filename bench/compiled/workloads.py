"""The workloads as plain scalar code: what eager chainrule and `cr.compile` are both given, as it stands here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import chainrule as cr
from bench import demo_step
from bench.compiled import data
from chainrule import Value
from examples.names_gpt import TOKENS, Gpt, one_hot

Row = list[Value]


@dataclass
class Workload:
    """A loss of some arguments and of parameters that it captures, and the optimizer of these.

    Attributes:
        loss: the function.
        parameters: the Values that it captures or is given, in the order of the gradient.
        optimizer: updates them.
        lists: its arguments as nested Python lists.
        arrays: the same, numbers as numpy arrays.
    """

    loss: Callable[..., Value]
    parameters: list[Value]
    optimizer: Any
    lists: tuple[Any, ...]
    arrays: tuple[Any, ...]


class Network:
    """A multi-layer perceptron as a learner writes it, a sum of products for each neuron."""

    def __init__(self, problem: data.Problem, activation: Callable[[Value], Value]) -> None:
        self.activation = activation
        self.layers = [
            [([Value(w) for w in row], Value(b)) for row, b in zip(weights.tolist(), biases.tolist(), strict=True)]
            for weights, biases in problem.layers()
        ]

    def parameters(self) -> list[Value]:
        """Every neuron's weights and bias."""
        return [p for layer in self.layers for weights, bias in layer for p in (*weights, bias)]

    def __call__(self, x: list[Any]) -> Row:
        """The outputs for one sample; the last layer is linear."""
        for layer in self.layers:
            totals = [sum((w * xi for w, xi in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            x = totals if layer is self.layers[-1] else [self.activation(total) for total in totals]
        return x


def _sgd(problem: data.Problem, loss: Callable[..., Value], parameters: list[Value]) -> Workload:
    optimizer = cr.optim.SGD(parameters, lr=problem.rate)
    return Workload(loss, parameters, optimizer, (problem.X.tolist(), problem.y.tolist()), (problem.X, problem.y))


def demo(samples: int = demo_step.SAMPLES) -> Workload:
    """Micrograd's demo."""
    problem = data.demo(samples)
    network = Network(problem, lambda total: total.relu())
    parameters = network.parameters()

    def loss(X: Any, labels: Any) -> Value:
        scores = [network(x)[0] for x in X]
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores, strict=True)]
        mean = sum(losses) * (1.0 / len(losses))
        total: Value = mean + demo_step.L2 * sum(p * p for p in parameters)
        return total

    return _sgd(problem, loss, parameters)


def tiny() -> Workload:
    """The lecture's network of 41 parameters on its four samples."""
    problem = data.tiny()
    network = Network(problem, lambda total: total.tanh())

    def loss(X: Any, targets: Any) -> Value:
        outputs = [network(x)[0].tanh() for x in X]
        total: Value = sum((output - target) ** 2 for output, target in zip(outputs, targets, strict=True))
        return total

    return _sgd(problem, loss, network.parameters())


def digits(samples: int = 128) -> Workload:
    """The package's own MLP on digits, its cross entropy a loop over samples."""
    problem = data.digits(samples)
    model = cr.nn.MLP(problem.sizes[0], problem.sizes[1:])
    parameters = model.parameters()
    for p, number in zip(parameters, problem.parameters, strict=True):
        p.data = number

    def loss(X: Any, targets: Any) -> Value:
        losses = []
        for x, target in zip(X, targets, strict=True):
            scores = model(x)
            losses.append(cr.logsumexp(scores) - cr.dot(scores, target))
        mean: Value = cr.mean(losses)
        return mean

    return _sgd(problem, loss, parameters)


def gpt(tokens: list[int] | None = None) -> Workload:
    """The example's GPT on one name; the embeddings of its letters are arguments."""
    import numpy as np

    tokens = data.DOCUMENT if tokens is None else tokens
    model = Gpt()
    parameters = model.parameters()
    first = np.concatenate([matrix.ravel() for matrix in data.gpt_weights().values()])
    for p, number in zip(parameters, first.tolist(), strict=True):
        p.data = number
    betas = data.ADAM["beta1"], data.ADAM["beta2"]
    adam = cr.optim.Adam(parameters, lr=data.ADAM["rate"], betas=betas, eps=data.ADAM["eps"])
    embeddings = [model.token[token] for token in tokens[:-1]]
    lists = embeddings, [one_hot(token) for token in tokens[1:]]
    return Workload(model.loss, parameters, adam, lists, (embeddings, np.eye(TOKENS)[tokens[1:]]))


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "demo": demo,
    "tiny": tiny,
    "digits": digits,
    "gpt": gpt,
    "demo1000": partial(demo, 1_000),
    "demo10000": partial(demo, 10_000),
    "digits1000": partial(digits, 1_000),
}
