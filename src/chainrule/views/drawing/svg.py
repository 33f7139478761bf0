"""A placed picture as SVG text, which needs nothing installed to be drawn or seen."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.views.drawing.page import FONT_SIZE, ROW, Box, Curve, Page
from chainrule.views.drawing.picture import Kind

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
INK = "#1a1a1a"
BLUE = "#0072B2"
GREY = "#595959"


@dataclass(frozen=True)
class Style:
    """How a kind of shape looks; corner and dashes tell the kinds apart without any colour."""

    stroke: str
    fill: str = "#ffffff"
    corner: float = 0.0
    dashes: str = ""


STYLES: dict[Kind, Style] = {
    "leaf": Style(BLUE),
    "result": Style(INK, corner=7.0),
    "constant": Style(GREY, dashes="4 3"),
    "op": Style(INK, fill="#eeeeee", corner=ROW / 2),
    "rest": Style(GREY, dashes="1 3"),
}


def svg_of(page: Page) -> str:
    """Return a complete SVG document; equal pages give equal text."""
    arrows = [_arrow(curve) for curve in page.curves]
    boxes = [_box(box, page.upright, root=box is page.boxes[-1]) for box in page.boxes]
    return "\n".join([_head(page), *arrows, *boxes, "</svg>\n"])


def _head(page: Page) -> str:
    width, height = page.size
    title = escape(page.title)
    # White lies behind all of it, for dark pages.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{height:.1f}"'
        f' viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-label="{title}"'
        f' font-family="{FONT}" font-size="{FONT_SIZE:g}" text-anchor="middle">\n'
        f"<title>{title}</title>\n"
        '<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        ' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0.5L8,4L0,7.5z" fill="{GREY}"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
    )


def _arrow(curve: Curve) -> str:
    points = [f"{x:.1f},{y:.1f}" for x, y in curve.points]
    commands = f"M{points[0]}"
    for k in range(1, len(points), 3):
        straight = points[k] == points[k - 1]
        commands += f"L{points[k + 2]}" if straight else f"C{' '.join(points[k : k + 3])}"
    dashes = ' stroke-dasharray="4 3"' if curve.dashed else ""
    return (
        f'<path d="{commands}" fill="none" stroke="{GREY}" stroke-width="1.25"{dashes} marker-end="url(#arrowhead)"/>'
    )


def _box(box: Box, stacked: bool, *, root: bool) -> str:
    style = STYLES[box.shape.kind]
    width, height = box.size
    left, top = box.centre[0] - width / 2, box.centre[1] - height / 2
    dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
    pen = f'stroke="{style.stroke}" stroke-width="{2.5 if root else 1.25}"{dashes}'
    corner = f'<rect x="{left:.1f}" y="{top:.1f}" rx="{style.corner:g}"'
    parts = [
        f"<g><title>{escape(box.shape.hint)}</title>",
        f'{corner} width="{width:.1f}" height="{height:.1f}" fill="{style.fill}" {pen}/>',
    ]
    for k, (cell, cell_width) in enumerate(zip(box.shape.cells, box.widths, strict=True)):
        if k:
            line = f"h{width:.1f}" if stacked else f"v{height:.1f}"
            parts.append(f'<path d="M{left:.1f},{top:.1f}{line}" {pen}/>')
        middle = left + (width if stacked else cell_width) / 2
        parts.append(_text(middle, top + ROW / 2, cell))
        left, top = (left, top + ROW) if stacked else (left + cell_width, top)
    return "".join([*parts, "</g>"])


def _text(x: float, y: float, text: str) -> str:
    """Write one line centred on (x, y); capitals are 0.7 em high, and the baseline is half of it lower."""
    return f'<text x="{x:.1f}" y="{y + 0.35 * FONT_SIZE:.1f}" fill="{INK}">{escape(text)}</text>'


def escape(text: str) -> str:
    """Return `text` for XML or HTML, inside an element or a quoted attribute."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
