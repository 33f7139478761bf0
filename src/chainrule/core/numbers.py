"""Numbers in: what counts as a real number, and the setters of `data` and `grad`."""

from __future__ import annotations

from numbers import Real

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.tracing import not_while_tracing
from chainrule.core.value import Value
from chainrule.errors import NumberError
from chainrule.ops.row import real_number

# Classes beyond float and int that turned out to be real numbers: asking again takes twenty times as long.
_real_classes: set = set()


@cython.cfunc
@cython.inline
def number_of(x: object, where: str) -> cython.double:
    """Return a Value's data, or a number as a float; NumberError for anything else."""
    settle()
    return cython.cast(Value, x)._data if isinstance(x, Value) else to_float(x, where)


@cython.cfunc
def number_or_none(x: object) -> object:
    """Return x as a float if it is a Value or a real number, else None."""
    if isinstance(x, Value):
        settle()
        return cython.cast(Value, x)._data
    if isinstance(x, float):
        return float(x)
    try:
        return _float_slowly(x, "")
    except NumberError:
        return None


@cython.cfunc
@cython.inline
def to_float(number: object, where: str) -> cython.double:
    """Return a real number as a float; NumberError for anything else."""
    return float(number) if isinstance(number, float) else _float_slowly(number, where)


@cython.cfunc
def _float_slowly(number: object, where: str) -> cython.double:
    if isinstance(number, int):
        try:
            return float(number)
        except OverflowError:
            pass
    elif type(number) in _real_classes:
        try:
            return float(number)  # type: ignore[arg-type]  # its class is a real number's
        except OverflowError:
            pass
    elif isinstance(number, Real):
        _real_classes.add(type(number))
    return real_number(number, where)


# How often anything was changed that a compiled step has read: data, or what is a leaf.
_changes = cython.declare(cython.longlong, 0)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def count_change() -> cython.void:
    """Tell compiled steps that data, or what is a leaf, may have changed."""
    global _changes
    _changes += 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def changes() -> cython.longlong:
    """Return how often that was told."""
    return _changes


# How often a leaf became one that backward() has to look at: a stale one, or one with a `_backward`.
_surprises = cython.declare(cython.longlong, 0)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def count_surprise() -> cython.void:
    """Remember that a leaf has become stale, or got a `_backward`."""
    global _surprises
    _surprises += 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def surprises() -> cython.longlong:
    """Return how often that was."""
    return _surprises


@cython.cfunc
@cython.inline
def set_data(node: Value, number: cython.double) -> object:
    """Set `data`; a leaf whose gradient was used for it becomes stale."""
    not_while_tracing("it assigns the data of a Value", "update parameters outside, or by cr.compile(…, optimizer=…)")
    settle_gradients()
    if node._flags & Flag.RECEIVED and number != node._data:
        node._flags |= Flag.STALE
        count_surprise()
    node._data = number
    count_change()


@cython.cfunc
@cython.inline
def set_grad(node: Value, number: cython.double) -> object:
    """Set `grad`; 0 is zero_grad()."""
    not_while_tracing("it assigns the grad of a Value", "call zero_grad() outside")
    settle_gradients()
    node._grad = number
    if number == 0.0:
        node._flags &= ~(Flag.RECEIVED | Flag.STALE)


# What is owed is told with Values that have many operands, which need numbers first.
from chainrule.core.owing import settle_gradients  # noqa: E402
