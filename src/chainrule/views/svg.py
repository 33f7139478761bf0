"""The picture as SVG text, laid out by ourselves: what a base installation draws with."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from chainrule.views.layers import Layout, Point, lay_out
from chainrule.views.picture import Kind, Picture, Shape

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
FONT_SIZE = 14.0
ROW = 30.0
PADDING = 8.0
MARGIN = 10.0
INK = "#1a1a1a"
BLUE = "#0072B2"
GREY = "#595959"


@dataclass(frozen=True)
class Style:
    """How a kind of shape looks; corner and dashes tell the kinds apart without any colour."""

    stroke: str
    fill: str
    corner: float = 0.0
    dashes: str = ""


STYLES: dict[Kind, Style] = {
    "leaf": Style(BLUE, "#ffffff"),
    "result": Style(INK, "#ffffff", corner=7.0),
    "constant": Style(GREY, "#ffffff", dashes="4 3"),
    "op": Style(INK, "#eeeeee", corner=ROW / 2),
    "rest": Style(GREY, "#ffffff", dashes="1 3"),
}
# For each direction: is the picture upright, and do its arrows run against the page's direction?
DIRECTIONS = {"LR": (False, False), "RL": (False, True), "TB": (True, False), "BT": (True, True)}


def svg_of(picture: Picture, rankdir: str) -> str:
    """Return `picture` as a complete SVG document; equal pictures give equal text."""
    upright, reverse = DIRECTIONS[rankdir]
    boxes = [_Box(shape, stacked=upright) for shape in picture.shapes]
    index = {shape.name: place for place, shape in enumerate(picture.shapes)}
    arrows = [(index[arrow.tail], index[arrow.head]) for arrow in picture.arrows]
    layout = lay_out([box.size[::-1] if upright else box.size for box in boxes], arrows)
    page = _Page(layout, upright, reverse)
    parts = [_head(picture.title, page.size)]
    for arrow, path in zip(picture.arrows, layout.paths, strict=True):
        parts.append(_arrow(page, path, arrow.dashed))
    for box, centre in zip(boxes, layout.centres, strict=True):
        parts.append(box.draw(page.place(centre), root=box is boxes[-1]))
    parts.append("</svg>\n")
    return "\n".join(parts)


class _Page:
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

    def text(self, point: Point) -> str:
        x, y = self.place(point)
        return f"{x:.1f},{y:.1f}"


class _Box:
    """A shape with its size on the page; the cells stand side by side, or stacked."""

    def __init__(self, shape: Shape, *, stacked: bool) -> None:
        self.shape = shape
        self.stacked = stacked
        narrowest = ROW if shape.kind == "op" else 0.0
        self.widths = [max(text_width(cell) + 2 * PADDING, narrowest) for cell in shape.cells]
        if stacked:
            self.size = (max(self.widths), ROW * len(self.widths))
        else:
            self.size = (sum(self.widths), ROW)

    def draw(self, centre: Point, *, root: bool) -> str:
        style = STYLES[self.shape.kind]
        width, height = self.size
        left, top = centre[0] - width / 2, centre[1] - height / 2
        dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
        pen = f'stroke="{style.stroke}" stroke-width="{2.5 if root else 1.25}"{dashes}'
        corner = f'<rect x="{left:.1f}" y="{top:.1f}" rx="{style.corner:g}"'
        extent = f'width="{width:.1f}" height="{height:.1f}"'
        parts = [
            f"<g><title>{escape(self.shape.hint)}</title>",
            f'{corner} {extent} fill="{style.fill}" {pen}/>',
        ]
        for k, (cell, cell_width) in enumerate(zip(self.shape.cells, self.widths, strict=True)):
            if k and self.stacked:
                parts.append(f'<path d="M{left:.1f},{top:.1f}h{width:.1f}" {pen}/>')
            elif k:
                parts.append(f'<path d="M{left:.1f},{top:.1f}v{height:.1f}" {pen}/>')
            middle = left + (width if self.stacked else cell_width) / 2
            parts.append(_text(middle, top + ROW / 2, cell))
            left, top = (left, top + ROW) if self.stacked else (left + cell_width, top)
        return "".join([*parts, "</g>"])


def _head(title: str, size: Point) -> str:
    width, height = size
    # White lies behind all of it, for dark pages.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{height:.1f}"'
        f' viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-label="{escape(title)}"'
        f' font-family="{FONT}" font-size="{FONT_SIZE:g}" text-anchor="middle">\n'
        f"<title>{escape(title)}</title>\n"
        '<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        f' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0.5L8,4L0,7.5z" fill="{GREY}"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
    )


def _arrow(page: _Page, path: list[Point], dashed: bool) -> str:
    """Draw an arrow: bends between ranks, straight lines where it passes one."""
    commands = [f"M{page.text(path[0])}"]
    for k, (begin, end) in enumerate(pairwise(path)):
        if k % 2:
            commands.append(f"L{page.text(end)}")
        else:
            middle = (begin[0] + end[0]) / 2
            pull, push = page.text((middle, begin[1])), page.text((middle, end[1]))
            commands.append(f"C{pull} {push} {page.text(end)}")
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<path d="{"".join(commands)}" fill="none" stroke="{GREY}" stroke-width="1.25"{dashes}'
        ' marker-end="url(#arrowhead)"/>'
    )


def _text(x: float, y: float, text: str) -> str:
    """Write one line centred on (x, y); capitals are 0.7 em high, and the baseline is half of it lower."""
    return f'<text x="{x:.1f}" y="{y + 0.35 * FONT_SIZE:.1f}" fill="{INK}">{escape(text)}</text>'


def escape(text: str) -> str:
    """Return `text` for XML or HTML, inside an element or a quoted attribute."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def text_width(text: str) -> float:
    """Return a width in pixels that `text` stays within, whichever sans-serif font is found."""
    return FONT_SIZE * sum(map(_ems, text))


def _ems(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.25
    if character in "mwMW@%":
        return 0.95
    return 0.75 if character.isupper() else 0.58
