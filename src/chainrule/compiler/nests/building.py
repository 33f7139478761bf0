"""Building: a class program becomes a nest program, pass by pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.absorbing import absorb
from chainrule.compiler.nests.addressing import Addressing
from chainrule.compiler.nests.completing import complete
from chainrule.compiler.nests.cutting import cut_blocks
from chainrule.compiler.nests.drafting import Drafting
from chainrule.compiler.nests.drafts import Draft
from chainrule.compiler.nests.fitting import Loops
from chainrule.compiler.nests.joining import join
from chainrule.compiler.nests.layouts import choose_layouts
from chainrule.compiler.nests.looping import Looping
from chainrule.compiler.nests.nest import NestProgram, Region
from chainrule.compiler.nests.stacking import Stacking
from chainrule.compiler.nests.verifying import verify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.classes import ClassProgram
    from chainrule.compiler.nests.blocks import Block


def build(classes: ClassProgram) -> NestProgram:
    """Turn classes into loop nests over memory."""
    drafting = Drafting(classes)
    looping = Looping(drafting.blocks)
    drafts = [
        draft for number, stored in enumerate(drafting.stored) if stored for draft in _looped(number, drafting, looping)
    ]
    copies = drafting.copy_drafts()
    for draft in copies:
        looping(draft)
    drafts = [draft for draft in [*drafts, *copies] if any(draft.targets())]
    cut_blocks(drafts, drafting.blocks)
    complete(drafts, looping)
    drafts = choose_layouts(drafts, drafting.blocks)
    drafts, forward = outputs_first(drafts, drafting.blocks)
    sizes, value_order = place_blocks(drafting.blocks, classes.value_groups[-1] if classes.value_groups else 0)
    addressing = Addressing(drafting.blocks, value_order, sizes[Region.VALUES])
    nests = [addressing.nest(draft) for draft in drafts]
    nests, forward = join(nests, forward, addressing.buffers)
    nests, forward = absorb(nests, forward, addressing.buffers)
    nests, forward = Stacking(addressing.buffers, addressing.tables)(nests, forward)
    program = NestProgram(
        nests,
        addressing.buffers,
        addressing.tables,
        constants_of(drafting.blocks, sizes[Region.CONSTANTS]),
        sizes[Region.ARENA],
        value_order,
        sizes[Region.VALUES],
        forward,
        len(classes.outputs.classes),
    )
    return verify(program)


def _looped(number: int, drafting: Drafting, looping: Looping) -> list[Draft]:
    """Return the drafts of a class with their loops.

    Where rows of unlike counts leave tables over all terms, as at the border of a convolution, rows of each count get
    a nest of their own if that helps.
    """
    drafts = drafting.drafts_of(number)
    for draft in drafts:
        looping(draft)
    tabled = sum(draft.size for draft in drafts if draft.has_tables_over_terms())
    if not tabled:
        return drafts
    finer = drafting.drafts_of(number, by_counts=True)
    if len(finer) == len(drafts):
        return drafts
    known = drafting.blocks[drafting.block_of[number]] if number in drafting.block_of else None
    loops = known.loops if known else Loops(())
    if known:
        known.loops = Loops((known.size,))
    for draft in finer:
        looping(draft)
    if 2 * sum(draft.size for draft in finer if draft.has_tables_over_terms()) < tabled:
        return finer
    if known:
        known.loops = loops
    return drafts


def outputs_first(drafts: list[Draft], blocks: list[Block]) -> tuple[list[Draft], int]:
    """Return the drafts, those that outputs need before the others, and how many those are."""
    needed: set[int] = set()
    first = []
    for draft in reversed(drafts):
        targets = [target.block for target in draft.targets() if not target.gradient]
        if any(block in needed or (block is not None and blocks[block].region is Region.OUTPUTS) for block in targets):
            first.append(draft)
            needed.update(leaf.block for leaf, _ in draft.leaves() if leaf.block is not None)
    first.reverse()
    chosen = set(map(id, first))
    return [*first, *(draft for draft in drafts if id(draft) not in chosen)], len(first)


def place_blocks(blocks: list[Block], values: int) -> tuple[dict[Region, int], NDArray[np.int64]]:
    """Give blocks their offsets; return how many numbers each region holds and where each live Value lies."""
    sizes = dict.fromkeys(Region, 0)
    order = np.full(values, -1, dtype=np.int64)
    for block in blocks:
        if block.region in (Region.ARENA, Region.CONSTANTS, Region.VALUES):
            block.offset = sizes[block.region]
            sizes[block.region] += block.room()
        if block.places is not None:
            order[block.places] = block.offset + block.addresses()
    unused = np.flatnonzero(order < 0)
    order[unused] = sizes[Region.VALUES] + np.arange(len(unused))
    sizes[Region.VALUES] += len(unused)
    return sizes, order


def constants_of(blocks: list[Block], size: int) -> NDArray[np.float64]:
    """Return the numbers of the CONSTANTS region."""
    region = np.zeros(size)
    for block in blocks:
        if block.numbers is not None:
            region[block.offset + block.addresses()] = block.numbers
    return region
