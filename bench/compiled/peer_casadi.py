"""CasADi: a symbolic step, run by its virtual machine or as the C that it generates, through its call buffer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench import demo_step
from bench.compiled import data, peer_c
from bench.compiled.job import Job


def _compiled(casadi: Any, step: Any) -> Any:
    """A CasADi function as the C that it generates, made by gcc."""
    with tempfile.TemporaryDirectory() as folder:
        step.generate("step.c", {"with_header": False})  # it writes into the current folder only
        source = Path("step.c").rename(Path(folder) / "step.c")
        return casadi.external(step.name(), str(peer_c.made_library(source, Path(folder))))


def _job(problem: data.Problem, loss: Callable[..., Any], way: str, symbol: str) -> Job:
    """Job of a loss of parameter matrices, made of MX (matrices) or SX (scalars); `way`: 'machine' or 'c'."""
    casadi = import_module("casadi")
    kind = getattr(casadi, symbol)
    shapes = [each.shape for layer in problem.layers() for each in layer]
    sizes = [int(np.prod(shape)) for shape in shapes]
    flat = kind.sym("p", sum(sizes))
    parts = casadi.vertsplit(flat, np.cumsum([0, *sizes]).tolist())
    # a matrix of CasADi holds its columns one after the other
    matrices = [
        casadi.reshape(part, shape[::-1]).T if len(shape) == 2 else part
        for part, shape in zip(parts, shapes, strict=True)
    ]
    value = loss(casadi, list(zip(matrices[::2], matrices[1::2], strict=True)))
    slopes = casadi.gradient(value, flat)
    step = casadi.Function("step", [flat], [flat - problem.rate * slopes, value])
    start = np.concatenate([each.ravel() for layer in problem.layers() for each in layer])
    first, gradient = casadi.Function("gradient", [flat], [value, slopes])(start)
    if way == "c":
        step = _compiled(casadi, step)

    buffer, run = step.buffer()
    p, moved, last = start.copy(), np.zeros_like(start), np.zeros(1)
    buffer.set_arg(0, memoryview(p.data))
    buffer.set_res(0, memoryview(moved.data))
    buffer.set_res(1, memoryview(last.data))

    def advance(steps: int, _kept: Any = (step, buffer)) -> float:  # `run` holds neither itself
        for _ in range(steps):
            run()
            p[:] = moved
        return float(last[0])

    numbers = np.array(gradient).ravel()
    pieces = [piece.reshape(s) for piece, s in zip(np.split(numbers, np.cumsum(sizes)[:-1]), shapes, strict=True)]
    return Job(float(first), data.flat_of(list(zip(pieces[::2], pieces[1::2], strict=True))), advance)


def _scores(casadi: Any, layers: Any, X: Any, activation: Callable[[Any], Any]) -> Any:
    """Outputs (neurons, samples) of an MLP with a linear last layer."""
    columns = casadi.DM(X.T)
    for weights, biases in layers[:-1]:
        columns = activation(weights @ columns + casadi.repmat(biases, 1, len(X)))
    weights, biases = layers[-1]
    return weights @ columns + casadi.repmat(biases, 1, len(X))


def demo(way: str) -> Job:
    """The demo, of matrices."""
    problem = data.demo()

    def loss(casadi: Any, layers: Any) -> Any:
        scores = _scores(casadi, layers, problem.X, lambda x: casadi.fmax(x, 0))
        margins = casadi.fmax(1 - casadi.DM(problem.y).T * scores, 0)
        return casadi.sum2(margins) / len(problem.y) + demo_step.L2 * sum(
            casadi.sumsqr(each) for layer in layers for each in layer
        )

    return _job(problem, loss, way, "MX")


def tiny(way: str) -> Job:
    """The lecture's 41 parameters, of scalars."""
    problem = data.tiny()

    def loss(casadi: Any, layers: Any) -> Any:
        outputs = casadi.tanh(_scores(casadi, layers, problem.X, casadi.tanh))
        return casadi.sumsqr(outputs - casadi.DM(problem.y).T)

    return _job(problem, loss, way, "SX")


def digits(way: str) -> Job:
    """The digits, of matrices; the scores are small enough to leave out the shift of a log-sum-exp."""
    problem = data.digits()

    def loss(casadi: Any, layers: Any) -> Any:
        scores = _scores(casadi, layers, problem.X, lambda x: casadi.fmax(x, 0))
        totals = casadi.log(casadi.sum1(casadi.exp(scores)))
        return (casadi.sum2(totals) - casadi.dot(scores, casadi.DM(problem.y.T))) / len(problem.y)

    return _job(problem, loss, way, "MX")
