"""A picture in the DOT language: what Graphviz reads, with or without the places of its shapes."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

from chainrule.views.drawing.page import FONT_SIZE, Box, Curve, Page
from chainrule.views.drawing.picture import Kind, Picture, Shape
from chainrule.views.drawing.svg import BLUE, GREY, INK

POINTS = 0.75  # typographic points in a pixel
ARROWHEAD = 7.0  # points
_LOOKS: dict[Kind, str] = {
    "leaf": f'shape=record color="{BLUE}"',
    "result": f'shape=record style=rounded color="{INK}"',
    "constant": f'shape=record style=dashed color="{GREY}"',
    "op": f'shape=ellipse style=filled fillcolor="#eeeeee" color="{INK}" width=0.4',
    "rest": f'shape=record style=dotted color="{GREY}"',
}


def source_of(picture: Picture, rankdir: str, page: Page | None = None) -> str:
    """Return `picture` in the DOT language; equal pictures give equal text.

    With a page, Graphviz's engine `nop2` draws everything in the places that it has there.
    """
    return "".join(f"{line}\n" for line in _lines(picture, rankdir, page))


def _lines(picture: Picture, rankdir: str, page: Page | None) -> Iterator[str]:
    yield "digraph {"
    yield f'\tgraph [rankdir={rankdir} bgcolor=white tooltip="{_escaped(picture.title)}"]'
    font = f'fontname="Helvetica,Arial,sans-serif" fontsize={FONT_SIZE * POINTS:g}'
    yield f"\tnode [{font} height=0.36{' fixedsize=true' if page else ''}]"
    yield f'\tedge [color="{GREY}" arrowsize={ARROWHEAD / 10:g}]'
    for k, shape in enumerate(picture.shapes):
        emphasis = " penwidth=2" if shape is picture.shapes[-1] else ""
        yield f"\t{shape.name} [{_node(shape)}{emphasis}{_position(page, page.boxes[k]) if page else ''}]"
    for k, arrow in enumerate(picture.arrows):
        attributes = " style=dashed" if arrow.dashed else ""
        attributes += _course(page, page.curves[k]) if page else ""
        yield f"\t{arrow.tail} -> {arrow.head}{f' [{attributes[1:]}]' if attributes else ''}"
    yield "}"


def _node(shape: Shape) -> str:
    if shape.kind == "op":
        label = _escaped(shape.cells[0])
    else:
        label = f"{{ {' | '.join(_escaped(cell, record=True) for cell in shape.cells)} }}"
    return f'label="{label}" {_LOOKS[shape.kind]} tooltip="{_escaped(shape.hint)}"'


def _escaped(text: str, *, record: bool = False) -> str:
    r"""Return `text` for a quoted DOT string, where \ begins an escape and & an HTML entity."""
    special = "{}|<>" if record else ""
    text = text.replace("\\", "\\\\").replace("&", "&amp;").replace('"', '\\"')
    return "".join(f"\\{character}" if character in special else character for character in text)


def _position(page: Page, box: Box) -> str:
    width, height = (pixels / 96 for pixels in box.size)
    return f' pos="{_point(page, *box.centre)}" width={width:.4f} height={height:.4f}'


def _course(page: Page, curve: Curve) -> str:
    """Return an arrow's points; the curve ends where the head of the arrow begins."""
    (x, y), (tip_x, tip_y) = curve.points[-2:]
    share = ARROWHEAD / POINTS / hypot(tip_x - x, tip_y - y)
    neck = (tip_x + share * (x - tip_x), tip_y + share * (y - tip_y))
    points = " ".join(_point(page, *point) for point in [*curve.points[:-1], neck])
    return f' pos="e,{_point(page, tip_x, tip_y)} {points}"'


def _point(page: Page, x: float, y: float) -> str:
    """Return a place in points; Graphviz counts y from the lower edge."""
    return f"{POINTS * x:.2f},{POINTS * (page.size[1] - y):.2f}"
