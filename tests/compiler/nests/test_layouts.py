"""Where numbers lie in memory."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise

import numpy as np
import pytest

from chainrule.compiler.nests.blocks import Block
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.costs import DraftCost, Profile, Strides
from chainrule.compiler.nests.describing import describe
from chainrule.compiler.nests.drafting import Drafting
from chainrule.compiler.nests.drafts import Draft
from chainrule.compiler.nests.fitting import Loops
from chainrule.compiler.nests.layouts import strides_of
from chainrule.compiler.nests.looping import Looping
from chainrule.compiler.nests.nest import NestProgram, Region, loads
from tests.compiler.nests.drawing import drawn_program
from tests.compiler.nests.handmade import mlp_layer


def test_rows_are_padded_to_whole_vectors() -> None:
    block = Block(Region.ARENA, 1000, Loops((100, 10)))
    assert strides_of(block, (0, 1)) == [16, 1]
    assert strides_of(block, (1, 0)) == [1, 104]
    assert strides_of(Block(Region.ARENA, 40, Loops((10, 4))), (0, 1)) == [4, 1]
    assert strides_of(Block(Region.INPUT, 1000, Loops((100, 10)), fixed=True), (0, 1)) == [10, 1]


def steady(program: NestProgram) -> bool:
    """Return whether every nest has a loop along which all that it touches lies still or side by side."""
    for nest in program.nests:
        addresses = [address for store in nest.stores for address, _ in loads(store.value)]
        rows = len(nest.extents)
        along_rows = any(
            all(a.strides[axis] in (0, 1) for a in [*addresses, *(store.address for store in nest.stores)])
            for axis in range(rows)
        )
        inside = [a.strides[rows:] for a in addresses if len(a.strides) > rows]
        along_terms = bool(inside) and all(1 in strides or not any(strides) for strides in inside)
        if not (along_rows or along_terms or not rows):
            return False
    return True


@pytest.mark.parametrize("samples", [24, 100])
def test_a_layer_has_no_strides_across_vectors(samples: int) -> None:
    nests = build(mlp_layer(samples, 16, 16))
    assert not nests.tables, describe(nests)
    assert steady(nests), describe(nests)


@pytest.mark.parametrize("seed", range(20))
def test_blocks_do_not_overlap_and_every_value_has_a_place(seed: int) -> None:
    nests = build(drawn_program(np.random.default_rng(seed)))
    for region, size in ((Region.ARENA, nests.arena), (Region.CONSTANTS, len(nests.constants))):
        here = sorted((b.offset, b.offset + b.size) for b in nests.buffers if b.region is region)
        assert all(end <= start for (_, end), (start, _) in pairwise(here))
        assert all(start >= 0 and end <= size and start % 8 == 0 for start, end in here)
    places = nests.value_order
    assert len(np.unique(places)) == len(places)
    assert set(places.tolist()) <= set(range(nests.values))


def test_the_same_program_gets_the_same_nests() -> None:
    assert describe(build(mlp_layer())) == describe(build(mlp_layer()))


def laid_out(seed: int) -> tuple[list[Draft], list[Block]]:
    """Return the drafts of a random program, its blocks in their natural order."""
    drafting = Drafting(drawn_program(np.random.default_rng(seed)))
    drafts = [each for number in np.flatnonzero(drafting.stored) for each in drafting.drafts_of(int(number))]
    looping = Looping(drafting.blocks)
    for draft in drafts:
        looping(draft)
    for block in drafting.blocks:
        block.strides = strides_of(block, tuple(range(len(block.loops.extents))))
    return drafts, drafting.blocks


@pytest.mark.parametrize("seed", range(10))
def test_a_change_of_one_block_costs_what_the_whole_then_costs(seed: int) -> None:
    drafts, blocks = laid_out(seed)
    for draft in drafts:
        cost = DraftCost(draft, blocks)
        before = cost()
        for number in cost.numbers:
            block = blocks[number]
            kept, turned = block.strides, strides_of(block, tuple(reversed(range(len(block.loops.extents)))))
            tried = cost.cost_with(number, turned)
            assert cost.cost_with(number, kept) == before
            block.strides = turned
            cost.settle(number)
            assert cost.cost_with(number, turned) == tried == DraftCost(draft, blocks)()
            before = tried


@pytest.mark.parametrize("seed", range(10))
def test_parts_that_share_their_profiles_cost_the_same(seed: int) -> None:
    drafts, blocks = laid_out(seed)
    plain = [DraftCost(draft, blocks)() for draft in [*drafts, *drafts]]
    shared = [DraftCost(draft, blocks) for draft in [*drafts, *drafts]]
    profiles: dict[Hashable, dict[tuple[Strides, ...], Profile]] = {}
    parts = [part for cost in shared for part in cost.parts]
    for part in parts:
        part.share(profiles)
    assert len(profiles) <= len(parts) / 2
    assert [cost() for cost in shared] == plain
