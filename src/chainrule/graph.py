"""Walking a graph: its order, its edges, and a bounded excerpt near the root."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.engine import (
    Value,
    has_closure,
    is_constant,
    is_leaf,
    keep_dead_nodes,
    knows_slopes,
    local_derivatives,
    no_grad,
    op_of,
    parts,
    topological_order,
)
from chainrule.errors import NumberError

# What the layers above, which know no engine, ask of a graph comes from here.
__all__ = [
    "Excerpt",
    "Value",
    "excerpt",
    "has_closure",
    "is_constant",
    "is_leaf",
    "keep_dead_nodes",
    "knows_slopes",
    "local_derivatives",
    "no_grad",
    "op_of",
    "parts",
    "require_value",
    "topological_order",
    "trace",
]


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Return the lecture's two sets: every node that `root` depends on, and the (child, parent) edges.

    Both operands of `a*a` are the same edge here, because a set keeps one of each;
    `node._prev` has the operands in order and with duplicates.

    Raises:
        NumberError: root is not a Value.
    """
    require_value(root, "trace")
    nodes = topological_order(root)
    return set(nodes), {(operand, node) for node in nodes for operand in node._prev}


def require_value(root: object, function: str) -> None:
    """Raise a NumberError that names `function` unless `root` is a Value."""
    if isinstance(root, Value):
        return
    advice = "give it the Value that you computed"
    if isinstance(root, (list, tuple)) and any(isinstance(item, Value) for item in root):
        advice = "choose one of them, or combine them with chainrule.sum"
    kind = type(root).__name__
    raise NumberError(f"{function}() walks the graph of one Value, and got {kind}: {advice}")


# Counting stops here, so that a drawing of ten million nodes is as quick as one of a hundred thousand.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Excerpt:
    """The part of a graph that lies nearest to its root.

    `nodes` is in topological order and ends with the root; `operands[i]` holds those operands of
    `nodes[i]` that are part of the excerpt, and `missing[i]` says how many of its operands are not.
    `left_out` counts the nodes that are not in `nodes`; above MOST_COUNTED it is only a lower bound.
    """

    nodes: list[Value]
    operands: list[tuple[Value, ...]]
    missing: list[int]
    left_out: int


def excerpt(root: Value, limit: int) -> Excerpt:
    """Walk breadth first from `root` until `limit` connections have been followed.

    The limit counts connections and not nodes, because a node may have any number of operands.
    An operation of up to three keeps all of its operands or none; half of `a - b` would mislead.
    """
    kept: dict[int, tuple[Value, ...]] = {}
    missing: dict[int, int] = {}
    nearest = [root]
    met = {id(root)}
    budget = limit
    for node in nearest:
        operands = node._prev
        room = budget if len(operands) > 3 or len(operands) <= budget else 0
        kept[id(node)] = operands[:room]
        missing[id(node)] = max(len(operands) - room, 0)
        budget -= len(kept[id(node)])
        for operand in kept[id(node)]:
            if id(operand) not in met:
                met.add(id(operand))
                nearest.append(operand)
    nodes = _ordered(root, kept)
    left_out = _count_beyond([node for node in nearest if missing[id(node)]], met)
    return Excerpt(nodes, [kept[id(node)] for node in nodes], [missing[id(node)] for node in nodes], left_out)


def _ordered(root: Value, kept: dict[int, tuple[Value, ...]]) -> list[Value]:
    """Return the nodes of an excerpt depth first, operands before users."""
    order = []
    entered = {id(root)}
    path = [(root, iter(kept[id(root)]))]
    while path:
        node, rest = path[-1]
        operand = next((operand for operand in rest if id(operand) not in entered), None)
        if operand is None:
            order.append(node)
            path.pop()
        else:
            entered.add(id(operand))
            path.append((operand, iter(kept[id(operand)])))
    return order


def _count_beyond(rim: list[Value], met: set[int]) -> int:
    """Count the nodes that are reached from `rim` and are not in `met`, until there are too many."""
    count = 0
    while rim and count <= MOST_COUNTED:
        for operand in rim.pop()._prev:
            if id(operand) not in met:
                met.add(id(operand))
                rim.append(operand)
                count += 1
    return count
