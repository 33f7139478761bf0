"""Copies and pickles of Values: a graph of any depth becomes flat lists, and its leaves keep their identity."""

from __future__ import annotations

from array import array
from typing import Any

from chainrule.engine import (
    Value,
    attributes_of,
    has_closure,
    is_compiled,
    is_leaf,
    make_node,
    op_of,
    parts,
    set_op,
    topological_order,
)
from chainrule.errors import PickleError
from chainrule.ops import TABLE

# What an engine keeps in the same place as label and attributes: compiled, a node's fields have their own.
_OWN = {"_op", *getattr(Value, "__annotations__", ())}
# The codes of what is not in the table, by the names that a pickle has for it: an op of the user's, and a compiled
# function's result.
_CUSTOM = ""
_COMPILED = "(compiled)"
_CODES = {_CUSTOM: -1, _COMPILED: -2}
_NUMBER = -1  # in place of an operand's place in the order, for an operand that is a plain number


def reduce_value(value: Value) -> tuple[Any, ...]:
    """Return what `pickle` and `copy.deepcopy` need to make this Value, with its whole graph, again.

    Raises:
        PickleError: a node of the graph has a `_backward` function of the user's.
    """
    if is_leaf(value):
        return _make_leaf, (type(value), value.data, value.grad, value._op), _state(value)
    return _make_graph, _columns(topological_order(value, constants=False))


def copy_node(value: Value) -> Value:
    """Return a new node with the same data, grad, label and operands (the operands themselves, not copies)."""
    if is_leaf(value):
        leaf = _make_leaf(type(value), value.data, value.grad, value._op)
        leaf.__setstate__(_state(value) or {})
        return leaf
    operands, slopes = parts(value)
    node = make_node(_code(_name(value)), value.data, operands, slopes)
    node.grad = value.grad
    _finish(node, value._op, _state(value) or {})
    return node


def _name(node: Value) -> str:
    """Return the name by which a pickle knows what made a node."""
    row = op_of(node)
    if row is not None:
        return row.name
    return _COMPILED if is_compiled(node) else _CUSTOM


def _code(name: str) -> int:
    return _CODES[name] if name in _CODES else TABLE[name].code


def _state(value: Value) -> dict[str, Any] | None:
    """Return label and attributes, those of a subclass or an uncompiled Value included; None for none."""
    if has_closure(value):
        raise PickleError(
            f"{value!r} has a _backward function of its own, which cannot be copied or pickled; detach() it first"
        )
    state = {**attributes_of(value), **getattr(value, "__dict__", {})}
    return {name: each for name, each in state.items() if name not in _OWN} or None


def _columns(order: list[Value]) -> tuple[Any, ...]:
    """Return a graph as flat columns, an entry a node, operands before users.

    A leaf goes in as the object it is, so that one shared with another graph stays one object. Operands are
    counted, and given by their place in the order or, with the place _NUMBER, as the number in their slope.
    """
    place = {node: index for index, node in enumerate(order)}
    leaves: dict[int, Value] = {}
    states: dict[int, tuple[str, dict[str, Any]]] = {}
    names: list[str] = []
    codes = {"": 0}  # what stands for each op's name in the column `names`
    columns = array("i"), array("d"), array("d"), array("i"), array("q"), array("d")
    kinds, data, grads, counts, places, slopes = columns
    for index, node in enumerate(order):
        row = op_of(node)
        name = _name(node)
        kinds.append(codes.setdefault(name, len(codes)))
        data.append(node.data)
        grads.append(node.grad)
        if is_leaf(node):
            leaves[index] = node
            counts.append(0)
            continue
        operands, operand_slopes = parts(node)
        counts.append(len(operands))
        places.extend([place[each] if isinstance(each, Value) else _NUMBER for each in operands])
        slopes.extend(operand_slopes)
        state = _state(node)
        symbol = node._op
        if state or row is None or symbol != row.symbol:
            states[index] = symbol, state or {}
    names.extend(codes)
    return names, leaves, states, columns


def _make_leaf(kind: type[Value], data: float, grad: float, op: str) -> Value:
    leaf = Value.__new__(kind)
    Value.__init__(leaf, data, (), op)
    leaf.grad = grad
    return leaf


def _make_graph(
    names: list[str],
    leaves: dict[int, Value],
    states: dict[int, tuple[str, dict[str, Any]]],
    columns: tuple[Any, ...],
) -> Value:
    kinds, data, grads, counts, places, slopes = columns
    codes = [_code(name) for name in names]
    made: list[Value] = []
    start = 0
    for index, count in enumerate(counts):
        if index in leaves:
            made.append(leaves[index])
            continue
        end = start + count
        own = slopes[start:end]
        operands = [
            made[place] if place != _NUMBER else number for place, number in zip(places[start:end], own, strict=True)
        ]
        node = make_node(codes[kinds[index]], data[index], operands, own)
        node.grad = grads[index]
        if index in states:
            _finish(node, *states[index])
        made.append(node)
        start = end
    return made[-1]


def _finish(node: Value, symbol: str, state: dict[str, Any]) -> None:
    if node._op != symbol:
        set_op(node, symbol)
    node.__setstate__(state)
