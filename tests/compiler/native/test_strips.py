"""Nests that run strip by strip: the same numbers as one nest after the other, whatever they hand on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from chainrule.compiler.native import strips
from chainrule.compiler.native.accesses import Access
from chainrule.compiler.native.compiling import compile_nests
from chainrule.compiler.native.machine import available
from chainrule.compiler.native.strips import strips_of
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

SAMPLES = 40
needs_llvm = pytest.mark.skipif(available() is not None, reason="no LLVM")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run small programs in strips, too."""
    monkeypatch.setattr(strips, "STREAMED", 0)
    monkeypatch.setattr(strips, "LEAST", 16)


@dataclass
class Table:
    """A buffer of a few numbers a sample."""

    buffer: int
    features: int
    strides: tuple[int, int]
    samples: int = SAMPLES


class Drawing:
    """Draws programs whose nests hand numbers on sample by sample, and some that do not."""

    def __init__(self, draws: Generator) -> None:
        self.draws = draws
        self.buffers = [Buffer(Region.INPUT, 0, SAMPLES * 3), Buffer(Region.VALUES, 0, 60)]
        self.tables = [Table(0, 3, (3, 1))]
        self.nests: list[Nest] = []
        self.sizes = {Region.ARENA: 0, Region.GRADIENTS: 0}

    def program(self) -> NestProgram:
        for _ in range(self.draws.integers(2, 7)):
            if self.draws.random() < 0.7:
                self.layer()
            else:
                self.total()
        self.total()
        forward = int(self.draws.integers(1, len(self.nests)))
        return program(self.nests, self.buffers, forward=forward)

    def new(self, region: Region, size: int) -> int:
        self.buffers.append(Buffer(region, self.sizes[region], size))
        self.sizes[region] += -(-size // 8) * 8
        return len(self.buffers) - 1

    def layer(self) -> None:
        """Add a nest that computes some features of each sample."""
        features = int(self.draws.integers(1, 11))
        room = int(self.draws.choice([features, -(-features // 8) * 8]))
        strides = (room, 1) if self.draws.random() < 0.5 else (1, SAMPLES + int(self.draws.choice([0, 8])))
        made = Table(self.new(Region.ARENA, strides[0] * SAMPLES + strides[1] * features), features, strides)
        terms = tuple(self.term() for _ in range(self.draws.integers(1, 3)))
        value: Expression = terms[0] if len(terms) == 1 else Add(terms)
        if self.draws.random() < 0.5:
            value = Apply(rule("tanh"), (value,))
        store = Store(Address(made.buffer, 0, strides), value)
        nest = Nest((SAMPLES, features), (store,))
        if self.draws.random() < 0.3:
            nest = swapped(nest)
        self.nests.append(nest)
        self.tables.append(made)

    def term(self) -> Expression:
        """Return what a feature of a sample gets from an earlier table."""
        table = self.tables[self.draws.integers(len(self.tables))]
        sample, feature = table.strides
        kind = self.draws.choice(["sum", "first", "backwards", "all"], p=[0.6, 0.2, 0.1, 0.1])
        weight = Load(Address(1, int(self.draws.integers(20)), (0, 1, 2)))
        if kind == "all":
            body = Apply(rule("multiply"), (weight, Load(Address(table.buffer, 0, (0, 0, sample)))))
            return Apply(rule("tanh"), (Reduce((4,), body),))
        if kind == "sum":
            body = Apply(rule("multiply"), (weight, Load(Address(table.buffer, 0, (sample, 0, feature)))))
            return Reduce((table.features,), body)
        if kind == "first":
            return Load(Address(table.buffer, 0, (sample, 0)))
        return Load(Address(table.buffer, sample * (SAMPLES - 1), (-sample, 0)))

    def total(self) -> None:
        """Add a nest of sums over all samples."""
        a, b = (self.tables[self.draws.integers(len(self.tables))] for _ in range(2))
        store = self.new(Region.GRADIENTS, a.features * b.features)
        loads = (
            Load(Address(a.buffer, 0, (a.strides[1], 0, a.strides[0]))),
            Load(Address(b.buffer, 0, (0, b.strides[1], b.strides[0]))),
        )
        value: Expression = Reduce((SAMPLES,), Apply(rule("multiply"), loads))
        if self.draws.random() < 0.6:
            value = Apply(rule("multiply"), (Number(0.5), value))
        if self.draws.random() < 0.6:
            value = Add((Load(Address(1, 0, (1, 2))), value))
        if self.draws.random() < 0.2:
            value = Apply(rule("tanh"), (value,))
        self.nests.append(Nest((a.features, b.features), (Store(Address(store, 0, (b.features, 1)), value),)))


def swapped(nest: Nest) -> Nest:
    """Return a nest with its two loops exchanged."""

    def of(expression: Expression) -> Expression:
        match expression:
            case Load(address):
                a, b, *rest = address.strides
                return Load(replace(address, strides=(b, a, *rest)))
            case Apply(_, operands):
                return replace(expression, operands=tuple(map(of, operands)))
            case Add(terms):
                return Add(tuple(map(of, terms)))
            case Reduce():
                return replace(expression, body=of(expression.body))
        return expression

    a, b = nest.extents
    stores = tuple(
        Store(replace(each.address, strides=each.address.strides[::-1]), of(each.value)) for each in nest.stores
    )
    return replace(nest, extents=(b, a), stores=stores)


def check(nests: NestProgram, width: int, draws: Generator) -> None:
    values = draws.normal(size=nests.values)
    inputs = [draws.normal(size=SAMPLES * 3)]
    _, expected = run_nests(nests, values, inputs)
    assert expected is not None
    memory = Memory(nests, values, inputs)
    code = compile_nests(nests, width=width, cache=False)
    _, found = memory.run(code)
    assert found is not None
    largest = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * largest)
    again = memory.run(code)[1]
    np.testing.assert_array_equal(again, found)


@needs_llvm
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 4, 8]))
def test_the_same_numbers(seed: int, width: int) -> None:
    draws = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "LEAST", int(draws.choice([8, 16])))
        check(Drawing(draws).program(), width, draws)


def access(base: int, step: int, *rest: tuple[int, int], stores: bool = False) -> Access:
    last = base + step * (SAMPLES - 1) + sum(stride * (extent - 1) for stride, extent in rest)
    return Access(stores, Region.ARENA, 0, base, step, rest, base, last, in_table=False)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (access(100, 8, (1, 5)), True),
        (access(103, 8), True),
        (access(103, 8, (1, 6)), False),  # goes on into the next sample
        (access(108, 8), False),  # the next sample
        (access(100, 16, (1, 5)), False),
        (access(100, 0, (8, SAMPLES)), False),  # all samples
        (access(97, 8, (1, 2)), True),  # between two samples
        (access(96, 8, (1, 5)), False),  # the next one's 104 is the fifth of the first
    ],
)
def test_which_rows_are_a_samples_own(other: Access, expected: bool) -> None:
    assert access(100, 8, (1, 5), stores=True).along(other, SAMPLES) is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (access(0, 1, (SAMPLES, 7)), True),
        (access(SAMPLES * 2, 1, (SAMPLES, 3)), True),
        (access(1, 1, (SAMPLES, 7)), False),
        (access(0, 1, (SAMPLES - 1, 7)), False),
    ],
)
def test_which_columns_are_a_samples_own(other: Access, expected: bool) -> None:
    assert access(0, 1, (SAMPLES, 7), stores=True).along(other, SAMPLES) is expected


def network() -> NestProgram:
    """Two layers of 5 numbers a sample, a loss, and the gradient of the second layer's weights."""
    buffers = [
        Buffer(Region.INPUT, 0, SAMPLES * 3),
        Buffer(Region.VALUES, 0, 60),
        Buffer(Region.ARENA, 0, SAMPLES * 8),
        Buffer(Region.ARENA, SAMPLES * 8, SAMPLES * 8),
        Buffer(Region.OUTPUTS, 0, 1),
        Buffer(Region.GRADIENTS, 0, 25),
    ]

    def product(a: Address, b: Address, terms: int) -> Reduce:
        return Reduce((terms,), Apply(rule("multiply"), (Load(a), Load(b))))

    first = product(Address(0, 0, (3, 0, 1)), Address(1, 0, (0, 1, 5)), 3)
    second = product(Address(2, 0, (8, 0, 1)), Address(1, 15, (0, 1, 5)), 5)
    loss = Apply(rule("multiply"), (Number(0.1), Reduce((SAMPLES, 5), Load(Address(3, 0, (8, 1))))))
    gradient = product(Address(2, 0, (1, 0, 8)), Address(3, 0, (0, 1, 8)), SAMPLES)
    weights = Load(Address(1, 15, (5, 1)))
    nests = [
        Nest((SAMPLES, 5), (Store(Address(2, 0, (8, 1)), Apply(rule("tanh"), (first,))),)),
        Nest((SAMPLES, 5), (Store(Address(3, 0, (8, 1)), Apply(rule("relu"), (second,))),)),
        Nest((), (Store(Address(4, 0, ()), loss),)),
        Nest((5, 5), (Store(Address(5, 0, (5, 1)), Add((weights, gradient))),)),
    ]
    return program(nests, buffers, forward=3)


def test_layers_and_sums_run_together() -> None:
    found = strips_of(network())
    assert found is not None
    assert (len(found.looped), found.count) == (4, 2)
    assert [nest.extents for nest in found.program.nests] == [
        *[(), (5, 5)],  # what the sums start from
        *[(1, 16, 5), (1, 16, 5), (1,), (1, 5, 5)],
        *[(1, 8, 5), (1, 8, 5), (1,), (1, 5, 5)],  # the 8 samples that are left
    ]
    assert found.forward == frozenset({0, 2, 3, 4, 6, 7, 8})


@needs_llvm
def test_what_stays_between_them_holds_one_strip() -> None:
    nests, draws = network(), np.random.default_rng(1)
    values, inputs = draws.normal(size=60), [draws.normal(size=SAMPLES * 3)]
    memory = Memory(nests, values, inputs)
    outputs, gradients = memory.run(compile_nests(nests, cache=False))
    expected, expected_gradients = run_nests(nests, values, inputs)
    assert gradients is not None
    assert expected_gradients is not None
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)
    np.testing.assert_allclose(gradients, expected_gradients, rtol=1e-12)
    assert np.isnan(memory.arena.reshape(2, SAMPLES, 8)[:, 16:]).all()


@needs_llvm
def test_the_forward_pass_alone() -> None:
    nests, draws = network(), np.random.default_rng(1)
    values, inputs = draws.normal(size=60), [draws.normal(size=SAMPLES * 3)]
    memory = Memory(nests, values, inputs)
    outputs, _ = memory.run(compile_nests(nests, cache=False), gradients=False)
    np.testing.assert_allclose(outputs, run_nests(nests, values, inputs)[0], rtol=1e-12)
    assert not memory.gradients.any()


def test_what_another_nest_reads_whole_is_kept() -> None:
    nests = network()
    largest = Reduce((SAMPLES,), Load(Address(2, 0, (8,))), largest=True)
    nests.nests.append(Nest((), (Store(Address(3, 5, ()), largest),)))
    found = strips_of(nests)
    assert found is not None
    assert found.looped.stop + 4 == len(found.program.nests) - 1  # it comes last
    assert found.program.nests[found.looped.start].stores[0].address.strides == (16 * 8, 8, 1)


def test_small_programs_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert strips_of(network()) is None
