"""Several traces of one function: the one that served last is tried first; what fits none of them is missed."""

from __future__ import annotations

from typing import Any

from chainrule import Value
from chainrule.engine import Entries, Entry, start_tracing, stop_tracing
from tests.compiler.calling.traces import entry_of


class Served(Entries):
    """Entries that remember what no entry fitted."""

    def __init__(self, *entries: Entry) -> None:
        super().__init__()
        self.entries.extend(entries)
        self.asked: list[tuple[Any, Any]] = []

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> Any:
        self.asked.append((arguments, keywords))
        return "missed"


def served(w: Value) -> Served:
    """Entries for one number, for two, and for a named one."""
    return Served(
        entry_of(lambda x: w * x, 1.0, live=[w]),
        entry_of(lambda x, y: w * x * y, 1.0, 2.0, live=[w]),
        entry_of(lambda *, x: w + x, live=[w], x=1.0),
    )


def test_each_call_finds_its_trace() -> None:
    function = served(Value(2.0))
    for _ in range(3):
        assert function(5.0).data == 10.0
        assert function(5.0, 3.0).data == 30.0
        assert function(x=5.0).data == 7.0
    assert [entry.calls for entry in function.entries] == [3, 3, 3]
    assert function.asked == []


def test_the_last_one_comes_first() -> None:
    function = served(Value(2.0))
    first, second, third = function.entries
    function(1.0, 2.0)
    assert function.entries == [second, first, third]
    function(x=1.0)
    assert function.entries == [third, second, first]


def test_what_fits_none_is_missed() -> None:
    function = served(Value(2.0))
    assert function("text") == "missed"
    assert function(1.0, y=2.0) == "missed"
    assert function.asked == [(("text",), {}), ((1.0,), {"y": 2.0})]
    assert Served()(1) == "missed"


def test_entries_can_be_put_aside() -> None:
    function = served(Value(2.0))
    function.active = False
    assert function(1.0) == "missed"


def test_an_entry_serves_no_trace_of_another_function() -> None:
    function = served(Value(2.0))
    start_tracing(None)
    try:
        assert function(1.0) == "missed"
    finally:
        stop_tracing()
    assert function(1.0).data == 2.0


def test_entries_may_change_while_they_are_tried() -> None:
    w = Value(2.0)
    function = Served()

    class Clearing:
        def __eq__(self, other: object) -> bool:
            function.entries.clear()
            return False

        __hash__ = None  # type: ignore[assignment]

    clearing = Clearing()
    function.entries += [entry_of(lambda _: w * 1.0, clearing, live=[w]), entry_of(lambda x: w * x, 1.0, live=[w])]
    assert function(Clearing()) == "missed"
    assert function.entries == []
