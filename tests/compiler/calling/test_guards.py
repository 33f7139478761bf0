"""Guards: what must be the same for a trace to fit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from chainrule import Value
from chainrule.engine import MISS, Entry, Tape
from tests.compiler.calling.traces import Guard, Outside, trace


def guarded(kind: str, expected: float, tolerance: float = 0.0) -> Entry:
    w = Value(2.0)
    traced = trace(
        lambda x: w * x,
        3.0,
        live=[w],
        guards=lambda x: [(Guard("truth", 1.0), x), (Guard(kind, expected, tolerance), x)],
    )
    return Entry(Tape(traced.program), traced)


@pytest.mark.parametrize(
    ("kind", "expected", "tolerance", "number", "holds"),
    [
        ("truth", 1.0, 0.0, -3.0, True),
        ("truth", 0.0, 0.0, 3.0, False),
        ("truth", 1.0, 0.0, math.nan, True),
        ("exact", 3.0, 0.0, 3.0, True),
        ("exact", 3.0, 0.0, math.nextafter(3.0, 4.0), False),
        ("exact", 3.0, 1e-12, math.nextafter(3.0, 4.0), True),
        ("exact", 3.0, 1e-12, 3.1, False),
        ("exact", math.nan, 0.0, math.nan, True),
        ("exact", math.nan, 1e9, 3.0, False),
        ("exact", 3.0, 1e9, math.nan, False),
        ("exact", math.inf, 0.0, math.inf, True),
        ("exact", math.inf, 1e9, -math.inf, False),
        ("exact", 3.0, 1e9, math.inf, False),
    ],
)
def test_guards(kind: str, expected: float, tolerance: float, number: float, holds: bool) -> None:
    entry = guarded(kind, expected, tolerance)
    result = entry.call((number,))
    assert (result is not MISS) == holds
    assert (entry.failed, entry.calls) == ((None, 1) if holds else (1, 0))


def test_an_exact_guard_tells_zeros_apart() -> None:
    w = Value(2.0)
    traced = trace(lambda x: w * x, 3.0, live=[w], guards=lambda x: [(Guard("exact", -0.0), x)])
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((0.0,)) is MISS
    assert entry.failed == 0
    assert entry.call((-0.0,)) is not MISS


def test_names_outside_of_the_function() -> None:
    class Name:
        def __init__(self, holder: Any, name: str) -> None:
            self.holder, self.name = holder, name

    class Seen(Outside):
        def changed(self) -> str | None:
            return None if rate == 0.5 else "rate was 0.5"

    rate: Any = 0.5
    other = {"limit": 3}

    def closed() -> Any:
        return rate

    assert closed.__closure__ is not None
    w = Value(2.0)
    traced = trace(lambda x: w * x, 3.0, live=[w])
    traced.outside = Seen((Name(closed.__closure__[0], "rate"), Name(other, "limit")), (rate, 3))
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((1.0,)) is not MISS
    rate = float("0.5")
    assert entry.call((1.0,)) is not MISS
    rate = 0.25
    assert entry.call((1.0,)) is MISS
    assert entry.failed == "outside"


def test_distinct_values() -> None:
    w, x, y = Value(2.0), Value(3.0), Value(4.0)
    traced = trace(lambda x, y: w * x * y, x, y, live=[w])
    traced.distinct = True
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((x, y)) is not MISS
    for given in ((x, x), (w, y), (x, w)):
        assert entry.call(given) is MISS
        assert not entry.matches(given)
