"""How a Value shows itself in a notebook: picture, text alternative and table, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given

from chainrule.engine import Value
from chainrule.views.notebook import LONGEST_REPR, bundle
from tests.views.markup import KEPT, SVG, Reader, images
from tests.views.pictures import HOSTILE, lesson, neuron, random_graphs


def test_the_neuron() -> None:
    root = neuron()
    root.backward()
    read = Reader(root._repr_html_())
    assert read.tags <= KEPT
    assert read.image["alt"] == "Graph of o = 0.7071: 10 values"
    assert read.rows[:3] == [
        ["name", "made by", "data", "grad"],
        ["o", "tanh(n)", repr(root.data), "1.0"],
        ["n", "x1*w1 + x2*w2 + b", repr(root._prev[0].data), repr(root._prev[0].grad)],
    ]
    assert len(read.rows) == 11


def test_leaves_constants_and_missing_gradients_say_so() -> None:
    rows = Reader((2.0 * Value(3.0, label="x"))._repr_html_()).rows
    assert rows[1:] == [
        ["", "2*x", "6.0", "not computed yet"],
        ["x", "given", "3.0", "not computed yet"],
        ["", "constant", "2.0", ""],
    ]


def test_the_bundle_has_html_and_text() -> None:
    root = lesson()
    shown = root._repr_mimebundle_()
    assert shown == {"text/html": root._repr_html_(), "text/plain": "Value(data=-8.0, grad=0.0)"}


def test_a_large_graph_stays_small_and_says_what_is_missing() -> None:
    step = node = Value(1.0)
    for _ in range(5_000):
        node = node + step
    html = node._repr_html_()
    read = Reader(html)
    assert len(html) < 100_000
    assert len(read.rows) == 21
    assert "4,981 more values are not in this table" in html
    assert "more left out" in str(read.image["alt"])


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_stay_text(label: str) -> None:
    read = Reader(Value(1.0, label=label)._repr_html_())
    assert read.tags <= KEPT
    assert set(read.image) == {"src", "alt", "style"}


@given(random_graphs())
def test_any_graph_shows_itself(root: Value) -> None:
    html = root._repr_html_()
    assert Reader(html).tags <= KEPT
    [picture] = images(html)
    assert picture.tag == f"{SVG}svg"


def test_a_long_repr_is_cut() -> None:
    class Long:
        def __repr__(self) -> str:
            return "x" * 1_000_000

    assert len(bundle(Long(), "")["text/plain"]) == LONGEST_REPR
