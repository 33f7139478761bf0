"""Walking a graph: its order, its edges, and a bounded excerpt near the root."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.engine import Value, is_constant, no_grad, op_of, topological_order
from chainrule.errors import NumberError

# What the layers above, which know no engine, ask of a graph comes from here.
__all__ = [
    "Excerpt",
    "Value",
    "excerpt",
    "is_constant",
    "no_grad",
    "op_of",
    "require_value",
    "topological_order",
    "trace",
]


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Return the lecture's two sets: every node that `root` depends on, and the (child, parent) edges.

    Both operands of `a*a` are the same edge here, because a set keeps one of each;
    `node._prev` has the operands in order and with duplicates.
    Raises NumberError when `root` is not a Value.
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


@dataclass(frozen=True)
class Excerpt:
    """The part of a graph that lies nearest to its root.

    `nodes` is in topological order and ends with the root; `operands[i]` holds those operands of
    `nodes[i]` that are part of the excerpt, and `missing[i]` says how many of its operands are not.
    `left_out` counts the nodes of the whole graph that are not in `nodes`.
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
    nearest = [root]
    met = {id(root)}
    budget = limit
    for node in nearest:
        operands = node._prev
        if len(operands) > budget:
            operands = operands[:budget] if len(operands) > 3 else ()
        budget -= len(operands)
        kept[id(node)] = operands
        for operand in operands:
            if id(operand) not in met:
                met.add(id(operand))
                nearest.append(operand)
    order = topological_order(root)
    nodes = order if len(order) == len(nearest) else [node for node in order if id(node) in met]
    shown = [kept[id(node)] for node in nodes]
    missing = [len(node._prev) - len(operands) for node, operands in zip(nodes, shown, strict=True)]
    return Excerpt(nodes, shown, missing, len(order) - len(nearest))
