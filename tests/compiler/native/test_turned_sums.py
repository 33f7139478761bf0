"""Sums that run along another dimension than the lanes of their results: every tail, at every width."""

from __future__ import annotations

import pytest

from chainrule.compiler.native import compiling
from chainrule.compiler.native.lowering import Lowered
from chainrule.compiler.native.pricing import Thrift
from chainrule.compiler.native.schedule import Schedule, best_schedule
from chainrule.compiler.nests.nest import Add, Apply, Number, Reduce
from tests.compiler.native.machine_code import rule
from tests.compiler.native.test_nests import WIDTHS, check, load, one, product

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True, params=[1, 2])
def turned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every nest so, with one or two vectors of each dimension that lies across the lanes."""

    def choose(lowered: Lowered, width: int, _: Thrift) -> Schedule:
        inner = len(lowered.dims) - 1
        tile = [request.param if dim in {0, inner} else 1 for dim in range(inner + 1)]
        return Schedule(0, width, tuple(tile), turned=inner)

    monkeypatch.setattr(compiling, "choose", choose)


def dots(terms: int) -> Reduce:
    return Reduce((terms,), product(load(0, terms, 1), load(900, 0, 1)))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("terms", [2, 3, 8, 9, 16, 27, 41])
@pytest.mark.parametrize("rows", [2, 3, 5, 7, 8, 9, 13, 16, 21])
def test_dots(rows: int, terms: int, width: int) -> None:
    """Rows by a vector, times and plus what differs by row, through relu."""
    value = Add((load(500, 1), product(dots(terms), load(600, 1)), Number(0.25)))
    check(one((rows,), Apply(rule("relu"), (value,)), rows, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_sum_that_starts_from_something(width: int) -> None:
    check(one((11,), Add((load(500, 1), dots(6))), 11, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_maximums(width: int) -> None:
    check(one((11,), Reduce((13,), load(0, 13, 1), largest=True), 11, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_factors_of_each_row_inside(width: int) -> None:
    """What differs by row only is a number of each lane's sum, what differs by neither is the same for all."""
    inside = Apply(rule("maximum"), (load(0, 7, 1), Apply(rule("maximum"), (load(700, 1, 0), load(800, 0, 0)))))
    check(one((10,), Reduce((7,), inside), 10, (1,)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_two_sums_and_two_dimensions(width: int) -> None:
    body = product(load(0, 15, 0, 5, 1), load(400, 0, 15, 5, 1))
    both = Add((Reduce((3, 5), body), Reduce((3, 5), load(300, 15, 0, 5, 1))))
    check(one((6, 4), both, 24, (4, 1)), width)


def test_it_is_chosen_where_it_is_cheapest() -> None:
    program = one((100,), dots(8), 100, (1,))
    assert best_schedule(program.nests[0], program).turned == 1
    contiguous = one((100,), Reduce((8,), load(0, 1, 100)), 100, (1,))
    assert best_schedule(contiguous.nests[0], contiguous).turned is None
