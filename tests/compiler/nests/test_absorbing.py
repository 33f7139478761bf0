"""Sums over everything, and what only they read: one nest, unless somebody else needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.classes import ClassProgram
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import NestProgram
from chainrule.compiler.nests.running import run_nests
from tests.compiler.nests.handmade import Builder, run_classes_plainly


def powers(build_: Builder, size: int, count: int) -> tuple[int, list[int]]:
    """Return Values and classes of which each is the one before times them, the first their sine."""
    x = build_.value(range(size))
    found = [build_.map("sin", (x, None))]
    while len(found) < count:
        found.append(build_.map("multiply", (found[-1], None), (x, None)))
    return x, found


def total(build_: Builder, source: int, members: Any) -> int:
    return build_.sum((source, [list(members)]))


def checked(program: ClassProgram, size: int) -> NestProgram:
    nests = build(program)
    values = np.random.default_rng(3).normal(size=size)
    outputs, _ = run_classes_plainly(program, values, [])
    np.testing.assert_allclose(run_nests(nests, values, [])[0], outputs, rtol=1e-12, atol=1e-12)
    return nests


@pytest.mark.parametrize("size", [3, 40, 400])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_sums_of_what_nobody_else_reads_are_one_nest(count: int, size: int) -> None:
    build_ = Builder()
    _, found = powers(build_, size, count)
    sums = [total(build_, each, range(size)) for each in found]
    nests = checked(build_.program([(each, 0) for each in sums]), size)
    assert [(each.extents, len(each.stores)) for each in nests.nests] == [((), count)]


def test_more_sums_than_registers_stay() -> None:
    build_ = Builder()
    _, found = powers(build_, 400, 13)
    sums = [total(build_, each, range(400)) for each in found]
    nests = checked(build_.program([(each, 0) for each in sums]), 400)
    assert all(len(each.stores) <= 4 for each in nests.nests)


def test_what_is_an_output_too_is_stored() -> None:
    build_ = Builder()
    _, found = powers(build_, 40, 3)
    sums = [total(build_, each, range(40)) for each in found]
    nests = checked(build_.program([*((each, 0) for each in sums), *((found[1], i) for i in range(40))]), 40)
    assert (40,) in [each.extents for each in nests.nests]


def test_terms_in_another_order_are_other_terms() -> None:
    build_ = Builder()
    _, (first, second) = powers(build_, 40, 2)
    there = total(build_, build_.map("multiply", (first, None), (second, np.arange(40)[::-1])), range(40))
    checked(
        build_.program([(there, 0), (total(build_, first, range(40)), 0), (total(build_, second, range(40)), 0)]), 40
    )


def test_a_sum_that_terms_of_another_need_comes_before() -> None:
    build_ = Builder()
    x, (first, second) = powers(build_, 40, 2)
    whole = total(build_, first, range(40))
    scaled = build_.map("multiply", (second, None), (whole, np.zeros(40, int)))
    again = build_.map("multiply", (scaled, None), (x, None))
    sums = [total(build_, each, range(40)) for each in (scaled, again)]
    nests = checked(build_.program([(whole, 0), *((each, 0) for each in sums)]), 40)
    assert len(nests.nests[-1].stores) == 2
