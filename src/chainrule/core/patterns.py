"""The pattern of a trace's arguments, with where in memory the numbers of each part belong."""

from __future__ import annotations

import sys
from bisect import bisect_right
from functools import cache
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import doubles_of

from chainrule.core.buffers import Buffer, Integers
from chainrule.core.executing import INPUTS, Executor

# What a part of a pattern is.
NUMBER_PART = cython.declare(cython.int, 0)
NUMBER_OF_TYPE_PART = cython.declare(cython.int, 1)
VALUE_PART = cython.declare(cython.int, 2)
LIST_PART = cython.declare(cython.int, 3)
TUPLE_PART = cython.declare(cython.int, 4)
DICT_PART = cython.declare(cython.int, 5)
ARRAY_PART = cython.declare(cython.int, 6)
OBJECTS_PART = cython.declare(cython.int, 7)
STATIC_PART = cython.declare(cython.int, 8)
KINDS = {
    "list": LIST_PART,
    "tuple": TUPLE_PART,
    "namedtuple": TUPLE_PART,
    "dict": DICT_PART,
    "objects": OBJECTS_PART,
    "static": STATIC_PART,
}


@cython.final
@cython.cclass
class Part:
    """One part of a pattern, with where its numbers go."""

    kind: cython.int
    count: cython.Py_ssize_t  # how many elements it has
    plain: cython.bint  # all of them are numbers of any type; else
    parts: list  # are they, in order
    target: cython.p_double  # the memory that its numbers go to,
    first: cython.Py_ssize_t  # the first of them to this place of it
    region: cython.Py_ssize_t  # of an array: which region that is
    place: cython.Py_ssize_t  # of a Value: which one it is, and where its number goes
    expected: Any  # of a number or tuple the class; the object; a dictionary's keys; an array's shape
    dtype: object
    array: Any  # the memory as numpy sees it
    class_of_arrays: object
    shape: Integers
    doubles: object  # the dtype of arrays whose memory can stand in for the region, None where it cannot
    held: object  # the one that does


@cython.final
@cython.cclass
class Layout:
    """Makes the parts of a pattern, in order.

    Args:
        executor: what the numbers are for.
        groups: see `Program.input_groups`.
        live: how many live Values come before those among the arguments.
    """

    values: cython.Py_ssize_t  # how many there are among the arguments so far
    arrays: list  # the parts that are arrays
    _executor: Executor
    _groups: tuple
    _live: cython.Py_ssize_t
    _next: cython.Py_ssize_t  # the place of the next number

    def __init__(self, executor: Executor, groups: tuple[int, ...], live: int) -> None:
        self.values = 0
        self.arrays = []
        self._executor = executor
        self._groups = groups
        self._live = live
        self._next = 0

    @cython.cfunc
    def part(self, pattern: Any) -> Part:
        """Return the next part."""
        part: Part = Part()
        part.parts = []
        part.target = cython.NULL
        part.first = 0
        kind = pattern[0]
        if kind == "number":
            part.kind = NUMBER_PART if pattern[1] is None else NUMBER_OF_TYPE_PART
            part.expected = pattern[1]
            self._take(part, 1)
        elif kind == "value":
            part.kind = VALUE_PART
            part.count = self.values
            part.place = self._executor.order.numbers[self._live + self.values]
            self.values += 1
        elif kind == "array":
            self._take_array(part, pattern[1], pattern[2])
        else:
            part.kind = KINDS[kind]
            part.expected = {"tuple": tuple, "list": list}.get(kind, pattern[1])
            if kind != "static":
                self._take_items(part, pattern[-1])
        return part

    @cython.cfunc
    def _take_items(self, part: Part, patterns: tuple) -> object:
        part.count = len(patterns)
        others = [each for each in patterns if each[0] != "number" or each[1] is not None]
        part.plain = part.count > 0 and not others and part.kind != DICT_PART
        if part.plain:
            self._take(part, part.count)
        else:
            part.parts = [self.part(each) for each in patterns]

    @cython.cfunc
    def _take(self, part: Part, count: cython.Py_ssize_t) -> object:
        """Give a part the next places among the arguments' numbers, which are all of one group."""
        if count:
            # of groups that begin at the same place the last one is not empty
            group: cython.Py_ssize_t = bisect_right(self._groups, self._next) - 1
            buffer: Buffer = self._executor.inputs[group]
            part.target = buffer.numbers
            part.first = self._next - self._groups[group]
            part.region = INPUTS + group
            part.array = buffer
        self._next += count

    @cython.cfunc
    def _take_array(self, part: Part, shape: tuple, dtype: str) -> object:
        part.kind = ARRAY_PART
        part.expected = shape
        part.dtype = dtype
        part.count = 1
        part.held = part.doubles = None
        part.shape = Integers(len(shape))
        for axis, length in enumerate(shape):
            part.count *= length
            part.shape.numbers[axis] = length
        numpy = sys.modules["numpy"]
        part.class_of_arrays = numpy.ndarray
        if cython.compiled and dtype == "<f8" and part.count and _knows_memory_of_arrays():
            part.doubles = numpy.dtype(dtype)
        self._take(part, part.count)
        if part.count:
            part.array = cython.cast(Buffer, part.array).as_array().reshape(shape)
        self.arrays.append(part)


@cache
def _knows_memory_of_arrays() -> bool:
    """Tell whether numpy's arrays lie in memory as `doubles_of` expects, which all of numpy 1 and 2 do."""
    numpy = sys.modules["numpy"]
    known = numpy.__version__.split(".")[0] in ("1", "2")
    plain = numpy.zeros((2, 3))
    others = numpy.zeros((2, 6))[:, 3:], numpy.zeros((2, 3), numpy.int64), numpy.zeros(6), numpy.zeros((3, 2))
    return known and [_address(each) for each in (plain, *others)] == [plain.ctypes.data, 0, 0, 0, 0]


def _address(array: Any) -> int:
    """Return where a matrix of 2 rows and 3 columns has its float64 numbers, 0 where it is none that is plain."""
    if not cython.compiled:
        return 0
    shape: Integers = Integers(2)
    shape.numbers[0] = 2
    shape.numbers[1] = 3
    numpy = sys.modules["numpy"]
    return cython.cast(cython.size_t, doubles_of(array, numpy.dtype("<f8"), 2, shape.numbers))
