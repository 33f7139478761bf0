"""Completing: ragged loops become rectangles, whose additional steps compute zeros that change nothing.

A triangle of causal attention is half of a square, but a square is vectorised along whichever side is best, without
masks or tables. Rows beyond a count store a zero; terms beyond a count are products with such a zero, or masked.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Rule
from chainrule.compiler.nests.drafts import Draft, Leaf, Literal, Node, Terms, Tree
from chainrule.compiler.nests.fitting import Fit, Loops
from chainrule.compiler.nests.known import known
from chainrule.ops.elementary import divide, multiply, negative, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.nests.blocks import Block
    from chainrule.compiler.nests.looping import Looping

# A rectangle may have this many times the steps of what it completes.
WASTE = 2.5


def complete(drafts: list[Draft], looping: Looping) -> None:
    """Make the loops of drafts rectangles where that is safe and not too large."""
    valid: dict[int, NDArray[np.bool_]] = {}
    for draft in drafts:
        if draft.loops.counts is None:
            for terms in draft.reductions():
                if terms.loops.counts is not None:
                    _complete_terms(draft, terms, looping, valid)
        else:
            _complete_rows(draft, looping, valid)
    for number in valid:
        block = looping.blocks[number]
        block.loops = Loops(block.loops.extents)


# Rows


def _complete_rows(draft: Draft, looping: Looping, valid: dict[int, NDArray[np.bool_]]) -> None:
    """Let a ragged draft run over its whole rectangle and store zeros where it had no rows."""
    blocks = looping.blocks
    extents = draft.loops.extents
    numbers = [known(target.block) for target in draft.targets()]
    if prod(extents) > WASTE * draft.size or any(blocks[number].loops is not draft.loops for number in numbers):
        return
    if any(terms.loops.counts is not None for terms in draft.reductions()):
        return
    for leaf, around in draft.leaves():
        if leaf.block is None or not _inside(leaf, extents + (around.loops.extents if around else ()), blocks):
            return
    mask = _rows_of(draft.loops)
    loops = draft.loops = Loops(extents)
    draft.size = prod(extents)
    for terms in draft.reductions():
        terms.counts = np.full(draft.size, prod(terms.loops.extents))
    leaf = Leaf(None, np.arange(draft.size), mask.reshape(-1).astype(np.float64))
    looping.place_constants(leaf, loops, None)
    for result in draft.results:
        result.tree = _where(leaf, result.tree, 0.0)
    valid.update(dict.fromkeys(numbers, mask))


def _rows_of(loops: Loops) -> NDArray[np.bool_]:
    """Return which steps of a rectangle are rows of ragged loops."""
    steps = np.arange(loops.extents[-1])
    return (steps < known(loops.counts)[:, None]).reshape(loops.extents)


def _where(mask: Leaf, tree: Tree, otherwise: float) -> Node:
    return Node(Rule(where.code), [mask, tree, Literal(otherwise)])


def _inside(leaf: Leaf, extents: tuple[int, ...], blocks: list[Block]) -> bool:
    """Return whether all steps of a rectangle read numbers of the leaf's block."""
    for digit, length in zip(leaf.digits, blocks[known(leaf.block)].loops.extents, strict=True):
        reach = [stride * (extent - 1) for stride, extent in zip(digit.strides, extents, strict=True)]
        table = np.zeros(1, dtype=np.int64) if digit.table is None else digit.table
        lowest = digit.base + int(table.min()) + sum(min(0, each) for each in reach)
        highest = digit.base + int(table.max()) + sum(max(0, each) for each in reach)
        if lowest < 0 or highest >= length:
            return False
    return True


# Terms


def _complete_terms(draft: Draft, terms: Terms, looping: Looping, valid: dict[int, NDArray[np.bool_]]) -> None:
    """Let a ragged reduction run over as many terms for every row."""
    rows = draft.loops.extents
    counts = terms.counts.reshape(rows)
    leaves = [leaf for leaf, around in draft.leaves() if around is terms]
    factors = [] if terms.largest else _factors(terms.body)
    anchors = [leaf for leaf in leaves if leaf.block in valid]
    for anchor in [*sorted(anchors, key=lambda leaf: leaf not in factors), None]:
        length, base, shift = _shift_of(anchor, looping.blocks, len(rows), terms.loops.extents[0])
        if length == 0 or length * draft.size > WASTE * int(counts.sum()):
            continue
        if (base or any(shift)) and any(len(rows) in digit.axes for leaf in leaves for digit in leaf.digits):
            continue  # a table over terms knows them by their old numbers
        trial = [replace(leaf, digits=[_moved(digit, base, shift) for digit in leaf.digits]) for leaf in leaves]
        if not all(leaf.block is not None and _inside(leaf, (*rows, length), looping.blocks) for leaf in trial):
            continue
        place = _steps((*rows, length), base, shift)
        wanted = (place >= 0) & (place < counts[..., None])
        if (wanted.sum(axis=-1) != counts).any():
            continue
        for leaf, changed in zip(leaves, trial, strict=True):
            leaf.digits = changed.digits
        terms.loops, terms.counts = Loops((length,)), np.full(draft.size, length)
        zeros = anchor is not None and anchor in factors and _is_zero(anchor, ~wanted, valid[known(anchor.block)])
        if not zeros:
            mask = Leaf(None, np.arange(wanted.size), wanted.reshape(-1).astype(np.float64))
            looping.place_constants(mask, draft.loops, terms)
            terms.body = _where(mask, terms.body, -inf if terms.largest else 0.0)
        return


def _factors(tree: Tree) -> list[Leaf]:
    """Return the leaves that make a tree zero when they are."""
    if isinstance(tree, Leaf):
        return [tree]
    if isinstance(tree, Node) and tree.rule.slope is None:
        if tree.rule.code == multiply.code:
            return [leaf for operand in tree.operands for leaf in _factors(operand)]
        if tree.rule.code in (divide.code, negative.code):
            return _factors(tree.operands[0])
    return []


def _shift_of(anchor: Leaf | None, blocks: list[Block], rows: int, longest: int) -> tuple[int, int, tuple[int, ...]]:
    """Return how many terms there are if they are numbered by the digit that they step through, and its start.

    The digit of term k is k + base + Σ shift[d] · index[d]; without an anchor terms keep their numbers.
    """
    if anchor is None:
        return longest, 0, (0,) * rows
    stepping = [number for number, digit in enumerate(anchor.digits) if digit.strides[rows]]
    if len(stepping) != 1 or any(digit.table is not None for digit in anchor.digits):
        return 0, 0, ()
    digit = anchor.digits[stepping[0]]
    if digit.strides[rows] != 1:
        return 0, 0, ()
    return blocks[known(anchor.block)].loops.extents[stepping[0]], digit.base, digit.strides[:rows]


def _moved(digit: Fit, base: int, shift: tuple[int, ...]) -> Fit:
    """Return a fit over terms that are numbered anew."""
    step = digit.strides[len(shift)]
    strides = [stride - step * by for stride, by in zip(digit.strides, shift, strict=False)]
    return Fit(digit.base - step * base, (*strides, step), digit.table, digit.axes)


def _steps(extents: tuple[int, ...], base: int, shift: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the old number of each term of each row."""
    grid = np.indices(extents, sparse=True)
    return np.asarray(grid[-1] - base - sum(by * index for by, index in zip(shift, grid, strict=False)))


def _is_zero(factor: Leaf, steps: NDArray[np.bool_], valid: NDArray[np.bool_]) -> bool:
    """Return whether in all those steps a leaf reads the zeros around a block's own numbers."""
    grid: tuple[NDArray[np.int64], ...] = np.indices(steps.shape, sparse=True)
    digits = []
    for digit in factor.digits:
        along = digit.base + sum(stride * index for stride, index in zip(digit.strides, grid, strict=True))
        digits.append(np.broadcast_to(along, steps.shape))
    return not (valid[tuple(digits)] & steps).any()
