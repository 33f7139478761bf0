"""Whoever changes a number, and in whatever way: the next compiled call sees it, as eager code does."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.nn import MLP
from chainrule.optim import SGD, Adam, AdamW
from tests.compiler.exactness.compiling import agree


@pytest.fixture(params=["native", "tape"])
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Watched:
    """A model and its loss, compared after every change, twice: what is read once may be kept too long."""

    def __init__(self, executor: str) -> None:
        random.seed(1)
        self.model = MLP(2, [3, 1], activation="tanh")
        self.parameters = self.model.parameters()
        self.X = [[0.1, 0.2], [0.3, -0.4]]
        self.y = [1.0, -1.0]
        self.compiled = cr.compile(self.loss, executor=executor)

    def loss(self, X: Any, y: Any) -> Any:
        return cr.mean([(self.model(x) - t) ** 2 for x, t in zip(X, y, strict=True)])

    def check(self) -> None:
        for _ in range(2):
            agree(self.compiled, self.loss, (self.X, self.y), self.parameters)


@pytest.fixture
def watched(executor: str) -> Iterator[Watched]:
    made = Watched(executor)
    made.check()
    yield made
    made.check()
    assert made.compiled.report().eager_calls == 0


def test_assignments(watched: Watched) -> None:
    p = watched.parameters
    changes: list[Callable[[], object]] = [
        lambda: setattr(p[0], "data", 0.5),
        lambda: setattr(p[0], "data", p[0].data + 0.5),
        lambda: Value.__dict__["data"].__set__(p[1], -0.25),
        lambda: setattr(p[2], "data", 3),
        lambda: setattr(p[3], "data", np.float32(0.1)),
        lambda: p[4].__setstate__({"data": 4.0}),
        lambda: p[5].__init__(-1.5),  # type: ignore[misc]
        lambda: engine.write_data(p, np.linspace(-1.0, 1.0, len(p))),
        lambda: setattr(p[-1], "data", -0.0),
    ]
    for change in changes:
        change()
        watched.check()


def test_files(watched: Watched, tmp_path: Path) -> None:
    watched.model.save(tmp_path / "model.safetensors")
    watched.model.load_state_dict({name: array * 0.5 for name, array in watched.model.state_dict().items()})
    watched.check()
    watched.model.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_updates(watched: Watched, kind: Any) -> None:
    """Eager steps, compiled ones and fit in turn, on the same parameters."""
    optimizer = kind(watched.parameters, lr=0.1)
    step = cr.compile(watched.loss, optimizer=optimizer)
    for function in (watched.loss, watched.compiled):
        function(watched.X, watched.y).backward()
        optimizer.step()
        optimizer.zero_grad()
        watched.check()
    step(watched.X, watched.y)
    watched.check()
    step.run(3, watched.X, watched.y)
    watched.check()
    for p in watched.parameters:
        p.grad = 0
    watched.model.fit(watched.X, [1.0, 0.0], epochs=2, verbose=0)
    watched.check()
    watched.parameters[0].data = 0.7
    expected = watched.loss(watched.X, watched.y).data
    assert step(watched.X, watched.y) == pytest.approx(expected, rel=1e-12)


def test_lists(watched: Watched) -> None:
    watched.X[0][0] = 5.0
    watched.check()
    watched.X[1] = [1.0, 1.5]
    watched.check()
    watched.X[0][:] = [2.0, 2.5]
    watched.check()
    watched.X.reverse()
    watched.check()
    watched.y[0] = 0.25


def test_arrays(watched: Watched) -> None:
    X: Any = np.array(watched.X)
    watched.X = X
    watched.check()
    X[0, 0] = 7.0
    watched.check()
    np.multiply(X, 0.5, out=X)
    watched.check()
    memoryview(X).cast("B")[:8] = np.float64(0.125).tobytes()


def test_another_thread(watched: Watched) -> None:
    for number in (2.5, -1.0):
        worker = threading.Thread(target=setattr, args=(watched.parameters[4], "data", number))
        worker.start()
        worker.join()
        watched.check()


def test_values_among_the_arguments(executor: str) -> None:
    a, b = Value(2.0), Value(3.0)

    def f(v: Value, w: Value) -> Any:
        return v * w + v

    compiled = cr.compile(f, executor=executor)
    for change in (None, (a, 5.0), (b, -1.0), (a, 5.0)):
        if change:
            change[0].data = change[1]
        for arguments in ((a, b), (b, a), (a, b), (a, a)):
            agree(compiled, f, arguments, [a, b])


def test_an_interior_value(executor: str) -> None:
    """Its number may be set, as any node's; what is above it stays as it was."""
    a, b = Value(2.0), Value(3.0)
    inner = a * b
    compiled = cr.compile(lambda x: inner * x, executor=executor)
    for number in (6.0, 11.0, -1.0):
        inner.data = number
        agree(compiled, lambda x: inner * x, (2.0,), [a, b])
        agree(compiled, lambda x: inner * x, (3.0,), [a, b])
