"""The module as a whole: names, limits, schedules, what cannot be compiled, machines without LLVM."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule.compiler.classes import Rule
from chainrule.compiler.native import compiling, machine, sharing
from chainrule.compiler.native.compiling import compile_nests
from chainrule.compiler.native.machine import Machine, available
from chainrule.compiler.native.schedule import best_schedule
from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import Address, Apply, Buffer, Load, Nest, NestProgram, Reduce, Region, Store
from chainrule.errors import NotCompilableError, TooLargeError
from chainrule.ops import TABLE
from chainrule.ops.row import BY_CODE, Operand, op
from tests.compiler.native.machine_code import Memory, applied, program, rule
from tests.compiler.nests.drawing import drawn_program

pytest.importorskip("llvmlite")

PLAIN = Machine("", "", "", 4)


def matrices(count: int = 1) -> NestProgram:
    buffers = [Buffer(Region.INPUT, 0, 256), Buffer(Region.OUTPUTS, 0, 256)]
    body = Apply(rule("multiply"), (Load(Address(0, 0, (16, 0, 1))), Load(Address(0, 0, (0, 1, 16)))))
    return program([Nest((16, 16), (Store(Address(1, 0, (16, 1)), Reduce((16,), body)),))] * count, buffers)


def test_only_the_entries_can_be_seen_and_they_collide_with_nothing() -> None:
    source = compile_nests(matrices(3), cache=False).source
    names = re.findall(r"define (internal )?\S+ @(\S+)\(", source)
    visible = [name for hidden, name in names if not hidden]
    assert len(visible) == 2
    assert all(re.fullmatch(r"chainrule\.[0-9a-f]{16}\.(forward|gradient)", name) for name in visible)


def test_the_same_program_gives_the_same_text() -> None:
    assert compiling.module_text(matrices(), PLAIN)[0] == compiling.module_text(matrices(), PLAIN)[0]


def test_no_licence_for_wrong_nan() -> None:
    source = compile_nests(matrices(), cache=False).source
    assert not re.search(r"\b(fast|nnan|ninf|reassoc|arcp|afn)\b", source)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "MOST_NESTS", 2)
    with pytest.raises(TooLargeError, match="3 loop nests"):
        compile_nests(matrices(3))
    monkeypatch.setattr(compiling, "MOST_NESTS", 10)
    monkeypatch.setattr(compiling, "MOST_INSTRUCTIONS", 50)
    with pytest.raises(TooLargeError, match="more than 50 instructions"):
        compile_nests(matrices())


def test_long_programs_are_several_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "FUNCTION_INSTRUCTIONS", 100)
    monkeypatch.setattr(sharing, "LEAST_ALIKE", 100)
    code = compile_nests(matrices(5), cache=False)
    assert code.source.count("define internal") == 5
    numbers = np.random.default_rng(0).normal(size=256)
    got, _ = Memory(matrices(5), np.zeros(0), [numbers]).run(code, gradients=False)
    square = numbers.reshape(16, 16)
    np.testing.assert_allclose(got.reshape(16, 16), square @ square, rtol=1e-12, atol=1e-12)


def test_a_product_of_matrices_is_blocked_in_registers() -> None:
    """Eight or more sums side by side hide the four cycles of each addition."""
    nests = matrices()
    for width in (2, 4, 8):
        schedule = best_schedule(nests.nests[0], nests, width)
        assert schedule.width == width
        assert 8 <= schedule.tile[0] * schedule.tile[1] <= 24


def test_many_sums_in_one_nest() -> None:
    """More sums than there are registers: the smallest tile is taken all the same."""
    buffers = [Buffer(Region.INPUT, 0, 4000), Buffer(Region.OUTPUTS, 0, 40 * 16)]
    sums = [Reduce((9,), Load(Address(0, 100 * i, (1, 10)))) for i in range(40)]
    nest = Nest((16,), tuple(Store(Address(1, 16 * i, (1,)), each) for i, each in enumerate(sums)))
    nests = program([nest], buffers)
    numbers = np.random.default_rng(0).normal(size=4000)
    got, _ = Memory(nests, np.zeros(0), [numbers]).run(compile_nests(nests, cache=False), gradients=False)
    expected = [[numbers[100 * i + j : 100 * i + j + 90 : 10].sum() for j in range(16)] for i in range(40)]
    np.testing.assert_allclose(got.reshape(40, 16), expected, rtol=1e-12, atol=1e-12)


def test_contiguous_is_cheaper_than_strided() -> None:
    def cost(strides: tuple[int, ...]) -> float:
        buffers = [Buffer(Region.INPUT, 0, 64 * 64), Buffer(Region.OUTPUTS, 0, 64 * 64)]
        nests = program([Nest((64, 64), (Store(Address(1, 0, (64, 1)), Load(Address(0, 0, strides))),))], buffers)
        return best_schedule(nests.nests[0], nests).cost

    assert cost((64, 1)) < cost((1, 64)) / 2


def test_every_schedule_can_be_said_in_words() -> None:
    code = compile_nests(matrices(2), cache=False)
    assert len(code.schedules) == 2
    assert all(re.match(r"16 × 16: \d lanes of dimension 1, tile .* about \d+ cycles", each) for each in code.schedules)


@pytest.fixture
def spare_row() -> object:
    """Remove the rows that a test has added."""
    names, codes = set(TABLE), len(BY_CODE)
    yield
    for name in set(TABLE) - names:
        del TABLE[name]
    del BY_CODE[codes:]


@pytest.mark.usefixtures("spare_row")
def test_an_op_added_tomorrow_compiles_at_once() -> None:
    """Its value has branches and calls the C library, its slope is written with the table's ops."""
    from chainrule.ops import ieee, pick

    @op(formula="…", slopes=("…",))
    def wave(a: float) -> float:
        """A test's op."""
        if a != a or a < -1.0:
            return -a
        if a > 1.0 and a * a > 2.0:
            return ieee.divide(ieee.sin(a), a)
        return ieee.exp(a)

    @wave.derivative
    def wave_da(a: Operand, y: Operand) -> Operand:
        return pick(a < -1.0, -1.0, y * TABLE["cos"](a))

    x = np.array([*np.linspace(-3.0, 3.0, 41), np.nan])
    for width in (1, 2, 4, 8):
        got = applied(Rule(wave.code), [x], width)
        np.testing.assert_allclose(got, [wave.value(each) for each in x.tolist()], rtol=1e-14)
        slope = applied(Rule(wave.code, 0), [x, got], width)
        expected = [wave_da(a, y) for a, y in zip(x.tolist(), got.tolist(), strict=True)]
        np.testing.assert_allclose(slope, expected, rtol=1e-14)


@pytest.mark.usefixtures("spare_row")
def test_an_op_that_only_python_knows_is_refused() -> None:
    import math

    @op(formula="…", slopes=("…",))
    def odd(a: float) -> float:
        """A test's op."""
        return math.gamma(a)

    with pytest.raises(NotCompilableError, match="'odd'"):
        applied(Rule(odd.code), [np.ones(3)])


@pytest.mark.parametrize(
    ("triple", "cpu", "features", "width"),
    [
        ("aarch64-linux-gnu", "generic", "+neon", 2),
        ("arm64-apple-darwin22", "apple-m1", "", 2),
        ("x86_64-linux-gnu", "x86-64", "", 2),
        ("x86_64-pc-windows-msvc", "skylake-avx512", "+avx512f", 8),
    ],
)
def test_other_machines(triple: str, cpu: str, features: str, width: int) -> None:
    """Code for them is made here, and cannot be run here."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    other = Machine(triple, cpu, features, width)
    nests = build(drawn_program(np.random.default_rng(3)))
    for each in (matrices(), nests):
        assert len(machine.object_code(compiling.module_text(each, other)[0], other)) > 500


def test_without_llvmlite_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    machine.available.cache_clear()
    try:
        assert "pip install" in (available() or "")
        with pytest.raises(NotCompilableError, match="llvmlite"):
            compile_nests(matrices())
    finally:
        machine.available.cache_clear()
