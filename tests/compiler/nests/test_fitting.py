"""Fits say of a column exactly what it holds, with strides where strides do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.compiler.nests.fitting import Fit, Loops, fit, fit_dense

SEEDS = st.integers(0, 2**32 - 1)


def value_at(found: Fit, index: tuple[int, ...]) -> int:
    """Read a fit as its words say."""
    total = found.base + sum(stride * i for stride, i in zip(found.strides, index, strict=True))
    return total if found.table is None else total + int(found.table[tuple(index[axis] for axis in found.axes)])


def steps(loops: Loops) -> list[tuple[int, ...]]:
    """Return the indices of all steps, in order."""
    if loops.counts is None:
        return list(np.ndindex(*loops.extents))
    outer = list(np.ndindex(*loops.extents[:-1]))
    return [(*index, j) for index, count in zip(outer, loops.counts, strict=True) for j in range(count)]


def indices(rows: Loops, terms: Loops | None) -> list[tuple[int, ...]]:
    """Return the indices of all terms of all rows, in order."""
    if terms is None:
        return steps(rows)
    if terms.counts is None:
        return [(*row, *term) for row in steps(rows) for term in np.ndindex(*terms.extents)]
    return [(*row, k) for row, count in zip(steps(rows), terms.counts, strict=True) for k in range(count)]


def drawn_loops(draws: Any) -> tuple[Loops, Loops | None]:
    """Return loops over rows, ragged or not, and perhaps over terms."""
    extents = tuple(draws.integers(1, 5, size=draws.integers(1, 4)).tolist())
    rows = Loops(extents)
    size = int(np.prod(extents))
    if draws.random() < 0.4:
        counts = draws.integers(1, 5, size=size)
        rows = Loops((*extents, int(counts.max())), counts)
        size = int(counts.sum())
    kind = draws.random()
    if kind < 0.3:
        return rows, None
    if kind < 0.7:
        return rows, Loops(tuple(draws.integers(1, 4, size=draws.integers(1, 3)).tolist()))
    counts = draws.integers(0, 4, size=size)
    counts[draws.integers(size)] = 3
    return rows, Loops((3,), counts)


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.sampled_from(["affine", "a table on the first index", "a table on the last index", "anything"]))
def test_fit_holds_the_column(seed: int, kind: str) -> None:
    draws = np.random.default_rng(seed)
    rows, terms = drawn_loops(draws)
    every = indices(rows, terms)
    strides = draws.integers(-3, 4, size=len(every[0]))
    table = draws.integers(0, 50, size=10)
    column = np.array([int(strides @ index) for index in every])
    if kind == "a table on the first index":
        column += table[[index[0] for index in every]]
    elif kind == "a table on the last index":
        column += table[[index[-1] for index in every]]
    elif kind == "anything":
        column = draws.integers(0, 50, size=len(every))
    found = fit(column, rows, terms)
    assert [value_at(found, index) for index in every] == column.tolist()
    if kind == "affine" and (terms is None or terms.counts is None or terms.counts.all()):
        assert found.affine
    if found.table is not None:
        assert found.table.shape == tuple((rows.extents + (terms.extents if terms else ()))[a] for a in found.axes)


def test_a_table_covers_only_the_loops_that_need_it() -> None:
    rows = np.array([7, 3, 5])
    column = rows[:, None, None] * 100 + 4 * np.arange(2)[:, None] + np.arange(4)
    found = fit_dense(column)
    assert found.strides == (0, 4, 1)
    assert found.axes == (0,)
    assert found.table is not None
    assert found.table.tolist() == [700, 300, 500]


@pytest.mark.parametrize("place", [0, 3, 7])
def test_one_wrong_number_is_noticed(place: int) -> None:
    column = np.arange(8)
    column[place] += 1
    found = fit_dense(column)
    assert not found.affine
    assert [value_at(found, (i,)) for i in range(8)] == column.tolist()
