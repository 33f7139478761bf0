"""Drafting: each stored class as an expression tree over columns, with the blocks that it is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import ClassProgram, Kind, Members
from chainrule.compiler.nests.blocks import Block, Leaves, leaf_blocks
from chainrule.compiler.nests.drafts import Draft, Leaf, Literal, Node, Plus, Result, Terms, Tree
from chainrule.compiler.nests.fitting import starts_of
from chainrule.compiler.nests.inlining import LEAVES, equal_slots, stored_classes, uses_by_consumer
from chainrule.compiler.nests.known import known
from chainrule.compiler.nests.nest import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.classes import Class, Slot

    Column = NDArray[np.int64]

# A class is computed by at most this many nests of rows that are alike, a sum by so many reductions of terms alike.
MOST_PIECES = 8
# Or by more of them, if they have so many rows each: those of time steps can mostly be stacked again.
ROWS_OF_PIECE = 16
# A member that is the result at up to so many places is stored to each by its nest, otherwise copied.
MOST_TARGETS = 4
# Rows of very unlike counts go into nests of their own where a table padded to the longest would be this much larger.
WASTE = 4


class Drafting:
    """Makes the drafts of a class program; `blocks` grows on the way."""

    def __init__(self, program: ClassProgram) -> None:
        self.program = program
        self.blocks: list[Block] = []
        self.leaves: Leaves = leaf_blocks(program, self.blocks)
        self.stored = stored_classes(program)
        self.used = [bool(users) for users in uses_by_consumer(program)]
        self.block_of: dict[int, int] = {}
        self.targets: dict[int, list[tuple[Column, Column]]] = {}
        self.copies: list[tuple[int, Column, Column, Column]] = []
        self.slots = [_canonical(each) for each in program.classes]
        self._taken: dict[tuple[int, int], tuple[Column, Column, Column]] = {}
        self._made: dict[tuple[int, int], tuple[Column | None, Tree]] = {}
        self._place_results()

    def drafts_of(self, number: int, *, by_counts: bool = False) -> list[Draft]:
        """Return the drafts that compute a stored class, on demand one for each count of terms."""
        each = self.program.classes[number]
        if self.used[number] and number not in self.block_of:
            self.block_of[number] = len(self.blocks)
            self.blocks.append(Block(Region.ARENA, each.size))
        return [self._draft(number, rows) for rows in self._pieces(number, by_counts=by_counts)]

    def copy_drafts(self) -> list[Draft]:
        """Return the drafts that copy members to outputs and gradients where no nest could write them at once."""
        drafts = []
        for number, members, blocks, places in self.copies:
            for block in np.unique(blocks).tolist():
                here = blocks == block
                self._made.clear()
                tree = self._value(number, members[here]) if number >= 0 else Literal(0.0)
                target = Leaf(block, places[here], gradient=self.blocks[block].region is Region.VALUES)
                drafts.append(Draft(int(here.sum()), [Result(number, tree, [target])]))
        return drafts

    # Where results go

    def _place_results(self) -> None:
        """Note by class which of its members are outputs and gradients, as targets of its nest or as copies."""
        outputs = self.program.outputs
        block = len(self.blocks)
        self.blocks.append(Block(Region.OUTPUTS, max(1, len(outputs.classes)), fixed=True))
        places = np.arange(len(outputs.classes))
        self._place(outputs, np.full(len(places), block), places)
        if self.program.gradients is not None:
            blocks = np.full(len(self.program.gradients.classes), -1)
            local = np.zeros(len(blocks), dtype=np.int64)
            for number, each in enumerate(self.program.classes):
                if each.kind is Kind.VALUE:
                    blocks[known(each.places)] = self.leaves.blocks[number]
                    local[known(each.places)] = self.leaves.locals[number]
            self._place(self.program.gradients, blocks, local)

    def _place(self, results: Members, blocks: Column, places: Column) -> None:
        for number in np.unique(results.classes).tolist():
            here = (results.classes == number) & (blocks >= 0)
            if not here.any() or (number < 0 and self.blocks[int(blocks[here][0])].region is Region.VALUES):
                continue  # gradients that nothing is stored to stay zero
            if number < 0 or not self._place_whole(number, results.members[here], blocks[here], places[here]):
                self.copies.append((number, results.members[here], blocks[here], places[here]))
                if number >= 0:
                    self.used[number] = True

    def _place_whole(self, number: int, members: Column, blocks: Column, places: Column) -> bool:
        """Let a class's nest store its members at their places, if all have one; some may have several."""
        each = self.program.classes[number]
        counts = np.bincount(members, minlength=each.size)
        if each.kind in LEAVES or not 1 <= counts.min() <= counts.max() <= MOST_TARGETS:
            return False
        order = np.argsort(members, kind="stable")
        starts = starts_of(counts)[:-1]
        for turn in range(int(counts.max())):
            here = order[np.minimum(starts + turn, len(order) - 1)]
            self.targets.setdefault(number, []).append((np.where(counts > turn, blocks[here], -1), places[here]))
        return True

    # Trees

    def _draft(self, number: int, rows: Column | None) -> Draft:
        self._made.clear()
        self._taken.clear()
        size = self.program.classes[number].size if rows is None else len(rows)
        members = np.arange(size) if rows is None else rows
        targets = [Leaf(self.block_of[number], members)] if number in self.block_of else []
        for blocks, places in self.targets.get(number, []):
            block = int(blocks[members[0]])
            if block < 0:
                continue
            targets.append(Leaf(block, places[members], gradient=self.blocks[block].region is Region.VALUES))
        return Draft(size, [Result(number, self._compute(number, rows), targets)])

    def _value(self, number: int, members: Column) -> Tree:
        """Return the tree of some members of a class: a leaf, or what computes them."""
        known = self._made.get((number, id(members)))
        if known is None:
            each = self.program.classes[number]
            if each.kind in LEAVES or self.stored[number]:
                known = members, self._leaf(number, each, members)
            else:
                known = members, self._compute(number, members)
            self._made[number, id(members)] = known
        return known[1]

    def _leaf(self, number: int, each: Class, members: Column) -> Tree:
        if each.kind is Kind.CONSTANT:
            numbers = known(each.numbers)[members]
            same = (numbers == numbers[0]).all() and len(np.unique(np.signbit(numbers))) == 1
            return Literal(float(numbers[0])) if same else Leaf(None, members, numbers)
        if each.kind in LEAVES:
            blocks = self.leaves.blocks[number][members]
            if (blocks == blocks[0]).all():
                return Leaf(int(blocks[0]), self.leaves.locals[number][members])
            return Leaf(None, known(each.places)[members])
        return Leaf(self.block_of[number], members)

    def _compute(self, number: int, rows: Column | None) -> Tree:
        each = self.program.classes[number]
        if each.kind is Kind.MAP:
            return Node(
                known(each.rule),
                [self._value(slot.source, self._take(slot.members, rows)) for slot in self.slots[number]],
            )
        trees: list[Tree] = []
        for slot in self.slots[number]:
            trees += self._terms(slot, rows, each.kind is Kind.MAX)
        if not trees:
            return Literal(0.0)
        return trees[0] if len(trees) == 1 else Plus(trees, each.kind is Kind.MAX)

    def _terms(self, slot: Slot, rows: Column | None, largest: bool) -> list[Tree]:
        """Return the trees that a SUM or MAX adds for one of its slots."""
        counts, members = self._rows_of(slot, rows)
        if not counts.any():
            return []
        if (counts == 1).all():
            return [self._value(slot.source, members)]
        found: list[Tree] = []
        for here in self._alike_terms(slot.source, members, counts):
            some = members if here is None else members[here]
            numbers = counts if here is None else np.full(len(counts), len(some) // len(counts))
            outside, self._made = self._made, {}  # nothing is shared between a reduction and what is around it
            body = self._value(slot.source, some)
            self._made = outside
            found.append(body if (numbers == 1).all() else Terms(body, numbers, largest))
        return found

    def _alike_terms(self, source: int, members: Column, counts: Column) -> list[Column | None]:
        """Return which terms to sum apart, because they read different blocks of live Values: the same in each row."""
        length = int(counts[0])
        parts = self._parts(source, members)
        if not parts or not (counts == length).all():
            return [None]
        blocks = np.stack(parts).reshape(len(parts), -1, length)
        if not (blocks == blocks[:, :1]).all():
            return [None]
        kinds, which = np.unique(blocks[:, 0], axis=1, return_inverse=True)
        if kinds.shape[1] == 1 or kinds.shape[1] > MOST_PIECES:
            return [None]
        which = np.tile(which.reshape(-1), len(counts))
        return [np.flatnonzero(which == kind) for kind in range(kinds.shape[1])]

    def _take(self, column: Column, rows: Column | None) -> Column:
        """Return the column at some rows: the same object when asked again."""
        if rows is None:
            return column
        known = self._taken.get((id(column), id(rows)))
        if known is None:
            known = self._taken[id(column), id(rows)] = (column[rows], column, rows)
        return known[0]

    def _rows_of(self, slot: Slot, rows: Column | None) -> tuple[Column, Column]:
        """Return the counts and the terms of some rows of a SUM's slot."""
        offsets = known(slot.offsets)
        counts = np.diff(offsets)
        if rows is None:
            return counts, slot.members
        taken = counts[rows]
        position = np.arange(int(taken.sum())) - np.repeat(starts_of(taken)[:-1], taken)
        return taken, slot.members[np.repeat(offsets[:-1][rows], taken) + position]

    # Pieces

    def _pieces(self, number: int, *, by_counts: bool) -> list[Column | None]:
        """Return the rows of each nest of a class: those alike in their counts and in the Values they read."""
        must = [blocks for blocks, _ in self.targets.get(number, [])]
        finest = MOST_PIECES if by_counts else 2
        for signs in (*([*must, *self._signs(number, None, counts)] for counts in (finest, 2, 1)), must):
            if not signs:
                return [None]
            kinds, which = np.unique(np.stack(signs), axis=1, return_inverse=True)
            if kinds.shape[1] == 1:
                return [None]
            few = kinds.shape[1] <= MOST_PIECES or kinds.shape[1] * ROWS_OF_PIECE <= len(which)
            if few or signs is must:
                rows = [np.flatnonzero(which.reshape(-1) == kind) for kind in range(kinds.shape[1])]
                return [self._in_order(number, piece) for piece in rows]
        return [None]

    def _in_order(self, number: int, rows: Column) -> Column:
        """Return rows in the order of where they are stored, if that is outside of the arena."""
        if self.used[number] or number not in self.targets:
            return rows
        return rows[np.argsort(self.targets[number][0][1][rows], kind="stable")]

    def _signs(self, number: int, rows: Column | None, distinct: int) -> list[Column]:
        """Return columns by which the rows of a class differ in structure; see `_sign_of_counts`."""
        found: list[Column] = []
        for slot in self.slots[number]:
            if slot.offsets is None:
                found += self._inner_signs(slot.source, self._take(slot.members, rows), distinct)
                continue
            counts, members = self._rows_of(slot, rows)
            sign = _sign_of_counts(counts, distinct)
            if sign is not None:
                found.append(sign)
            if (counts == 1).all():
                found += self._inner_signs(slot.source, members, distinct)
        return found

    def _inner_signs(self, source: int, members: Column, distinct: int) -> list[Column]:
        if self.program.classes[source].kind is Kind.VALUE:
            return [self.leaves.blocks[source][members]]
        if self.program.classes[source].kind in LEAVES or self.stored[source]:
            return []
        return self._signs(source, members, distinct)

    def _parts(self, source: int, members: Column) -> list[Column]:
        """Return the blocks of live Values that terms read, one column a leaf."""
        each = self.program.classes[source]
        if each.kind is Kind.VALUE:
            return [self.leaves.blocks[source][members]]
        if each.kind in LEAVES or self.stored[source]:
            return []
        return [
            part for slot in self.slots[source] for part in self._parts(slot.source, self._take(slot.members, members))
        ]


def _sign_of_counts(counts: Column, distinct: int) -> Column | None:
    """Return a number a row that is the same for rows whose counts may share a loop; None if all may.

    Up to so many distinct counts are kept apart.
    """
    lowest, highest = int(counts.min()), int(counts.max())
    if lowest == highest:
        return None
    if highest * len(counts) > WASTE * int(counts.sum()) + 64:
        return np.ceil(np.log2(np.maximum(counts, 0.5))).astype(np.int64)
    if len(np.unique(counts)) <= distinct:
        return counts
    return (counts > 0).astype(np.int64) if lowest == 0 else None


def _canonical(each: Class) -> list[Slot]:
    """Return the slots, equal columns of one source being one object, by which shared subtrees are known."""
    slots: list[Slot] = []
    for slot in each.slots:
        same = (other for other in slots if other.source == slot.source and equal_slots(other, slot))
        slots.append(next(same, slot))
    return slots
