"""A graph as a tree of lines for a terminal: the output on top, operands below it, numbers in columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from chainrule.views.explaining.formulas import formula
from chainrule.views.tracing.numbers import DIGITS, number_text
from chainrule.views.tracing.trace import Node, Trace

MOST_ROWS = 60
MOST_LEVELS = 12
MOST_OPERANDS = 12
# A formula beside a name is help, not the point: a long one is left out.
LONGEST_MADE = 32


@dataclass(frozen=True)
class Row:
    """One line of a tree.

    Attributes:
        branch: the lines of the tree before the name.
        name: the node's name, with what it was made from, or a remark where something is left out.
        data, grad: its numbers, "" where the line has none.
        kind: "leaf", "constant", "op" or, for a remark, "note".
    """

    branch: str
    name: str
    data: str = ""
    grad: str = ""
    kind: str = "note"


def tree_rows(trace: Trace, digits: int = DIGITS) -> list[Row]:
    """Return the lines of a graph; a node used in several places is unfolded in the first of them.

    Bounded in lines, levels and operands of one node; a remark stands where something is left out.
    """
    rows: list[Row] = []
    unfolded: set[int] = set()
    # (node or remark, the branch before it, what continues below it)
    waiting: list[tuple[int | str, str, str]] = [(trace.root, "", "")]
    while waiting:
        item, branch, below = waiting.pop()
        if isinstance(item, str):
            rows.append(Row(branch, item))
            continue
        if len(rows) == MOST_ROWS:
            rows.append(Row("", "… more lines are left out"))
            break
        node = trace.nodes[item]
        again = item in unfolded and bool(node.operands)
        rows.append(_row(node, trace, branch, again=again, digits=digits))
        if not again:
            unfolded.add(item)
            waiting += reversed(list(_below(node, below)))
    return rows


def aligned(trace: Trace, digits: int = DIGITS) -> list[tuple[Row, str, str]]:
    """Return the lines of a graph, each with the spaces after its name and with its numbers, in columns."""
    rows = tree_rows(trace, digits)
    names = max(width(row.branch + row.name) for row in rows if row.data)
    numbers = max(len(row.data) for row in rows)
    return [
        (row, " " * (names - width(row.branch + row.name)), f"  data {row.data.ljust(numbers)}  {row.grad}")
        if row.data
        else (row, "", "")
        for row in rows
    ]


def tree_text(trace: Trace, digits: int = DIGITS) -> str:
    """Return the tree as text, with data and gradients in columns."""
    lines = [f"{row.branch}{row.name}{padding}{numbers}" for row, padding, numbers in aligned(trace, digits)]
    return "\n".join(line.rstrip() for line in lines)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200b\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _row(node: Node, trace: Trace, branch: str, *, again: bool, digits: int) -> Row:
    made = formula(node.op, node.symbol, [trace.nodes[operand].name for operand in node.operands[:MOST_OPERANDS]])
    name = node.name
    if again:
        name += " (see above)"
    elif made and made != name and len(made) <= LONGEST_MADE and len(node.operands) <= MOST_OPERANDS:
        name += f" = {made}"
    elif made and made != name:
        name += f" = {node.op}(…)"
    grad = "not computed yet" if node.grad is None else number_text(node.grad, digits)
    return Row(
        branch,
        name,
        number_text(node.data, digits),
        "constant" if node.kind == "constant" else f"grad {grad}",
        node.kind,
    )


def _below(node: Node, branch: str) -> Iterator[tuple[int | str, str, str]]:
    """Give what stands below a node: its operands, and a remark on those left out."""
    operands: list[int | str] = list(node.operands[:MOST_OPERANDS])
    hidden = len(node.operands) - len(operands) + node.missing
    if len(branch) >= 3 * MOST_LEVELS and operands:
        operands = ["… deeper levels are left out"]
    elif hidden:
        operands.append(f"… {hidden:,} more operands")
    for operand in operands[:-1]:
        yield operand, f"{branch}├─ ", f"{branch}│  "
    if operands:
        yield operands[-1], f"{branch}└─ ", f"{branch}   "
