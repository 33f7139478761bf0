"""Every row's value and slopes are within 4 ulp of mpmath, by its own functions and by a node of the engine."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.ops import TABLE, Op
from tests.ops.accuracy import LIMIT, Evaluate, by_rule, by_value, misses, truth, truths
from tests.ops.grids import NEAREST_TO_A_POLE
from tests.ops.references import REFERENCES, mp, reference

ROWS = list(TABLE.values())
WAYS = [pytest.param(by_rule, id="rule"), pytest.param(by_value, id="node")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_within_4_ulp(row: Op, way: Evaluate) -> None:
    found = misses(row, way)
    assert not found, f"{len(found)} misses, the worst: " + "; ".join(map(str, found[:5]))


@pytest.mark.parametrize("row", [row for row in ROWS if row.arity == 1], ids=lambda row: row.name)
@settings(max_examples=80)
@given(data=st.data())
def test_within_4_ulp_wherever_hypothesis_looks(row: Op, data: st.DataObject) -> None:
    low, high = row.domain[0]
    known = truth(row, (data.draw(st.floats(low, high, allow_nan=False, allow_infinity=False)),))
    assert known is None or not misses(row, by_value, [known])


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.arity == 2 and reference(row).operands is None], ids=lambda row: row.name
)
@settings(max_examples=80)
@given(a=st.floats(allow_nan=False, allow_infinity=False), b=st.floats(allow_nan=False, allow_infinity=False))
def test_two_operands_wherever_hypothesis_looks(row: Op, a: float, b: float) -> None:
    assume(row.name != "atan2" or a != 0.0)  # mpmath has no −0
    known = truth(row, (a, b))
    assert known is None or not misses(row, by_value, [known])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_grid_is_dense(row: Op) -> None:
    known = truths(row)
    assert len(known) >= 100
    sizes = {abs(x) for each in known for x in each.operands if x}
    low, high = row.domain[0]
    assert min(sizes) < 1e-307, "subnormal operands are among them"
    if math.isinf(low) or math.isinf(high):
        assert max(sizes) > 1e100


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_the_float_nearest_to_a_pole(name: str, way: Evaluate) -> None:
    # Nowhere is a float closer to a multiple of π/2 (Muller, 'Elementary Functions'). The C library reduces it
    # to 60 bits less than it has: glibc 2.36 is 8 ulp off in the cosine, and its square, tan's slope, 27.
    known = truth(TABLE[name], (NEAREST_TO_A_POLE,))
    assert known is not None
    assert not misses(TABLE[name], way, [known], limit=32.0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [100, 1000])
@pytest.mark.parametrize("spread", [0.1, 30.0])
def test_shares_of_many(count: int, spread: float, way: Evaluate) -> None:
    operands = tuple(math.sin(i) * spread for i in range(count))
    known = truth(TABLE["logsumexp"], operands)
    assert known is not None
    assert not misses(TABLE["logsumexp"], way, [known])


def test_the_accuracy_promised_is_4_ulp() -> None:
    assert LIMIT == 4.0


# The references


# `detached` is what it is because its slope is not that of its value.
KNOWN_SLOPES = [name for name, known in REFERENCES.items() if known.slopes is not None and name != "detached"]


@pytest.mark.parametrize("name", KNOWN_SLOPES)
def test_slopes_of_the_references_are_those_of_their_values(name: str) -> None:
    row, known = TABLE[name], reference(TABLE[name])
    smooth: dict[int | None, list[tuple[float, ...]]] = {
        1: [(0.3,), (-0.7,), (0.9,), (2.5,), (-4.0,), (30.0,), (-30.0,)],
        2: [(0.3, 0.5), (2.5, -3.0), (7.0, 0.4), (20.0, 1.1)],
        3: [(1.0, 2.0, 3.0), (0.5, 7.0, -2.0), (-3.0, 0.5, 1.0)],
        None: [(0.3,), (1.0, -2.0, 0.5), (5.0, 4.0, 1.0, -30.0, 2.0)],
    }
    for operands in smooth[row.arity]:
        if row.arity == 1 and not row.domain[0][0] < operands[0] < row.domain[0][1]:
            continue
        exact = [mp.mpf(x) for x in operands]
        for place, slope in enumerate(known.all_slopes(*exact)):
            assert mp.almosteq(slope, known.numeric_slope(place, *exact), 1e-30, 1e-60), (name, operands, place)


def test_a_row_that_mpmath_knows_needs_no_reference() -> None:
    row = Op(lambda a: a, symbol="sec", arity=1, formula="1 / cos a", slopes=("…",))
    row.name = "sec"
    assert reference(row).value(mp.mpf(1)) == 1 / mp.cos(1)
    slope = reference(row).all_slopes(mp.mpf(1))[0]
    assert mp.almosteq(slope, mp.sin(1) / mp.cos(1) ** 2, 1e-40)


def test_a_row_that_nobody_knows_asks_for_a_reference() -> None:
    row = Op(lambda a: a, symbol="wobble", arity=1, formula="a", slopes=("1",))
    row.name = "wobble"
    with pytest.raises(LookupError, match=r"'wobble' has no reference.*REFERENCES in tests/ops/references\.py"):
        reference(row)
