"""Functions that several nests share: the same numbers as without, wherever the nests read and store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from chainrule.compiler.native import sharing
from chainrule.compiler.native.compiling import compile_nests
from chainrule.compiler.native.machine import available
from chainrule.compiler.native.sharing import Reading, alike_nests, moves_of
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Buffer,
    Expression,
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

needs_llvm = pytest.mark.skipif(available() is not None, reason="no LLVM")
NO_VALUES = np.zeros(0)
INPUT = Buffer(Region.INPUT, 0, 18)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share whatever can be shared."""
    monkeypatch.setattr(sharing, "LEAST_ALIKE", 2)
    monkeypatch.setattr(sharing, "LEAST_SAVED", 0)


def shared_functions(source: str) -> int:
    return len(re.findall(r"define internal void @\w+\(ptr %regions, ptr %tables, i64", source))


def inputs_of(nests: NestProgram) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(3)
    groups = 1 + max((each.group for each in nests.buffers if each.region is Region.INPUT), default=-1)
    sizes = [
        max((b.offset + b.size for b in nests.buffers if b.region is Region.INPUT and b.group == group), default=1)
        for group in range(groups)
    ]
    return [rng.normal(size=size) for size in sizes]


def check(nests: NestProgram, functions: int) -> None:
    """Compare the code with numpy's numbers."""
    assert nests.values == 0
    inputs = inputs_of(nests)
    expected, _ = run_nests(nests, NO_VALUES, inputs, NO_VALUES, gradients=False)
    for width in (2, 8):
        code = compile_nests(nests, width=width, cache=False)
        assert shared_functions(code.source) == functions
        got, _ = Memory(nests, NO_VALUES, inputs).run(code, gradients=False)
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


def product(weights: Address, x: Address, terms: int) -> Expression:
    return Reduce((terms,), Apply(rule("multiply"), (Load(weights), Load(x))))


def steps(count: int, offsets: Sequence[int] | None = None) -> NestProgram:
    """Return a recurrence h ← relu(W · h + x), an arena block and five numbers of the input for each step."""
    offsets = offsets or [8 * step for step in range(count)]
    arena = [Buffer(Region.ARENA, offset, 8) for offset in offsets]
    x, weights, out = Buffer(Region.INPUT, 0, 5 * count), Buffer(Region.INPUT, 0, 25, 1), Buffer(Region.OUTPUTS, 0, 5)
    buffers = [*arena, x, weights, out]
    nests = [Nest((5,), (Store(Address(0, 0, (1,)), Load(Address(count, 0, (1,)))),))]
    for step in range(1, count):
        z = Add(
            (
                product(Address(count + 1, 0, (5, 1)), Address(step - 1, 0, (0, 1)), 5),
                Load(Address(count, 5 * step, (1,))),
            )
        )
        nests.append(Nest((5,), (Store(Address(step, 0, (1,)), Apply(rule("relu"), (z,))),)))
    nests.append(Nest((5,), (Store(Address(count + 2, 0, (1,)), Load(Address(count - 1, 0, (1,)))),)))
    return program(nests, buffers)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_time_steps_share_a_function() -> None:
    check(steps(9), 1)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_steps_that_lie_anywhere() -> None:
    check(steps(6, [40, 0, 24, 8, 32, 16]), 1)


@needs_llvm
def test_code_does_not_grow_with_depth() -> None:
    short, long = (compile_nests(steps(count), cache=False) for count in (30, 300))
    assert shared_functions(long.source) == 1
    assert long.instructions == short.instructions
    assert len(long.schedules) == 301


@needs_llvm
def test_few_or_small_nests_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared_functions(compile_nests(steps(3), cache=False).source) == 0
    monkeypatch.setattr(sharing, "LEAST_SAVED", 10**6)
    assert shared_functions(compile_nests(steps(9), cache=False).source) == 0


def gathered(tables: Sequence[Sequence[int]], groups: Sequence[int]) -> NestProgram:
    """Return nests that read through tables and from input groups of their own."""
    buffers = [Buffer(Region.INPUT, 0, 16, group) for group in range(max(groups) + 1)]
    buffers.append(Buffer(Region.OUTPUTS, 0, 5 * len(tables)))
    nests = [
        Nest((5,), (Store(Address(len(buffers) - 1, 5 * i, (1,)), Load(Address(group, 2, (1,), i, (1,)))),))
        for i, group in enumerate(groups)
    ]
    return program(nests, buffers, tables=tables)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_tables_and_groups_of_their_own() -> None:
    rng = np.random.default_rng(5)
    tables = [rng.integers(0, 9, size=5).tolist() for _ in range(4)]
    check(gathered(tables, [0, 1, 2, 3]), 1)
    check(gathered(tables, [2, 0, 2, 1]), 1)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_lengths_from_tables_of_their_own() -> None:
    buffers = [Buffer(Region.INPUT, 0, 60), Buffer(Region.OUTPUTS, 0, 12)]
    nests = [
        Nest(
            (4,),
            (
                Store(
                    Address(1, 4 * i, (1,)),
                    Reduce((5,), Load(Address(0, 20 * i, (5, 1))), counts=i, count_strides=(1,)),
                ),
            ),
        )
        for i in range(3)
    ]
    check(program(nests, buffers, tables=[[1, 0, 5, 2], [5, 5, 0, 0], [3, 1, 4, 1]]), 1)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_nothing_is_written_beyond_the_smallest_buffer() -> None:
    """Full vectors may be stored where the buffer has room, so a nest without room decides for all."""
    arena = [Buffer(Region.ARENA, 0, 8), Buffer(Region.ARENA, 8, 8), Buffer(Region.ARENA, 16, 5)]
    kept, out, x = Buffer(Region.ARENA, 21, 3), Buffer(Region.OUTPUTS, 0, 18), Buffer(Region.INPUT, 0, 18)
    first = Nest((3,), (Store(Address(3, 0, (1,)), Load(Address(5, 0, (1,)))),))
    nests = [first]
    nests += [Nest((5,), (Store(Address(i, 0, (1,)), Load(Address(5, 3 + 5 * i, (1,)))),)) for i in range(3)]
    nests += [Nest((5,), (Store(Address(4, 5 * i, (1,)), Load(Address(i, 0, (1,)))),)) for i in range(3)]
    nests.append(Nest((3,), (Store(Address(4, 15, (1,)), Load(Address(3, 0, (1,)))),)))
    check(program(nests, [*arena, kept, out, x]), 2)


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_nothing_is_written_over_what_another_nest_stores() -> None:
    arena, out, x = [Buffer(Region.ARENA, 8 * i, 8) for i in range(3)], Buffer(Region.OUTPUTS, 0, 18), INPUT
    nests = [Nest((3,), (Store(Address(2, 5, (1,)), Load(Address(4, 0, (1,)))),))]
    nests += [Nest((5,), (Store(Address(i, 0, (1,)), Load(Address(4, 3 + 5 * i, (1,)))),)) for i in range(3)]
    nests += [Nest((5,), (Store(Address(3, 5 * i, (1,)), Load(Address(i, 0, (1,)))),)) for i in range(3)]
    nests.append(Nest((3,), (Store(Address(3, 15, (1,)), Load(Address(2, 5, (1,)))),)))
    check(program(nests, [*arena, out, x]), 2)


@needs_llvm
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("last", "masked"), [(5, True), (8, False)])
def test_nothing_is_read_beyond_the_region(last: int, masked: bool) -> None:
    """Full vectors may be loaded where the region goes on, for all of the nests."""
    arena = [Buffer(Region.ARENA, 0, 8), Buffer(Region.ARENA, 8, 8), Buffer(Region.ARENA, 16, last)]
    nests = [Nest((5,), (Store(Address(3, 5 * i, (1,)), Load(Address(i, 0, (1,)))),)) for i in range(3)]
    code = compile_nests(program(nests, [*arena, Buffer(Region.OUTPUTS, 0, 15)]), width=8, cache=False)
    assert ("call <8 x double> @llvm.masked.load" in code.source) is masked


@needs_llvm
@pytest.mark.usefixtures("eager")
def test_a_place_may_come_again() -> None:
    out = Buffer(Region.OUTPUTS, 0, 15)
    nests = [
        Nest((5,), (Store(Address(1, 5 * i, (1,)), Load(Address(0, place, (1,)))),))
        for i, place in enumerate([0, 7, 0])
    ]
    check(program(nests, [INPUT, out]), 1)


@needs_llvm
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed: int) -> None:
    """The nests of a random program, each twice: the second time everything is read and stored behind the first."""
    rng = np.random.default_rng(seed)
    once = build(drawn_program(rng))
    inputs = inputs_of(once)
    values = rng.normal(size=len(once.value_order))
    seeds = np.ones(max((b.offset + b.size for b in once.buffers if b.region is Region.SEEDS), default=0))
    expected, gradients = run_nests(once, values, inputs, seeds)
    twice = doubled(once)
    code = compile_nests(twice, cache=False)
    got, slopes = Memory(twice, values, inputs, seeds).run(code)
    assert slopes is not None
    np.testing.assert_allclose(got[: once.outputs], expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(got[once.outputs :], expected, rtol=1e-11, atol=1e-11)
    if gradients is not None:
        np.testing.assert_allclose(slopes, gradients, rtol=1e-11, atol=1e-11)


def doubled(once: NestProgram) -> NestProgram:
    """Return a program that runs all nests again with an arena and outputs of their own."""
    shift = {Region.ARENA: once.arena, Region.OUTPUTS: once.outputs}
    buffers = [*once.buffers, *(replace(b, offset=b.offset + shift.get(b.region, 0)) for b in once.buffers)]
    nests = [*once.nests, *(moved(nest, len(once.buffers)) for nest in once.nests)]
    return replace(once, nests=nests, buffers=buffers, arena=2 * once.arena, outputs=2 * once.outputs)


def moved(nest: Nest, by: int) -> Nest:
    made: dict[int, Expression] = {}

    def address(each: Address) -> Address:
        return replace(each, buffer=each.buffer + by)

    def expression(each: Expression) -> Expression:
        if id(each) not in made:
            made[id(each)] = _with(each)
        return made[id(each)]

    def _with(each: Expression) -> Expression:
        match each:
            case Load():
                return Load(address(each.address))
            case Apply():
                return Apply(each.rule, tuple(map(expression, each.operands)))
            case Add():
                return Add(tuple(map(expression, each.terms)))
            case Reduce():
                return replace(each, body=expression(each.body))
            case Number():
                return each

    return replace(nest, stores=tuple(Store(address(s.address), expression(s.value)) for s in nest.stores))


# What is alike

BUFFERS = [Buffer(Region.ARENA, 0, 64), Buffer(Region.ARENA, 64, 64), Buffer(Region.INPUT, 0, 64)]


def copying(store: Address, *loads: Address, number: float = 1.0) -> Reading:
    terms = tuple(Apply(rule("multiply"), (Load(each), Number(number))) for each in loads)
    return Reading(Nest((8,), (Store(store, Add(terms)),)), BUFFERS)


def test_alike_is_what_differs_in_places_only() -> None:
    first = copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(2, 8, (1,)))
    assert first.kind == copying(Address(1, 8, (1,)), Address(2, 24, (1,)), Address(2, 16, (1,))).kind
    others = [
        copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(2, 8, (2,))),
        copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(0, 8, (1,))),
        copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(2, 0, (1,))),
        copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(2, 8, (1,)), number=-1.0),
        copying(Address(0, 0, (1,)), Address(2, 0, (1,)), Address(2, 8, (1,), 0, (1,))),
        copying(Address(2, 0, (1,)), Address(2, 0, (1,)), Address(2, 8, (1,))),
    ]
    assert len({first.kind, *(other.kind for other in others)}) == 1 + len(others)


def test_what_moves_together_is_one_argument() -> None:
    readings = [copying(Address(0, 8 * i, (1,)), Address(2, 8 * i, (1,)), Address(2, 63 - i, (1,))) for i in range(3)]
    moves = moves_of(readings)
    assert moves.distances == ((0, 0), (8, -1), (16, -2))
    assert moves.parameters == ", i64 %d0, i64 %d1"
    assert moves.arguments(2) == ", i64 16, i64 -2"


def test_what_does_not_move_is_no_argument() -> None:
    moves = moves_of([copying(Address(0, 0, (1,)), Address(2, 0, (1,)))] * 3)
    assert moves.distances == ((), (), ())
    assert not moves.argument


def test_too_many_distances_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MOST_DISTANCES", 1)
    assert not alike_nests(steps(9))[1]
    monkeypatch.setattr(sharing, "MOST_DISTANCES", 2)
    assert set(alike_nests(steps(9))[1]) == set(range(1, 9))
