"""Plain scalar programs become few nests, without tables, that compute what their classes say."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.classes import ClassProgram
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.describing import describe
from chainrule.compiler.nests.nest import NestProgram
from chainrule.compiler.nests.running import run_nests
from chainrule.compiler.raising import differentiate, raise_program, run_classes
from chainrule.compiler.tracing import trace


def mlp(sizes: list[int], act: str) -> Any:
    """Return weights and biases as nested lists of Values, and the loop over them."""
    layers = [
        [([cr.Value(random.gauss(0, 1)) for _ in range(nin)], cr.Value(0.1)) for _ in range(nout)]
        for nin, nout in pairwise(sizes)
    ]

    def forward(x: Any) -> Any:
        for number, layer in enumerate(layers):
            x = [sum((a * b for a, b in zip(w, x, strict=True)), bias) for w, bias in layer]
            if number + 1 < len(layers):
                x = [getattr(each, act)() for each in x]
        return x

    return [p for layer in layers for w, b in layer for p in [*w, b]], forward


def demo() -> tuple[Callable[..., Any], Any]:
    """The hinge loss of a small network over 20 samples, with a penalty on all weights."""
    parameters, forward = mlp([2, 8, 8, 1], "relu")

    def loss(X: Any, y: Any) -> Any:
        margins = [(1 + -target * forward(x)[0]).relu() for x, target in zip(X, y, strict=True)]
        return sum(margins) * (1 / len(margins)) + 1e-4 * sum(p * p for p in parameters)

    return loss, (
        [[random.random(), random.random()] for _ in range(20)],
        [random.choice([-1.0, 1.0]) for _ in range(20)],
    )


def tiny() -> tuple[Callable[..., Any], Any]:
    """The lecture's network and its four samples."""
    _, forward = mlp([3, 4, 4, 1], "tanh")

    def loss(X: Any, y: Any) -> Any:
        return sum((forward(x)[0].tanh() - target) ** 2 for x, target in zip(X, y, strict=True))

    return loss, ([[random.random() for _ in range(3)] for _ in range(4)], [1.0, -1.0, -1.0, 1.0])


def classes_of_digits() -> tuple[Callable[..., Any], Any]:
    """The cross entropy of logits of five classes."""
    _, forward = mlp([12, 6, 5], "relu")

    def loss(X: Any, targets: Any) -> Any:
        total = 0
        for x, target in zip(X, targets, strict=True):
            powers = [logit.exp() for logit in forward(x)]
            total = total - (sum(p * t for p, t in zip(powers, target, strict=True)) / sum(powers)).log()
        return total

    rows = [[random.random() for _ in range(12)] for _ in range(10)]
    return loss, (rows, [[float(random.randrange(5) == k) for k in range(5)] for _ in rows])


def attention() -> tuple[Callable[..., Any], Any]:
    """Causal attention with two heads over six positions."""
    width, heads = 4, 2
    maps = [[[cr.Value(random.gauss(0, 1)) for _ in range(width)] for _ in range(width)] for _ in range(3)]

    def times(matrix: Any, x: Any) -> Any:
        return [sum(a * b for a, b in zip(row, x, strict=True)) for row in matrix]

    def loss(X: Any) -> Any:
        queries, keys, values = ([times(each, x) for x in X] for each in maps)
        total = 0
        for t in range(len(X)):
            for h in range(0, width, heads):
                part = slice(h, h + heads)
                powers = [
                    sum(a * b for a, b in zip(queries[t][part], keys[j][part], strict=True)).exp() for j in range(t + 1)
                ]
                whole = sum(powers)
                for d in range(h, h + heads):
                    total = total + (sum(p * values[j][d] for j, p in enumerate(powers)) / whole).tanh()
        return total

    return loss, ([[random.random() for _ in range(width)] for _ in range(6)],)


def convolution() -> tuple[Callable[..., Any], Any]:
    """Two filters over 6 × 6 images."""
    filters = [[[cr.Value(random.gauss(0, 1)) for _ in range(3)] for _ in range(3)] for _ in range(2)]

    def loss(images: Any) -> Any:
        total = 0
        for image in images:
            for each in filters:
                for i in range(4):
                    for j in range(4):
                        z = sum(each[a][b] * image[i + a][j + b] for a in range(3) for b in range(3))
                        total = total + z.relu()
        return total

    return loss, ([[[random.random() for _ in range(6)] for _ in range(6)] for _ in range(3)],)


def two_convolutions() -> tuple[Callable[..., Any], Any]:
    """One filter after another: the gradient at the border of what lies between has fewer terms."""
    first, second = ([[cr.Value(random.gauss(0, 1)) for _ in range(3)] for _ in range(3)] for _ in range(2))

    def filtered(each: Any, image: Any) -> Any:
        size = len(image) - 2
        return [
            [sum(each[a][b] * image[i + a][j + b] for a in range(3) for b in range(3)).tanh() for j in range(size)]
            for i in range(size)
        ]

    def loss(images: Any) -> Any:
        return sum(sum(map(sum, filtered(second, filtered(first, image)))) for image in images)

    return loss, ([[[random.random() for _ in range(10)] for _ in range(10)] for _ in range(3)],)


# The most nests that each may take.
WORKLOADS = {demo: 14, tiny: 12, classes_of_digits: 15, attention: 26, convolution: 6}


def classes_of(workload: Callable[[], tuple[Callable[..., Any], Any]]) -> ClassProgram:
    """Trace and differentiate a workload."""
    random.seed(5)
    loss, arguments = workload()
    raised = raise_program(trace(loss, arguments, {}).program)
    assert isinstance(raised, ClassProgram)
    joint = differentiate(raised)
    assert isinstance(joint, ClassProgram)
    return joint


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
def test_scalar_loops_become_dense_nests(workload: Callable[[], tuple[Callable[..., Any], Any]]) -> None:
    classes = classes_of(workload)
    nests = build(classes)
    assert not nests.tables, describe(nests)
    assert len(nests.nests) <= WORKLOADS[workload], describe(nests)
    assert all(nest.counts is None for nest in nests.nests)
    compare(classes, nests)


def test_borders_need_tables_and_the_rest_does_not() -> None:
    classes = classes_of(two_convolutions)
    nests = build(classes)
    tabled = [nest for nest in nests.nests if "+ t" in describe(replace(nests, nests=[nest], forward=1))]
    assert 0 < sum(prod(nest.extents) for nest in tabled) < 3 * 8 * 8 - 3 * 4 * 4 + 1, describe(nests)
    assert sum(map(len, nests.tables)) < 600
    compare(classes, nests)


def compare(classes: ClassProgram, nests: NestProgram) -> None:
    """Check that nests compute what classes do, on random numbers."""
    draws = np.random.default_rng(1)
    values = draws.normal(size=classes.value_groups[-1])
    inputs = draws.random(size=classes.input_groups[-1])
    groups = [inputs[a:b] for a, b in pairwise(classes.input_groups)]
    outputs, gradients = run_classes(classes, values, inputs)
    found, found_gradients = run_nests(nests, values, groups)
    largest = max(1.0, float(np.abs(outputs).max()))
    assert found == pytest.approx(outputs, rel=1e-12, abs=1e-12 * largest)
    assert found_gradients == pytest.approx(gradients, rel=1e-11, abs=1e-11 * largest)
