"""Guards: what Python looked at while a function was traced, compared at every call."""

from __future__ import annotations

from types import CellType
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import PyDict_GetItem, PyObject, cell_contents, signbit
else:
    from chainrule.core.pointers import signbit

from chainrule.core.buffers import Buffer, Integers


@cython.final
@cython.cclass
class Guards:
    """The guards of one trace.

    Args:
        trace: a `chainrule.compiler.tracing.Trace`.
    """

    _count: cython.Py_ssize_t
    _truths: Integers  # 1 where only the truth of an output is compared
    _expected: Buffer
    _tolerance: Buffer
    _outside: object
    _names: tuple  # variables outside of the function,
    _objects: tuple  # and what each of them named

    def __init__(self, trace: Any) -> None:
        place: cython.Py_ssize_t
        self._count = len(trace.guards)
        self._truths = Integers(self._count)
        self._expected = Buffer(self._count)
        self._tolerance = Buffer(self._count)
        for place, guard in enumerate(trace.guards):
            self._truths.numbers[place] = guard.kind == "truth"
            self._expected.numbers[place] = guard.expected
            self._tolerance.numbers[place] = guard.tolerance
        self._outside = trace.outside
        self._names = tuple([(name.holder, name.name, type(name.holder)) for name in trace.outside.names])
        self._objects = trace.outside.objects

    @cython.cfunc
    @cython.exceptval(-1)
    def outside_is_same(self) -> cython.int:
        """Tell whether the variables that the function names outside of itself are what they were."""
        i: cython.Py_ssize_t
        for i in range(len(self._objects)):
            if not self._is_same(self._names[i], self._objects[i]):
                # another object may still be the same number
                return self._outside.changed() is None  # type: ignore[attr-defined]
        return 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _is_same(self, name: tuple, before: object) -> cython.int:
        holder: Any = name[0]
        if cython.compiled:
            now = cython.cast(cython.pointer[PyObject], before)
            if name[2] is dict:
                return PyDict_GetItem(holder, name[1]) == now
            if name[2] is CellType:
                return cell_contents(holder) == now
            return holder.get(name[1], None) is before
        if name[2] is CellType:
            return _contents(holder) is before
        return holder.get(name[1], None) is before

    @cython.cfunc
    @cython.exceptval(-2)
    def first_failed(self, outputs: Buffer, results: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Return the number of the first guard that fails, -1 where all hold."""
        i: cython.Py_ssize_t
        for i in range(self._count):
            if not _holds(
                outputs.numbers[results + i],
                self._expected.numbers[i],
                self._tolerance.numbers[i],
                self._truths.numbers[i],
            ):
                return i
        return -1


def _contents(cell: CellType) -> Any:
    """Return what a closure variable names, None for nothing."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _holds(number: cython.double, expected: cython.double, tolerance: cython.double, truth: cython.bint) -> cython.bint:
    if truth:
        return (number != 0.0) == (expected != 0.0)
    if number != number or expected != expected:
        return number != number and expected != expected
    if number == expected:
        return tolerance > 0.0 or number != 0.0 or signbit(number) == signbit(expected)
    return abs(number - expected) <= tolerance
