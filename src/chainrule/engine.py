"""Value, a number that remembers how it was made, and `backward()`, the chain rule in one loop.

This file is ordinary Python. Where there is a C compiler, Cython compiles it as it stands (`compiled` tells
which is running): the classes become C structures, and the ops come inline from `_kernels.pxd`, which is the
table in `chainrule.ops` translated to C. The blocks under `cython.compiled` are the only places that differ.

Read it in this order: Value's fields, the operators, how a node is made, `backward`, then the rest.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

try:
    import cython
except ImportError:
    from chainrule import _cython_shim as cython

from chainrule.errors import ArityError, GraphError, NumberError
from chainrule.ops.row import BY_CODE, TABLE, Op, real_number

if cython.compiled:
    from cython.cimports.chainrule._kernels import (
        Code,
        PyObject,
        PyObject_GC_IsTracked,
        PyObject_GC_Del,
        PyObject_GC_Track,
        PyObject_GC_UnTrack,
        PyObject_GC_UnTrackPointer,
        PyObject_GenericSetAttr,
        PyMem_Free,
        PyMem_Malloc,
        PyObject_Init,
        PyTypeObject,
        Py_CLEAR,
        Py_INCREF,
        Py_SET_REFCNT,
        _PyObject_GC_New,
        _type_of,
        binary_value,
        free,
        item_at,
        left_slope,
        memset,
        prefetch,
        realloc,
        right_slope,
        unary_slope,
        unary_value,
        visitproc,
    )
else:
    from operator import getitem as item_at

    from chainrule.ops.dispatch import (
        Code,
        binary_value,
        left_slope,
        right_slope,
        unary_slope,
        unary_value,
    )

compiled: bool = cython.compiled

# What a node's `_flags` may hold.
CONSTANT = cython.declare(cython.int, 1)  # stands for a plain number operand: receives no gradient
RECEIVED = cython.declare(cython.int, 2)  # a leaf whose grad holds what a backward() added
STALE = cython.declare(cython.int, 4)  # … and whose data has changed since
CLOSURE = cython.declare(cython.int, 8)  # a `_backward` function was assigned
INTEGER = cython.declare(cython.int, 16)  # the constant exponent was given as an integer
TRACKED = cython.declare(cython.int, 32)  # known to Python's cycle collector
NARY = cython.declare(cython.int, 64)  # the operands are in `_extra`

_open_no_grad = cython.declare(cython.int, 0)  # open no_grad blocks of all threads together
_running: list[Value] = []  # the roots of the backward() calls under way, more than one where they are nested
_backward_lock = threading.RLock()  # one backward at a time, so that shared leaves get every share


class StaleGradientWarning(UserWarning):
    """backward() added to gradients that an earlier backward() left and an update has used: no zero_grad()."""


class _Thread(threading.local):
    open_no_grad = 0


_thread = _Thread()


@cython.final
@cython.cclass
class Operands:
    """What a node of more than two operands, or of an op outside the table, keeps of them.

    `items[i]` is the i-th operand, NULL where it is a plain number; `slopes[i]` is the local derivative by it,
    or that number. Compiled, they are C arrays in one block of memory; else lists. `attributes` is what
    `Value._extra` holds otherwise.
    """

    items: cython.pointer(cython.pointer(PyObject))
    slopes: cython.p_double
    count: cython.Py_ssize_t
    attributes: dict


@cython.cclass
class Value:
    """A float64 that records the op and the operands it was made from.

    Args:
        data: any real number (int, float, Fraction, numpy scalar, 0-d array), kept as float64.
        _children: the operands, for an op of your own; then assign `_backward`.
        _op: the name of that op.
        label: a name for pictures and messages.

    Raises:
        NumberError: data is not a real number, or a child is not a Value.
    """

    # In this order what backward() touches lies together in one or two cache lines.
    _waiting: cython.int  # during backward(): users of this node that have not given their share yet
    _code: cython.short  # the op's code, Code.LEAF for a leaf, Code.CUSTOM for an op of the user's
    _flags: cython.short
    _grad: cython.double
    _left: Value | None
    _right: Value | None
    # ∂self/∂left and ∂self/∂right at the values of the forward pass; in place of a missing operand of a
    # binary op stands the plain number that it was
    _left_slope: cython.double
    _right_slope: cython.double
    _data: cython.double
    _extra: object  # None, a dict of attributes (label, _backward, the user's own), or Operands

    __array_priority__ = 1000  # numpy's scalars and arrays leave mixed arithmetic to Value

    def __init__(
        self,
        data: Any,
        _children: Iterable[Any] = (),
        _op: Any = "",
        label: Any = "",
    ) -> None:
        if not cython.compiled:
            _blank(self)
        self._data = _float(data, "Value")
        if type(self) is not Value:
            self._flags = TRACKED
        if _children != () and _recording():
            _make_custom(self, list(_children))
        if _op:
            set_op(self, str(_op))
        if label:
            self.label = label

    @property
    def data(self) -> float:
        """The number itself. Assigning it changes this node only; what was computed from it stays."""
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        _set_data(self, _float(number, "data"))

    @property
    def grad(self) -> float:
        """∂root/∂self of the last backward(); a leaf's accumulates over calls until it is set to 0."""
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        _set_grad(self, _float(number, "grad"))

    @property
    def label(self) -> str:
        """A name for pictures and messages, '' where none was given."""
        attributes = _attributes_or_none(self)
        return "" if attributes is None else attributes.get("label", "")

    @label.setter
    def label(self, text: Any) -> None:
        _attributes(self)["label"] = str(text)

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands in order, with duplicates; a plain number appears as a Value without gradient."""
        return tuple(_operands(self))

    @property
    def _op(self) -> str:
        """What made this node: '' for a leaf, else the op's symbol."""
        attributes = _attributes_or_none(self)
        if attributes is not None and "_op" in attributes:
            return str(attributes["_op"])
        if self._code == Code.LEAF or self._code == Code.CUSTOM:
            return ""
        symbol = str(BY_CODE[self._code].symbol)
        if not _has_constant_exponent(self):
            return symbol
        return symbol + (str(int(self._right_slope)) if self._flags & INTEGER else repr(self._right_slope))

    @property
    def _backward(self) -> Callable[[], None]:
        """Add this node's share to the grad of each of its operands; assignable."""
        if self._flags & CLOSURE:
            function: Callable[[], None] = _attributes(self)["_backward"]
            return function
        return self._give_shares

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        if _recording():
            _attributes(self)["_backward"] = function
            self._flags |= CLOSURE
            _track(self)

    def _give_shares(self) -> None:
        operand: Value
        for operand, slope in zip(_operands(self), local_derivatives(self), strict=True):
            if not operand._flags & CONSTANT:
                operand._grad += slope * self._grad

    def backward(self) -> None:
        """Fill `grad` on every node that this one depends on; this one's becomes 1.

        Leaves accumulate over calls; interior nodes are computed afresh.

        Raises:
            GraphError: called, from inside a `_backward`, on a graph that is being differentiated.
        """
        stale: cython.int
        with _backward_lock:
            stale = _backpropagate(self)
        if stale:
            warnings.warn(
                f"backward() added to the gradients of {stale} parameter{'s' if stale > 1 else ''} whose data "
                "has changed since an earlier backward(): call zero_grad(), or set grad = 0, before each "
                "backward()",
                StaleGradientWarning,
                stacklevel=1 if cython.compiled else 2,
            )

    def detach(self) -> Value:
        """Return a leaf with the same data and label, cut off from the graph."""
        leaf = _node(Code.LEAF, self._data)
        if self.label:
            leaf.label = self.label
        return leaf

    # Arithmetic: each operator is a row of the table, with a Value or a number on either side.

    def __add__(self, other: Any) -> Any:
        return _operator(Code.ADD, self, other, False)

    def __radd__(self, other: Any) -> Any:
        return _operator(Code.ADD, self, other, True)

    def __sub__(self, other: Any) -> Any:
        return _operator(Code.SUBTRACT, self, other, False)

    def __rsub__(self, other: Any) -> Any:
        return _operator(Code.SUBTRACT, self, other, True)

    def __mul__(self, other: Any) -> Any:
        return _operator(Code.MULTIPLY, self, other, False)

    def __rmul__(self, other: Any) -> Any:
        return _operator(Code.MULTIPLY, self, other, True)

    def __truediv__(self, other: Any) -> Any:
        return _operator(Code.DIVIDE, self, other, False)

    def __rtruediv__(self, other: Any) -> Any:
        return _operator(Code.DIVIDE, self, other, True)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return NotImplemented
        return _operator(Code.POWER, self, other, False)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return NotImplemented
        return _operator(Code.POWER, self, other, True)

    def __neg__(self) -> Value:
        return _unary(Code.NEGATIVE, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _unary(Code.ABSOLUTE, self)

    # One line for each unary row that people call; a test holds them equal to the table. A row added while
    # the program runs is found by __getattr__.

    def exp(self) -> Value:
        return _unary(Code.EXP, self)

    def log(self) -> Value:
        return _unary(Code.LOG, self)

    def log1p(self) -> Value:
        return _unary(Code.LOG1P, self)

    def expm1(self) -> Value:
        return _unary(Code.EXPM1, self)

    def sqrt(self) -> Value:
        return _unary(Code.SQRT, self)

    def sigmoid(self) -> Value:
        return _unary(Code.SIGMOID, self)

    def tanh(self) -> Value:
        return _unary(Code.TANH, self)

    def sinh(self) -> Value:
        return _unary(Code.SINH, self)

    def cosh(self) -> Value:
        return _unary(Code.COSH, self)

    def sin(self) -> Value:
        return _unary(Code.SIN, self)

    def cos(self) -> Value:
        return _unary(Code.COS, self)

    def tan(self) -> Value:
        return _unary(Code.TAN, self)

    def asin(self) -> Value:
        return _unary(Code.ASIN, self)

    def acos(self) -> Value:
        return _unary(Code.ACOS, self)

    def atan(self) -> Value:
        return _unary(Code.ATAN, self)

    def erf(self) -> Value:
        return _unary(Code.ERF, self)

    def relu(self) -> Value:
        return _unary(Code.RELU, self)

    def leaky_relu(self) -> Value:
        return _unary(Code.LEAKY_RELU, self)

    def softplus(self) -> Value:
        return _unary(Code.SOFTPLUS, self)

    def silu(self) -> Value:
        return _unary(Code.SILU, self)

    def gelu(self) -> Value:
        return _unary(Code.GELU, self)

    def __chainrule_apply__(self, op: Op, operands: Sequence[Any]) -> Any:
        """Apply a row to operands of which this Value is one; how the functions of the package reach it."""
        return apply(op, operands)

    def __getattr__(self, name: str) -> Any:
        attributes = _attributes_or_none(self)
        if attributes is not None and name in attributes:
            return attributes[name]
        op = TABLE.get(name)
        if op is not None and op.public:
            return lambda *others: apply(op, (self, *others))
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        # Compiled only: a C structure has no dictionary, so what a program sets on a Value
        # (p.velocity = 0.0) is kept beside the label. Ordinary Python has its own dictionary.
        if hasattr(type(self), name) or type(self) is not Value:
            PyObject_GenericSetAttr(self, name, value)
        else:
            _attributes(self)[name] = value
            _track(self)
            _track_attached(value)

    def __delattr__(self, name: str) -> None:
        attributes = _attributes_or_none(self)
        if attributes is None or name not in attributes or hasattr(type(self), name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}' to delete")
        del attributes[name]

    # A number among numbers: comparisons and conversions look at `data`; == and hash are identity.

    def __lt__(self, other: Any) -> Any:
        number = _number_or_none(other)
        return NotImplemented if number is None else self._data < number

    def __le__(self, other: Any) -> Any:
        number = _number_or_none(other)
        return NotImplemented if number is None else self._data <= number

    def __gt__(self, other: Any) -> Any:
        number = _number_or_none(other)
        return NotImplemented if number is None else self._data > number

    def __ge__(self, other: Any) -> Any:
        number = _number_or_none(other)
        return NotImplemented if number is None else self._data >= number

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __bool__(self) -> bool:
        return self._data != 0.0

    def __float__(self) -> float:
        return self._data

    def __int__(self) -> int:
        return int(self._data)

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self._data, ndigits)

    def __format__(self, specification: str) -> str:
        return format(self._data, specification) if specification else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self._data}, grad={self._grad})"

    def _repr_html_(self) -> str:
        from chainrule.views.notebook import value_html

        return value_html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from chainrule.views.notebook import value_bundle

        return value_bundle(self)

    def __copy__(self) -> Value:
        from chainrule.pickling import copy_node

        return copy_node(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from chainrule.pickling import reduce_value

        return reduce_value(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, attribute in state.items():
            setattr(self, name, attribute)


if not cython.compiled:
    del Value.__setattr__, Value.__delattr__


# Making a node


@cython.cfunc
@cython.inline
def _blank(node: Value) -> None:
    """Give an uncompiled node its fields; a compiled one has them from the start."""
    node._grad = 0.0
    node._left = None
    node._right = None
    node._left_slope = 0.0
    node._right_slope = 0.0
    node._extra = None
    node._waiting = 0
    node._code = Code.LEAF
    node._flags = 0


@cython.cfunc
@cython.inline
def _node(code: cython.int, data: cython.double) -> Value:
    node: Value = Value.__new__(Value)
    if not cython.compiled:
        _blank(node)
    node._code = code
    node._data = data
    return node


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _recording() -> cython.bint:
    return _open_no_grad == 0 or _thread.open_no_grad == 0


@cython.cfunc
@cython.inline
def _unary(code: cython.int, a: Value) -> Value:
    y: cython.double = unary_value(code, a._data)
    node = _node(code, y)
    if not _recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._left_slope = unary_slope(code, a._data, y)
    if a._flags & TRACKED:
        _track(node)
    return node


@cython.cfunc
@cython.inline
def _binary(code: cython.int, a: Value, b: Value) -> Value:
    y: cython.double = binary_value(code, a._data, b._data)
    node = _node(code, y)
    if not _recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._right = b
    node._left_slope = left_slope(code, a._data, b._data, y)
    node._right_slope = right_slope(code, a._data, b._data, y)
    if (a._flags | b._flags) & TRACKED:
        _track(node)
    return node


@cython.cfunc
@cython.inline
def _value_and_number(code: cython.int, a: Value, number: cython.double) -> Value:
    y: cython.double = binary_value(code, a._data, number)
    node = _node(code, y)
    if not _recording():
        node._code = Code.LEAF
        return node
    node._left = a
    node._left_slope = left_slope(code, a._data, number, y)
    node._right_slope = number
    if a._flags & TRACKED:
        _track(node)
    return node


@cython.cfunc
@cython.inline
def _number_and_value(code: cython.int, number: cython.double, b: Value) -> Value:
    y: cython.double = binary_value(code, number, b._data)
    node = _node(code, y)
    if not _recording():
        node._code = Code.LEAF
        return node
    node._right = b
    node._left_slope = number
    node._right_slope = right_slope(code, number, b._data, y)
    if b._flags & TRACKED:
        _track(node)
    return node


@cython.cfunc
@cython.inline
def _operator(code: cython.int, value: Value, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and whatever stands on its other side."""
    number: cython.double
    if isinstance(other, Value):
        if reflected:
            return _binary(code, cython.cast(Value, other), value)
        return _binary(code, value, cython.cast(Value, other))
    if isinstance(other, float):
        number = float(other)
    elif isinstance(other, int):
        number = _float(other, "")
    else:
        return _operator_slowly(code, value, other, reflected)
    if reflected:
        return _number_and_value(code, number, value)
    node: Value = _value_and_number(code, value, number)
    if code == Code.POWER and isinstance(other, int) and node._code == Code.POWER:
        if number == other:
            node._flags |= INTEGER
        else:
            set_op(node, f"**{other}")
    return node


@cython.cfunc
@cython.inline
def _float(number: object, where: str) -> cython.double:
    """Return a real number as a float; NumberError for anything else."""
    return float(number) if isinstance(number, float) else _float_slowly(number, where)


@cython.cfunc
def _float_slowly(number: object, where: str) -> cython.double:
    if isinstance(number, int):
        try:
            return float(number)
        except OverflowError:
            pass
    return real_number(number, where)


@cython.cfunc
def _operator_slowly(code: cython.int, value: Value, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and anything but a Value or a float."""
    node: Value
    if getattr(other, "ndim", 0):
        return _on_elements(code, value, other, reflected)
    number = _number_or_none(other)
    if number is None:
        return NotImplemented
    if reflected:
        return _number_and_value(code, number, value)
    node = _value_and_number(code, value, number)
    if code == Code.POWER and node._code == Code.POWER:
        if hasattr(other, "__index__"):
            node._flags |= INTEGER
        elif not hasattr(other, "ndim"):
            set_op(node, f"**{other}")
    return node


@cython.cfunc
def _on_elements(code: cython.int, value: Value, array: Any, reflected: cython.bint) -> object:
    """Apply a binary operator to a Value and each element of a numpy array; return an object array."""
    import numpy as np

    results = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        result = _operator(code, value, array[place], reflected)
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
        if isinstance(operand, (Value, float)):
            continue
        if hasattr(operand, "__chainrule_apply__"):
            return operand.__chainrule_apply__(op, operands)
        if getattr(operand, "ndim", 0):
            return op._on_arrays(tuple(operands))
    if op.code <= Code.ROWS and op.arity == 1:
        return _unary(op.code, operands[0])
    if op.code <= Code.ROWS and op.arity == 2:
        first, second = operands
        if isinstance(first, Value):
            return _operator(op.code, first, second, False)
        return _operator(op.code, second, first, True)
    numbers = tuple([_number(operand, op.name) for operand in operands])
    y = op.value(*numbers)
    if not _recording():
        return _node(Code.LEAF, y)
    return make_node(op.code, y, operands, op.local_derivatives(numbers, y))


def make_node(code: int, data: float, operands: Sequence[Any], slopes: Sequence[float]) -> Value:
    """Return a node of the op with this code; operands are Values and numbers, slopes the local derivatives."""
    node = _node(code, data)
    inner: Operands
    place: cython.Py_ssize_t
    op = None if code == Code.CUSTOM else BY_CODE[code]
    if op is not None and op.arity is not None and op.arity <= 2:
        node._left, node._left_slope = _part(operands[0], slopes[0])
        if op.arity == 2:
            node._right, node._right_slope = _part(operands[1], slopes[1])
    else:
        inner = _new_operands(node, len(operands))
        for place in range(len(operands)):
            operand, slope = _part(operands[place], slopes[place])
            inner.slopes[place] = slope
            if operand is not None:
                _keep(inner, place, operand)
    for operand in operands:
        if isinstance(operand, Value) and cython.cast(Value, operand)._flags & TRACKED:
            _track(node)
    return node


def _part(operand: Any, slope: float) -> tuple[Value | None, float]:
    """Return what a node keeps of an operand: itself and the slope by it, or None and the number it is."""
    if not isinstance(operand, Value):
        return None, float(operand)
    if is_constant(operand):
        return operand, operand.data
    return operand, slope


@cython.cfunc
def _new_operands(node: Value, count: cython.Py_ssize_t) -> Operands:
    """Give a node room for any number of operands, for now plain numbers 0."""
    inner: Operands = Operands.__new__(Operands)
    inner.attributes = node._extra
    inner.count = count
    if cython.compiled:
        inner.slopes = _take_block(count)
        inner.items = cython.cast(cython.pointer(cython.pointer(PyObject)), inner.slopes + count)
        memset(inner.items, 0, count * cython.sizeof(cython.p_void))
    else:
        inner.slopes = [0.0] * count
        inner.items = [cython.NULL] * count
    node._extra = inner
    node._flags |= NARY
    return inner


@cython.cfunc
@cython.inline
def _keep(inner: Operands, place: cython.Py_ssize_t, operand: object) -> cython.void:
    """Make a Value one of the operands."""
    if cython.compiled:
        Py_INCREF(operand)
        inner.items[place] = cython.cast(cython.pointer(PyObject), operand)
    else:
        inner.items[place] = operand


@cython.cfunc
def _make_custom(node: Value, children: list) -> object:
    """Make a leaf the result of an op of the user's, whose slopes are 0 until `_backward` is assigned."""
    inner: Operands
    place: cython.Py_ssize_t
    for place in range(len(children)):
        if not isinstance(children[place], Value):
            raise NumberError(
                f"_children must be Values, but number {place + 1} is of type "
                f"'{type(children[place]).__name__}'; wrap it: Value(...)"
            )
    if children:
        inner = _new_operands(node, len(children))
        node._code = Code.CUSTOM
        for place in range(len(children)):
            _keep(inner, place, children[place])
            if cython.cast(Value, children[place])._flags & TRACKED:
                _track(node)


def sum(values: Iterable[Any], start: Any = None) -> Any:
    """Return start + values[0] + values[1] + …, added from left to right, as one node (the row `sum`).

    Args:
        values: Values and numbers; only numbers give a number. None at all give start, or 0.0.
        start: what the sum begins with, as in Python's own `sum`.

    Raises:
        NumberError: an element is neither a Value nor a real number.
    """
    terms: list = list(values) if start is None else [start, *values]
    count: cython.Py_ssize_t = len(terms)
    i: cython.Py_ssize_t
    found: cython.int = 0
    flags: cython.int = 0
    total: cython.double = 0.0
    number: cython.double
    node = _node(Code.SUM, 0.0)
    inner: Operands = _new_operands(node, count)
    for i in range(count):
        term = cython.cast(object, item_at(terms, i))
        if isinstance(term, Value):
            found = 1
            flags |= cython.cast(Value, term)._flags
            number = cython.cast(Value, term)._data
            _keep(inner, i, term)
            inner.slopes[i] = 1.0
        else:
            number = _number(term, "sum")
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
    count: cython.Py_ssize_t = len(a)
    if count != len(b):
        raise ArityError(f"dot needs two sequences of the same length, but they have {count} and {len(b)}")
    has_start: cython.int = start is not None
    i: cython.Py_ssize_t
    u: cython.pointer(PyObject)
    v: cython.pointer(PyObject)
    x: cython.double
    y: cython.double
    found: cython.int = 0
    flags: cython.int = 0
    total: cython.double = 0.0
    node = _node(Code.DOT, 0.0)
    inner: Operands = _new_operands(node, 2 * count + has_start)
    slopes: cython.p_double = inner.slopes
    if has_start:
        total = _number(start, "dot")
        slopes[2 * count] = total
        if isinstance(start, Value):
            found = 1
            flags |= cython.cast(Value, start)._flags
            _keep(inner, 2 * count, start)
            slopes[2 * count] = 1.0
    for i in range(count):
        # bare pointers: the lists hold the items meanwhile
        u = item_at(a, i)
        v = item_at(b, i)
        if isinstance(cython.cast(object, v), Value):
            found = 1
            y = cython.cast(Value, v)._data
            flags |= cython.cast(Value, v)._flags
            _keep(inner, count + i, cython.cast(object, v))
        else:
            y = _float(cython.cast(object, v), "dot")
        slopes[count + i] = y
        if isinstance(cython.cast(object, u), Value):
            found = 1
            x = cython.cast(Value, u)._data
            flags |= cython.cast(Value, u)._flags
            _keep(inner, i, cython.cast(object, u))
            slopes[i] = y
        else:
            x = _float(cython.cast(object, u), "dot")
            slopes[i] = x
        if isinstance(cython.cast(object, v), Value):
            slopes[count + i] = x
        total = total + x * y if i or has_start else x * y
    return _finish(node, total, flags) if found else total


@cython.cfunc
def _finish(node: Value, data: cython.double, flags: cython.int) -> Value:
    """Set the value of an n-ary node whose operands, with these flags together, are in place."""
    if not _recording():
        return _node(Code.LEAF, data)
    node._data = data
    if flags & TRACKED:
        _track(node)
    return node


# The chain rule


@cython.final
@cython.cclass
class Pile:
    """A stack of nodes; compiled, of bare pointers, since the graph itself keeps its nodes alive."""

    nodes: cython.pointer(cython.p_void)
    count: cython.Py_ssize_t
    room: cython.Py_ssize_t

    def __init__(self) -> None:
        self.count = 0
        if cython.compiled:
            self.room = 0
        else:
            self.nodes = []

    def __dealloc__(self) -> None:
        free(self.nodes)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _push(pile: Pile, node: Value) -> cython.int:
    if cython.compiled:
        if pile.count == pile.room:
            _make_room(pile)
        pile.nodes[pile.count] = cython.cast(cython.p_void, node)
        # the node will be visited soon: its operands had better be in the cache by then
        prefetch(cython.cast(cython.p_void, node._left))
        prefetch(cython.cast(cython.p_void, node._right))
    else:
        pile.nodes.append(node)
    pile.count += 1
    return 0


@cython.cfunc
def _make_room(pile: Pile) -> object:
    room: cython.Py_ssize_t = 2 * pile.room + 64
    nodes = cython.cast(
        cython.pointer(cython.p_void), realloc(pile.nodes, room * cython.sizeof(cython.p_void))
    )
    if nodes is cython.NULL:
        raise MemoryError
    pile.nodes = nodes
    pile.room = room


@cython.cfunc
def _backpropagate(root: Value) -> cython.int:
    """Run backward() from root; return the number of stale leaves.

    Counts each node's users first, then visits a node when all of them have given their share (Kahn 1962):
    every node once, its gradient complete before it is passed on.
    """
    pile: Pile = Pile()
    visits: cython.Py_ssize_t = 0
    stale: cython.int = 0
    if _running:
        _refuse_overlap(root)
    _running.append(root)
    try:
        _push(pile, root)
        while pile.count:
            visits += 1
            pile.count -= 1
            if cython.compiled:
                _count_users(cython.cast(Value, pile.nodes[pile.count]), pile)
            else:
                _count_users(pile.nodes.pop(), pile)
        root._grad = 1.0
        _push(pile, root)
        while pile.count:
            visits -= 1
            pile.count -= 1
            if cython.compiled:
                stale += _give(cython.cast(Value, pile.nodes[pile.count]), pile)
            else:
                stale += _give(pile.nodes.pop(), pile)
        if visits:
            raise GraphError(
                f"{visits} nodes of the graph were not reached by backward(): it changed while it ran; "
                "build the graph anew"
            )
    except BaseException:
        _reset_counts(root)
        raise
    finally:
        _running.pop()
    return stale


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count_users(node: Value, found: Pile) -> cython.int:
    """Count this node as a user of its operands; pile up those found for the first time."""
    inner: Operands
    i: cython.Py_ssize_t
    if node._code != Code.LEAF:
        node._grad = 0.0
    if node._left is not None:
        _count(node._left, found)
    if node._right is not None:
        _count(node._right, found)
    if node._flags & NARY:
        inner = cython.cast(Operands, node._extra)
        for i in range(inner.count):
            if inner.items[i] is not cython.NULL:
                _count(cython.cast(Value, inner.items[i]), found)
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count(operand: Value, found: Pile) -> cython.int:
    if operand._code != Code.LEAF or operand._flags & CLOSURE:
        if operand._waiting == 0:
            _push(found, operand)
        operand._waiting += 1
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _give(node: Value, ready: Pile) -> cython.int:
    """The chain rule: give each operand its share; return how many of them were stale."""
    inner: Operands
    i: cython.Py_ssize_t
    stale: cython.int = 0
    share: cython.double
    gradient: cython.double = node._grad
    if node._flags & CLOSURE:
        return _give_by_closure(node, ready)
    if node._left is not None:
        stale += _receive(node._left, node._left_slope * gradient, ready)
    if node._right is not None:
        stale += _receive(node._right, node._right_slope * gradient, ready)
    if node._flags & NARY:
        inner = cython.cast(Operands, node._extra)
        for i in range(inner.count):
            if inner.items[i] is not cython.NULL:
                share = 0.0 if node._code == Code.CUSTOM else inner.slopes[i] * gradient
                stale += _receive(cython.cast(Value, inner.items[i]), share, ready)
    return stale


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _receive(operand: Value, share: cython.double, ready: Pile) -> cython.int:
    """Add a share to an operand's gradient; return 1 if it is a leaf whose gradient is stale."""
    stale: cython.int = 0
    if operand._code == Code.LEAF:
        if operand._flags & CONSTANT:
            return 0
        operand._grad += share
        if operand._flags & STALE:
            operand._flags &= ~STALE
            stale = 1
        operand._flags |= RECEIVED
        if not operand._flags & CLOSURE:
            return stale
    else:
        operand._grad += share
    operand._waiting -= 1
    if operand._waiting == 0:
        _push(ready, operand)
    return stale


@cython.cfunc
def _give_by_closure(node: Value, ready: Pile) -> cython.int:
    """Let the function assigned to `_backward` give the shares; the operands are only counted down."""
    operand: Value
    stale: cython.int = 0
    for operand in _operands(node):
        stale += (operand._flags & STALE) != 0
        operand._flags &= ~STALE
    _attributes(node)["_backward"]()
    for operand in _operands(node):
        _receive(operand, 0.0, ready)
    return stale


@cython.cfunc
def _reset_counts(root: Value) -> object:
    """Forget the counts of a backward() that an error ended, so that the next one starts clean."""
    operand: Value
    for operand in topological_order(root, constants=False):
        operand._waiting = 0


@cython.cfunc
def _refuse_overlap(root: Value) -> object:
    """Raise if a nested backward() would disturb nodes of one that is under way; shared leaves are fine."""
    nodes = {node for node in topological_order(root, constants=False) if not is_leaf(node)}
    for running in _running:
        for node in topological_order(running, constants=False):
            if node in nodes:
                raise GraphError(
                    "backward() was called from inside a _backward function on a graph that is being "
                    "differentiated; build a graph of its own there, from detach()ed Values"
                )


class no_grad(ContextDecorator):
    """Context manager and decorator: ops of this thread return leaves and record no graph."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)

    def __enter__(self) -> None:
        global _open_no_grad
        _open_no_grad += 1
        _thread.open_no_grad += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _open_no_grad
        _open_no_grad -= 1
        _thread.open_no_grad -= 1


# What the other layers ask of a node


def topological_order(root: Value, constants: bool = True) -> list[Value]:
    """Return every node that root depends on, operands before users, root last; the lecture's order.

    Depth first by ordered operands, each node once; no recursion, so any depth.

    Args:
        root: the node to start from.
        constants: whether plain number operands appear, as the Values that stand for them.

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
        if place == _operand_count(node):
            order.append(node)
            path.pop()
            next_place.pop()
            continue
        operand = _operand_at(node, place, constants)
        if operand is not None and operand not in seen:
            seen.add(operand)
            path.append(operand)
            next_place.append(0)
    return order


def local_derivatives(node: Value) -> tuple[float, ...]:
    """Return ∂node/∂operand for each of `node._prev`, at the values of the forward pass; 0 for a constant."""
    slopes = []
    for place in range(_operand_count(node)):
        operand = cython.cast(Value, _operand_at(node, place, True))
        slopes.append(0.0 if operand._flags & CONSTANT else _slope_at(node, place))
    return tuple(slopes)


def parts(node: Value) -> tuple[list[Value | float], list[float]]:
    """Return what the node was made from: its operands, a plain number as a float, and the slopes by them.

    Unlike `_prev`, the constant exponent of a power is among them.
    """
    operands: list = []
    slopes: list = []
    count: cython.Py_ssize_t = 2 if _has_constant_exponent(node) else _operand_count(node)
    for place in range(count):
        operand = None if place == 1 and count > _operand_count(node) else _operand_at(node, place, False)
        slope = _slope_at(node, place)
        if operand is not None and cython.cast(Value, operand)._flags & CONSTANT:
            slope = cython.cast(Value, operand)._data
            operand = None
        operands.append(slope if operand is None else operand)
        slopes.append(slope)
    return operands, slopes


def is_constant(node: Value) -> bool:
    """Tell whether this Value stands for a plain number operand, which receives no gradient."""
    return (node._flags & CONSTANT) != 0


def is_leaf(node: Value) -> bool:
    """Tell whether a node was made from no other."""
    leaf: bool = node._code == Code.LEAF
    return leaf


def op_of(node: Value) -> Op | None:
    """Return the row of the table that made a node, None for a leaf and for an op of the user's."""
    code: cython.int = node._code
    return None if code == Code.LEAF or code == Code.CUSTOM else BY_CODE[code]


def has_closure(node: Value) -> bool:
    """Tell whether a function of the user's was assigned to this node's `_backward`."""
    return (node._flags & CLOSURE) != 0


def set_op(node: Value, text: str) -> None:
    """Set what a node shows as its `_op`."""
    _attributes(node)["_op"] = text


def attributes_of(node: Value) -> dict[str, Any]:
    """Return a copy of the label and the other attributes that a program has set."""
    return dict(_attributes_or_none(node) or {})


@cython.cfunc
def _operands(node: Value) -> list:
    """Return the operands in order, as Values."""
    return [_operand_at(node, place, True) for place in range(_operand_count(node))]


@cython.cfunc
@cython.exceptval(check=False)
def _operand_count(node: Value) -> cython.Py_ssize_t:
    """Return how many operands a node shows: the constant exponent of a power is part of its op."""
    if node._flags & NARY:
        return cython.cast(Operands, node._extra).count
    if node._code == Code.LEAF:
        return 0
    return 1 if BY_CODE[node._code].arity == 1 or _has_constant_exponent(node) else 2


@cython.cfunc
def _operand_at(node: Value, place: cython.Py_ssize_t, constants: cython.bint) -> Value | None:
    """Return one operand; the Value that stands for a plain number is made when first asked for, else None."""
    if node._flags & NARY:
        inner: Operands = cython.cast(Operands, node._extra)
        if inner.items[place] is cython.NULL:
            if not constants:
                return None
            _keep(inner, place, _constant(inner.slopes[place]))
        return cython.cast(Value, inner.items[place])
    if place == 0:
        if node._left is None and constants:
            node._left = _constant(node._left_slope)
        return node._left
    if node._right is None and constants:
        node._right = _constant(node._right_slope)
    return node._right


@cython.cfunc
@cython.exceptval(check=False)
def _slope_at(node: Value, place: cython.Py_ssize_t) -> cython.double:
    """Return the local derivative by one operand, or the plain number that it is."""
    if node._flags & NARY:
        return cython.cast(Operands, node._extra).slopes[place]
    return node._left_slope if place == 0 else node._right_slope


@cython.cfunc
@cython.exceptval(check=False)
def _has_constant_exponent(node: Value) -> cython.bint:
    return node._code == Code.POWER and node._right is None


@cython.cfunc
def _constant(number: cython.double) -> Value:
    constant = _node(Code.LEAF, number)
    constant._flags = CONSTANT
    return constant


@cython.cfunc
def _number_or_none(x: object) -> object:
    """Return x as a float if it is a Value or a real number, else None."""
    if isinstance(x, Value):
        return cython.cast(Value, x)._data
    if isinstance(x, float):
        return float(x)
    try:
        return real_number(x, "")
    except NumberError:
        return None


@cython.cfunc
@cython.inline
def _number(x: object, where: str) -> cython.double:
    """Return a Value's data, or a number as a float; NumberError for anything else."""
    return cython.cast(Value, x)._data if isinstance(x, Value) else _float(x, where)


@cython.cfunc
def _attributes_or_none(node: Value) -> dict:
    if node._flags & NARY:
        return cython.cast(Operands, node._extra).attributes
    return node._extra


@cython.cfunc
def _attributes(node: Value) -> dict:
    """Return the dictionary of a node's label, `_backward` and user attributes, made when first asked for."""
    attributes = _attributes_or_none(node)
    if attributes is None:
        attributes = {}
        if node._flags & NARY:
            cython.cast(Operands, node._extra).attributes = attributes
        else:
            node._extra = attributes
    return attributes


@cython.cfunc
@cython.inline
def _set_data(node: Value, number: cython.double) -> object:
    if node._flags & RECEIVED and number != node._data and node._grad != 0.0:
        node._flags |= STALE
    node._data = number


@cython.cfunc
@cython.inline
def _set_grad(node: Value, number: cython.double) -> object:
    node._grad = number
    if number == 0.0:
        node._flags &= ~(RECEIVED | STALE)


# Memory. A compiled node is made and freed by the functions below instead of Python's own.


@cython.cfunc
def _track(node: Value) -> cython.void:
    """Make a node known to Python's cycle collector.

    Nodes are born unknown to it, which makes them as cheap as if it did not exist; only what can be part of a
    cycle (a function in `_backward`, an attribute, a subclass) is made known, and everything made from such a
    node, since the cycle may close through a later one.
    """
    node._flags |= TRACKED
    if cython.compiled:
        _make_known(node)
        if node._flags & NARY:
            _make_known(node._extra)


@cython.cfunc
def _track_attached(attribute: object) -> object:
    """Make known the graph of a Value that was set as an attribute, also inside a list, tuple or dictionary.

    Nodes made before the attribute was set could not inherit it, and the cycle may close through them.
    """
    node: Value
    found = list(attribute.values()) if isinstance(attribute, dict) else attribute
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    while found:
        item = found.pop()
        if isinstance(item, Value):
            node = cython.cast(Value, item)
            if not node._flags & TRACKED:
                _track(node)
                found.extend(_operands(node))


if cython.compiled:
    # Dead nodes that wait to be used again: taking one is many times cheaper than asking Python for memory.
    KEPT = cython.declare(cython.int, 65536)
    _kept = cython.declare(cython.p_void[65536])
    _kept_count = cython.declare(cython.int, 0)
    # How many frees may nest before the rest is put off; deep chains would exhaust the C stack otherwise.
    FREE_DEPTH = cython.declare(cython.int, 100)
    _free_depth = cython.declare(cython.int, 0)
    _to_free = cython.declare(list, [])

    @cython.cfunc
    def _make_known(item: object) -> cython.void:
        if not PyObject_GC_IsTracked(item):
            PyObject_GC_Track(item)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _allocate(kind: cython.pointer(PyTypeObject), _count: cython.Py_ssize_t) -> cython.pointer(PyObject):
        """Return memory for a node, unknown to the cycle collector (the type's `tp_alloc`)."""
        global _kept_count
        item: cython.pointer(PyObject)
        if _kept_count:
            _kept_count -= 1
            item = cython.cast(cython.pointer(PyObject), _kept[_kept_count])
            memset(item, 0, kind.tp_basicsize)
            return PyObject_Init(item, kind)
        item = _PyObject_GC_New(kind)
        if item is not cython.NULL:
            header: cython.Py_ssize_t = cython.sizeof(PyObject)
            memset(cython.cast(cython.p_char, item) + header, 0, kind.tp_basicsize - header)
        return item

    @cython.cfunc
    @cython.exceptval(check=False)
    def _free_node(item: cython.p_void) -> cython.void:
        """Take back the memory of a node (the type's `tp_free`)."""
        global _kept_count
        if _kept_count < KEPT:
            _kept[_kept_count] = item
            _kept_count += 1
        else:
            PyObject_GC_Del(item)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _deallocate(item: cython.pointer(PyObject)) -> cython.void:
        """End a node's life (the type's `tp_dealloc`)."""
        PyObject_GC_UnTrackPointer(item)
        # alive again while its operands are let go, so that handling it as an object cannot end it twice
        Py_SET_REFCNT(item, 1)
        _let_go(cython.cast(Value, item))
        Py_SET_REFCNT(item, 0)
        _type_of(item).tp_free(item)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _let_go(node: Value) -> cython.void:
        """Drop a node's operands. That may free them, and theirs: beyond a depth they are put off to a list."""
        global _free_depth
        if _free_depth < FREE_DEPTH:
            _free_depth += 1
            node._left = None
            node._right = None
            node._extra = None
            if _free_depth == 1:
                while _to_free:
                    _to_free.pop()
            _free_depth -= 1
        else:
            if node._left is not None:
                _to_free.append(node._left)
                node._left = None
            if node._right is not None:
                _to_free.append(node._right)
                node._right = None
            if node._extra is not None:
                _to_free.append(node._extra)
                node._extra = None

    # Blocks for the operands of dead n-ary nodes, by their number of operands: each points to the next.
    BLOCK_SIZES = cython.declare(cython.int, 129)
    _blocks = cython.declare(cython.p_void[129])

    @cython.cfunc
    def _take_block(count: cython.Py_ssize_t) -> cython.p_double:
        """Return memory for the slopes and the pointers of this many operands."""
        block: cython.p_void
        size: cython.size_t = cython.sizeof(cython.double) + cython.sizeof(cython.p_void)
        if count < BLOCK_SIZES and _blocks[count] is not cython.NULL:
            block = _blocks[count]
            _blocks[count] = cython.cast(cython.pointer(cython.p_void), block)[0]
        else:
            block = PyMem_Malloc((count + 1) * size)
            if block is cython.NULL:
                raise MemoryError
        return cython.cast(cython.p_double, block)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _give_block_back(block: cython.p_void, count: cython.Py_ssize_t) -> cython.void:
        if block is cython.NULL or count >= BLOCK_SIZES:
            PyMem_Free(block)
        else:
            cython.cast(cython.pointer(cython.p_void), block)[0] = _blocks[count]
            _blocks[count] = block

    @cython.cfunc
    @cython.exceptval(check=False)
    def _allocate_operands(
        kind: cython.pointer(PyTypeObject), _count: cython.Py_ssize_t
    ) -> cython.pointer(PyObject):
        item: cython.pointer(PyObject) = _PyObject_GC_New(kind)
        if item is not cython.NULL:
            header: cython.Py_ssize_t = cython.sizeof(PyObject)
            memset(cython.cast(cython.p_char, item) + header, 0, kind.tp_basicsize - header)
        return item

    @cython.cfunc
    @cython.exceptval(check=False)
    def _deallocate_operands(item: cython.pointer(PyObject)) -> cython.void:
        PyObject_GC_UnTrackPointer(item)
        Py_SET_REFCNT(item, 1)
        _clear_operands(item)
        _give_block_back(cython.cast(Operands, item).slopes, cython.cast(Operands, item).count)
        Py_SET_REFCNT(item, 0)
        PyObject_GC_Del(item)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _clear_operands(item: cython.pointer(PyObject)) -> cython.int:
        """Drop every operand (the type's `tp_clear`, for cycles)."""
        inner: Operands = cython.cast(Operands, item)
        place: cython.Py_ssize_t
        for place in range(inner.count):
            Py_CLEAR(inner.items[place])
        inner.attributes = None
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _traverse_operands(item: cython.pointer(PyObject), visit: visitproc, context: cython.p_void) -> cython.int:
        """Show the cycle collector every operand (the type's `tp_traverse`)."""
        inner: Operands = cython.cast(Operands, item)
        place: cython.Py_ssize_t
        stop: cython.int
        for place in range(inner.count):
            if inner.items[place] is not cython.NULL:
                stop = visit(inner.items[place], context)
                if stop:
                    return stop
        return visit(cython.cast(cython.pointer(PyObject), inner.attributes), context)

    @cython.cfunc
    def _take_over(value: cython.pointer(PyTypeObject), operands: cython.pointer(PyTypeObject)) -> cython.void:
        value.tp_alloc = _allocate
        value.tp_free = _free_node
        value.tp_dealloc = _deallocate
        operands.tp_alloc = _allocate_operands
        operands.tp_dealloc = _deallocate_operands
        operands.tp_clear = _clear_operands
        operands.tp_traverse = _traverse_operands

    _take_over(
        cython.cast(cython.pointer(PyTypeObject), Value), cython.cast(cython.pointer(PyTypeObject), Operands)
    )


# Loops over a list of parameters at the engine's speed, for optimizers and models


def read_data(parameters: list[Value]) -> Any:
    """Return the parameters' data as a new float64 array of shape (n,)."""
    import numpy as np

    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        view[i] = parameter._data
    return numbers


def read_grad(parameters: list[Value]) -> Any:
    """Return the parameters' gradients as a new float64 array of shape (n,)."""
    import numpy as np

    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        view[i] = parameter._grad
    return numbers


def write_data(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' data from a float64 array of shape (n,)."""
    _check_length(parameters, numbers)
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        _set_data(parameter, float(view[i]))


def write_grad(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' gradients from a float64 array of shape (n,)."""
    _check_length(parameters, numbers)
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        _set_grad(parameter, float(view[i]))


def zero_grad(parameters: list[Value]) -> None:
    """Set the parameters' gradients to 0."""
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        _set_grad(parameter, 0.0)


def _check_length(parameters: list[Value], numbers: Any) -> None:
    if len(parameters) != len(numbers):
        raise ArityError(f"{len(parameters)} parameters cannot take {len(numbers)} numbers")
