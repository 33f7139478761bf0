"""Small charts as SVG text, made without any library, so that a notebook can always show them."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.views.drawing.svg import FONT, INK, escape


def chart(width: float, height: float, title: str, elements: Iterable[str]) -> str:
    """Return a complete SVG document on white, which stays readable on a dark page."""
    name = escape(title)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}" font-family="{FONT}">'
    )
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{name}</title>", ground, *elements, "</svg>\n"])


def text(
    x: float, y: float, words: str, *, anchor: str = "middle", colour: str = INK, size: float = 12, bold: bool = False
) -> str:
    """Return words on a line; `anchor` is "start", "middle" or "end" of them at x, y their baseline."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )
