"""Digits and loops are split without changing what any leaf reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.compiler.nests.cutting import cut_blocks
from chainrule.compiler.nests.drafting import Drafting
from chainrule.compiler.nests.drafts import Draft
from chainrule.compiler.nests.looping import Looping
from tests.compiler.nests.drawing import drawn_program
from tests.compiler.nests.handmade import mlp_layer
from tests.compiler.nests.test_fitting import indices, value_at


def drafts_of(program: Any) -> tuple[list[Draft], Looping]:
    """Return drafts with loops, as they are before cutting."""
    drafting = Drafting(program)
    numbers = [number for number, stored in enumerate(drafting.stored) if stored]
    drafts = [draft for number in numbers for draft in drafting.drafts_of(number)]
    looping = Looping(drafting.blocks)
    for draft in drafts:
        looping(draft)
    return drafts, looping


def numbers_read(drafts: list[Draft], looping: Looping) -> list[list[int]]:
    """Return the numbers of its block that each leaf reads, step by step."""
    found = []
    for draft in drafts:
        for leaf, around in [*draft.leaves(), *((target, None) for target in draft.targets())]:
            if leaf.block is None:
                continue
            loops = looping.blocks[leaf.block].loops
            if loops.counts is not None:
                continue
            every = indices(draft.loops, around.loops if around else None)
            digits = [[value_at(digit, index) for index in every] for digit in leaf.digits]
            places = np.ravel_multi_index(tuple(digits), loops.extents) if digits else np.zeros(len(every))
            found.append([int(place) for place in np.atleast_1d(places)])
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_leaves_read_the_same_numbers_after_cutting(seed: int) -> None:
    drafts, looping = drafts_of(drawn_program(np.random.default_rng(seed)))
    before = numbers_read(drafts, looping)
    cut_blocks(drafts, looping.blocks)
    assert numbers_read(drafts, looping) == before


def test_weights_become_a_matrix() -> None:
    drafts, looping = drafts_of(mlp_layer(samples=6, out=5, nin=3))
    cut_blocks(drafts, looping.blocks)
    weights = next(block for block in looping.blocks if block.places is not None)
    assert weights.size == 15
    assert weights.loops.extents == (5, 3)
