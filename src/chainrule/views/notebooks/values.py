"""How a Value shows itself in a notebook: a picture with a text alternative, a small table, and the Stepper.

An untrusted notebook removes scripts, styles, frames and SVG elements. What stays is what everything
else here is made of: an image with its data in its address, `details`, and tables.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from chainrule.graph import Value, excerpt
from chainrule.views.drawing.page import page_of
from chainrule.views.drawing.picture import LONGEST_TEXT, count_text, legible, picture_of
from chainrule.views.drawing.svg import escape, svg_of
from chainrule.views.explaining.formulas import formula
from chainrule.views.tracing.names import Scope, callers_scope
from chainrule.views.tracing.trace import Node, Trace, trace_of_part

# What a notebook's cell holds readably; `draw_dot` draws more.
CONNECTIONS = 60
ROWS = 20
# A graph of more nodes has no Stepper in its cell: each node adds some 300 bytes to the notebook's file.
STEPPER_NODES = 300
# A repr beyond this many characters is cut: a network's can have a name for every neuron.
LONGEST_REPR = 10_000


def value_html(value: Value) -> str:
    """Return the picture of what `value` depends on, with a table of the numbers; both bounded."""
    part = excerpt(value, CONNECTIONS)
    picture = picture_of(part)
    scope = callers_scope()
    trace = trace_of_part(part, scope=scope)
    rows = [_row(node, trace.nodes, backward=trace.backward) for node in trace.nodes[: -ROWS - 1 : -1]]
    hidden = max(len(trace.nodes) - ROWS, 0) + part.left_out
    table = table_html(["name", "made by", "data", "grad"], rows)
    note = f"<p>{count_text(hidden)} more values are not in this table.</p>" if hidden else ""
    return (
        image_html(svg_of(page_of(picture, "LR")).encode(), picture.title)
        + details_html("The numbers as a table", table + note)
        + _stepper(value, scope, trace)
    )


def _stepper(value: Value, scope: Scope, trace: Trace) -> str:
    """Return the Stepper in a frame that may run scripts and nothing else; empty without a graph, or for a large one.

    The words stand where a frame would be, when a notebook that is not trusted has removed it.
    """
    if trace.left_out is not None:  # the table's trace is not all of the graph
        part = excerpt(value, 4 * STEPPER_NODES)
        if any(part.missing) or len(part.nodes) > STEPPER_NODES:
            return ""
        trace = trace_of_part(part, scope=scope)
    if len(trace.nodes) == 1:
        return ""
    from chainrule.views.stepper.stepper import page_text

    page = page_text(trace)
    return details_html(
        "Step through it",
        f'<iframe sandbox="allow-scripts" loading="lazy" title="The Stepper" srcdoc="{escape(page)}"'
        ' style="width: 100%; height: 680px; border: 0">'
        "It needs a trusted notebook (in JupyterLab: Trust Notebook), or chainrule.show(value).</iframe>",
    )


def value_bundle(value: Value) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for `value`: HTML, and its repr as text."""
    return bundle(value, value_html(value))


def bundle(thing: object, html: str) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for anything: the HTML, and its repr as text."""
    plain = repr(thing)
    cut = plain if len(plain) <= LONGEST_REPR else f"{plain[: LONGEST_REPR - 1]}…"
    return {"text/html": html, "text/plain": cut}


def image_html(svg: bytes, alternative: str) -> str:
    """Return an HTML image with the SVG in its address."""
    address = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    # Wider than the page it scrolls: scaled down to fit, its numbers could not be read.
    return (
        f'<div style="overflow-x: auto"><img src="{address}" alt="{escape(alternative)}" style="max-width: none"></div>'
    )


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts, none of which can bring HTML of its own."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"


def details_html(summary: str, content: str) -> str:
    """Return content that opens with a click on its summary."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _row(node: Node, nodes: Sequence[Node], *, backward: bool) -> tuple[str, str, str, str]:
    if node.kind == "constant":
        return node.label and legible(node.label, LONGEST_TEXT), "constant", repr(node.data), ""
    text = formula(node.op, node.symbol, [nodes[operand].name for operand in node.operands]) if not node.missing else ""
    made_by = legible(text or node.symbol or "given", LONGEST_TEXT)
    name = "" if node.name == made_by else node.name
    grad = repr(node.grad) if backward else "not computed yet"
    return name, made_by, repr(node.data), grad
