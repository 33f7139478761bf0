"""Addressing: drafts with fits become nests with addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Rule
from chainrule.compiler.nests.drafts import Draft, Leaf, Literal, Node, Terms, Tree
from chainrule.compiler.nests.fitting import Fit, Loops, fit
from chainrule.compiler.nests.known import known
from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Buffer,
    Expression,
    Load,
    Nest,
    Number,
    Reduce,
    Region,
    Store,
)
from chainrule.ops.elementary import maximum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.nests.blocks import Block

    Column = NDArray[np.int64]


class Addressing:
    """Makes nests; `tables` and `buffers` grow on the way."""

    def __init__(self, blocks: list[Block], place_of_value: Column, values: int) -> None:
        self.blocks = blocks
        self.place_of_value = place_of_value
        self.values = values
        self.tables: list[NDArray[np.int32]] = []
        self.buffers: list[Buffer] = []
        self._buffer_numbers: dict[Buffer, int] = {}
        self._table_numbers: dict[bytes, int] = {}

    def nest(self, draft: Draft) -> Nest:
        """Return the nest of a draft."""
        made: dict[int, Expression] = {}
        stores = []
        for result in draft.results:
            value = self._expression(result.tree, draft.loops, None, made)
            stores += [Store(self._address(target, draft.loops, None), value) for target in result.targets]
        counts, strides = self._counts(draft.loops, draft.loops.extents[:-1])
        numbers = tuple(result.number for result in draft.results)
        return Nest(draft.loops.extents, tuple(stores), counts, strides, numbers)

    def _expression(self, tree: Tree, rows: Loops, around: Terms | None, made: dict[int, Expression]) -> Expression:
        """Return a tree's expression; a shared tree gives a shared expression."""
        if id(tree) not in made:
            made[id(tree)] = self._new_expression(tree, rows, around, made)
        return made[id(tree)]

    def _new_expression(self, tree: Tree, rows: Loops, around: Terms | None, made: dict[int, Expression]) -> Expression:
        if isinstance(tree, Literal):
            return Number(tree.number)
        if isinstance(tree, Leaf):
            return Load(self._address(tree, rows, around))
        if isinstance(tree, Node):
            return Apply(tree.rule, tuple(self._expression(each, rows, around, made) for each in tree.operands))
        if isinstance(tree, Terms):
            counts, strides = self._term_counts(tree, rows)
            body = self._expression(tree.body, rows, tree, made)
            return Reduce(tree.loops.extents, body, counts, strides, tree.largest)
        terms = tuple(self._expression(each, rows, around, made) for each in tree.terms)
        return _largest(terms) if tree.largest else Add(terms)

    def _address(self, leaf: Leaf, rows: Loops, around: Terms | None) -> Address:
        if leaf.block is None:  # live Values of several blocks
            found = fit(self.place_of_value[leaf.column], rows, around.loops if around else None)
            return self._with_table(self._buffer(Buffer(Region.VALUES, 0, self.values)), found)
        block = self.blocks[leaf.block]
        region = Region.GRADIENTS if leaf.gradient else block.region
        whole = Buffer(region, 0, self.values) if block.region is Region.VALUES else None
        buffer = whole or Buffer(region, block.offset, block.room(), block.group)
        found = combine(leaf.digits, block.strides, rows.extents + (around.loops.extents if around else ()))
        if whole:
            found = Fit(found.base + block.offset, found.strides, found.table, found.axes)
        return self._with_table(self._buffer(buffer), found)

    def _with_table(self, buffer: int, found: Fit) -> Address:
        if found.table is None:
            return Address(buffer, found.base, found.strides)
        table, strides = self._table(found, len(found.strides))
        return Address(buffer, found.base, found.strides, table, strides)

    def _table(self, found: Fit, loops: int) -> tuple[int, tuple[int, ...]]:
        """Return the number of a table and its strides over the loops."""
        data = np.ascontiguousarray(known(found.table), dtype=np.int32)
        strides = [0] * loops
        for axis, step in zip(found.axes, data.strides, strict=True):
            strides[axis] = step // data.itemsize if data.shape[found.axes.index(axis)] > 1 else 0
        return self._table_number(data.reshape(-1)), tuple(strides)

    def _table_number(self, data: NDArray[np.int32]) -> int:
        number = self._table_numbers.setdefault(data.tobytes(), len(self.tables))
        if number == len(self.tables):
            self.tables.append(data)
        return number

    def _buffer(self, buffer: Buffer) -> int:
        number = self._buffer_numbers.setdefault(buffer, len(self.buffers))
        if number == len(self.buffers):
            self.buffers.append(buffer)
        return number

    def _counts(self, rows: Loops, outer: tuple[int, ...]) -> tuple[int | None, tuple[int, ...]]:
        """Return the table and strides of the ragged last loop of a nest."""
        if rows.counts is None:
            return None, ()
        return self._count_table(rows.counts.reshape(outer))

    def _term_counts(self, terms: Terms, rows: Loops) -> tuple[int | None, tuple[int, ...]]:
        """Return the table and strides of a ragged reduction."""
        if terms.loops.counts is None:
            return None, ()
        if rows.counts is None:
            return self._count_table(terms.loops.counts.reshape(rows.extents))
        found = fit(terms.loops.counts, rows)
        full = np.zeros(rows.extents, dtype=np.int64) + found.base
        for axis, stride in enumerate(found.strides):
            full += stride * np.arange(rows.extents[axis]).reshape([-1 if a == axis else 1 for a in range(full.ndim)])
        if found.table is not None:
            shape = [extent if axis in found.axes else 1 for axis, extent in enumerate(rows.extents)]
            full += found.table.reshape(shape)
        return self._count_table(full)

    def _count_table(self, counts: Column) -> tuple[int, tuple[int, ...]]:
        axes = tuple(axis for axis in range(counts.ndim) if (counts != counts.take([0], axis=axis)).any())
        table = counts[tuple(slice(None) if axis in axes else 0 for axis in range(counts.ndim))]
        return self._table(Fit(0, (0,) * counts.ndim, table, axes), counts.ndim)


def combine(digits: list[Fit], strides: list[int], extents: tuple[int, ...]) -> Fit:
    """Return the address that digits and their strides make."""
    base = sum(digit.base * stride for digit, stride in zip(digits, strides, strict=True))
    along = [
        sum(digit.strides[axis] * stride for digit, stride in zip(digits, strides, strict=True))
        for axis in range(len(extents))
    ]
    tabled = [(digit, stride) for digit, stride in zip(digits, strides, strict=True) if digit.table is not None]
    if not tabled:
        return Fit(base, tuple(along))
    axes = tuple(sorted({axis for digit, _ in tabled for axis in digit.axes}))
    table = np.zeros([extents[axis] for axis in axes], dtype=np.int64)
    for digit, stride in tabled:
        table += stride * known(digit.table).reshape([extents[axis] if axis in digit.axes else 1 for axis in axes])
    return Fit(base, tuple(along), table, axes)


def _largest(terms: tuple[Expression, ...]) -> Expression:
    found = terms[0]
    for term in terms[1:]:
        found = Apply(Rule(maximum.code), (found, term))
    return found
