"""Nests that run as one."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import Region
from chainrule.compiler.nests.running import run_nests
from tests.compiler.nests.handmade import Builder, run_classes_plainly


@pytest.mark.parametrize("size", [4, 4000])
def test_a_chain_of_maps_is_one_nest(size: int) -> None:
    build_ = Builder()
    x = build_.value(range(size))
    a = build_.map("sin", (x, None))
    b = build_.map("tanh", (a, None))
    c = build_.map("multiply", (a, None), (b, None))
    d = build_.map("subtract", (c, None), (b, None))
    program = build_.program([(d, i) for i in range(size)])
    nests = build(program)
    assert len(nests.nests) == 1
    assert [nests.buffers[s.address.buffer].region for s in nests.nests[0].stores] == [Region.OUTPUTS]
    values = np.random.default_rng(1).normal(size=size)
    outputs, _ = run_classes_plainly(program, values, [])
    assert run_nests(nests, values, [])[0] == pytest.approx(outputs, rel=1e-13)


@pytest.mark.parametrize(("size", "nests"), [(4, 1), (4000, 2)])
def test_small_nests_that_share_nothing_are_joined(size: int, nests: int) -> None:
    build_ = Builder()
    x = build_.value(range(2 * size))
    a = build_.map("sin", (x, np.arange(size)))
    b = build_.map("tanh", (x, np.arange(size, 2 * size)))
    program = build_.program([(a, i) for i in range(size)] + [(b, i) for i in range(size)])
    assert len(build(program).nests) == nests


def test_what_reads_other_steps_waits() -> None:
    build_ = Builder()
    x = build_.value(range(8))
    a = build_.map("sin", (x, None))
    back = build_.map("tanh", (a, np.arange(8)[::-1]))
    both = build_.map("multiply", (a, None), (back, None))
    program = build_.program([(both, i) for i in range(8)])
    nests = build(program)
    assert len(nests.nests) == 2
    values = np.random.default_rng(2).normal(size=8)
    outputs, _ = run_classes_plainly(program, values, [])
    assert run_nests(nests, values, [])[0] == pytest.approx(outputs, rel=1e-13)
