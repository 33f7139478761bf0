"""How a Value shows itself in a notebook: a picture with a text alternative, and a small table."""

from __future__ import annotations

from base64 import b64encode

from chainrule.graph import Value, excerpt, is_constant
from chainrule.views.page import page_of
from chainrule.views.picture import LONGEST_TEXT, count_text, legible, picture_of
from chainrule.views.svg import escape, svg_of

# What a notebook's cell holds readably; `draw_dot` draws more.
CONNECTIONS = 60
ROWS = 20


def value_html(value: Value) -> str:
    """Return the picture of what `value` depends on, with a table of the numbers; both bounded."""
    part = excerpt(value, CONNECTIONS)
    picture = picture_of(part)
    rows = "".join(map(_row, part.nodes[: -ROWS - 1 : -1]))
    hidden = max(len(part.nodes) - ROWS, 0) + part.left_out
    note = f"<p>{count_text(hidden)} more values are not in this table.</p>" if hidden else ""
    return (
        f"{image_html(svg_of(page_of(picture, 'LR')).encode(), picture.title)}"
        "<details><summary>The numbers as a table</summary><table>"
        "<tr><th>label</th><th>made by</th><th>data</th><th>grad</th></tr>"
        f"{rows}</table>{note}</details>"
    )


def value_bundle(value: Value) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for `value`: HTML, and its repr as text."""
    return {"text/html": value_html(value), "text/plain": repr(value)}


def image_html(svg: bytes, alternative: str) -> str:
    """Return an HTML image with the SVG in its address.

    An untrusted notebook removes scripts and inline SVG; an image with a data address stays, and so
    do tables and details.
    """
    address = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    # Wider than the page it scrolls: scaled down to fit, its numbers could not be read.
    return (
        f'<div style="overflow-x: auto"><img src="{address}" alt="{escape(alternative)}" style="max-width: none"></div>'
    )


def _row(node: Value) -> str:
    constant = is_constant(node)
    made_by = "constant" if constant else node._op or "given"
    grad = "" if constant else repr(node.grad)
    cells = [legible(str(node.label), LONGEST_TEXT), legible(made_by, LONGEST_TEXT), repr(node.data), grad]
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
