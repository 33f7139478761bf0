"""Sums and dot products of any length as one node, at the speed of C."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import PyObject, item_at
else:
    from operator import getitem as item_at

from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.node import new_node
from chainrule.core.numbers import number_of, to_float
from chainrule.core.operands import Operands, keep, new_operands
from chainrule.core.recording import recording
from chainrule.core.standins import of_numbers
from chainrule.core.tracing import nodes_of, tracing_here
from chainrule.core.tracking import track
from chainrule.core.value import Value
from chainrule.errors import ArityError
from chainrule.ops.dispatch import Code, binary_value, unary_value


def sum(values: Iterable[Any], start: Any = None) -> Any:
    """Return start + values[0] + values[1] + …, added from left to right, as one node (the row `sum`).

    Args:
        values: Values and numbers; only numbers give a number. None at all give start, or 0.0.
        start: what the sum begins with, as in Python's own `sum`.

    Raises:
        NumberError: an element is neither a Value nor a real number.
    """
    terms: list = list(values) if start is None else [start, *values]
    if tracing_here():
        return of_numbers(_sum(nodes_of(terms)), terms)
    return _sum(terms)


@cython.cfunc
def _sum(terms: list) -> object:
    """Add Values and numbers."""
    count: cython.Py_ssize_t = len(terms)
    i: cython.Py_ssize_t
    found: cython.int = 0
    flags: cython.int = 0
    total: cython.double = 0.0
    number: cython.double
    node = new_node(Code.SUM, 0.0)
    inner: Operands = new_operands(node, count)
    settle()
    for i in range(count):
        term = cython.cast(object, item_at(terms, i))
        if isinstance(term, Value):
            found = 1
            flags |= cython.cast(Value, term)._flags
            number = cython.cast(Value, term)._data
            keep(inner, i, term)
            inner.slopes[i] = 1.0
        else:
            number = number_of(term, "sum")
            inner.slopes[i] = number
        total = total + number if i else number
    return _finish(node, total, flags) if found else total


def dot(left: Iterable[Any], right: Iterable[Any], start: Any = None) -> Any:
    """Return start + left[0]·right[0] + left[1]·right[1] + …, added from left to right, as one node.

    Args:
        left, right: as many numbers or Values in one as in the other; only numbers give a number.
        start: what the sum begins with, for example a bias.

    Raises:
        ArityError: the lengths differ.
        NumberError: an element is neither a Value nor a real number.
    """
    a: list = left if isinstance(left, list) else list(left)
    b: list = right if isinstance(right, list) else list(right)
    if tracing_here():
        first = None if start is None else nodes_of([start])[0]
        return of_numbers(_dot(nodes_of(a), nodes_of(b), first), [start, *a, *b])
    return _dot(a, b, start)


@cython.cfunc
def _dot(a: list, b: list, start: object) -> object:
    """Multiply and add the elements of two lists of Values and numbers."""
    count: cython.Py_ssize_t = len(a)
    if count != len(b):
        raise ArityError(f"dot needs two sequences of the same length, but they have {count} and {len(b)}")
    has_start: cython.int = start is not None
    both: cython.int
    i: cython.Py_ssize_t
    u: cython.pointer[PyObject]
    v: cython.pointer[PyObject]
    x: cython.double
    y: cython.double
    found: cython.int = 0
    flags: cython.int = 0
    total: cython.double = 0.0
    node = new_node(Code.DOT, 0.0)
    inner: Operands = new_operands(node, 2 * count + has_start)
    slopes: cython.p_double = inner.slopes
    settle()
    if has_start:
        total = _keep_start(inner, 2 * count, start)
        if isinstance(start, Value):
            found = 1
            flags |= cython.cast(Value, start)._flags
    for i in range(count):
        # bare pointers: the node holds what it keeps, and asking for a number may run code that changes a list
        v = item_at(b, i)
        both = isinstance(cython.cast(object, v), Value)
        if both:
            y = cython.cast(Value, v)._data
            flags |= cython.cast(Value, v)._flags
            keep(inner, count + i, cython.cast(object, v))
        else:
            y = to_float(cython.cast(object, v), "dot")
            _check_unchanged(a, b, count)
        slopes[count + i] = y
        u = item_at(a, i)
        if isinstance(cython.cast(object, u), Value):
            found = 1
            x = cython.cast(Value, u)._data
            flags |= cython.cast(Value, u)._flags
            keep(inner, i, cython.cast(object, u))
            slopes[i] = y
        else:
            x = to_float(cython.cast(object, u), "dot")
            _check_unchanged(a, b, count)
            slopes[i] = x
        if both:
            found = 1
            slopes[count + i] = x
        total = total + x * y if i or has_start else x * y
    return _finish(node, total, flags) if found else total


@cython.cfunc
def _keep_start(inner: Operands, place: cython.Py_ssize_t, start: object) -> cython.double:
    """Make what a sum starts with one of the operands; return its number."""
    number: cython.double = number_of(start, "dot")
    inner.slopes[place] = number
    if isinstance(start, Value):
        inner.slopes[place] = 1.0
        keep(inner, place, start)
    return number


@cython.cfunc
@cython.inline
def _check_unchanged(a: list, b: list, count: cython.Py_ssize_t) -> object:
    """Raise if a list was changed by the conversion of one of its elements to a number."""
    if len(a) != count or len(b) != count:
        raise ArityError(
            f"dot began with {count} elements on both sides and now has {len(a)} and {len(b)}: converting an "
            "element to a number must not change the list"
        )


def logsumexp(values: Iterable[Any]) -> Any:
    """Return ln Σ exp(values[i]), which neither overflows nor loses small terms, as one node.

    Args:
        values: Values and numbers; only numbers give a number.

    Raises:
        ArityError: there are no values.
        NumberError: an element is neither a Value nor a real number.
    """
    terms: list = list(values)
    if tracing_here():
        return of_numbers(_logsumexp(nodes_of(terms)), terms)
    return _logsumexp(terms)


@cython.cfunc
def _logsumexp(terms: list) -> object:
    """Take the logarithm of the sum of exponentials of Values and numbers."""
    count: cython.Py_ssize_t = len(terms)
    i: cython.Py_ssize_t
    found: cython.int = 0
    flags: cython.int = 0
    y: cython.double
    total: cython.double
    if not count:
        raise ArityError("logsumexp needs at least one value, but there are none")
    node = new_node(Code.LOGSUMEXP, 0.0)
    inner: Operands = new_operands(node, count)
    for i in range(count):
        inner.slopes[i] = number_of(terms[i], "logsumexp")
    y = log_of_sum(inner.slopes, count)
    total = shares(inner.slopes, count, y)
    for i in range(count):
        if isinstance(terms[i], Value):
            found = 1
            flags |= cython.cast(Value, terms[i])._flags
            keep(inner, i, terms[i])
            if _finite(y):
                inner.slopes[i] = inner.slopes[i] / total
        else:
            inner.slopes[i] = to_float(terms[i], "logsumexp")
    return _finish(node, y, flags) if found else y


@cython.cfunc
@cython.exceptval(check=False)
def log_of_sum(terms: cython.p_double, count: cython.Py_ssize_t) -> cython.double:
    """Return the value of the row `logsumexp` for this many numbers."""
    i: cython.Py_ssize_t
    place: cython.Py_ssize_t = 0
    sum_of_others: cython.double = 0.0
    for i in range(count):
        if terms[i] > terms[place] or terms[i] != terms[i]:
            place = i
    largest: cython.double = terms[place]
    if not _finite(largest):
        return largest
    for i in range(count):
        if i != place:
            sum_of_others += binary_value(Code.EXP_DIFFERENCE, terms[i], largest)
    return largest + unary_value(Code.LOG1P, sum_of_others)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _finite(x: cython.double) -> cython.bint:
    return x - x == 0.0


@cython.cfunc
@cython.exceptval(check=False)
def shares(terms: cython.p_double, count: cython.Py_ssize_t, y: cython.double) -> cython.double:
    """Replace each number a by exp(a − y) and return their sum, which is 1 up to the rounding of y."""
    i: cython.Py_ssize_t
    total: cython.double = 0.0
    lost: cython.double = 0.0  # what the additions have rounded away so far (Kahan), or 1000 terms cost 10 ulp
    for i in range(count):
        terms[i] = binary_value(Code.EXP_DIFFERENCE, terms[i], y)
        term: cython.double = terms[i] - lost
        longer: cython.double = total + term
        lost = (longer - total) - term
        total = longer
    return total


@cython.cfunc
def _finish(node: Value, data: cython.double, flags: cython.int) -> Value:
    """Set the value of an n-ary node whose operands, with these flags together, are in place."""
    if not recording():
        return new_node(Code.LEAF, data)
    node._data = data
    if flags & Flag.TRACKED:
        track(node)
    return node
