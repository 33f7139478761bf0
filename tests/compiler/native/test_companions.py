"""Nests that run in others' loops: the same numbers, the right nests, and only where the order does not matter."""

from __future__ import annotations

import pytest

from chainrule.compiler.native import companions
from chainrule.compiler.native.companions import with_companions
from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Buffer,
    Expression,
    Load,
    Nest,
    NestProgram,
    Reduce,
    Region,
    Store,
)
from tests.compiler.native.machine_code import program
from tests.compiler.native.test_nests import WIDTHS, check, product

pytest.importorskip("llvmlite")

ROWS, COLUMNS, WEIGHTS, ARENA, OUTPUT = range(5)


def layer(n: int, m: int, terms: int, *more: Nest) -> NestProgram:
    """Return the gradients of weights (n, m), of the bias of each row, and two nests that share with that of the bias.

    Outputs: 1,000 for each of them.
    """
    buffers = [
        Buffer(Region.INPUT, 0, n * terms, 0),
        Buffer(Region.INPUT, 0, m * terms, 1),
        Buffer(Region.INPUT, 0, n * m + terms, 2),
        Buffer(Region.ARENA, 0, 1000),
        Buffer(Region.OUTPUTS, 0, 4000),
    ]
    weights = product(Load(Address(ROWS, 0, (1, 0, n))), Load(Address(COLUMNS, 0, (0, 1, m))))
    decayed = Add(
        (product(Load(Address(WEIGHTS, 0, (m, 1))), Load(Address(WEIGHTS, 0, (0, 0)))), total(terms, weights))
    )
    bias = Add((Load(Address(WEIGHTS, 0, (1,))), total(terms, Load(Address(ROWS, 0, (1, n))))))
    scaled = product(Load(Address(COLUMNS, 0, (1, m))), Load(Address(WEIGHTS, n * m, (0, 1))))
    nests = [
        nest((n, m), OUTPUT, 0, decayed, m, 1),
        nest((n,), OUTPUT, 1000, bias, 1),
        nest((m,), OUTPUT, 2000, total(terms, scaled), 1),
        nest((), OUTPUT, 3000, total(terms, Load(Address(WEIGHTS, n * m, (1,))))),
    ]
    return program([*nests, *more], buffers)


def nest(extents: tuple[int, ...], buffer: int, base: int, value: Expression, *strides: int) -> Nest:
    return Nest(extents, (Store(Address(buffer, base, strides), value),))


def total(terms: int, body: Expression) -> Reduce:
    return Reduce((terms,), body)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it costs."""
    monkeypatch.setattr(companions, "NEST", 1e9)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("n", "m", "terms"), [(2, 3, 2), (5, 4, 7), (8, 8, 9), (9, 17, 3), (16, 2, 40), (31, 30, 5)])
def test_numbers(n: int, m: int, terms: int, width: int) -> None:
    nests = layer(n, m, terms)
    assert len(with_companions(nests, width).nests) < 4
    check(nests, width)


def test_a_bias_runs_with_its_weights_where_that_is_cheaper() -> None:
    joined = with_companions(layer(16, 16, 100), 8)
    assert [len(each.stores) for each in joined.nests] == [2, 2]
    assert joined.forward == 2


@pytest.mark.usefixtures("always")
def test_not_before_what_it_reads_is_there() -> None:
    """The last nest adds up what is stored after the weights are, with columns that they read too."""
    made = nest((40,), ARENA, 0, product(Load(Address(COLUMNS, 0, (1,))), Load(Address(ROWS, 0, (1,)))), 1)
    waiting = product(Load(Address(ARENA, 0, (0, 1))), Load(Address(COLUMNS, 0, (1, 9))))
    nests = layer(9, 9, 7, made, nest((9,), ARENA, 500, total(7, waiting), 1))
    joined = with_companions(nests, 8)
    assert joined.nests[-1] is nests.nests[-1]
    check(nests, 8)


@pytest.mark.usefixtures("always")
def test_not_from_the_forward_pass_into_the_gradient() -> None:
    nests = layer(9, 9, 7)
    nests.forward = 1
    joined = with_companions(nests, 8)
    assert joined.forward == 1
    assert joined.nests[0] is nests.nests[0]


@pytest.mark.usefixtures("always")
def test_no_maximums() -> None:
    nests = layer(9, 9, 7)
    nests.nests[1] = nest((9,), OUTPUT, 1000, Reduce((7,), Load(Address(ROWS, 0, (1, 9))), largest=True), 1)
    assert nests.nests[1] in with_companions(nests, 8).nests
