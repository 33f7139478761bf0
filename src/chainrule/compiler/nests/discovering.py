"""Discovering loops: the nested extents by which columns, all at once, go in constant steps."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.fitting import Loops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]

# A ragged loop must be this many steps long on average, and its padded rectangle at most this much larger.
SHORTEST = 2
WASTE = 3


def row_loops(columns: list[Column], size: int) -> Loops:
    """Return loops of `size` steps that suit as many of the columns as possible."""
    extents: list[int] = []
    columns = distinct(columns)
    while size > 1:
        periods = [_first_breaks(column, size) for column in columns]
        if 1 in periods and not extents:
            ragged = _ragged(columns, size)
            if ragged is not None:
                return ragged
        period = _period(periods, size) or size
        extents.insert(0, period)
        columns = distinct([column[::period] for column in columns])
        size //= period
    return Loops(tuple(extents))


def term_loops(columns: list[Column], counts: Column) -> Loops:
    """Return loops over the terms of rows, for columns of one number a term."""
    length = int(counts[0])
    if not (counts == length).all():
        return Loops((int(counts.max()),), counts)
    extents: list[int] = []
    blocks = [column.reshape(-1, length) for column in distinct(columns)]
    while length > 1:
        period = _period([_breaks_in_rows(block) for block in blocks], length) or length
        extents.insert(0, period)
        blocks = [block[:, ::period] for block in blocks]
        length //= period
    return Loops(tuple(extents))


def distinct(columns: list[Column]) -> list[Column]:
    """Return the columns without repeats and without constants."""
    kept: list[Column] = []
    for column in columns:
        if not any(column is other for other in kept) and (column != column[0]).any():
            kept.append(column)
    return kept


def _first_breaks(column: Column, size: int) -> int:
    """Return the largest period at whose ends alone the column's steps change; 0 if they never do."""
    steps = np.diff(column)
    return _common(np.flatnonzero(steps != steps[0]) + 1, size)


def _breaks_in_rows(block: Column) -> int:
    """Return the same for the columns of a table, over all its rows."""
    steps = np.diff(block, axis=1)
    return _common(np.flatnonzero((steps != steps[0, 0]).any(axis=0)) + 1, block.shape[1])


def _common(breaks: Column, size: int) -> int:
    return gcd(size, int(np.gcd.reduce(breaks))) if len(breaks) else 0


def _period(periods: list[int], size: int) -> int | None:
    """Return the inner extent that the columns agree on; None if there is none but a table for all."""
    regular = [period for period in periods if period > 1]
    if not regular:
        return None if 1 in periods else size
    common = gcd(*regular)
    return common if common > 1 else max(regular, key=regular.count)


def _ragged(columns: list[Column], size: int) -> Loops | None:
    """Return loops whose last one has a length of its own in each step of the others, if the columns have such runs.

    The commonest step of all columns together is the inner one; where another is made, a run ends.
    """
    weights = np.random.default_rng(1).integers(1, 1 << 40, len(columns))
    steps = sum(weight * np.diff(column) for weight, column in zip(weights, columns, strict=True))
    values, numbers = np.unique(steps, return_counts=True)
    ends = np.flatnonzero(steps != values[np.argmax(numbers)]) + 1
    starts = np.concatenate([[0], ends])
    counts = np.diff(np.append(starts, size))
    longest = int(counts.max())
    if len(counts) * SHORTEST > size or len(counts) * longest > WASTE * size:
        return None
    outer = row_loops([column[starts] for column in columns] + [counts], len(counts))
    if outer.counts is not None:
        outer = Loops((len(counts),))
    return Loops((*outer.extents, longest), counts)
