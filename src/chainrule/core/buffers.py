"""Memory for the numbers of a compiled program, reached as C arrays, or, uncompiled, as memory views."""

from __future__ import annotations

from array import array
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import memcpy

ALIGNED = 64  # bytes: a cache line, and the widest vector


@cython.final
@cython.cclass
class Buffer:
    """float64 numbers, 0 at first, that begin on a multiple of 64 bytes."""

    numbers: cython.p_double
    count: cython.Py_ssize_t
    _memory: Any  # what owns them; one line longer, so that they can begin where a line begins
    _first: cython.Py_ssize_t

    def __init__(self, count: int) -> None:
        memory = array("d", bytes(8 * count + ALIGNED))
        self._memory = memory
        self.count = count
        self._first = -memory.buffer_info()[0] % ALIGNED // 8
        if cython.compiled:
            view: cython.double[::1] = memory
            self.numbers = cython.address(view[self._first])
        else:
            self.numbers = memoryview(memory)[self._first : self._first + count]

    @cython.cfunc
    def fill(self, numbers: cython.p_double) -> cython.void:
        """Copy as many numbers as there are here."""
        if cython.compiled:
            memcpy(self.numbers, numbers, self.count * cython.sizeof(cython.double))
        else:
            self.numbers[:] = numbers

    def as_array(self) -> Any:
        """Return the numbers as a numpy array over the same memory."""
        import numpy as np

        return np.frombuffer(self._memory)[self._first : self._first + self.count]

    def address(self) -> int:
        """Return where the first number lies."""
        start: int = self._memory.buffer_info()[0] + 8 * self._first
        return start


@cython.final
@cython.cclass
class Integers:
    """int32 numbers, 0 at first."""

    numbers: cython.p_int
    count: cython.Py_ssize_t
    _memory: Any

    def __init__(self, count: int) -> None:
        memory = array("i", bytes(4 * count + 4))
        self._memory = memory
        self.count = count
        if cython.compiled:
            view: cython.int[::1] = memory
            self.numbers = cython.address(view[0])
        else:
            self.numbers = memoryview(memory)

    def address(self) -> int:
        """Return where the first number lies."""
        start: int = self._memory.buffer_info()[0]
        return start


@cython.cfunc
def integers_of(column: Any) -> Integers:
    """Return a numpy array of integers as int32 numbers."""
    import numpy as np

    made: Integers = Integers(len(column))
    np.frombuffer(made._memory, np.intc)[: made.count] = column
    return made


@cython.cfunc
def copied(numbers: cython.p_double, count: cython.Py_ssize_t) -> Buffer:
    """Return a buffer with as many numbers as are said to begin here."""
    made: Buffer = Buffer(count)
    made.fill(numbers)
    return made
