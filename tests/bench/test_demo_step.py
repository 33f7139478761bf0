"""The demo's step is the published one, on micrograd, on plain floats and on our engine."""

from __future__ import annotations

import random
from importlib import import_module

import numpy as np
import pytest

from bench import demo_step, jobs
from bench.gpt_step import count_nodes


def test_points_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    points, labels = demo_step.moons()
    np.random.seed(1337)
    expected, classes = datasets.make_moons(n_samples=100, noise=0.1)
    np.testing.assert_array_equal(points, expected)
    np.testing.assert_array_equal(labels, classes * 2 - 1)


def test_floor_computes_the_published_loss() -> None:
    assert demo_step.FloatForward()() == demo_step.LOSSES[0]


def test_micrograd_repeats_its_loss_on_the_published_number_of_nodes() -> None:
    value = pytest.importorskip("micrograd.engine", reason="micrograd is not installed").Value
    random.seed(1337)
    network = import_module("micrograd.nn").MLP(2, [16, 16, 1])
    points, labels = demo_step.moons()
    inputs = [list(map(value, point)) for point in points]
    loss = demo_step.loss_of(network, inputs, labels, network.parameters())
    assert loss.data == demo_step.LOSSES[0]
    assert count_nodes(loss, lambda node: node._prev) == demo_step.NODES


@pytest.mark.parametrize("job", [jobs.demo_own, jobs.demo_all_own, jobs.demo_seen])
def test_our_engine_follows_the_published_losses(job: jobs.Build) -> None:
    step = job().step
    assert [step() for _ in demo_step.LOSSES] == pytest.approx(demo_step.LOSSES, rel=1e-12)


def test_upstream_network_runs_on_our_value(monkeypatch: pytest.MonkeyPatch) -> None:
    nn = pytest.importorskip("micrograd.nn", reason="micrograd is not installed")
    monkeypatch.setattr(nn, "Value", nn.Value)  # undone afterwards: the job rebinds it
    step = jobs.demo_upstream().step
    assert [step() for _ in demo_step.LOSSES] == pytest.approx(demo_step.LOSSES, rel=1e-12)
