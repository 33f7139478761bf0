"""The seeds' expressions, random graphs, and a reader of DOT text that knows nothing of the writer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine import Value

HOSTILE = [
    "{a|b}<c>",
    'quote " and \\ backslash \\',
    "</script><script>alert(1)</script>",
    "]]> <!-- &amp; &#65; -->",
    "two\nlines\tand\x00control\x1b",
    "x" * 10_000,
    "שלום עולם",
    "\u202eabc",
    "👩‍👩‍👧 漢字",
    "\ud800 lone \ufffe",
    "\\N \\G \\l",
    " ",
]


def lesson() -> Value:
    """Return the lecture's L = (a*b + c) * f, before backward."""
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c, f = Value(10.0, label="c"), Value(-2.0, label="f")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    result: Value = d * f
    result.label = "L"
    return result


def neuron() -> Value:
    """Return the lecture's neuron with two inputs, before backward."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    both = x1w1 + x2w2
    both.label = "x1*w1 + x2*w2"
    n = both + b
    n.label = "n"
    o: Value = n.tanh()
    o.label = "o"
    return o


def weighted(count: int, start: float | None = 0.5) -> Value:
    """Return dot(ws, xs, start) of `count` pairs, differentiated; the last operand is a leaf b."""
    ws = [Value(k - 1.0, label=f"w{k}") for k in range(count)]
    xs = [Value(k + 0.25, label=f"x{k}") for k in range(count)]
    result = cr.dot(ws, xs) if start is None else cr.dot(ws, xs, Value(start, label="b"))
    assert isinstance(result, Value)
    (result * 3.0).backward()
    return result


@st.composite
def random_graphs(draw: st.DrawFn) -> Value:
    """Return the root of a random graph with shared and doubled operands, numbers and odd labels."""
    labels = st.one_of(st.text(max_size=8), st.sampled_from(HOSTILE))
    nodes = [Value(draw(st.floats()), label=draw(labels)) for _ in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(0, 12))):
        left, right = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        kind = draw(st.sampled_from(["+", "*", "-", "number", "tanh", "square", "sum", "dot", "own"]))
        makers: dict[str, Callable[[Value, Value], Any]] = {
            "+": lambda a, b: a + b,
            "*": lambda a, b: a * b,
            "-": lambda a, b: a - b,
            "number": lambda a, _: 2.0 * a,
            "tanh": lambda a, _: a.tanh(),
            "square": lambda a, _: a**2,
            "sum": lambda a, b: cr.sum([a, b, a, 1.5]),
            "dot": lambda a, b: cr.dot([a, b], [b, 3.0], a),
            "own": lambda a, b: Value(0.5, (a, b, b), draw(labels)),
        }
        made = makers[kind](left, right)
        made.label = draw(labels)
        nodes.append(made)
    return nodes[-1]


@dataclass
class Read:
    """What DOT text says: the cells and the attributes of each node, and the edges in their order."""

    cells: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    rankdir: str = ""

    def operands(self, name: str) -> list[str]:
        """Return the tails of the edges into a node."""
        return [tail for tail, head in self.edges if head == name]

    def with_label(self, label: str) -> str:
        """Return the name of the one box with this label."""
        [name] = [name for name, cells in self.cells.items() if len(cells) > 1 and cells[0] == label]
        return name


_ATTRIBUTE = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s\]]+)\s*', re.DOTALL)


def read_dot(source: str) -> Read:
    """Read DOT text that has one statement on each line."""
    first, *lines, last = source.splitlines()
    assert (first, last) == ("digraph {", "}")
    read = Read()
    for line in lines:
        edge = re.fullmatch(r"\t(\w+) -> (\w+)(?: \[style=dashed\])?", line)
        if edge:
            read.edges.append((edge[1], edge[2]))
            continue
        node = re.fullmatch(r"\t(\w+) \[(.*)\]", line)
        assert node, line
        attributes = dict(_ATTRIBUTE.findall(node[2]))
        assert _ATTRIBUTE.sub("", node[2]) == "", line
        if node[1] == "graph":
            read.rankdir = attributes["rankdir"]
        elif node[1] not in {"node", "edge"}:
            label = _unquoted(attributes["label"])
            is_record = attributes["shape"] == "record"
            read.cells[node[1]] = _record_cells(label) if is_record else [_plain(label)]
            read.attributes[node[1]] = attributes
    return read


def _unquoted(text: str) -> str:
    assert text[0] == text[-1] == '"'
    return text[1:-1].replace('\\"', '"')


def _record_cells(label: str) -> list[str]:
    """Split a record's label where Graphviz does: at each bar without a backslash before it."""
    assert label.startswith("{ ")
    assert label.endswith(" }")
    cells = [""]
    for token in re.findall(r"\\.|[^\\]", label[1:-1]):
        assert token not in set("{}<>"), label
        if token == "|":
            cells.append("")
        else:
            cells[-1] += token
    return [_plain(cell).removeprefix(" ").removesuffix(" ") for cell in cells]


def _plain(text: str) -> str:
    r"""Undo the escapes of a label: \x is x, and &amp; is &."""
    return re.sub(r"\\(.)", r"\1", text).replace("&amp;", "&")
