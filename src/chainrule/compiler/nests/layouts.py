"""Layouts: in which order the digits of each block's numbers lie in memory, found by coordinate descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.compiler.nests.costs import DraftCost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainrule.compiler.nests.blocks import Block
    from chainrule.compiler.nests.drafts import Draft

LANES = 8
SWEEPS = 3

Order = tuple[int, ...]


def choose_layouts(drafts: list[Draft], blocks: list[Block]) -> None:
    """Give every block strides for which the nests are cheap, as far as changes of single blocks lead there."""
    costs = [DraftCost(draft, blocks) for draft in drafts]
    concerned: list[list[DraftCost]] = [[] for _ in blocks]
    for draft, cost in zip(drafts, costs):
        for number in {leaf.block for leaf in [*(leaf for leaf, _ in draft.leaves()), *draft.targets()]}:
            if number is not None:
                concerned[number].append(cost)
    best: tuple[float, list[list[int]]] | None = None
    for start in (_natural, _first_inside):
        for block in blocks:
            block.strides = strides_of(block, _natural(block) if block.fixed else start(block))
        found = _descend(blocks, concerned, costs)
        if best is None or found < 0.999 * best[0]:
            best = found, [block.strides for block in blocks]
    assert best is not None
    for block, strides in zip(blocks, best[1]):
        block.strides = strides


def _descend(blocks: list[Block], concerned: list[list[DraftCost]], costs: list[DraftCost]) -> float:
    """Improve one block at a time until nothing changes; return the cost."""
    now = {id(cost): cost() for cost in costs}
    for _ in range(SWEEPS):
        changed = False
        for block, users in zip(blocks, concerned):
            if block.fixed or len(block.loops.extents) < 2 or not users:
                continue
            kept = block.strides
            least = 0.999 * sum(now[id(cost)] for cost in users)
            for order in _orders(block):
                block.strides = strides_of(block, order)
                if block.strides == kept:
                    continue
                tried = [cost() for cost in users]
                if sum(tried) < least:
                    kept, least, changed = block.strides, 0.999 * sum(tried), True
                    now.update({id(cost): each for cost, each in zip(users, tried)})
            block.strides = kept
        if not changed:
            break
    return sum(now.values())


def _natural(block: Block) -> Order:
    return tuple(range(len(block.loops.extents)))


def _first_inside(block: Block) -> Order:
    return tuple(range(1, len(block.loops.extents))) + (0,)[: len(block.loops.extents)]


def _orders(block: Block) -> Iterable[Order]:
    """Return orders of the digits, outermost first: each of them innermost once."""
    digits = range(len(block.loops.extents))
    for last in reversed(digits):
        yield (*(digit for digit in digits if digit != last), last)


def strides_of(block: Block, order: Order) -> list[int]:
    """Return the strides of digits that lie in an order; rows of some length are padded to whole vectors."""
    extents = block.loops.extents
    strides = [0] * len(extents)
    step = 1
    for digit in reversed(order):
        strides[digit] = step
        step *= extents[digit]
        if not block.fixed and LANES <= step and digit == order[-1] and len(order) > 1:
            step = -(-step // LANES) * LANES
    return strides


