"""Time steps and layers: what is alike becomes one loop more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.classes import ClassProgram
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.describing import describe
from chainrule.compiler.nests.nest import Expression, Reduce
from chainrule.compiler.nests.running import run_nests
from tests.compiler.nests.handmade import Builder, run_classes_plainly


def steps(count: int, size: int = 6) -> ClassProgram:
    """h[t] = sin(h[t − 1] · w), each step a class of its own; the outputs are Σ_t h[t] · x[t], and tanh(h[t])."""
    build_ = Builder()
    w = build_.value(range(size))
    x = build_.input(range(count * size))
    h, products, copies = w, [], []
    for t in range(count):
        h = build_.map("sin", (build_.map("multiply", (h, None), (w, None)), None))
        products.append(build_.map("multiply", (h, None), (x, np.arange(size) + t * size)))
        copies.append(build_.map("tanh", (h, None)))
    total = build_.sum(*((product, [[i] for i in range(size)]) for product in products))
    outputs = [(total, i) for i in range(size)] + [(copy, i) for copy in copies for i in range(size)]
    return build_.program(outputs, None, (0, count * size))


def longest_sum(expression: Expression) -> int:
    """Return how many terms the widest sum has that is written out."""
    below: Any = getattr(expression, "operands", getattr(expression, "terms", ()))
    if isinstance(expression, Reduce):
        below = (expression.body,)
    return max([len(getattr(expression, "terms", ())), *map(longest_sum, below)])


@pytest.mark.parametrize("count", [3, 20])
def test_steps_are_one_loop(count: int) -> None:
    program = steps(count)
    nests = build(program)
    draws = np.random.default_rng(0)
    values, inputs = draws.normal(size=6), draws.normal(size=6 * count)
    outputs, _ = run_classes_plainly(program, values, inputs)
    assert run_nests(nests, values, [inputs])[0] == pytest.approx(outputs, rel=1e-12)
    assert max(longest_sum(store.value) for nest in nests.nests for store in nest.stores) <= 3, describe(nests)
    assert len(nests.nests) <= count + 3, describe(nests)  # each step waits for the one before


@pytest.mark.parametrize("order", ["mixed", "even"])
def test_terms_that_lie_anywhere_are_one_reduction(order: str) -> None:
    count, size = 20, 6
    turns = np.random.default_rng(4).permutation(count) if order == "mixed" else np.arange(count)
    build_ = Builder()
    x, y = build_.input(range(count * size)), build_.value(range(count * size))
    products = [
        build_.map("multiply", (x, np.arange(size) + t * size), (y, np.arange(size) + int(turns[t]) * size))
        for t in range(count)
    ]
    total = build_.sum(*((product, [[i] for i in range(size)]) for product in products))
    program = build_.program([(total, i) for i in range(size)], None, (0, count * size))
    nests = build(program)
    draws = np.random.default_rng(0)
    values, inputs = draws.normal(size=count * size), draws.normal(size=count * size)
    outputs, _ = run_classes_plainly(program, values, inputs)
    assert run_nests(nests, values, [inputs])[0] == pytest.approx(outputs, rel=1e-12)
    assert max(longest_sum(store.value) for nest in nests.nests for store in nest.stores) <= 3, describe(nests)
    assert len(nests.tables) == (order == "mixed"), describe(nests)
