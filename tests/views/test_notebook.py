"""How a Value shows itself in a notebook: picture, text alternative and table, bounded."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given

from chainrule.engine import Value
from tests.views.pictures import HOSTILE, lesson, neuron, random_graphs


class Reader(HTMLParser):
    """Collects the tags, the attributes of images, and the rows of the table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.image: dict[str, str | None] = {}
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.image = dict(attrs)
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


TAGS = {"div", "img", "details", "summary", "table", "tr", "th", "td"}


def test_the_neuron() -> None:
    root = neuron()
    root.backward()
    read = Reader(root._repr_html_())
    assert read.tags == TAGS
    assert read.image["alt"] == "Graph of o = 0.7071: 10 values"
    assert read.rows[:3] == [
        ["label", "made by", "data", "grad"],
        ["o", "tanh", repr(root.data), "1.0"],
        ["n", "+", repr(root._prev[0].data), repr(root._prev[0].grad)],
    ]
    assert len(read.rows) == 11


def test_leaves_and_constants_say_so() -> None:
    rows = Reader((2.0 * Value(3.0, label="x"))._repr_html_()).rows
    assert rows[1:] == [["", "*", "6.0", "0.0"], ["x", "given", "3.0", "0.0"], ["", "constant", "2.0", ""]]


def test_the_bundle_has_html_and_text() -> None:
    root = lesson()
    bundle = root._repr_mimebundle_()
    assert bundle == {"text/html": root._repr_html_(), "text/plain": "Value(data=-8.0, grad=0.0)"}


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
    assert read.tags == TAGS
    assert set(read.image) == {"src", "alt", "style"}


@given(random_graphs())
def test_any_graph_shows_itself(root: Value) -> None:
    html = root._repr_html_()
    assert Reader(html).tags <= TAGS | {"p"}
    [address] = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert base64.b64decode(address).startswith(b"<svg")
