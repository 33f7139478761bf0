"""Whole nests against numpy: every kind of address, reduction, length and store, at every width, within fences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.native.compiling import compile_nests
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Buffer,
    Load,
    Nest,
    NestProgram,
    Number,
    Reduce,
    Region,
    Store,
)
from chainrule.compiler.nests.running import run_nests
from tests.compiler.native.machine_code import Memory, program, rule
from tests.compiler.nests.drawing import drawn_program

pytest.importorskip("llvmlite")

WIDTHS = (2, 4, 8)
INPUT, OUTPUT = 0, 1


def check(nests: NestProgram, width: int, seed: int = 0) -> None:
    """Compiled code gives what `run_nests` gives, and touches nothing else."""
    draws = np.random.default_rng(seed)
    read = [each for each in nests.buffers if each.region is Region.INPUT]
    inputs = [
        draws.normal(size=max((each.offset + each.size for each in read if each.group == group), default=0))
        for group in range(max((each.group for each in read), default=-1) + 1)
    ]
    values = draws.normal(size=len(nests.value_order))
    seeds = draws.normal(size=20)
    with np.errstate(all="ignore"):
        outputs, gradients = run_nests(nests, values, inputs, seeds)
    memory = Memory(nests, values, inputs, seeds)
    got, slopes = memory.run(compile_nests(nests, width=width, cache=False))
    np.testing.assert_allclose(got, outputs, rtol=1e-12, atol=1e-12)
    if gradients is not None and slopes is not None:
        np.testing.assert_allclose(slopes, gradients, rtol=1e-12, atol=1e-12)


def one(extents: tuple[int, ...], value: Any, size: int, strides: tuple[int, ...], **more: Any) -> NestProgram:
    """Return a program of one nest that stores to the outputs; input 0 has a thousand numbers."""
    buffers = [Buffer(Region.INPUT, 0, 1000), Buffer(Region.OUTPUTS, 0, size)]
    tables = more.pop("tables", ())
    return program([Nest(extents, (Store(Address(OUTPUT, 0, strides), value),), **more)], buffers, tables=tables)


def load(base: int, *strides: int, table: int | None = None, table_strides: tuple[int, ...] = ()) -> Load:
    return Load(Address(INPUT, base, strides, table, table_strides))


def product(*factors: Any) -> Apply:
    return Apply(rule("multiply"), factors)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 8, 9, 13, 16, 31, 33])
def test_products_of_matrices(n: int, width: int) -> None:
    """(n, 5) times (5, 7), plus a row, through relu."""
    body = product(load(0, 5, 0, 1), load(500, 0, 1, 7))
    value = Apply(rule("relu"), (Add((Reduce((5,), body), load(900, 0, 1))),))
    check(one((n, 7), value, 7 * n, (7, 1)), width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("terms", [1, 2, 7, 8, 9, 40, 100])
def test_dot_products(terms: int, width: int) -> None:
    """The reduction is the only thing to put across the lanes; a factor that does not change leaves it."""
    body = product(product(load(0, 1), load(200, 1)), load(999, 0))
    check(one((), Add((Reduce((terms,), body), Number(0.5))), 1, ()), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_reductions_of_two_dimensions_and_of_nothing_that_changes(width: int) -> None:
    nested = Reduce((6, 5), product(load(0, 1, 30, 2), load(3, 0, 1, 6)))
    check(one((4,), Add((nested, Reduce((9,), load(7, 1, 0)))), 4, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_maximums(width: int) -> None:
    check(one((11,), Reduce((13,), load(0, 13, 1), largest=True), 11, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_maximum_of_nan_is_nan(width: int) -> None:
    nests = one((3,), Reduce((20,), load(0, 20, 1), largest=True), 3, (1,))
    numbers = np.arange(1000.0)
    numbers[25] = np.nan
    got, _ = Memory(nests, np.zeros(0), [numbers]).run(compile_nests(nests, width=width, cache=False))
    np.testing.assert_array_equal(got, [19.0, np.nan, 59.0])


@pytest.mark.parametrize("width", WIDTHS)
def test_strides_that_are_odd(width: int) -> None:
    """Backwards, far apart, and stores that are."""
    value = Apply(rule("subtract"), (load(900, -1, 3), load(5, 7, 0)))
    check(one((9, 10), value, 110, (1, 11)), width)
    check(one((9,), load(3, 5), 100, (11,)), width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("extent", [4, 8, 13])
def test_tables(extent: int, width: int) -> None:
    """Gathers, with an affine part, from a table over the rows, and stores by a table."""
    draws = np.random.default_rng(0)
    tables = [draws.integers(0, 400, size=(6, extent)), draws.integers(0, 400, size=6), draws.permutation(6 * extent)]
    gathered = load(2, 1, 0, table=0, table_strides=(extent, 1))
    rows = load(1, 0, 1, table=1, table_strides=(1, 0))
    flat = [each.ravel() for each in tables]
    check(one((6, extent), product(gathered, rows), 6 * extent, (extent, 1), tables=flat), width)
    buffers = [Buffer(Region.INPUT, 0, 1000), Buffer(Region.OUTPUTS, 0, 6 * extent)]
    scattered = Nest((6, extent), (Store(Address(1, 0, (0, 0), 2, (extent, 1)), gathered),))
    check(program([scattered], buffers, tables=flat), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_ragged_sums(width: int) -> None:
    """Rows of 0 to 12 terms: rows across the lanes are impossible, so the terms are, or nothing is."""
    counts = np.array([0, 12, 1, 8, 7, 9, 3, 12, 0, 5])
    body = product(load(0, 12, 1), load(300, 0, 1))
    check(one((10,), Reduce((12,), body, counts=0, count_strides=(1,)), 10, (1,), tables=[counts]), width)
    largest = Reduce((12,), body, counts=0, count_strides=(1,), largest=True)
    check(one((10,), largest, 10, (1,), tables=[np.maximum(counts, 1)]), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_ragged_rows(width: int) -> None:
    """The last loop is as long as a table says: what lies beyond stays what it was."""
    counts = np.array([0, 11, 1, 8, 7, 9])
    nests = one((6, 11), load(5, 11, 1), 66, (11, 1), counts=0, count_strides=(1,), tables=[counts])
    numbers = np.arange(1000.0)
    got, _ = Memory(nests, np.zeros(0), [numbers]).run(compile_nests(nests, width=width, cache=False))
    expected = np.where(np.arange(11) < counts[:, None], numbers[5:71].reshape(6, 11), np.nan)
    np.testing.assert_array_equal(got.reshape(6, 11), expected)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_no_step_needs_is_not_read(width: int) -> None:
    """A row without terms has an address far beyond all memory, which a loop that is not run must not read."""
    counts = np.array([3, 0, 5])
    far = np.array([0, 2**31 - 1, 7])
    body = product(load(0, 12, 1), load(0, 0, 0, table=1, table_strides=(1, 0)))
    nests = one((3,), Reduce((5,), body, counts=0, count_strides=(1,)), 3, (1,), tables=[counts, far])
    numbers = np.arange(1000.0)
    got, _ = Memory(nests, np.zeros(0), [numbers]).run(compile_nests(nests, width=width, cache=False))
    np.testing.assert_array_equal(got, [0.0, 0.0, 7.0 * (24 + 25 + 26 + 27 + 28)])


@pytest.mark.parametrize("width", WIDTHS)
def test_stores_that_share_a_sum(width: int) -> None:
    """A sum and its relu in one nest, in the arena with rows that are padded, then outputs and gradients from both."""
    total = Reduce((6,), product(load(0, 6, 0, 1), load(400, 0, 6, 1)))
    buffers = [
        Buffer(Region.INPUT, 0, 1000),
        Buffer(Region.ARENA, 0, 8 * 9),
        Buffer(Region.ARENA, 72, 8 * 9),
        Buffer(Region.OUTPUTS, 0, 45),
        Buffer(Region.GRADIENTS, 0, 5),
        Buffer(Region.VALUES, 0, 5),
    ]
    first = Nest(
        (9, 5),
        (Store(Address(1, 0, (8, 1)), total), Store(Address(2, 0, (8, 1)), Apply(rule("relu"), (total,)))),
    )
    second = Nest(
        (9, 5),
        (Store(Address(3, 0, (5, 1)), product(Load(Address(1, 0, (8, 1))), Load(Address(2, 0, (8, 1))))),),
    )
    sums = Reduce((9,), product(Load(Address(2, 0, (1, 8))), Load(Address(5, 0, (1, 0)))))
    third = Nest((5,), (Store(Address(4, 0, (1,)), sums),))
    check(program([first, second, third], buffers, forward=2), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_slopes_and_exponents(width: int) -> None:
    """Rules with symbolic conditions, and powers whose exponent is known."""
    x = Apply(rule("absolute"), (load(0, 1),))
    for exponent in (-3.0, -1.5, -0.5, 0.0, 0.3, 0.5, 1.0, 2.0, 3.0, 7.5, 100.0):
        y = Apply(rule("power"), (x, Number(exponent)))
        slope = Apply(rule("power", 0), (x, Number(exponent), y))
        scale = Number(10.0 ** -min(abs(exponent), 40.0))
        check(one((21,), Add((product(y, scale), product(slope, scale))), 21, (1,)), width, seed=3)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed: int) -> None:
    draws = np.random.default_rng(seed)
    check(build(drawn_program(draws)), width=WIDTHS[seed % len(WIDTHS)], seed=seed)
