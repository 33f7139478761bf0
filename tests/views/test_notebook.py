"""How a Value shows itself in a notebook: picture, text alternative and table, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given

import chainrule as cr
from chainrule.engine import Value
from chainrule.views.notebooks.values import LONGEST_REPR, STEPPER_NODES, bundle
from tests.views.markup import KEPT, SVG, Reader, images
from tests.views.pictures import HOSTILE, lesson, neuron, random_graphs


def test_the_neuron() -> None:
    root = neuron()
    root.backward()
    read = Reader(root._repr_html_())
    assert read.tags <= KEPT | {"iframe"}
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
    assert "iframe" not in read.tags
    assert len(read.rows) == 21
    assert "4,981 more values are not in this table" in html
    assert "more left out" in str(read.image["alt"])


def test_the_stepper_comes_in_a_frame_that_may_only_run_scripts() -> None:
    root = neuron()
    root.backward()
    read = Reader(root._repr_html_())
    assert read.frame["sandbox"] == "allow-scripts"
    assert read.frame["title"] == "The Stepper"
    assert str(read.frame["srcdoc"]).startswith("<!doctype html>")
    assert "trusted notebook" in read.words


def test_a_number_without_a_graph_has_no_stepper() -> None:
    assert Reader(Value(1.0)._repr_html_()).tags == KEPT - {"p", "b"}


@pytest.mark.parametrize(("nodes", "shown"), [(STEPPER_NODES, True), (STEPPER_NODES + 1, False)])
def test_the_stepper_comes_with_graphs_of_a_bounded_size(nodes: int, shown: bool) -> None:
    node = Value(0.5)
    for _ in range(nodes - 1):
        node = node.sin()
    html = node._repr_html_()
    assert ("iframe" in Reader(html).tags) is shown
    assert len(html) < 500_000


def test_an_operand_that_is_used_very_often_is_still_bounded() -> None:
    step = Value(1.0)
    assert "iframe" not in Reader(cr.sum([step] * 100_000)._repr_html_()).tags


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_stay_text(label: str) -> None:
    leaf = Value(1.0, label=label)
    read = Reader((leaf * 2.0)._repr_html_())
    assert read.tags <= KEPT | {"iframe"}
    assert set(read.image) == {"src", "alt", "style"}
    assert set(read.frame) == {"sandbox", "loading", "title", "srcdoc", "style"}
    harmless = Reader((Value(1.0) * 2.0)._repr_html_())
    assert page_tags(read) == page_tags(harmless)


def page_tags(read: Reader) -> set[str]:
    """The tags of the page in the frame."""
    return Reader(str(read.frame["srcdoc"])).tags


@given(random_graphs())
def test_any_graph_shows_itself(root: Value) -> None:
    html = root._repr_html_()
    assert Reader(html).tags <= KEPT | {"iframe"}
    [picture] = images(html)
    assert picture.tag == f"{SVG}svg"


def test_a_long_repr_is_cut() -> None:
    class Long:
        def __repr__(self) -> str:
            return "x" * 1_000_000

    assert len(bundle(Long(), "")["text/plain"]) == LONGEST_REPR
