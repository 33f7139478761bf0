"""Splitting: nothing lost, nothing twice, every class everywhere, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import split_rows

SIZES = st.lists(st.integers(2, 40), min_size=2, max_size=5)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_each_row_in_exactly_one_part_and_each_class_where_it_fits(sizes: list[int], seed: int) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(classes)) + 100
    split = split_rows(rows, classes, seed)
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts).tolist()) == rows.tolist()
    for label, size in enumerate(sizes):
        shares = [int(np.sum(classes[part - 100] == label)) for part in parts]
        assert shares[0] >= 1
        assert shares[2] >= 1
        assert shares[1] >= (size > 2)


@given(st.integers(10, 300), st.integers(0, 1000))
def test_shares_without_classes(rows: int, seed: int) -> None:
    split = split_rows(np.arange(rows), None, seed)
    assert len(split.test) == round(0.2 * rows)
    assert len(split.validation) == round(0.16 * rows)


def test_the_seed_decides() -> None:
    rows = np.arange(100)
    once, again, other = (split_rows(rows, None, seed) for seed in (1, 1, 2))
    assert once.test.tolist() == again.test.tolist()
    assert once.test.tolist() != other.test.tolist()


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_shares_can_be_chosen(share: float) -> None:
    assert len(split_rows(np.arange(100), None, 0, test=share).test) == 100 * share
