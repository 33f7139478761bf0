"""Fitting: integer columns as strides over loops, and which loops suit them; tables hold what no strides describe."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]


@dataclass(frozen=True)
class Loops:
    """Loops, outermost first, whose steps are the rows of columns in order.

    Attributes:
        extents: their lengths.
        counts: None; or the lengths of the last loop for each step of those before it, where they differ;
            `extents` then ends with the largest of them.
    """

    extents: tuple[int, ...]
    counts: Column | None = None


@dataclass(frozen=True)
class Fit:
    """A column: base + Σ strides[d] · index[d] + table[index of the loops `axes`]."""

    base: int
    strides: tuple[int, ...]
    table: Column | None = None
    axes: tuple[int, ...] = ()

    @property
    def affine(self) -> bool:
        """Whether there is no table."""
        return self.table is None


def fit(column: Column, rows: Loops, terms: Loops | None = None) -> Fit:
    """Describe a column that has one number a row or, with `terms`, one for each term of each row."""
    if rows.counts is None and (terms is None or terms.counts is None):
        return fit_dense(column.reshape(rows.extents + (terms.extents if terms else ())))
    if terms is not None:
        peeled = _peel(column, terms)
        outer = fit(peeled[0], rows) if peeled else None
    else:
        peeled = _peel(column, Loops(rows.extents[-1:], rows.counts))
        outer = fit_dense(peeled[0].reshape(rows.extents[:-1])) if peeled else None
    if peeled is None or outer is None or not (outer.affine or peeled[1].affine):
        return _padded(column, rows, terms)
    inner = peeled[1]
    shift = len(outer.strides)
    if not inner.affine:
        axes = tuple(shift + axis for axis in inner.axes)
        return Fit(outer.base + inner.base, outer.strides + inner.strides, inner.table, axes)
    return Fit(outer.base + inner.base, outer.strides + inner.strides, outer.table, outer.axes)


def fit_dense(block: Column) -> Fit:
    """Describe an array by its indices."""
    corner = (0,) * block.ndim
    base = int(block[corner])
    strides = [
        int(block[(*corner[:axis], 1, *corner[axis + 1 :])]) - base if extent > 1 else 0
        for axis, extent in enumerate(block.shape)
    ]
    if (block == base + _ramp(strides, block.shape)).all():
        return Fit(base, tuple(strides))
    axes = []
    for axis in range(block.ndim):
        steps = np.diff(block, axis=axis)
        if not (steps == strides[axis]).all():
            axes.append(axis)
            strides[axis] = 0
    table = block[tuple(slice(None) if axis in axes else 0 for axis in range(block.ndim))]
    return Fit(0, tuple(strides), np.ascontiguousarray(table), tuple(axes))


def _ramp(strides: list[int], extents: tuple[int, ...]) -> Column:
    """Return Σ strides[d] · index[d] as an array that broadcasts to the extents."""
    ramp = np.zeros((1,) * len(extents), dtype=np.int64)
    for axis, (stride, extent) in enumerate(zip(strides, extents, strict=True)):
        if stride:
            shape = (1,) * axis + (extent,) + (1,) * (len(extents) - axis - 1)
            ramp = ramp + (stride * np.arange(extent, dtype=np.int64)).reshape(shape)
    return ramp


def _peel(column: Column, terms: Loops) -> tuple[Column, Fit] | None:
    """Split a column into each row's first number and what is added along the terms; None if that differs by row."""
    if terms.counts is None:
        block = column.reshape(-1, prod(terms.extents))
        first = block[:, 0]
        along = block[0] - first[0]
        same = (block - first[:, None] == along).all()
        along = along.reshape(terms.extents)
    else:
        offsets = starts_of(terms.counts)
        first = first_of_rows(column, terms.counts)
        longest = int(np.argmax(terms.counts))
        along = column[offsets[longest] : offsets[longest + 1]] - first[longest]
        position = np.arange(len(column)) - np.repeat(offsets[:-1], terms.counts)
        same = (column - np.repeat(first, terms.counts) == along[position]).all()
    return (first, fit_dense(along)) if same else None


def starts_of(counts: Column) -> Column:
    """Return where each row's terms start, and where the last row's end."""
    return np.concatenate([[0], np.cumsum(counts)])


def first_of_rows(column: Column, counts: Column) -> Column:
    """Return each row's first number; a row without any takes that of the row before (nobody will read it)."""
    offsets = starts_of(counts)[:-1]
    if (counts > 0).all():
        return column[offsets]
    filled = np.maximum.accumulate(np.where(counts > 0, np.arange(len(counts)), -1))
    filled[filled < 0] = int(np.argmax(counts > 0))
    return column[offsets[filled]]


def _padded(column: Column, rows: Loops, terms: Loops | None) -> Fit:
    """Return a full table over all loops; steps that never run hold zero."""
    where = np.arange(prod(rows.extents[:-1])) if rows.counts is not None else np.arange(prod(rows.extents))
    if rows.counts is not None:
        where = spread(where, rows.counts, rows.extents[-1])
    extents = rows.extents
    if terms is not None:
        length = prod(terms.extents)
        counts = np.full(len(where), length) if terms.counts is None else terms.counts
        where = spread(where, counts, length)
        extents += terms.extents
    table = np.zeros(prod(extents), dtype=np.int64)
    table[where] = column
    return Fit(0, (0,) * len(extents), table.reshape(extents), tuple(range(len(extents))))


def spread(where: Column, counts: Column, length: int) -> Column:
    """Return the places of the terms of rows, where row r's are `length · where[r]` and those that follow."""
    position = np.arange(int(counts.sum())) - np.repeat(starts_of(counts)[:-1], counts)
    return np.repeat(where * length, counts) + position
