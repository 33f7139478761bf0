"""Loops are found in columns of members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.nests.discovering import row_loops, term_loops
from chainrule.compiler.nests.fitting import Loops, fit


def grid(*extents: int) -> Any:
    """Return the index of each loop at each step, in order."""
    return np.indices(extents).reshape(len(extents), -1)


def test_matrix_vector_products() -> None:
    s, n, t = grid(6, 5, 3)
    weights, inputs = 3 * n + t, 3 * s + t
    terms = term_loops([weights, inputs], np.full(30, 3))
    assert terms == Loops((3,))
    assert row_loops([weights[::3], inputs[::3]], 30) == Loops((6, 5))


def test_columns_that_go_on_need_no_loops_of_their_own() -> None:
    assert row_loops([np.arange(60), np.arange(60) * 2], 60) == Loops((60,))
    assert row_loops([np.zeros(60, dtype=np.int64)], 60) == Loops((60,))
    assert row_loops([], 60) == Loops((60,))
    assert row_loops([np.array([3])], 1) == Loops(())


def test_a_convolution_steps_by_less_than_its_window() -> None:
    i, j, a, b = grid(5, 4, 3, 2)
    image = (i + a) * 5 + j + b
    terms = term_loops([image, a * 2 + b], np.full(20, 6))
    assert terms == Loops((3, 2))
    assert row_loops([image[::6]], 20) == Loops((5, 4))


def test_looked_up_rows_leave_a_table_on_the_outer_loop() -> None:
    tokens = np.array([3, 4, 7, 1])
    t, j = grid(4, 16)
    column = tokens[t] * 16 + j
    loops = row_loops([column], 64)
    assert loops == Loops((4, 16))
    found = fit(column, loops)
    assert found.strides == (0, 1)
    assert found.axes == (0,)


@pytest.mark.parametrize("order", ["t h j", "h t j"])
def test_triangles_are_ragged_loops(order: str) -> None:
    first, second, j = grid(8, 4, 8) if order == "t h j" else grid(4, 8, 8)
    t = first if order == "t h j" else second
    h = second if order == "t h j" else first
    here = j <= t
    t, h, j = t[here], h[here], j[here]
    loops = row_loops([16 * t + 4 * h, 16 * j + 4 * h], len(t))
    assert loops.counts is not None
    assert loops.extents == ((8, 4, 8) if order == "t h j" else (4, 8, 8))
    assert fit(16 * t + 4 * h, loops).affine
    assert fit(16 * j + 4 * h, loops).affine


def test_noise_is_one_loop_and_a_table() -> None:
    column = np.random.default_rng(3).permutation(200)
    assert row_loops([column], 200) == Loops((200,))
    assert not fit(column, Loops((200,))).affine
