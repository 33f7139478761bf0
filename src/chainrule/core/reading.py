"""Arguments read into memory: compared with the pattern of a trace, and copied out, in one pass."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import (
        Py_buffer,
        PyBUF_C_CONTIGUOUS,
        PyBUF_FORMAT,
        PyBuffer_Release,
        PyLong_AsLongLongAndOverflow,
        PyObject,
        PyObject_GetBuffer,
        float_at,
        is_float,
        item_at,
        memcpy,
        tuple_item_at,
    )
else:
    from chainrule.core.pointers import float_at, is_float, item_at, tuple_item_at

from chainrule.core.buffers import Buffer
from chainrule.core.executing import INPUTS, Executor
from chainrule.core.value import Value

# Beyond, float64 does not hold every integer.
LARGEST_INTEGER = cython.declare(cython.longlong, 9007199254740992)

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
KINDS = {"list": 3, "tuple": 4, "namedtuple": 4, "dict": 5, "array": 6, "objects": 7, "static": 8}


@cython.final
@cython.cclass
class Part:
    """One part of a pattern, with where its numbers go."""

    kind: cython.int
    count: cython.Py_ssize_t  # how many elements it has
    plain: cython.bint  # all of them are numbers of any type
    parts: list
    target: cython.p_double  # the memory that its numbers go to,
    first: cython.Py_ssize_t  # the first of them to this place of it
    region: cython.Py_ssize_t  # of an array: which region that is
    place: cython.Py_ssize_t  # of a Value: which one it is, and where its number goes
    expected: object  # of a number or tuple the class; the object; a dictionary's keys; an array's shape
    dtype: object
    array: Any  # the memory as numpy sees it
    class_of_arrays: object
    held: cython.bint  # another array's memory stands in for the region
    view: Py_buffer


@cython.final
@cython.cclass
class Reader:
    """Reads the arguments of one call after the other into the regions of an executor.

    Args:
        pattern: what `chainrule.compiler.tracing` says that arguments must look like.
        same: same(object, given) tells whether a given argument may stand for one that the trace has frozen.
        executor: what the numbers are for.
        groups: see `Program.input_groups`.
        live: how many live Values come before those among the arguments.
    """

    values: list  # the Values among the arguments, while a call lasts
    _whole: Part  # the positional arguments
    _names: tuple
    _named: Part
    _arrays: list
    _same: object
    _executor: Executor
    _live: cython.Py_ssize_t
    _groups: tuple
    _next: cython.Py_ssize_t

    def __init__(
        self, pattern: Any, same: Callable[[Any, Any], bool], executor: Executor, groups: tuple[int, ...], live: int
    ) -> None:
        self.values = []
        self._arrays = []
        self._same = same
        self._executor = executor
        self._groups = groups
        self._live = live
        self._next = 0
        _, positional, self._names, named = pattern
        self._whole = self._part(("tuple", positional))
        self._named = self._part(("tuple", named))

    @cython.cfunc
    def _part(self, pattern: Any) -> Part:
        part: Part = Part()
        part.parts = []
        part.target = cython.NULL
        kind = pattern[0]
        if kind == "number":
            part.kind = NUMBER_PART if pattern[1] is None else NUMBER_OF_TYPE_PART
            part.expected = pattern[1]
            self._take(part, 1)
        elif kind == "value":
            part.kind = VALUE_PART
            part.count = len(self.values)
            part.place = self._executor.order.numbers[self._live + part.count]
            self.values.append(None)
        elif kind in ("array", "static"):
            part.kind = KINDS[kind]
            part.expected = pattern[1]
            if kind == "array":
                self._take_array(part, pattern[1], pattern[2])
        else:
            part.kind = KINDS[kind]
            part.first = self._next - self._start(self._next)
            part.parts = [self._part(each) for each in pattern[-1]]
            part.count = len(part.parts)
            part.expected = {"tuple": tuple, "list": list}.get(kind, pattern[1])
            part.plain = part.count > 0 and all(each == ("number", None) for each in pattern[-1])
            if part.plain:
                part.target = cython.cast(Part, part.parts[0]).target
        return part

    @cython.cfunc
    def _start(self, place: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Return where the group of a number begins."""
        return max(start for start in self._groups if start <= place)

    @cython.cfunc
    def _take(self, part: Part, count: cython.Py_ssize_t) -> object:
        """Give a part the next places among the arguments' numbers."""
        start: cython.Py_ssize_t = self._start(self._next)
        # groups of no numbers begin where the next one does
        group: cython.Py_ssize_t = max(i for i, each in enumerate(self._groups) if each == start)
        if count:
            buffer: Buffer = self._executor.inputs[group]
            part.target = buffer.numbers
            part.first = self._next - start
            part.region = INPUTS + group
            part.array = buffer
        self._next += count

    @cython.cfunc
    def _take_array(self, part: Part, shape: tuple, dtype: str) -> object:
        count: cython.Py_ssize_t = 1
        for length in shape:
            count *= length
        part.count = count
        part.dtype = dtype
        part.held = False
        part.class_of_arrays = sys.modules["numpy"].ndarray
        self._take(part, count)
        if count:
            part.array = cython.cast(Buffer, part.array).as_array().reshape(shape)
        self._arrays.append(part)

    @cython.cfunc
    @cython.exceptval(-1)
    def read(self, arguments: tuple, keywords: dict | None) -> cython.int:
        """Read the arguments of a call; return 1, or 0 where they do not match. `release` must follow."""
        place: cython.Py_ssize_t
        if len(arguments) != self._whole.count or (len(keywords) if keywords else 0) != self._named.count:
            return 0
        for place in range(self._whole.count):
            if not self._read(cython.cast(Part, item_at(self._whole.parts, place)), tuple_item_at(arguments, place)):
                return 0
        return 1 if keywords is None or not self._named.count else self._read_named(keywords)

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_named(self, keywords: dict) -> cython.int:
        """Read arguments given by name, which have the order of the first call."""
        for place, (name, argument) in enumerate(keywords.items()):
            if name != self._names[place] or not self._read_object(self._named.parts[place], argument):
                return 0
        return 1

    @cython.cfunc
    def copy_region(self, region: cython.Py_ssize_t, target: Buffer) -> cython.void:
        """Copy the numbers that a region of the arguments holds during this call."""
        if cython.compiled:
            memcpy(target.numbers, self._executor.regions[region], target.count * cython.sizeof(cython.double))
        else:
            target.numbers[:] = self._executor.regions[region]

    @cython.cfunc
    def release(self) -> cython.void:
        """Let go of what the call's arguments were read from."""
        part: Part
        place: cython.Py_ssize_t
        for place in range(len(self.values)):
            self.values[place] = None
        for place in range(len(self._arrays)):
            part = self._arrays[place]
            if part.held:
                part.held = False
                if cython.compiled:
                    PyBuffer_Release(cython.address(part.view))
                    self._executor.regions[part.region] = part.target

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_object(self, part: Part, item: object) -> cython.int:
        if cython.compiled:
            return self._read(part, cython.cast(cython.pointer[PyObject], item))
        return self._read(part, item)

    @cython.cfunc
    @cython.exceptval(-1)
    def _read(self, part: Part, item: cython.pointer[PyObject]) -> cython.int:
        """Read one part of the arguments; return 1, or 0 where it does not match."""
        if part.kind == NUMBER_PART:
            if is_float(item):
                part.target[part.first] = float_at(item)
                return 1
            return _read_number(cython.cast(object, item), part.target, part.first)
        if part.kind == LIST_PART:
            return type(cython.cast(object, item)) is list and self._read_list(part, cython.cast(list, item))
        if part.kind == TUPLE_PART:
            matches: cython.bint = type(cython.cast(object, item)) is part.expected
            return matches and self._read_tuple(part, cython.cast(tuple, item))
        if part.kind == VALUE_PART:
            return self._read_value(part, cython.cast(object, item))
        return self._read_other(part, cython.cast(object, item))

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _read_value(self, part: Part, item: object) -> cython.int:
        if type(item) is not Value:
            return 0
        self._executor.values.numbers[part.place] = cython.cast(Value, item)._data
        self.values[part.count] = item
        return 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_list(self, part: Part, items: list) -> cython.int:
        item: cython.pointer[PyObject]
        target: cython.p_double = part.target
        first: cython.Py_ssize_t = part.first
        place: cython.Py_ssize_t
        if len(items) != part.count:
            return 0
        for place in range(part.count):
            # a comparison of objects in the step before may have run code that changed the list
            if place >= len(items):
                return 0
            item = item_at(items, place)
            if not part.plain:
                if not self._read(cython.cast(Part, item_at(part.parts, place)), item):
                    return 0
            elif is_float(item):
                target[first + place] = float_at(item)
            elif not _read_number(cython.cast(object, item), target, first + place):
                return 0
        return 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_tuple(self, part: Part, items: tuple) -> cython.int:
        item: cython.pointer[PyObject]
        place: cython.Py_ssize_t
        if len(items) != part.count:
            return 0
        for place in range(part.count):
            item = tuple_item_at(items, place)
            if part.plain and is_float(item):
                part.target[part.first + place] = float_at(item)
            elif not self._read(cython.cast(Part, item_at(part.parts, place)), item):
                return 0
        return 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_array(self, part: Part, item: object) -> cython.int:
        """Take the memory of an array of float64 as it is; copy any other."""
        if cython.compiled and part.count:
            try:
                PyObject_GetBuffer(item, cython.address(part.view), PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
            except (ValueError, BufferError):
                return self._copy_array(part, item)
            if _has_doubles(part):
                part.held = True
                self._executor.regions[part.region] = cython.cast(cython.p_double, part.view.buf)
                return 1
            PyBuffer_Release(cython.address(part.view))
        return self._copy_array(part, item)

    @cython.cfunc
    @cython.exceptval(-1)
    def _copy_array(self, part: Part, item: Any) -> cython.int:
        if item.dtype.str != part.dtype or item.shape != part.expected:
            return 0
        if part.count:
            part.array[...] = item
            if item.dtype.itemsize == 8 and item.dtype.kind in "iu" and not _exact(item):
                return 0
        return 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_other(self, part: Part, item: Any) -> cython.int:
        if part.kind == ARRAY_PART:
            return type(item) is part.class_of_arrays and self._read_array(part, item)
        if part.kind == STATIC_PART:
            return item is part.expected or bool(self._same(part.expected, item))  # type: ignore[operator]
        if part.kind == NUMBER_OF_TYPE_PART:
            return type(item) is part.expected and _read_number_of_type(item, part)
        if part.kind == DICT_PART:
            return type(item) is dict and self._read_dict(part, item)
        numpy = sys.modules["numpy"]
        if type(item) is not numpy.ndarray or item.dtype.kind != "O" or item.shape != part.expected:
            return 0
        return self._read_list(part, item.ravel().tolist())

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_dict(self, part: Part, items: dict) -> cython.int:
        keys: tuple = part.expected  # type: ignore[assignment]  # a dictionary's part has its keys
        if len(items) != part.count:
            return 0
        for place, (key, item) in enumerate(list(items.items())):
            if key is not keys[place] and not (type(key) is type(keys[place]) and key == keys[place]):
                return 0
            if not self._read_object(part.parts[place], item):
                return 0
        return 1


def is_float_class(kind: Any) -> bool:
    """Tell whether numbers of a class are floats, Python's or numpy's."""
    return issubclass(kind, float) or kind.__name__.startswith("float")


def _exact(array: Any) -> bool:
    """Tell whether float64 holds every one of an array's integers."""
    return not array.size or (int(array.max()) <= LARGEST_INTEGER and int(array.min()) >= -LARGEST_INTEGER)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _has_doubles(part: Part) -> cython.bint:
    """Tell whether the array that is held has float64 numbers and the shape of the pattern."""
    axis: cython.Py_ssize_t
    shape: tuple = part.expected  # type: ignore[assignment]  # an array's part has its shape
    if part.dtype != "<f8" or part.view.format[0] != 100 or part.view.format[1] != 0 or part.view.ndim != len(shape):
        return False
    for axis in range(len(shape)):
        if part.view.shape[axis] != cython.cast(cython.Py_ssize_t, shape[axis]):
            return False
    return cython.cast(cython.size_t, part.view.buf) % 8 == 0


@cython.cfunc
@cython.exceptval(-1)
def _read_number_of_type(item: Any, part: Part) -> cython.int:
    """Read a number whose class is the right one."""
    if not is_float_class(part.expected) and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER:
        return 0
    part.target[part.first] = float(item)
    return 1


@cython.cfunc
@cython.exceptval(-1)
def _read_number(item: Any, target: cython.p_double, place: cython.Py_ssize_t) -> cython.int:
    """Read an int, or one of numpy's float64 and int64."""
    overflow: cython.int = 0
    if type(item) is not int:
        numpy = sys.modules.get("numpy")
        if type(item) is float or (numpy is not None and type(item) is numpy.float64):
            target[place] = float(item)
            return 1
        if numpy is None or type(item) is not numpy.int64:
            return 0
        item = int(item)
    if cython.compiled:
        number: cython.longlong = PyLong_AsLongLongAndOverflow(item, cython.address(overflow))
    else:
        number = item
    if overflow or number > LARGEST_INTEGER or number < -LARGEST_INTEGER:
        return 0
    target[place] = number
    return 1
