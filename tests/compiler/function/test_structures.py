"""A function keeps so many structures of arguments, those that were asked for last."""

from __future__ import annotations

from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler import function
from chainrule.compiler.sentences import CompileWarning


def test_structures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "MOST_STRUCTURES", 3)
    f = cr.compile(cr.sum, executor="tape")
    for length in (1, 2, 3, 4, 5):
        assert f([Value(1.0)] * length).data == length
    report = f.report()
    assert len(report.specialisations) == 3
    assert report.interpreted_calls == 5  # those that forgotten traces served, too
    assert f([Value(1.0)]).data == 1.0
    assert f.report().traces == 6


def lengths_traced(f: Any, lengths: list[int]) -> list[int]:
    """Call a sum of so many Values each; return for which it was traced anew."""
    traced = []
    for length in lengths:
        before = f.report().traces
        assert f([Value(1.0)] * length).data == length
        traced += [length] * (f.report().traces - before)
    return traced


@pytest.mark.parametrize("check_every", [None, 1000])
def test_the_structure_unused_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, check_every: int | None
) -> None:
    monkeypatch.setattr(function, "MOST_STRUCTURES", 3)
    f = cr.compile(cr.sum, executor="tape", check_every=check_every)
    assert lengths_traced(f, [1, 2, 3, 1, 4]) == [1, 2, 3, 4]
    assert lengths_traced(f, [1, 3, 4, 1]) == []
    assert lengths_traced(f, [3, 5, 1, 3, 5, 4]) == [5, 4]


def test_a_structure_given_up_is_forgotten_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "MOST_STRUCTURES", 3)
    w = Value(0.0)
    f = cr.compile(lambda xs: w * w.data if len(xs) == 1 else cr.sum(xs), max_traces=0, executor="tape")
    f([1.0])
    w.data = 3.0
    with pytest.warns(CompileWarning, match="after 1 traces"):
        f([1.0])
    for length in (2, 3):
        f([Value(1.0)] * length)
    assert f([1.0]).data == 9.0
    assert lengths_traced(f, [4]) == [4]  # in place of length 2
    assert f([1.0]).data == 9.0
    assert f.report().traces == 4
    assert lengths_traced(f, [5, 6]) == [5, 6]  # in place of lengths 3 and 4
    f([1.0])
    assert f.report().traces == 6
    lengths_traced(f, [7, 8, 9])
    f([1.0])
    assert f.report().traces == 10  # it was the one to go
