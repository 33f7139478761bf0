"""A picture placed on a page: how large each text is, where each box stands, how each arrow runs."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from chainrule.views.drawing.layout import Layout, Point, lay_out
from chainrule.views.drawing.picture import Picture, Shape

# All lengths are in pixels of CSS, 96 to the inch.
FONT_SIZE = 14.0
ROW = 30.0
PADDING = 8.0
MARGIN = 10.0
# For each direction: is the picture upright, and do its arrows run against the page's direction?
DIRECTIONS = {"LR": (False, False), "RL": (False, True), "TB": (True, False), "BT": (True, True)}


@dataclass(frozen=True)
class Box:
    """A shape in its place: its centre, its size, and the widths of its cells.

    The cells stand side by side, or above each other where the picture is upright.
    """

    shape: Shape
    centre: Point
    size: Point
    widths: list[float]


@dataclass(frozen=True)
class Curve:
    """An arrow: its first point, then two control points and an end for each Bézier curve in it."""

    points: list[Point]
    dashed: bool


@dataclass(frozen=True)
class Page:
    """Everything with its place; the origin is the upper left corner."""

    title: str
    size: Point
    upright: bool
    boxes: list[Box]
    curves: list[Curve]


def page_of(picture: Picture, rankdir: str) -> Page:
    """Place a picture; the last of its shapes, the root, comes where the arrows lead."""
    upright, reverse = DIRECTIONS[rankdir]
    widths = [_cell_widths(shape) for shape in picture.shapes]
    sizes = [_size(cells, upright) for cells in widths]
    index = {shape.name: place for place, shape in enumerate(picture.shapes)}
    arrows = [(index[arrow.tail], index[arrow.head]) for arrow in picture.arrows]
    layout = lay_out([size[::-1] if upright else size for size in sizes], arrows)
    turn = _Turn(layout, upright, reverse)
    boxes = [
        Box(shape, turn.place(centre), size, cells)
        for shape, centre, size, cells in zip(picture.shapes, layout.centres, sizes, widths, strict=True)
    ]
    curves = [
        Curve([turn.place(point) for point in _bends(path)], arrow.dashed)
        for arrow, path in zip(picture.arrows, layout.paths, strict=True)
    ]
    return Page(picture.title, turn.size, upright, boxes, curves)


def _cell_widths(shape: Shape) -> list[float]:
    narrowest = ROW if shape.kind == "op" else 0.0
    return [max(text_width(cell) + 2 * PADDING, narrowest) for cell in shape.cells]


def _size(widths: list[float], upright: bool) -> Point:
    return (max(widths), ROW * len(widths)) if upright else (sum(widths), ROW)


class _Turn:
    """Turns the layout's (along, across) into x and y on the page."""

    def __init__(self, layout: Layout, upright: bool, reverse: bool) -> None:
        self.upright, self.reverse = upright, reverse
        self.along, across = layout.extent
        width, height = (across, self.along) if upright else (self.along, across)
        self.size = (width + 2 * MARGIN, height + 2 * MARGIN)

    def place(self, point: Point) -> Point:
        along, across = point
        along = self.along - along if self.reverse else along
        x, y = (across, along) if self.upright else (along, across)
        return x + MARGIN, y + MARGIN


def _bends(path: list[Point]) -> list[Point]:
    """Return a path's Bézier points: straight across ranks, S-shaped between them."""
    points = [path[0]]
    for k, (begin, end) in enumerate(pairwise(path)):
        middle = (begin[0] + end[0]) / 2
        if k % 2:
            points += [(middle, begin[1]), (middle, end[1]), end]
        elif begin != end:
            points += [begin, begin, end]
    return points


def text_width(text: str) -> float:
    """Return a width that `text` stays within, whichever sans-serif font is found."""
    return FONT_SIZE * sum(map(_ems, text))


def _ems(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.25
    if character in "mwMW@%":
        return 0.95
    return 0.75 if character.isupper() else 0.58
