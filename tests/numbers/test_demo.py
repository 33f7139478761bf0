"""Micrograd's published demo: 100 losses and accuracies, from our MLP and from a learner's own loops."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from chainrule import engine
from chainrule.engine import Value
from chainrule.functions import dot
from chainrule.losses import hinge
from chainrule.nn import MLP
from chainrule.optim import SGD
from tests.programs import run_python

# [loss, samples right] of each step, printed by micrograd 0.1.0 itself (upstream's loop of the demo with
# random.seed(1337), np.random.seed(1337); its sums over sets repeat to 1e-14 only).
UPSTREAM: list[tuple[float, int]] = [
    (loss, right) for loss, right in json.loads(Path(__file__).with_name("demo_losses.json").read_text())
]
# What numbers are published in text: step -> (loss, samples right).
PUBLISHED = {
    0: (0.8958441028683222, 50),
    1: (1.7235905336972022, 81),
    2: (0.7429006313851131, 77),
    30: (0.11731297569011848, 95),
    99: (0.010978370135492717, 100),
}
# The uncompiled engine takes a hundred times longer; its sums are the same, so that fewer steps show it.
STEPS = 100 if engine.compiled else 10


class PlainNeuron:
    """A neuron as a learner writes it: one product and one sum a weight."""

    def __init__(self, nin: int, nonlin: bool) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Value:
        total = self.b
        for weight, number in zip(self.w, x, strict=True):
            total = total + weight * number
        return total.relu() if self.nonlin else total


class PlainNetwork:
    """Layers of such neurons."""

    def __init__(self, sizes: Sequence[int]) -> None:
        last = len(sizes) - 2
        self.layers = [[PlainNeuron(sizes[i], i != last) for _ in range(sizes[i + 1])] for i in range(last + 1)]

    def __call__(self, x: Sequence[Any]) -> Value:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        only: Value = x[0]
        return only

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for neuron in layer for p in (*neuron.w, neuron.b)]


def moons() -> tuple[list[list[float]], list[int]]:
    """The demo's points and labels, from scikit-learn, as published."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn makes the demo's data")
    np = pytest.importorskip("numpy")
    np.random.seed(1337)
    points, classes = datasets.make_moons(n_samples=100, noise=0.1)
    return points.tolist(), (2 * classes - 1).tolist()


def train(model: Any, points: list[list[float]], labels: list[int]) -> Iterator[tuple[float, int]]:
    """The demo's loop: give (loss, samples right) of each step."""
    for step in range(100):
        inputs = [list(map(Value, point)) for point in points]
        scores = list(map(model, inputs))
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        right = sum((label > 0) == (score.data > 0) for label, score in zip(labels, scores, strict=True))
        for p in model.parameters():
            p.grad = 0
        loss.backward()
        rate = 1.0 - 0.9 * step / 100
        for p in model.parameters():
            p.data -= rate * p.grad
        yield loss.data, right


def train_with_library(model: MLP, points: list[list[float]], labels: list[int]) -> Iterator[tuple[float, int]]:
    """The same with our loss, dot and optimizer in place of the loops."""
    optimizer = SGD(model.parameters(), lr=1.0)
    for step in range(100):
        parameters = model.parameters()
        scores = list(map(model, points))
        loss = hinge(scores, labels) + 1e-4 * dot(parameters, parameters)
        right = sum((label > 0) == (score.data > 0) for label, score in zip(labels, scores, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1.0 - 0.9 * step / 100
        optimizer.step()
        yield loss.data, right


def run(kind: str) -> list[tuple[float, int]]:
    """Train a network from the published seed."""
    points, labels = moons()
    random.seed(1337)
    if kind == "plain":
        steps = train(PlainNetwork([2, 16, 16, 1]), points, labels)
    elif kind == "library":
        steps = train_with_library(MLP(2, [16, 16, 1]), points, labels)
    else:
        steps = train(MLP(2, [16, 16, 1]), points, labels)
    return list(islice(steps, STEPS))


def test_reference_holds_the_published_numbers() -> None:
    assert len(UPSTREAM) == 100
    for step, (loss, right) in PUBLISHED.items():
        assert UPSTREAM[step] == (pytest.approx(loss, rel=1e-14), right)


@pytest.mark.parametrize("kind", ["ours", "plain", "library"])
def test_losses_and_accuracies(kind: str) -> None:
    results = run(kind)
    assert results[0] == PUBLISHED[0]  # to the last digit
    for step, (loss, right) in enumerate(results):
        assert loss == pytest.approx(UPSTREAM[step][0], rel=1e-12, abs=0), step
        assert right == UPSTREAM[step][1], step
    for step in PUBLISHED.keys() & set(range(STEPS)):
        assert results[step] == (pytest.approx(PUBLISHED[step][0], rel=1e-12, abs=0), PUBLISHED[step][1])


def test_same_bits_on_every_run() -> None:
    """Also in another process, whose sets and dicts have another order."""
    points, labels = moons()
    program = (
        "import json, random, sys\n"
        "from itertools import islice\n"
        "from chainrule.nn import MLP\n"
        "from tests.numbers.test_demo import train\n"
        "points, labels, steps = json.load(sys.stdin)\n"
        "random.seed(1337)\n"
        "print(json.dumps(list(islice(train(MLP(2, [16, 16, 1]), points, labels), steps))))\n"
    )
    done = run_python(program, stdin=json.dumps([points, labels, STEPS]), environment={"PYTHONHASHSEED": "4242"})
    assert done.returncode == 0, done.stderr
    assert [tuple(each) for each in json.loads(done.stdout)] == run("ours")


def test_one_node_a_neuron_has_the_bits_of_the_plain_loop() -> None:
    points, _ = moons()
    networks: list[Any] = []
    for make in (lambda: MLP(2, [16, 16, 1]), lambda: PlainNetwork([2, 16, 16, 1])):
        random.seed(1337)
        networks.append(make())
    ours, plain = networks
    assert [ours(point).data for point in points] == [plain(point).data for point in points]
