"""Our own pictures: well-formed, complete, and nothing on top of anything else."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine import Value
from chainrule.graph import excerpt
from chainrule.views.drawing.layout import GAP_ACROSS, MOST_LANES, Layout, Point, lay_out
from chainrule.views.drawing.page import DIRECTIONS, page_of, text_width
from chainrule.views.drawing.picture import Picture, picture_of
from chainrule.views.drawing.svg import STYLES, svg_of
from tests.views.pictures import HOSTILE, lesson, neuron, random_graphs, weighted

SVG = "{http://www.w3.org/2000/svg}"


def drawn(root: Value, rankdir: str = "LR") -> tuple[Picture, ElementTree.Element]:
    """Return a picture and its SVG, parsed."""
    picture = picture_of(excerpt(root, 1000))
    return picture, ElementTree.fromstring(svg_of(page_of(picture, rankdir)))


def texts(svg: ElementTree.Element) -> list[str]:
    """Return what is written in the picture."""
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def rectangles(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of every box, without the background."""
    found = []
    for element in list(svg.iter(f"{SVG}rect"))[1:]:
        x, y, width, height = (float(element.get(name, "")) for name in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@given(root=random_graphs())
def test_every_cell_is_written_once(rankdir: str, root: Value) -> None:
    picture, svg = drawn(root, rankdir)
    assert Counter(texts(svg)) == Counter(cell for shape in picture.shapes for cell in shape.cells)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_text_and_nothing_else(label: str) -> None:
    a = Value(1.0, label=label)
    _, svg = drawn(Value(2.0, (a,), label))
    allowed = {"svg", "title", "defs", "marker", "path", "rect", "g", "text"}
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} == allowed
    assert not any(name.startswith("on") for element in svg.iter() for name in element.attrib)


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@pytest.mark.parametrize("make", [lesson, neuron, lambda: weighted(6)])
def test_boxes_lie_apart_and_inside(rankdir: str, make: object) -> None:
    _, svg = drawn(make(), rankdir)  # type: ignore[operator]
    width, height = float(svg.get("width", "")), float(svg.get("height", ""))
    boxes = rectangles(svg)
    for left, top, right, bottom in boxes:
        assert 0 < left < right < width
        assert 0 < top < bottom < height
    for one, other in combinations(boxes, 2):
        apart_x = one[2] <= other[0] or other[2] <= one[0]
        apart_y = one[3] <= other[1] or other[3] <= one[1]
        assert apart_x or apart_y


@pytest.mark.parametrize(("rankdir", "side", "grows"), [("LR", 0, 1), ("RL", 0, -1), ("TB", 1, 1), ("BT", 1, -1)])
def test_arrows_point_in_the_direction(rankdir: str, side: int, grows: int) -> None:
    picture, svg = drawn(neuron(), rankdir)
    boxes = dict(zip([shape.name for shape in picture.shapes], rectangles(svg), strict=True))
    for arrow in picture.arrows:
        tail, head = boxes[arrow.tail], boxes[arrow.head]
        assert grows * (head[side] - tail[side]) > 0


@pytest.mark.parametrize("rankdir", DIRECTIONS)
def test_arrows_end_at_the_rims_of_their_boxes(rankdir: str) -> None:
    picture, svg = drawn(weighted(4), rankdir)
    boxes = dict(zip([shape.name for shape in picture.shapes], rectangles(svg), strict=True))
    paths = [e.get("d", "") for e in svg.iter(f"{SVG}path") if e.get("marker-end")]
    assert len(paths) == len(picture.arrows)
    for arrow, path in zip(picture.arrows, paths, strict=True):
        points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)
        for name, (x, y) in ((arrow.tail, points[0]), (arrow.head, points[-1])):
            left, top, right, bottom = boxes[name]
            assert left - 0.2 <= float(x) <= right + 0.2
            assert top - 0.2 <= float(y) <= bottom + 0.2


def test_kinds_differ_without_colour() -> None:
    shapes = {(style.corner, style.dashes) for style in STYLES.values()}
    assert len(shapes) == len(STYLES)


def test_the_picture_says_what_it_is() -> None:
    _, svg = drawn(lesson())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "Graph of L = -8.0000: 7 values"
    titles = [element.text for element in svg.iter(f"{SVG}title")]
    assert "data=-8.0, grad=0.0" in titles


def test_texts_have_room() -> None:
    assert text_width("漢字") > text_width("WW") > text_width("AA") > text_width("aa") > 0
    assert text_width("e\N{COMBINING ACUTE ACCENT}") == text_width("e")


@st.composite
def layered(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    """Return sizes and arrows of a random graph whose arrows point forward."""
    sizes = draw(st.lists(st.tuples(st.floats(1, 99), st.floats(1, 99)), min_size=1, max_size=20))
    count = len(sizes)
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    chosen = draw(st.lists(pairs.filter(lambda pair: pair[0] != pair[1]), max_size=30 if count > 1 else 0))
    return sizes, [(min(pair), max(pair)) for pair in chosen]


@given(layered())
def test_a_layout_keeps_everything_apart(
    given_graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, arrows = given_graph
    layout = lay_out(sizes, arrows)
    for tail, head in arrows:
        along = layout.centres[head][0] - layout.centres[tail][0]
        assert along >= (sizes[tail][0] + sizes[head][0]) / 2
    for one, other in combinations(range(len(sizes)), 2):
        along, across = (abs(layout.centres[one][k] - layout.centres[other][k]) for k in (0, 1))
        if along < (sizes[one][0] + sizes[other][0]) / 2:
            assert across >= (sizes[one][1] + sizes[other][1]) / 2 + GAP_ACROSS - 1e-6
    for path, (tail, head) in zip(layout.paths, arrows, strict=True):
        assert path[0][0] == layout.centres[tail][0] + sizes[tail][0] / 2
        assert path[-1][0] == layout.centres[head][0] - sizes[head][0] / 2
        assert all(before[0] <= after[0] for before, after in pairwise(path))
        for begin, end in stretches(path):
            for item in set(range(len(sizes))) - {tail, head}:
                (x, y), (width, height) = layout.centres[item], sizes[item]
                beside = end[0] <= x - width / 2 or begin[0] >= x + width / 2
                assert beside or abs(y - begin[1]) >= height / 2


def stretches(path: list[Point]) -> list[tuple[Point, Point]]:
    """Return the beginning and the end of each straight stretch."""
    return list(zip(path[::2], path[1::2], strict=True))


def crossings(layout: Layout, arrows: list[tuple[int, int]]) -> int:
    """Count pairs of arrows between the same two columns that change sides."""
    count = 0
    for (tail, head), (other_tail, other_head) in combinations(arrows, 2):
        a, b, c, d = (layout.centres[k] for k in (tail, head, other_tail, other_head))
        if (a[0], b[0]) == (c[0], d[0]):
            count += (a[1] - c[1]) * (b[1] - d[1]) < 0
    return count


@given(st.lists(st.integers(0, 100), max_size=40))
def test_a_tree_has_no_crossing(parents: list[int]) -> None:
    count = len(parents) + 1
    arrows = [(k, k + 1 + parent % (count - 1 - k)) for k, parent in enumerate(parents)]
    assert crossings(lay_out([(10.0, 10.0)] * count, arrows), arrows) == 0


def test_crossings_that_can_be_avoided_are() -> None:
    arrows = [(0, 4), (1, 5), (2, 4), (3, 5), (4, 6), (5, 6)]
    assert crossings(lay_out([(10.0, 10.0)] * 7, arrows), arrows) == 0
    worst = [(k, 9 - k) for k in range(5)] + [(k, 10) for k in range(5, 10)]
    assert crossings(lay_out([(10.0, 10.0)] * 11, worst), worst) == 0


def test_twins_lie_apart() -> None:
    layout = lay_out([(10.0, 10.0)] * 2, [(0, 1)] * 3)
    starts = [path[0][1] for path in layout.paths]
    assert len(set(starts)) == 3
    assert max(starts) - min(starts) <= 24


def test_lanes_are_bounded() -> None:
    """One leaf that each step of a long chain uses would otherwise reserve a lane for each pair."""
    count = 400
    arrows = [(k, k + 1) for k in range(count)] + [(0, k) for k in range(2, count + 1)]
    layout = lay_out([(10.0, 10.0)] * (count + 1), arrows)
    assert sum(len(path) - 4 for path in layout.paths) <= 2 * MOST_LANES
