"""Looping: the loops of each draft, and what its leaves read as fits over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.blocks import Block
from chainrule.compiler.nests.discovering import row_loops, term_loops
from chainrule.compiler.nests.fitting import Fit, Loops, first_of_rows, fit
from chainrule.compiler.nests.known import known
from chainrule.compiler.nests.nest import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.nests.drafts import Draft, Leaf, Terms

    Column = NDArray[np.int64]


class Looping:
    """Gives drafts their loops, in the order of computation, since digits of what they read come from earlier ones."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self._constants: dict[tuple[tuple[int, ...], bytes], int] = {}

    def __call__(self, draft: Draft) -> None:
        """Find a draft's loops and fit its leaves."""
        reductions = draft.reductions()
        row_columns: list[Column] = []
        term_columns: dict[int, list[Column]] = {id(terms): [] for terms in reductions}
        digits: dict[int, list[Column]] = {}
        placed = [(leaf, around) for leaf, around in draft.leaves() if leaf.block is not None]
        for leaf, around in [*placed, *((target, None) for target in draft.targets())]:
            digits[id(leaf)] = self.blocks[known(leaf.block)].digits(leaf.column)
            (row_columns if around is None else term_columns[id(around)]).extend(digits[id(leaf)])
        for terms in reductions:
            terms.loops = term_loops(term_columns[id(terms)], terms.counts)
            row_columns += [first_of_rows(column, terms.counts) for column in term_columns[id(terms)]]
            if terms.loops.counts is not None:
                row_columns.append(terms.counts)
        draft.loops = row_loops(row_columns, draft.size)
        for leaf, around in placed:
            leaf.digits = [fit(digit, draft.loops, around.loops if around else None) for digit in digits[id(leaf)]]
        for target in draft.targets():
            self._fit_target(target, draft, digits[id(target)])
        for leaf, around in draft.leaves():
            if leaf.numbers is not None:
                self.place_constants(leaf, draft.loops, around)

    def _fit_target(self, target: Leaf, draft: Draft, digits: list[Column]) -> None:
        block = self.blocks[known(target.block)]
        if block.region is Region.ARENA and block.size == draft.size:  # then its numbers are in the order of the rows
            block.loops = draft.loops
            digits = block.digits(target.column)
        target.digits = [fit(digit, draft.loops) for digit in digits]

    def place_constants(self, leaf: Leaf, rows: Loops, around: Terms | None) -> None:
        """Give constants a block in the order of the loops, without those loops in which they stay the same."""
        numbers = known(leaf.numbers)
        terms = around.loops if around is not None else Loops(())
        extents = rows.extents + terms.extents
        if rows.counts is not None or terms.counts is not None:
            pool, column = np.unique(numbers.view(np.int64), return_inverse=True)
            leaf.block = self._constant_block((len(pool),), pool)
            leaf.digits = [fit(column.astype(np.int64), rows, terms if around else None)]
            return
        bits = numbers.view(np.int64).reshape(extents)
        axes = [axis for axis in range(len(extents)) if (bits != bits.take([0], axis=axis)).any()]
        bits = bits[tuple(slice(None) if axis in axes else 0 for axis in range(len(extents)))]
        leaf.block = self._constant_block(bits.shape, bits)
        leaf.digits = [Fit(0, tuple(int(other == axis) for other in range(len(extents)))) for axis in axes]

    def _constant_block(self, extents: tuple[int, ...], bits: Column) -> int:
        flat = np.ascontiguousarray(bits).reshape(-1)
        key = extents, flat.tobytes()
        if key not in self._constants:
            self._constants[key] = len(self.blocks)
            block = Block(Region.CONSTANTS, len(flat), Loops(extents), numbers=flat.view(np.float64))
            self.blocks.append(block)
        return self._constants[key]
