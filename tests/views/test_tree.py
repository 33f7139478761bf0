"""The graph as a tree in a terminal: aligned, bounded, and every shared node unfolded once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.engine import Value
from chainrule.views.explaining.tree import MOST_ROWS, aligned, tree_rows, tree_text, width
from chainrule.views.tracing.trace import trace_of
from tests.views.pictures import HOSTILE, lesson, random_graphs


def test_the_lessons_graph() -> None:
    root = lesson()
    root.backward()
    assert tree_text(trace_of(root)) == (
        "L = d*f        data -8  grad 1\n"
        "├─ d = e + c   data 4   grad -2\n"
        "│  ├─ e = a*b  data -6  grad -2\n"
        "│  │  ├─ a     data 2   grad 6\n"
        "│  │  └─ b     data -3  grad -4\n"
        "│  └─ c        data 10  grad -2\n"
        "└─ f           data -2  grad 4"
    )


def test_before_backward() -> None:
    assert tree_text(trace_of(Value(2.0, label="a"))) == "a  data 2  grad not computed yet"


def test_constants_and_shared_nodes() -> None:
    a = Value(2.0, label="a")
    b = a * 3
    b.label = "b"
    c = b * b
    c.label = "c"
    c.backward()
    assert tree_text(trace_of(c)) == (
        "c = b*b           data 36  grad 1\n"
        "├─ b = a*3        data 6   grad 12\n"
        "│  ├─ a           data 2   grad 36\n"
        "│  └─ 3           data 3   constant\n"
        "└─ b (see above)  data 6   grad 12"
    )


def test_wide_nodes_are_bounded() -> None:
    rows = tree_rows(trace_of(cr.sum([Value(1.0) for _ in range(100)])))
    assert rows[0].name.endswith(" = sum(…)")
    assert rows[-1].name == "… 88 more operands"
    assert rows[-1].branch == "└─ "


def test_long_graphs_are_bounded() -> None:
    x = Value(1.0)
    for _ in range(1000):
        x = x.sin() + x.cos()
    rows = tree_rows(trace_of(x))
    assert len(rows) <= MOST_ROWS + 1
    assert max(len(row.branch) for row in rows) < 60
    assert any("deeper levels" in row.name for row in rows)


def test_bushy_graphs_are_bounded() -> None:
    rows = tree_rows(trace_of(cr.sum([cr.sum([Value(1.0) for _ in range(12)]) for _ in range(12)])))
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1].name == "… more lines are left out"


def test_excerpt_says_what_is_missing() -> None:
    rows = tree_rows(trace_of(cr.sum([Value(1.0) for _ in range(100)]), limit=5))
    assert rows[-1].name == "… 95 more operands"


@settings(max_examples=60)
@given(random_graphs())
def test_numbers_stand_in_columns(root: Value) -> None:
    lines = aligned(trace_of(root), 4)
    starts = {width(row.branch + row.name + padding) for row, padding, numbers in lines if numbers}
    assert len(starts) == 1
    assert all("\n" not in row.name for row, _, _ in lines)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_stay_on_their_line(label: str) -> None:
    a = Value(1.0, label=label)
    text = tree_text(trace_of(a * 2))
    assert len(text.splitlines()) == 3
    assert max(map(width, text.splitlines())) < 120


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("👩", 2), ("", 0)])
def test_columns_of_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns
