"""A graph as a picture: boxes for values, small nodes for operations, arrows; not yet any format."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from chainrule.graph import MOST_COUNTED, Excerpt, Value, is_constant, op_of

LONGEST_TEXT = 40
LONGEST_HINT = 200

Kind = Literal["leaf", "result", "constant", "op", "rest"]


@dataclass(frozen=True)
class Shape:
    """One node of the picture: `cells` are the columns of a box, or the symbol of an operation."""

    name: str
    kind: Kind
    cells: tuple[str, ...]
    hint: str


@dataclass(frozen=True)
class Arrow:
    """A connection of two shapes, by name; a dashed one stands for operands that are not drawn."""

    tail: str
    head: str
    dashed: bool = False


@dataclass
class Picture:
    """Shapes in topological order (every arrow points forward in it), the root last."""

    title: str
    shapes: list[Shape] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)

    def add(self, name: str, kind: Kind, cells: Sequence[str], hint: str) -> None:
        """Add a shape; its texts are made fit for any format."""
        texts = tuple(legible(cell, LONGEST_TEXT) for cell in cells)
        self.shapes.append(Shape(name, kind, texts, legible(hint, LONGEST_HINT)))

    def box(self, name: str, label: str, data: float, grad: float, kind: Kind) -> None:
        """Add the box of a value; a constant receives no gradient and shows no cell for one."""
        if kind == "constant":
            cells = [*([label] if label else []), "constant", f"data {figure(data)}"]
            self.add(name, kind, cells, f"data={data!r}, constant")
        else:
            cells = [label, f"data {figure(data)}", f"grad {figure(grad)}"]
            self.add(name, kind, cells, f"data={data!r}, grad={grad!r}")

    def operation(self, symbol: str, operands: Sequence[Term], result: str) -> str:
        """Add the small node before the box `result` with the arrows around it; return its name."""
        name = f"{result}_op"
        self.add(name, "op", [symbol], symbol)
        self.arrows += [Arrow(operand.name, name) for operand in operands]
        self.arrows.append(Arrow(name, result))
        return name


def picture_of(part: Excerpt, *, expand: bool = True) -> Picture:
    """Return the picture of an excerpt, with a node for what it leaves out.

    Names come from the topological order, so the same graph gives the same picture in every run.
    With `expand` an n-ary node is drawn as the products and sums that it adds up.
    """
    picture = Picture(_title(part))
    if sum(part.missing):
        rest = f"{count_text(part.left_out)} more values" if part.left_out else "more connections"
        picture.add("rest", "rest", [rest], "left out of this picture")
    names = {id(node): f"v{index}" for index, node in enumerate(part.nodes)}
    for node, shown, hidden in zip(part.nodes, part.operands, part.missing, strict=True):
        operands = [Term(names[id(operand)], operand.data) for operand in shown]
        _draw(picture, node, names[id(node)], operands, hidden=hidden, expand=expand)
    return picture


@dataclass(frozen=True)
class Term:
    """A box that an operation takes: its name, and the data that an expansion computes with."""

    name: str
    data: float


def _draw(picture: Picture, node: Value, name: str, operands: list[Term], *, hidden: int, expand: bool) -> None:
    entry = name
    kind: Kind = "constant" if is_constant(node) else "result" if node._prev else "leaf"
    row = op_of(node)
    if expand and not hidden and row is not None and row.name in EXPANSIONS:
        EXPANSIONS[row.name](picture, node, name, operands)
    elif node._op:
        more = f" and {hidden:,} more" if operands and hidden else ""
        entry = picture.operation(f"{node._op}{more}", operands, name)
    else:
        picture.arrows += [Arrow(operand.name, name) for operand in operands]
    if hidden:
        picture.arrows.append(Arrow("rest", entry, dashed=True))
    picture.box(name, str(node.label), node.data, node.grad, kind)


def _expand_dot(picture: Picture, node: Value, name: str, operands: list[Term]) -> None:
    """Draw w0*x0, w1*x1, … and their running sum, which begins with the start when there is one."""
    count = len(operands) // 2
    pairs = list(zip(operands[:count], operands[count : 2 * count], strict=True))
    starts = operands[2 * count :]
    if count == 1 and not starts:
        picture.operation("*", pairs[0], name)
        return
    products = []
    for k, (left, right) in enumerate(pairs):
        product = Term(f"{name}_product{k}", left.data * right.data)
        picture.operation("*", (left, right), product.name)
        # A sum hands its gradient on unchanged, so every interior box has the node's.
        picture.box(product.name, "", product.data, node.grad, "result")
        products.append(product)
    _running_sum(picture, node, name, starts + products)


def _running_sum(picture: Picture, node: Value, name: str, terms: list[Term]) -> None:
    """Add the terms up in their order; the last sum is the node itself, with its own data."""
    total = terms[0]
    for k, term in enumerate(terms[1:-1]):
        partial = Term(f"{name}_sum{k}", total.data + term.data)
        picture.operation("+", (total, term), partial.name)
        picture.box(partial.name, "", partial.data, node.grad, "result")
        total = partial
    picture.operation("+", [total, *terms[1:][-1:]], name)


# The n-ary rows of the op table that a person reads as products and sums.
Expansion = Callable[[Picture, Value, str, list[Term]], None]
EXPANSIONS: dict[str, Expansion] = {"sum": _running_sum, "dot": _expand_dot}


def figure(number: float) -> str:
    """Return `number` with four decimals; with an exponent where that would be a row of digits."""
    return f"{number:.4e}" if 1e12 <= abs(number) < float("inf") else f"{number:.4f}"


def count_text(count: int) -> str:
    """Return a number of nodes that are left out, which is not counted to the end when it is large."""
    return f"{count:,}" if count <= MOST_COUNTED else f"more than {MOST_COUNTED:,}"


def _title(part: Excerpt) -> str:
    root, drawn = part.nodes[-1], len(part.nodes)
    name = f"{legible(str(root.label), LONGEST_TEXT)} = " if root.label else ""
    rest = f", {count_text(part.left_out)} more left out" if part.left_out else ""
    return f"Graph of {name}{figure(root.data)}: {drawn:,} value{'' if drawn == 1 else 's'}{rest}"


def legible(text: str, longest: int) -> str:
    """Return `text` on one line, without what XML forbids or what reorders its neighbours, clipped."""
    clipped = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(map(_legible_character, clipped))


def _legible_character(character: str) -> str:
    if character in "\n\r\u2028\u2029\x85":
        return "↵"
    unfit = unicodedata.category(character) in ("Cc", "Cs") or character in _UNFIT
    return "\N{REPLACEMENT CHARACTER}" if unfit else character


# What XML forbids beyond control characters and surrogates; and the marks that override the
# direction of text, since a label with one of them could turn round the text beside it.
_UNFIT = "\ufffe\uffff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
