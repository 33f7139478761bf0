"""Explanations as HTML: tables that any page or notebook shows, with no script and no colour of their own."""

from __future__ import annotations

from chainrule.views.explain_text import (
    count_of,
    derivative,
    factor_text,
    order_text,
    rest_of,
    term_text,
    text_of,
    unknown_slope,
)
from chainrule.views.explained import GraphSum, NodeSum, Path, PathSum
from chainrule.views.numbers import number_text
from chainrule.views.svg import escape

_CELL = 'style="text-align: center; padding: 0.2em 0.5em"'


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
    """Return a table of two rows, each factor's symbol above its number."""
    symbols = [_isolated(factor_text(factor)) for factor in path.first]
    numbers = [number_text(factor.slope, digits) for factor in path.first]
    if path.between:
        symbols.append(f"… {path.between:,} more …")
        numbers.append(number_text(path.between_product, digits))
    symbols += [_isolated(factor_text(factor)) for factor in path.last]
    numbers += [number_text(factor.slope, digits) for factor in path.last]
    if not symbols:
        return ""
    head = "<td>·</td>".join(f'<th scope="col" {_CELL}>{symbol}</th>' for symbol in symbols)
    body = "<td>·</td>".join(f"<td {_CELL}>{number}</td>" for number in numbers)
    product = number_text(path.product, digits)
    return (
        f'<table><tr>{head}<th scope="col" {_CELL}>product</th></tr>'
        f"<tr>{body}<td {_CELL}>= <strong>{product}</strong></td></tr></table>"
    )


def _graph_sum(part: GraphSum, digits: int) -> str:
    title = text_of(part, digits).partition("\n")[0]
    more = f"<p>and {count_of(part.left_out, 'more node')}</p>" if part.left_out else ""
    order = f"<p>{escape(order_text(part.order, digits))}</p>" if part.order is not None else ""
    rows = "".join(_row(node, digits) for node in part.nodes)
    return (
        f"<p>{_isolated(title)}</p><table><caption>Gradients in the order of backward</caption>"
        '<tr><th scope="col">node</th><th scope="col">gradient</th><th scope="col">what it received</th></tr>'
        f"{rows}</table>{more}{order}"
    )


def _row(node: NodeSum, digits: int) -> str:
    total = "?" if node.gradient is None else number_text(node.gradient, digits)
    terms = [f"{term_text(term, digits)} through {_isolated(term.user)}" for term in node.terms]
    if node.others:
        rest = "?" if node.rest is None else number_text(node.rest, digits)
        terms.append(f"{rest} through {node.others:,} more")
    received = " + ".join(terms) or "1, where backward starts"
    return f'<tr><th scope="row">{_isolated(node.name)}</th><td>{total}</td><td>{received}</td></tr>'
