"""Arithmetic and comparisons of stand-ins: recorded, and guarded where Python would raise an error."""

from __future__ import annotations

import operator as operators
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.kinds import kind_after
from chainrule.core.making import binary, number_and_value, operator, unary, value_and_number
from chainrule.core.numbers import number_or_none
from chainrule.core.standins import StandIn, looked_at, plain, stand_in
from chainrule.core.tracing import (
    identity_seen,
    is_alive,
    listener,
    node_or_number,
    number_of_old,
    refuse,
    tracing_here,
    tracing_somewhere,
)
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code, binary_value
from chainrule.ops.row import BY_CODE

_OPERATORS = {
    Code.ADD: operators.add,
    Code.SUBTRACT: operators.sub,
    Code.MULTIPLY: operators.mul,
    Code.DIVIDE: operators.truediv,
    Code.POWER: operators.pow,
    Code.LESS: operators.lt,
    Code.LESS_EQUAL: operators.le,
    Code.EQUAL: operators.eq,
}
# Of each op the classes that its operands had last, and what `kind_after` said.
_last_kinds: list = [(None, None, None)] * len(BY_CODE)
LARGEST_NUMBER = cython.declare(cython.double, 1.7976931348623157e308)


@cython.cfunc
def arithmetic(code: cython.int, number: StandIn, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a stand-in and whatever stands on its other side."""
    node: Value = number.node
    kind: Any
    second: object
    if not is_alive(number):
        return _of_old(code, number, other, reflected)
    if type(other) is StandIn:
        kind = cython.cast(StandIn, other).kind
        second = node_or_number(cython.cast(StandIn, other))
    elif isinstance(other, Value):
        return operator(code, node, other, reflected)
    elif getattr(other, "ndim", 0):
        return _with_array(code, number, other, reflected)
    else:
        second = _number(other)
        if second is None:
            return NotImplemented
        kind = type(other)
    if number.kind is float and kind is float:
        pass
    else:
        kind = _kind(code, kind if reflected else number.kind, number.kind if reflected else kind, other)
        if kind is None:
            return _unlike_python(code, number, other, reflected)
    if code == Code.DIVIDE and (reflected or isinstance(second, Value) or not second):
        _guard_division(number if reflected else other, kind)
    result: Value = operator(code, node, second, reflected)
    if code == Code.POWER and kind is not int:
        _guard_power(result)
    return stand_in(result, kind)


@cython.cfunc
def _kind(code: cython.int, left: object, right: object, other: object) -> object:
    """Return `kind_after`, which is only asked when the classes are others than last time."""
    if code == Code.POWER:  # depends on more than the classes
        return kind_after(code, left, right, other)
    last: tuple = _last_kinds[code]
    if last[0] is not left or last[1] is not right:
        last = _last_kinds[code] = (left, right, kind_after(code, left, right, other))
    return last[2]


@cython.cfunc
def _number(x: object) -> object:
    """Return x if it is a real number, else None; what is none is not asked for its text, which would be a look."""
    if isinstance(x, (float, int)):
        return x
    return number_or_none(x) if hasattr(x, "__float__") else None


@cython.cfunc
def _unlike_python(code: cython.int, number: StandIn, other: object, reflected: cython.bint) -> object:
    """Compute with the numbers themselves what depends on more than them, as an int to the power of an int."""
    if code != Code.POWER:
        refuse(
            f"it computes '{BY_CODE[code].symbol}' of numbers of the types {number.kind.__name__} and "
            f"{type(plain(other)).__name__}, which round or overflow in their own way",
            "convert them first: X.astype(float)",
        )
    left, right = (plain(other), number) if reflected else (number, plain(other))
    return _OPERATORS[code](plain(left), plain(right))


@cython.cfunc
def _of_old(code: cython.int, number: StandIn, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to the number that a stand-in of an earlier trace was."""
    now = number_of_old(number)
    return _OPERATORS[code](other, now) if reflected else _OPERATORS[code](now, other)


@cython.cfunc
def _with_array(code: cython.int, number: StandIn, array: Any, reflected: cython.bint) -> object:
    """Apply a binary operator to a stand-in and each element of a numpy array; return an object array."""
    import numpy as np

    alone = np.empty((), dtype=object)
    alone[()] = number
    others = array.astype(object)
    left, right = (others, alone) if reflected else (alone, others)
    return getattr(np, BY_CODE[code].name)(left, right, dtype=object)


@cython.cfunc
def _guard_division(divisor: object, kind: object) -> object:
    """Make sure that later divisors are not 0 either, where Python raises and numpy warns."""
    node: Value
    if type(divisor) is StandIn:
        node = cython.cast(StandIn, divisor).node
        if not node._flags & Flag.DIVISOR:
            node._flags |= Flag.DIVISOR
            listener().truth(value_and_number(Code.EQUAL, node, 0.0), node._data == 0.0, "a divisor, whether it is 0")
        if node._data != 0.0:
            return None
    if kind is float:
        raise ZeroDivisionError("float division by zero")
    refuse("it divides a number by 0", "leave such numbers out", True)


@cython.cfunc
def _guard_power(result: Value) -> object:
    """Make sure that later powers are finite too, where Python raises or gives complex numbers."""
    finite: Value = value_and_number(Code.LESS_EQUAL, unary(Code.ABSOLUTE, result), LARGEST_NUMBER)
    if not finite._data:
        refuse("a power of numbers is not finite, or complex", "leave such numbers out", True)
    listener().truth(finite, True, "a power, whether it is finite")


@cython.cfunc
def sign(code: cython.int, number: StandIn) -> object:
    """Apply `-` or `abs`."""
    kind: Any = _kind(code, number.kind, int, 1)
    if not is_alive(number):
        return -number_of_old(number) if code == Code.NEGATIVE else abs(number_of_old(number))
    if kind is None:
        return _unlike_python(code, number, 1, False)
    return stand_in(unary(code, number.node), kind)


@cython.cfunc
def both_or_either(code: cython.int, number: StandIn, other: object) -> object:
    """Apply `&` or `|`: of truths it is a product or a maximum, of integers Python's business."""
    if _is_truth(number) and _is_truth(other):
        return stand_in(binary(code, number.node, cython.cast(StandIn, other).node), bool)
    left, right = looked_at(number, "an operand of & or |"), plain(other)
    return left & right if code == Code.MULTIPLY else left | right


@cython.cfunc
def _is_truth(x: object) -> cython.bint:
    """Tell whether x is a truth of the trace under way."""
    return type(x) is StandIn and cython.cast(StandIn, x).kind is bool and is_alive(cython.cast(StandIn, x))


@cython.cfunc
def compare_number(code: cython.int, number: StandIn, other: object, swapped: cython.bint) -> object:
    """Compare a stand-in with a number, a stand-in or a Value: a stand-in of a truth."""
    if not is_alive(number):
        return _of_old(code, number, other, swapped)
    if type(other) is StandIn:
        if _kind(code, number.kind, cython.cast(StandIn, other).kind, 1) is None:
            return _unlike_python(code, number, other, False)
    elif code == Code.EQUAL and isinstance(other, Value):
        return NotImplemented  # == of a Value is identity
    elif getattr(other, "ndim", 0):
        return _with_array(code, number, other, swapped)
    return compare_nodes(code, number.node, other, swapped)


@cython.cfunc
def compare(code: cython.int, value: Value, other: object, swapped: cython.bint) -> object:
    """Compare a Value with whatever stands on the other side: a truth, or while tracing a stand-in of one."""
    if tracing_here():
        return compare_nodes(code, value, other, swapped)
    number = number_or_none(other)
    if number is None:
        return NotImplemented
    settle()
    a: cython.double = value._data
    b: cython.double = number
    return binary_value(code, b, a) != 0.0 if swapped else binary_value(code, a, b) != 0.0


@cython.cfunc
def same_object(value: Value, other: object) -> object:
    """Answer `==` of a Value, which is identity; the same for all but a trace, whose Values stand for others."""
    if tracing_somewhere() and value is not other and isinstance(other, Value):
        identity_seen(value)
        identity_seen(cython.cast(Value, other))
    return True if value is other else NotImplemented


@cython.cfunc
def compare_nodes(code: cython.int, node: Value, other: object, swapped: cython.bint) -> object:
    """Compare a node's number with whatever stands on the other side: a stand-in of a truth."""
    result: Value
    if type(other) is StandIn:
        second = node_or_number(cython.cast(StandIn, other))
    elif isinstance(other, Value):
        second = other
    else:
        second = _number(other)
        if second is None:
            return NotImplemented
    result = operator(code, node, second, swapped)
    return stand_in(result, bool)


@cython.cfunc
def negation(condition: object) -> object:
    """Return the opposite of a truth."""
    if type(condition) is not StandIn:
        return not condition if isinstance(condition, bool) else condition != True  # noqa: E712 - of arrays too
    return stand_in(number_and_value(Code.SUBTRACT, 1.0, cython.cast(StandIn, condition).node), bool)
