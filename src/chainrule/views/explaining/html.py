"""Explanations as HTML that any page or notebook shows, with no script and no colour of its own."""

from __future__ import annotations

from chainrule.views.drawing.svg import escape
from chainrule.views.explaining.explained import GraphSum, NodeSum, Path, PathSum
from chainrule.views.explaining.text import (
    count_of,
    derivative,
    factor_text,
    order_text,
    rest_of,
    term_text,
    text_of,
    unknown_slope,
)
from chainrule.views.tracing.numbers import number_text

_CELL = 'style="text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0"'
# A factor with its number below it; a row of them breaks where the page ends.
_FACTOR = 'style="display: inline-block; text-align: center; margin: 0.2em 0"'


def html_of(part: PathSum | GraphSum, digits: int) -> str:
    """Return an explanation as a piece of HTML."""
    body = _path_sum(part, digits) if isinstance(part, PathSum) else _graph_sum(part, digits)
    legend = "".join(f"<li>{_isolated(name)} = {_isolated(made)}</li>" for name, made in part.legend)
    where = f"<p>where</p><ul>{legend}</ul>" if legend else ""
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in part.remarks)
    return f'<div class="chainrule-explanation">{body}{where}{remarks}</div>'


def _isolated(text: str) -> str:
    """Return a name that does not turn round its neighbours when it is written from right to left."""
    return f"<bdi>{escape(text)}</bdi>"


def _path_sum(part: PathSum, digits: int) -> str:
    whole = derivative(part.output, part.node)
    total = "?" if part.gradient is None else number_text(part.gradient, digits)
    number = len(part.paths) + part.others
    lines = [f"<p>{_isolated(whole)} = <strong>{total}</strong>"]
    if number > 1:
        bounded = f"; the {len(part.paths)} largest are shown" if part.others else ""
        lines.append(f", the sum over {count_of(number, 'path')}{bounded}")
    lines.append("</p>")
    lines += [_path(path, digits) for path in part.paths]
    if part.blocked:
        lines.append(f"<p>{escape(unknown_slope(part.blocked))}</p>")
    if part.rest is not None:
        lines.append(f"<p>{escape(rest_of(part))}: {number_text(part.rest, digits)}</p>")
    return "".join(lines)


def _path(path: Path, digits: int) -> str:
    """Return the factors of a path, each symbol above its number, and their product."""
    pairs = [(_isolated(factor_text(factor)), factor.slope) for factor in path.factors]
    if path.between:
        pairs.insert(len(path.first), (f"… {path.between:,} more factors …", path.between_product))
    factors = [
        f"<span {_FACTOR}>{symbol}<br><strong>{number_text(number, digits)}</strong></span>" for symbol, number in pairs
    ]
    product = f"<span {_FACTOR}>product<br><strong>{number_text(path.product, digits)}</strong></span>"
    return f"<p>{' · '.join(factors)} = {product}</p>" if factors else ""


def _graph_sum(part: GraphSum, digits: int) -> str:
    title = text_of(part, digits).partition("\n")[0]
    more = f"<p>and {count_of(part.left_out, 'more node')}</p>" if part.left_out else ""
    order = f"<p>{escape(order_text(part.order, digits))}</p>" if part.order is not None else ""
    rows = "".join(_row(node, digits) for node in part.nodes)
    return (
        f"<p>{_isolated(title)}</p><p>Gradients in the order of backward:</p><table>"
        f'<tr><th scope="col" {_CELL}>node</th><th scope="col" {_CELL}>gradient</th>'
        f'<th scope="col" {_CELL}>what it received</th></tr>{rows}</table>{more}{order}'
    )


def _row(node: NodeSum, digits: int) -> str:
    total = "?" if node.gradient is None else number_text(node.gradient, digits)
    terms = [f"{term_text(term, digits)} through {_isolated(term.user)}" for term in node.terms]
    if node.others:
        rest = "?" if node.rest is None else number_text(node.rest, digits)
        terms.append(f"{rest} through {node.others:,} more")
    received = " + ".join(terms) or "1, where backward starts"
    return (
        f'<tr><th scope="row" {_CELL}>{_isolated(node.name)}</th><td {_CELL}>{total}</td>'
        f"<td {_CELL}>{received}</td></tr>"
    )
