"""Sums of many reductions: the same numbers, in registers, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.compiler.native.compiling import compile_nests, module_text
from chainrule.compiler.native.lowering import MOST_TOGETHER, lower
from chainrule.compiler.native.machine import Machine, available
from chainrule.compiler.native.pricing import Work
from chainrule.compiler.native.schedule import best_schedule
from chainrule.compiler.nests.nest import Add, Address, Apply, Buffer, Load, Nest, NestProgram, Reduce, Region, Store
from chainrule.compiler.nests.running import run_nests
from tests.compiler.native.machine_code import Memory, program, rule

ROWS, COLUMNS, TERMS = 5, 9, 7


def products(count: int, *, largest: int | None = None, ragged: bool = False) -> NestProgram:
    """Return the sum of products of matrices that lie anywhere, on request one of them a maximum."""
    places = np.random.default_rng(count).permutation(2 * count) * 64
    parts = []
    for i in range(count):
        a = Load(Address(0, int(places[2 * i]), (TERMS, 0, 1)))
        b = Load(Address(0, int(places[2 * i + 1]), (0, 1, COLUMNS)))
        parts.append(Reduce((TERMS,), Apply(rule("multiply"), (a, b)), 0 if ragged else None, (1, 0), i == largest))
    nest = Nest((ROWS, COLUMNS), (Store(Address(1, 0, (COLUMNS, 1)), Add((*parts, Load(Address(0, 3, (1, 0)))))),))
    buffers = [Buffer(Region.INPUT, 0, 128 * count), Buffer(Region.OUTPUTS, 0, ROWS * COLUMNS)]
    return program([nest], buffers, tables=[[3, 7, 1, 0, 5]] if ragged else ())


@pytest.mark.skipif(available() is not None, reason="no LLVM")
@pytest.mark.parametrize("width", [2, 8])
@pytest.mark.parametrize("count", [MOST_TOGETHER, MOST_TOGETHER + 1, 20])
@pytest.mark.parametrize("kind", ["plain", "largest", "ragged"])
def test_the_numbers(count: int, kind: str, width: int) -> None:
    nests = products(count, largest=2 if kind == "largest" else None, ragged=kind == "ragged")
    inputs = [np.random.default_rng(1).normal(size=128 * count)]
    expected, _ = run_nests(nests, np.zeros(0), inputs, np.zeros(0), gradients=False)
    got, _ = Memory(nests, np.zeros(0), inputs).run(compile_nests(nests, width=width, cache=False), gradients=False)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_many_need_the_registers_of_one() -> None:
    nests = products(40)
    work = Work(lower(nests.nests[0], nests.buffers))
    assert [sum(each.values()) for each in work.reductions.values()] == [1]
    assert list(work.rounds.values()) == [40]
    assert max(best_schedule(nests.nests[0], nests).tile) > 1


def test_few_run_side_by_side() -> None:
    nests = products(MOST_TOGETHER)
    work = Work(lower(nests.nests[0], nests.buffers))
    assert [sum(each.values()) for each in work.reductions.values()] == [MOST_TOGETHER]
    assert list(work.rounds.values()) == [1]


def test_hundreds_do_not_exhaust_the_stack() -> None:
    text, *_ = module_text(products(600), Machine("", "", "", 8))
    assert text.count("phi i64") >= 600
