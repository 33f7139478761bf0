"""Compiled training beside eager: every optimizer, steps one by one and many at once, whatever a person changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.nn import MLP
from chainrule.optim import SGD, Adam, AdamW

OPTIMIZERS: dict[str, Callable[[list[Value]], Any]] = {
    "SGD": lambda parameters: SGD(parameters, lr=0.05),
    "momentum": lambda parameters: SGD(parameters, lr=0.03, momentum=0.9),
    "Adam": lambda parameters: Adam(parameters, lr=0.02),
    "Adam of other settings": lambda parameters: Adam(parameters, lr=0.01, betas=(0.8, 0.9), eps=1e-6),
    "AdamW": lambda parameters: AdamW(parameters, lr=0.02, weight_decay=0.1),
}


class Training:
    """A network, its loss and its optimizer: the same numbers for the same seed.

    The loss looks at itself, so that its branch changes while it is trained; one parameter is part of that branch
    alone, and one of nothing.
    """

    def __init__(self, name: str, seed: int) -> None:
        random.seed(seed)
        self.model = MLP(2, [3, 1], activation="tanh")
        self.shift, unused = Value(-0.3), Value(0.7)
        self.parameters = [*self.model.parameters(), self.shift, unused]
        self.optimizer = OPTIMIZERS[name](self.parameters)

    def loss(self, X: Any, y: Any) -> Any:
        total = cr.mean([(self.model(x) - t) ** 2 for x, t in zip(X, y, strict=True)])
        return total * 2.0 + self.shift * 0.01 if total > 0.3 else total

    def run(self, steps: int, X: Any, y: Any) -> float:
        """Eager steps; the last loss."""
        for _ in range(steps):
            for p in self.parameters:
                p.grad = 0
            loss = self.loss(X, y)
            loss.backward()
            self.optimizer.step()
        return float(loss.data)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_steps_are_eagers_steps(name: str, seed: int) -> None:
    chance = random.Random(seed)
    eager, compiled = Training(name, seed), Training(name, seed)
    step = cr.compile(compiled.loss, optimizer=compiled.optimizer)
    X = [[chance.uniform(-1, 1), chance.uniform(-1, 1)] for _ in range(5)]
    y = [chance.uniform(-1, 1) for _ in X]
    for part in ("one by one", "at once", "other rate", "other numbers", "another batch", "an eager step between"):
        if part == "other rate":
            eager.optimizer.lr = compiled.optimizer.lr = 0.01
        elif part == "other numbers":
            for p in (*eager.parameters, *compiled.parameters):
                p.data *= 0.9
        elif part == "another batch":
            X, y = [*X, [0.25, -0.5]], [*y, 0.75]
        elif part == "an eager step between":
            eager.run(1, X, y)
            compiled.run(1, X, y)
        expected = eager.run(8, X, y)
        found = [step(X, y) for _ in range(8)][-1] if part == "one by one" else step.run(8, X, y)
        assert found == pytest.approx(expected, rel=1e-9), part
        for p, q in zip(eager.parameters, compiled.parameters, strict=True):
            assert (q.data, q.grad) == (pytest.approx(p.data, rel=1e-9), pytest.approx(p.grad, rel=1e-9, abs=1e-12)), (
                part
            )
