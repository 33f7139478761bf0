"""Copies and pickles of Values: a graph of any depth becomes flat lists, and its leaves keep their identity."""

from __future__ import annotations

from typing import Any

from chainrule.engine import (
    Value,
    attributes_of,
    has_closure,
    make_node,
    op_of,
    parts,
    set_op,
    topological_order,
)
from chainrule.errors import PickleError
from chainrule.ops import TABLE

_CUSTOM = -1  # the code of an op that is not in the table


def reduce_value(value: Value) -> tuple[Any, ...]:
    """Return what `pickle` and `copy.deepcopy` need to make this Value, with its whole graph, again.

    Raises:
        PickleError: a node of the graph has a `_backward` function of the user's.
    """
    if not value._prev:
        return _make_leaf, (type(value), value.data, value.grad, value._op), _state(value)
    order = topological_order(value, constants=False)
    place = {node: index for index, node in enumerate(order)}
    # Leaves go in as objects of their own, so that one shared with another graph stays one object.
    return _make_graph, ([node if not node._op else _flat(node, place) for node in order],)


def copy_node(value: Value) -> Value:
    """Return a new node with the same data, grad, label and operands (the operands themselves, not copies)."""
    if value._prev:
        operands = list(dict.fromkeys(value._prev))
        return _make_interior(_flat(value, {operand: i for i, operand in enumerate(operands)}), operands)
    leaf = _make_leaf(type(value), value.data, value.grad, value._op)
    leaf.__setstate__(_state(value) or {})
    return leaf


def _state(value: Value) -> dict[str, Any] | None:
    """Return label and attributes, those of a subclass or an uncompiled Value included; None for none."""
    if has_closure(value):
        raise PickleError(
            f"{value!r} has a _backward function of its own, which cannot be copied or pickled; detach() it first"
        )
    state = {**attributes_of(value), **getattr(value, "__dict__", {})}
    state.pop("_op", None)
    return {name: each for name, each in state.items() if not name.startswith("_")} or None


def _flat(node: Value, place: dict[Value, int]) -> tuple[Any, ...]:
    """Return an interior node as plain data: an operand is a place in the order, or a float."""
    op = op_of(node)
    operands, slopes = parts(node)
    places = [place[each] if isinstance(each, Value) else each for each in operands]
    return op.name if op else "", node._op, node.data, node.grad, places, slopes, _state(node)


def _make_leaf(kind: type[Value], data: float, grad: float, op: str) -> Value:
    leaf = Value.__new__(kind)
    Value.__init__(leaf, data, (), op)
    leaf.grad = grad
    return leaf


def _make_graph(nodes: list[Any]) -> Value:
    made: list[Value] = []
    for node in nodes:
        made.append(_make_interior(node, made) if isinstance(node, tuple) else node)
    return made[-1]


def _make_interior(flat: tuple[Any, ...], made: list[Value]) -> Value:
    name, symbol, data, grad, places, slopes, state = flat
    operands = [made[each] if isinstance(each, int) else each for each in places]
    node = make_node(TABLE[name].code if name else _CUSTOM, data, operands, slopes)
    node.grad = grad
    if node._op != symbol:
        set_op(node, symbol)
    node.__setstate__(state or {})
    return node
