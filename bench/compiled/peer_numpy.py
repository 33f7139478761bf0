"""numpy by hand: the digits and the demo with matrices and hand-derived gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench import demo_step
from bench.compiled import data
from bench.compiled.data import Layers
from bench.compiled.job import Job

Gradient = Callable[[Layers], tuple[float, Layers]]


def _job(problem: data.Problem, gradient: Gradient) -> Job:
    layers = problem.layers()
    loss, slopes = gradient(layers)

    def advance(steps: int) -> float:
        last = 0.0
        for _ in range(steps):
            last, found = gradient(layers)
            for layer, to_layer in zip(layers, found, strict=True):
                for each, slope in zip(layer, to_layer, strict=True):
                    np.subtract(each, problem.rate * slope, out=each)
        return float(last)

    return Job(float(loss), data.flat_of(slopes), advance, facts={"kernels": _kernels()})


def _kernels() -> str:
    """Which kernels numpy's BLAS chose: it does not know every processor."""
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return str(found.get("openblas configuration", found.get("name", "")))


def digits(samples: str = "128") -> Job:
    """The digits, a batch at once."""
    problem = data.digits(int(samples))
    X, targets = problem.X, problem.y
    share = 1.0 / len(X)

    def gradient(layers: Layers) -> tuple[float, Layers]:
        (w1, b1), (w2, b2) = layers
        hidden = X @ w1.T
        hidden += b1
        np.maximum(hidden, 0.0, out=hidden)
        scores = hidden @ w2.T
        scores += b2
        scores -= scores.max(axis=1, keepdims=True)
        chances: Any = np.exp(scores)
        totals = chances.sum(axis=1, keepdims=True)
        loss = share * (np.log(totals).sum() - np.vdot(scores, targets))
        chances /= totals
        chances -= targets
        chances *= share
        to_hidden = chances @ w2
        to_hidden *= hidden > 0.0
        first = to_hidden.T @ X, to_hidden.sum(axis=0)
        return loss, [first, (chances.T @ hidden, chances.sum(axis=0))]

    return _job(problem, gradient)


def demo(samples: str = "100") -> Job:
    """The demo, all samples at once."""
    problem = data.demo(int(samples))
    X, labels = problem.X, problem.y
    share = 1.0 / len(X)

    def gradient(layers: Layers) -> tuple[float, Layers]:
        (w1, b1), (w2, b2), (w3, b3) = layers
        hidden = np.maximum(X @ w1.T + b1, 0.0)
        deep = np.maximum(hidden @ w2.T + b2, 0.0)
        margins = np.maximum(1.0 - labels * (deep @ w3[0] + b3), 0.0)
        squares = sum(np.vdot(each, each) for layer in layers for each in layer)
        loss = share * margins.sum() + demo_step.L2 * squares
        to_score = np.where(margins > 0.0, -share * labels, 0.0)
        to_deep = np.outer(to_score, w3[0]) * (deep > 0.0)
        to_hidden = (to_deep @ w2) * (hidden > 0.0)
        slopes = [
            (to_hidden.T @ X, to_hidden.sum(axis=0)),
            (to_deep.T @ hidden, to_deep.sum(axis=0)),
            ((to_score @ deep)[None], to_score.sum(keepdims=True)),
        ]
        for layer, to_layer in zip(layers, slopes, strict=True):
            for each, slope in zip(layer, to_layer, strict=True):
                np.add(slope, 2 * demo_step.L2 * each, out=slope)
        return loss, slopes

    return _job(problem, gradient)
