"""What the other layers ask of a graph: its order, a node's op, operands and local derivatives."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.flags import Flag
from chainrule.core.operands import (
    attributes_or_none,
    has_constant_exponent,
    operand_at,
    operand_count,
    operands_of,
    own_attributes,
    slope_at,
)
from chainrule.core.owing import settle_gradients
from chainrule.core.tracing import not_while_tracing
from chainrule.core.value import Value
from chainrule.errors import NumberError
from chainrule.ops.dispatch import Code
from chainrule.ops.row import BY_CODE, Op


def topological_order(root: Any, constants: bool = True, calls: bool = False) -> list[Value]:
    """Return every node that root depends on, operands before users, root last; the lecture's order.

    Depth first by ordered operands, each node once; no recursion, so any depth.

    Args:
        root: the node to start from.
        constants: whether plain number operands appear, as the Values that stand for them.
        calls: whether compiled calls of several results appear, as the nodes that these share; else such a result
            becomes a node of its own.

    Raises:
        NumberError: root is not a Value.
    """
    if not isinstance(root, Value):
        raise NumberError(f"a graph starts at a Value, but the root is of type '{type(root).__name__}'")
    node: Value
    place: cython.Py_ssize_t
    order: list = []
    seen = {root}
    path: list = [root]
    next_place: list = [0]
    while path:
        node = path[-1]
        place = next_place[-1]
        next_place[-1] = place + 1
        one_of_several: cython.bint = calls and node._code == Code.RESULT
        if place == (1 if one_of_several else operand_count(node)):
            order.append(node)
            path.pop()
            next_place.pop()
            continue
        operand = node._left if one_of_several else operand_at(node, place, constants)
        if operand is not None and operand not in seen:
            seen.add(operand)
            path.append(operand)
            next_place.append(0)
    return order


def local_derivatives(node: Value) -> tuple[float, ...]:
    """Return ∂node/∂operand for each of `node._prev`, at the values of the forward pass; 0 for a constant."""
    not_while_tracing("it reads local derivatives", "take them outside")
    slopes = []
    for place in range(operand_count(node)):
        operand = cython.cast(Value, operand_at(node, place, True))
        slopes.append(0.0 if operand._flags & Flag.CONSTANT else slope_at(node, place))
    return tuple(slopes)


@cython.cfunc
def give_shares(node: Value) -> object:
    """Add this node's share to the grad of each of its operands."""
    not_while_tracing("it calls a _backward", "call backward() outside")
    operand: Value
    settle_gradients()
    for operand, slope in zip(operands_of(node), local_derivatives(node), strict=True):
        if not operand._flags & Flag.CONSTANT:
            operand._grad += slope * node._grad


def parts(node: Value) -> tuple[list[Value | float], list[float]]:
    """Return what the node was made from: its operands, a plain number as a float, and the slopes by them.

    Unlike `_prev`, the constant exponent of a power is among them.
    """
    not_while_tracing("it takes a node apart", "do that outside")
    operands: list = []
    slopes: list = []
    shown: cython.Py_ssize_t = operand_count(node)
    place: cython.Py_ssize_t
    for place in range(2 if has_constant_exponent(node) else shown):
        slope = slope_at(node, place)
        operand = operand_at(node, place, False) if place < shown else None
        operands.append(slope if operand is None else operand)
        slopes.append(slope)
    return operands, slopes


def is_constant(node: Value) -> bool:
    """Tell whether this Value stands for a plain number operand, which receives no gradient."""
    return (node._flags & Flag.CONSTANT) != 0


def is_leaf(node: Value) -> bool:
    """Tell whether a node was made from no other."""
    leaf: bool = node._code == Code.LEAF
    return leaf


def op_of(node: Value) -> Op | None:
    """Return the row of the table that made a node; None for a leaf, an op of the user's or a compiled result."""
    return BY_CODE[node._code] if node._code > Code.LEAF else None


def has_closure(node: Value) -> bool:
    """Tell whether a function of the user's was assigned to this node's `_backward`."""
    return (node._flags & Flag.CLOSURE) != 0 and node._code >= Code.CUSTOM


def knows_slopes(node: Value) -> bool:
    """Tell whether a node's local derivatives are known: those of an op of the user's only its function knows."""
    return not has_closure(node) and node._code != Code.CUSTOM


def is_compiled(node: Value) -> bool:
    """Tell whether a node is a compiled function's result, all of whose steps are in its slopes."""
    return node._code < Code.CUSTOM


def set_op(node: Value, text: str) -> None:
    """Set what a node shows as its `_op`."""
    own_attributes(node)["_op"] = text


def attributes_of(node: Value) -> dict[str, Any]:
    """Return a copy of the label and the other attributes that a program has set."""
    return dict(attributes_or_none(node) or {})
