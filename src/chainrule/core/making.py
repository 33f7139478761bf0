"""Making a node: the value of an op and its local derivatives, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.node import new_node
from chainrule.core.numbers import count_change, count_surprise, number_of, number_or_none, to_float
from chainrule.core.operands import Operands, keep, new_operands, operand_count, own_attributes
from chainrule.core.owing import settle_gradients
from chainrule.core.recording import recording
from chainrule.core.tracing import Traced, node_or_number, not_while_tracing, tracing_here
from chainrule.core.tracking import track
from chainrule.core.value import Value
from chainrule.core.walking import is_constant, set_op
from chainrule.errors import NumberError
from chainrule.ops.dispatch import (
    Code,
    binary_value,
    left_slope,
    right_slope,
    ternary_slope_a,
    ternary_slope_b,
    ternary_slope_c,
    ternary_value,
    unary_slope,
    unary_value,
)
from chainrule.ops.row import BY_CODE, Op


@cython.cfunc
@cython.inline
def unary(code: cython.int, a: Value) -> Value:
    """Apply the op of one operand with this code."""
    settle()
    y: cython.double = unary_value(code, a._data)
    node = new_node(code, y)
    if not recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._left_slope = unary_slope(code, a._data, y)
    if a._flags & Flag.TRACKED:
        track(node)
    return node


@cython.cfunc
@cython.inline
def binary(code: cython.int, a: Value, b: Value) -> Value:
    """Apply the op of two operands with this code to two Values."""
    settle()
    y: cython.double = binary_value(code, a._data, b._data)
    node = new_node(code, y)
    if not recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._right = b
    node._left_slope = left_slope(code, a._data, b._data, y)
    node._right_slope = right_slope(code, a._data, b._data, y)
    if (a._flags | b._flags) & Flag.TRACKED:
        track(node)
    return node


@cython.cfunc
@cython.inline
def value_and_number(code: cython.int, a: Value, number: cython.double) -> Value:
    """Apply it to a Value and a plain number, which stays in the node: half the memory of two Values."""
    settle()
    y: cython.double = binary_value(code, a._data, number)
    node = new_node(code, y)
    if not recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._left_slope = left_slope(code, a._data, number, y)
    node._right_slope = number
    if a._flags & Flag.TRACKED:
        track(node)
    return node


@cython.cfunc
@cython.inline
def number_and_value(code: cython.int, number: cython.double, b: Value) -> Value:
    """Apply it to a plain number and a Value."""
    settle()
    y: cython.double = binary_value(code, number, b._data)
    node = new_node(code, y)
    if not recording():
        node._code = Code.LEAF
        return node
    node._right = b
    node._left_slope = number
    node._right_slope = right_slope(code, number, b._data, y)
    if b._flags & Flag.TRACKED:
        track(node)
    return node


@cython.cfunc
@cython.inline
def operator(code: cython.int, value: Value, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and whatever stands on its other side."""
    number: cython.double
    if not cython.compiled and isinstance(other, Traced):  # C sees through what it says of its class
        return _operator_slowly(code, value, other, reflected)
    if isinstance(other, Value):
        if reflected:
            return binary(code, cython.cast(Value, other), value)
        return binary(code, value, cython.cast(Value, other))
    if isinstance(other, float):
        number = float(other)
    elif isinstance(other, int):
        number = to_float(other, "")
    else:
        return _operator_slowly(code, value, other, reflected)
    if reflected:
        return number_and_value(code, number, value)
    node: Value = value_and_number(code, value, number)
    if code == Code.POWER and isinstance(other, int) and node._code == Code.POWER:
        if number == other:
            node._flags |= Flag.INTEGER
        else:
            set_op(node, f"**{other}")
    return node


@cython.cfunc
def _operator_slowly(code: cython.int, value: Value, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and anything but a Value or a float."""
    node: Value
    if isinstance(other, Traced):
        return operator(code, value, node_or_number(cython.cast(Traced, other)), reflected)
    if getattr(other, "ndim", 0):
        return _on_elements(code, value, other, reflected)
    number = number_or_none(other)
    if number is None:
        return NotImplemented
    if reflected:
        return number_and_value(code, number, value)
    node = value_and_number(code, value, number)
    if code == Code.POWER and node._code == Code.POWER:
        if hasattr(other, "__index__"):
            node._flags |= Flag.INTEGER
        elif not hasattr(other, "ndim"):
            set_op(node, f"**{other}")
    return node


@cython.cfunc
def _on_elements(code: cython.int, value: Value, array: Any, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and each element of a numpy array; return an object array."""
    import numpy as np

    results = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        result = operator(code, value, array[place], reflected)
        if result is NotImplemented:
            raise NumberError(
                f"'{BY_CODE[code].symbol}' of a Value and an array needs numbers in the array, but it holds "
                f"{array[place]!r} of type '{type(array[place]).__name__}'"
            )
        results[place] = result
    return results


def apply(op: Op, operands: Sequence[Any]) -> Any:
    """Apply any row of the table, also one added while the program runs, to Values and numbers.

    Raises:
        NumberError: an operand is neither a Value nor a real number.
    """
    for operand in operands:
        if (not cython.compiled and isinstance(operand, Traced)) or not isinstance(operand, (Value, float)):
            if hasattr(operand, "__chainrule_apply__"):
                return operand.__chainrule_apply__(op, operands)
            if getattr(operand, "ndim", 0):
                return op._on_arrays(tuple(operands))
    if op.code <= Code.ROWS and op.arity == 1:
        return unary(op.code, operands[0])
    if op.code <= Code.ROWS and op.arity == 2:
        first, second = operands
        reflected = not isinstance(first, Value)
        result = operator(op.code, second if reflected else first, first if reflected else second, reflected)
        # an operator leaves what is no number to the other operand's class, a function has nobody to ask
        return number_of(first if reflected else second, op.name) if result is NotImplemented else result
    if op.code <= Code.ROWS and op.arity == 3:
        return _ternary(op.code, operands)
    return _apply_any(op, operands)


@cython.cfunc
def _ternary(code: cython.int, operands: Sequence[Any]) -> Value:
    """Apply the op of three operands with this code."""
    symbol = BY_CODE[code].name
    a: cython.double = number_of(operands[0], symbol)
    b: cython.double = number_of(operands[1], symbol)
    c: cython.double = number_of(operands[2], symbol)
    y: cython.double = ternary_value(code, a, b, c)
    if not recording():
        return new_node(Code.LEAF, y)
    slopes = (
        ternary_slope_a(code, a, b, c, y),
        ternary_slope_b(code, a, b, c, y),
        ternary_slope_c(code, a, b, c, y),
    )
    return make_node(code, y, operands, slopes)


@cython.cfunc
def _apply_any(op: Op, operands: Sequence[Any]) -> Value:
    """Apply a row by its Python text: an op of many operands, or one that the compiled engine does not know."""
    numbers = tuple([number_of(operand, op.name) for operand in operands])
    y = op.value(*numbers)
    if not recording():
        return new_node(Code.LEAF, y)
    return make_node(op.code, y, operands, op.local_derivatives(numbers, y))


def make_node(code: int, data: float, operands: Sequence[Any], slopes: Sequence[float]) -> Value:
    """Return a node of the op with this code; operands are Values and numbers, slopes the local derivatives."""
    node = new_node(code, data)
    inner: Operands
    place: cython.Py_ssize_t
    op = BY_CODE[code] if code > Code.LEAF else None
    if op is not None and op.arity is not None and op.arity <= 2:
        node._left, node._left_slope = _part(operands[0], slopes[0])
        if op.arity == 2:
            node._right, node._right_slope = _part(operands[1], slopes[1])
    else:
        inner = new_operands(node, len(operands))
        for place in range(len(operands)):
            operand, slope = _part(operands[place], slopes[place])
            inner.slopes[place] = slope
            if operand is not None:
                keep(inner, place, operand)
    for operand in operands:
        if isinstance(operand, Value) and cython.cast(Value, operand)._flags & Flag.TRACKED:
            track(node)
    return node


def _part(operand: Any, slope: float) -> tuple[Value | None, float]:
    """Return what a node keeps of an operand: itself and the slope by it, or None and the number it is."""
    if not isinstance(operand, Value):
        return None, float(operand)
    if is_constant(operand):
        return operand, operand.data
    return operand, slope


@cython.cfunc
def make_custom(node: Value, children: list) -> object:
    """Make a leaf the result of an op of the user's, whose slopes are 0 until `_backward` is assigned."""
    not_while_tracing("it makes an op of its own, a Value with _children", "write it with chainrule's ops")
    inner: Operands
    place: cython.Py_ssize_t
    for place in range(len(children)):
        if not isinstance(children[place], Value):
            raise NumberError(
                f"_children must be Values, but number {place + 1} is of type "
                f"'{type(children[place]).__name__}'; wrap it: Value(...)"
            )
    if children:
        settle_gradients()
        inner = new_operands(node, len(children))
        node._code = Code.CUSTOM
        count_surprise()
        for place in range(len(children)):
            keep(inner, place, children[place])
            if cython.cast(Value, children[place])._flags & Flag.TRACKED:
                track(node)


@cython.cfunc
def set_backward(node: Value, function: Any) -> object:
    """Make a function of the user's the one that gives a node's share to its operands."""
    if not callable(function):
        raise NumberError(f"_backward takes a function of no arguments, but was given {function!r:.60}")
    not_while_tracing("it assigns a _backward", "write the op with chainrule's ops")
    if recording():
        operand_count(node)  # a compiled function's result now has its operands
        own_attributes(node)["_backward"] = function
        node._flags |= Flag.CLOSURE
        count_change()
        count_surprise()
        track(node)


@cython.cfunc
def detach(node: Value) -> Value:
    """Return a leaf with the same data and label; in a trace a node, since the data may be others next time."""
    settle()
    traced: cython.bint = tracing_here()
    leaf: Value = unary(Code.DETACHED, node) if traced else new_node(Code.LEAF, node._data)
    if node.label:
        leaf.label = node.label
    return leaf
