"""Layouts: in which order the digits of each block's numbers lie in memory, and which blocks are copied into another.

Coordinate descent: one block at a time takes the order, or the order and the copy, for which all its users together are
cheapest; from two starts, since a chain of blocks may only gain when all of them turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.blocks import Block
from chainrule.compiler.nests.costs import LANES, DraftCost, Profile, Strides
from chainrule.compiler.nests.drafts import Draft, Leaf, Result
from chainrule.compiler.nests.fitting import Fit
from chainrule.compiler.nests.nest import Region

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

SWEEPS = 3
# A change must be worth this much.
BETTER = 0.998
# Cycles of a copy into another order: of each number, and of the nest itself.
COPY_NUMBER, COPY_NEST = 0.6, 30.0

Order = tuple[int, ...]


@dataclass
class Choice:
    """What the descent found: the strides of each block, and copies as (block, strides, users that read it)."""

    cost: float
    strides: list[list[int]]
    copies: list[tuple[int, list[int], list[DraftCost]]] = field(default_factory=list)


def choose_layouts(drafts: list[Draft], blocks: list[Block]) -> list[Draft]:
    """Give every block its strides; return the drafts with those that copy blocks."""
    costs = [DraftCost(draft, blocks) for draft in drafts]
    users: list[list[DraftCost]] = [[] for _ in blocks]
    profiles: dict[Hashable, dict[tuple[Strides, ...], Profile]] = {}
    for part in (part for cost in costs for part in cost.parts):
        part.share(profiles)
    for cost in costs:
        for number in cost.numbers:
            users[number].append(cost)
    best = min(
        (_descend(blocks, users, costs, turned=turned) for turned in (False, True)), key=lambda found: found.cost
    )
    for block, strides in zip(blocks, best.strides, strict=True):
        block.strides = strides
    return _with_copies(drafts, blocks, best)


def _descend(blocks: list[Block], users: list[list[DraftCost]], costs: list[DraftCost], *, turned: bool) -> Choice:
    """Improve one block at a time until nothing changes."""
    for cost in costs:
        cost.views.clear()
    for block in blocks:
        order = tuple(range(len(block.loops.extents)))
        block.strides = strides_of(block, order[1:] + order[:1] if turned and not block.fixed else order)
    now = {id(cost): cost() for cost in costs}
    copies: dict[int, tuple[list[int], list[DraftCost]]] = {}
    waiting = {number for number, block in enumerate(blocks) if len(block.loops.extents) > 1 and users[number]}
    movable = set(waiting)
    for _ in range(SWEEPS):
        for number in sorted(waiting):
            waiting.discard(number)
            if _improve(number, blocks[number], users[number], now, copies):
                waiting |= {
                    near for user in users[number] for near in user.numbers if near in movable and near != number
                }
    copied = sum(_copy_cost(blocks[number]) for number in copies)
    found = [(number, strides, readers) for number, (strides, readers) in copies.items()]
    return Choice(sum(now.values()) + copied, [block.strides for block in blocks], found)


def _improve(
    number: int,
    block: Block,
    users: list[DraftCost],
    now: dict[int, float],
    copies: dict[int, tuple[list[int], list[DraftCost]]],
) -> bool:
    """Choose a block's strides, and those of a copy, anew; return whether that changed anything."""
    before = sum(now[id(user)] for user in users) + (_copy_cost(block) if number in copies else 0.0)
    options: list[list[int]] = []
    for order in _orders(block):
        strides = strides_of(block, order)
        if strides not in options:
            options.append(strides)
    table = [[user.cost_with(number, strides) for strides in options] for user in users]
    bound = [number in user.stored for user in users]
    best, main, other = min(_combinations(block, options, table, bound))
    if best >= BETTER * before:
        return False
    block.strides = options[main]
    copies.pop(number, None)
    for user, row, held in zip(users, table, bound, strict=True):
        user.views.pop(number, None)
        reads_copy = not held and row[other] < row[main]
        now[id(user)] = row[other] if reads_copy else row[main]
        if reads_copy:
            user.views[number] = options[other]
            copies.setdefault(number, (options[other], []))[1].append(user)
        user.settle(number)
    return True


def _combinations(
    block: Block, options: list[list[int]], table: list[list[float]], bound: list[bool]
) -> Iterator[tuple[float, int, int]]:
    """Yield cost, strides and strides of a copy (the same: no copy) for every choice."""
    for main in range(len(options)):
        if block.fixed and options[main] != block.strides:
            continue
        for other in range(len(options)):
            cost = _copy_cost(block) if other != main else 0.0
            cost += sum(
                row[main] if held else min(row[main], row[other]) for row, held in zip(table, bound, strict=True)
            )
            yield cost, main, other


def _copy_cost(block: Block) -> float:
    if block.numbers is not None:
        return 0.0
    return COPY_NEST + COPY_NUMBER * block.size


def _orders(block: Block) -> list[Order]:
    """Return orders of the digits, outermost first: each of them innermost once."""
    digits = range(len(block.loops.extents))
    return [(*(digit for digit in digits if digit != last), last) for last in reversed(digits)]


def strides_of(block: Block, order: Order) -> list[int]:
    """Return the strides of digits that lie in an order; rows of some length are padded to whole vectors."""
    extents = block.loops.extents
    strides = [0] * len(extents)
    step = 1
    for digit in reversed(order):
        strides[digit] = step
        step *= extents[digit]
        if not block.fixed and step > LANES // 2 and digit == order[-1] and len(order) > 1:
            step = -(-step // LANES) * LANES
    return strides


def _with_copies(drafts: list[Draft], blocks: list[Block], choice: Choice) -> list[Draft]:
    """Add the drafts that copy blocks, each right before its first reader."""
    before: dict[int, list[Draft]] = {}
    for number, strides, readers in choice.copies:
        copy = len(blocks)
        block = blocks[number]
        constant = block.numbers is not None  # of constants there is a copy from the start
        region = Region.CONSTANTS if constant else Region.ARENA
        blocks.append(Block(region, block.size, block.loops, numbers=block.numbers, strides=strides))
        for reader in readers:
            for leaf, _ in reader.draft.leaves():
                if leaf.block == number:
                    leaf.block = copy
        if constant:
            continue
        loops = range(len(block.loops.extents))
        digits = [Fit(0, tuple(int(axis == digit) for axis in loops)) for digit in loops]
        column = np.arange(block.size)
        result = Result(-1, Leaf(number, column, digits=digits), [Leaf(copy, column, digits=digits)])
        chosen = {id(reader.draft) for reader in readers}
        first = next(draft for draft in drafts if id(draft) in chosen)
        before.setdefault(id(first), []).append(Draft(block.size, [result], block.loops))
    return [each for draft in drafts for each in (*before.get(id(draft), []), draft)]
