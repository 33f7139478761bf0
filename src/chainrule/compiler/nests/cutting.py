"""Cutting: digits and loops are split where somebody steps over a part of them, so that layouts may move the parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.fitting import Fit, Loops

if TYPE_CHECKING:
    from chainrule.compiler.nests.blocks import Block
    from chainrule.compiler.nests.drafts import Draft, Leaf, Terms

# A block has at most this many digits; with more there are too many layouts.
MOST_DIGITS = 5


@dataclass(eq=False)
class Use:
    """A leaf and the loops that its fits are over."""

    leaf: Leaf
    draft: Draft
    around: Terms | None

    def extents(self) -> tuple[int, ...]:
        """Return the lengths of the loops."""
        return self.draft.loops.extents + (self.around.loops.extents if self.around else ())

    def ragged(self, axis: int) -> bool:
        """Return whether a loop is one of those whose length differs."""
        rows = len(self.draft.loops.extents)
        loops = self.draft.loops if axis < rows else self.around and self.around.loops
        return loops is not None and loops.counts is not None and axis in (rows - 1, len(self.extents()) - 1)


def uses_of_blocks(drafts: list[Draft], blocks: list[Block]) -> list[list[Use]]:
    """Return by block who reads and who stores it."""
    uses: list[list[Use]] = [[] for _ in blocks]
    for draft in drafts:
        for leaf, around in draft.leaves():
            if leaf.block is not None:
                uses[leaf.block].append(Use(leaf, draft, around))
        for target in draft.targets():
            if target.block is not None:
                uses[target.block].append(Use(target, draft, None))
    return uses


def cut_blocks(drafts: list[Draft], blocks: list[Block]) -> None:
    """Split the digits of blocks, last ones first, wherever all their users can follow."""
    uses = uses_of_blocks(drafts, blocks)
    for block, users in zip(reversed(blocks), reversed(uses), strict=True):
        if not users:
            continue
        digit = 0
        while digit < len(block.loops.extents) and len(block.loops.extents) < MOST_DIGITS:
            ragged = block.loops.counts is not None and digit == len(block.loops.extents) - 1
            if ragged or not any(_cut(block, digit, width, users) for width in _widths(block, digit, users)):
                digit += 1


def _widths(block: Block, digit: int, users: list[Use]) -> list[int]:
    """Return by which numbers a digit may be cut, the commonest steps first."""
    found: Counter[int] = Counter()
    extent = block.loops.extents[digit]
    for use in users:
        for stride, length in zip(use.leaf.digits[digit].strides, use.extents(), strict=True):
            found.update({abs(stride), abs(stride) * length} if stride else ())
    possible = [width for width in found if 1 < width < extent and extent % width == 0]
    return sorted(possible, key=lambda width: (-found[width], width))


def _cut(block: Block, digit: int, width: int, users: list[Use]) -> bool:
    """Split a digit into a higher one and a lower one of `width`, with loops where need be; False if impossible."""
    splits: dict[tuple[int, int, int], tuple[Use, int, int]] = {}
    for use in users:
        needed = _loop_splits(use, digit, width)
        if needed is None:
            return False
        for axis, length in needed:
            rows = len(use.draft.loops.extents)
            owner = use.draft if axis < rows else use.around
            key = id(owner), axis - (rows if owner is use.around else 0), length
            if any(known[:2] == key[:2] and known != key for known in splits):
                return False
            splits[key] = use, axis, length
    for use, axis, length in sorted(splits.values(), key=lambda split: -split[1]):
        split_loop(use.draft, use.around, axis, length)
    for use in users:
        use.leaf.digits[digit : digit + 1] = _split_fit(use.leaf.digits[digit], width, use.extents())
    extents = block.loops.extents
    block.loops = Loops((*extents[:digit], extents[digit] // width, width, *extents[digit + 1 :]), block.loops.counts)
    return True


def _loop_splits(use: Use, digit: int, width: int) -> list[tuple[int, int]] | None:
    """Return which loops to split, and their inner lengths, before a fit can be; None if it cannot."""
    fit = use.leaf.digits[digit]
    splits = []
    lowest = highest = fit.base % width
    for axis, (stride, extent) in enumerate(zip(fit.strides, use.extents(), strict=True)):
        if stride % width == 0 or extent == 1:
            continue
        reach = abs(stride) * (extent - 1)
        if reach >= width:
            length, rest = divmod(width, abs(stride))
            if rest or extent % length or use.ragged(axis):
                return None
            splits.append((axis, length))
            reach = abs(stride) * (length - 1)
        lowest, highest = (lowest - reach, highest) if stride < 0 else (lowest, highest + reach)
    if fit.table is not None:
        rests = np.unique(fit.table % width)
        lowest, highest = lowest + int(rests[0]), highest + int(rests[-1])
        if len(rests) > 1 and len(np.unique(fit.table // width)) > 1:
            return None
    return splits if lowest >= 0 and highest < width else None


def _split_fit(fit: Fit, width: int, extents: tuple[int, ...]) -> tuple[Fit, Fit]:
    """Return the quotient and the rest of a fit by a width."""
    lower = [
        0 if stride % width == 0 or extent == 1 else stride for stride, extent in zip(fit.strides, extents, strict=True)
    ]
    higher = [
        0 if low or extent == 1 else stride // width
        for stride, low, extent in zip(fit.strides, lower, extents, strict=True)
    ]
    base, rest = divmod(fit.base, width)
    if fit.table is None:
        return Fit(base, tuple(higher)), Fit(rest, tuple(lower))
    quotients, rests = np.divmod(fit.table, width)
    if (rests == rests.flat[0]).all():
        rest += int(rests.flat[0])
        return Fit(base, tuple(higher), quotients, fit.axes), Fit(rest, tuple(lower))
    return Fit(base + int(quotients.flat[0]), tuple(higher)), Fit(rest, tuple(lower), rests, fit.axes)


def split_loop(draft: Draft, around: Terms | None, axis: int, length: int) -> None:
    """Split a loop of a draft, or of a reduction in it, into an outer one and an inner one of a length."""
    rows = len(draft.loops.extents)
    inside = axis >= rows
    if around is not None and inside:
        around.loops = _split_extent(around.loops, axis - rows, length)
    else:
        draft.loops = _split_extent(draft.loops, axis, length)
    seen = [] if inside else list(draft.targets())
    seen += [leaf for leaf, terms in draft.leaves() if not inside or terms is around]
    for leaf in seen:
        leaf.digits = [_split_axis(fit, axis, length) for fit in leaf.digits]


def _split_extent(loops: Loops, axis: int, length: int) -> Loops:
    extents = loops.extents
    return Loops((*extents[:axis], extents[axis] // length, length, *extents[axis + 1 :]), loops.counts)


def _split_axis(fit: Fit, axis: int, length: int) -> Fit:
    strides = (*fit.strides[:axis], fit.strides[axis] * length, *fit.strides[axis:])
    if fit.table is None or not any(other >= axis for other in fit.axes):
        return Fit(fit.base, strides, fit.table, fit.axes)
    axes: list[int] = []
    shape: list[int] = []
    for other, extent in zip(fit.axes, fit.table.shape, strict=True):
        axes += [axis, axis + 1] if other == axis else [other + (other > axis)]
        shape += [extent // length, length] if other == axis else [extent]
    return Fit(fit.base, strides, fit.table.reshape(shape), tuple(axes))
