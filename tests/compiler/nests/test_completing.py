"""Ragged loops become rectangles with zeros, where that is safe."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from chainrule.compiler.classes import ClassProgram, Kind
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import Expression, NestProgram, Reduce
from chainrule.compiler.nests.running import run_nests
from tests.compiler.nests.handmade import Builder, run_classes_plainly


def attention(t: int = 5, width: int = 3, reduce: Kind = Kind.SUM) -> ClassProgram:
    """Causal: weights e[i, j] = exp(q_i · k_j) for j ≤ i, out[i] = Σ_j e[i, j] · v[j], and the columns' sums."""
    build = Builder()
    x = build.value(range(3 * t * width))
    rows, columns = np.nonzero(np.tri(t, dtype=bool))
    d = np.arange(width)
    q = (rows[:, None] * width + d).ravel()
    k = ((t + columns[:, None]) * width + d).ravel()
    products = build.map("multiply", (x, q), (x, k))
    scores = build.sum((products, list(np.arange(len(q)).reshape(-1, width))))
    weights = build.map("exp", (scores, None))
    of_row = [np.flatnonzero(rows == i) for i in range(t)]
    taken = np.concatenate([np.repeat(each, width).reshape(-1, width).T.ravel() for each in of_row])
    value = np.concatenate([((2 * t + columns[each]) * width + c) for each in of_row for c in range(width)])
    mixed = build.map("multiply", (weights, taken), (x, value))
    offsets = np.cumsum([0, *[len(each) for each in of_row for _ in range(width)]])
    out = build.sum((mixed, [np.arange(a, b) for a, b in pairwise(offsets)]), kind=reduce)
    down = build.sum((weights, [np.flatnonzero(columns == j) for j in range(t)]), kind=reduce)
    outputs = [(out, i) for i in range(t * width)] + [(down, j) for j in range(t)]
    return build.program(outputs)


def ragged_parts(nests: NestProgram) -> int:
    """Return how many loops have lengths that differ."""

    def of(expression: Expression) -> int:
        if isinstance(expression, Reduce):
            return (expression.counts is not None) + of(expression.body)
        below: Any = getattr(expression, "operands", getattr(expression, "terms", ()))
        return sum(map(of, below))

    return sum((nest.counts is not None) + sum(of(store.value) for store in nest.stores) for nest in nests.nests)


@pytest.mark.parametrize("reduce", [Kind.SUM, Kind.MAX])
@pytest.mark.parametrize("t", [3, 5, 8])
def test_triangles_become_squares(t: int, reduce: Kind) -> None:
    program = attention(t, reduce=reduce)
    nests = build(program)
    assert ragged_parts(nests) == 0
    assert not nests.tables
    values = np.random.default_rng(t).normal(size=program.value_groups[-1])
    outputs, _ = run_classes_plainly(program, values, [])
    assert run_nests(nests, values, [])[0] == pytest.approx(outputs, rel=1e-13)


def test_what_overflows_beyond_the_triangle_is_not_seen() -> None:
    program = attention(4, 1)
    values = np.array([1.0, 1, 1, 1, 1, 1, 1, 1000, 1, 1, 1, 1])  # exp(q_0 · k_3) would be infinite
    values[3] = 0.0
    outputs, _ = run_classes_plainly(program, values, [])
    assert np.isfinite(outputs).all()
    assert run_nests(build(program), values, [])[0] == pytest.approx(outputs, rel=1e-13)


def test_a_rectangle_that_is_mostly_empty_is_not_filled() -> None:
    build_ = Builder()
    x = build_.value(range(40))
    rows = [[i] for i in range(9)] + [list(range(4 * i, 4 * i + 4)) for i in range(1, 4)] + [list(range(30))]
    total = build_.sum((x, [np.asarray(row) for row in rows]))
    program = build_.program([(total, i) for i in range(len(rows))])
    values = np.arange(40.0)
    outputs, _ = run_classes_plainly(program, values, [])
    np.testing.assert_array_equal(run_nests(build(program), values, [])[0], outputs)
