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
        PyLong_AsLongLongAndOverflow,
        PyObject,
        doubles_of,
        float_at,
        is_float,
        item_at,
        tuple_item_at,
    )
else:
    from chainrule.core.pointers import float_at, is_float, item_at, tuple_item_at

from chainrule.core.executing import Executor
from chainrule.core.kinds import is_float_class
from chainrule.core.patterns import (
    ARRAY_PART,
    DICT_PART,
    LIST_PART,
    NUMBER_OF_TYPE_PART,
    NUMBER_PART,
    STATIC_PART,
    TUPLE_PART,
    VALUE_PART,
    Layout,
    Part,
)
from chainrule.core.value import Value

# Beyond, float64 does not hold every integer.
LARGEST_INTEGER = cython.declare(cython.longlong, 9007199254740992)


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
    _positional: list
    _names: tuple
    _named: list
    _arrays: list
    _same: Any
    _executor: Executor
    _live: cython.Py_ssize_t

    def __init__(
        self, pattern: Any, same: Callable[[Any, Any], bool], executor: Executor, groups: tuple[int, ...], live: int
    ) -> None:
        layout: Layout = Layout(executor, groups, live)
        _, positional, self._names, named = pattern
        self._same = same
        self._executor = executor
        self._live = live
        self._positional = [layout.part(each) for each in positional]
        self._named = [layout.part(each) for each in named]
        self._arrays = layout.arrays
        self.values = [None] * layout.values

    @cython.cfunc
    @cython.exceptval(-1)
    def read(self, arguments: tuple, keywords: dict | None) -> cython.int:
        """Read the arguments of a call; return 1, or 0 where they do not match. `release` must follow."""
        place: cython.Py_ssize_t
        count: cython.Py_ssize_t = len(self._positional)
        if len(arguments) != count or (len(keywords) if keywords else 0) != len(self._named):
            return 0
        for place in range(count):
            if not self._read(cython.cast(Part, item_at(self._positional, place)), tuple_item_at(arguments, place)):
                return 0
        return 1 if not keywords else self._read_named(keywords)

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_named(self, keywords: dict) -> cython.int:
        """Read arguments given by name, which have the order of the first call."""
        for place, (name, argument) in enumerate(keywords.items()):
            if name != self._names[place] or not self._read_object(self._named[place], argument):
                return 0
        return 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def read_values(self) -> cython.void:
        """Read the data of the Values among the arguments."""
        place: cython.Py_ssize_t
        numbers: cython.p_double = self._executor.values.numbers
        order: cython.p_int = self._executor.order.numbers
        for place in range(len(self.values)):
            numbers[order[self._live + place]] = cython.cast(Value, item_at(self.values, place))._data

    @cython.cfunc
    def release(self) -> cython.void:
        """Let go of what the call's arguments were read from."""
        part: Part
        place: cython.Py_ssize_t
        for place in range(len(self.values)):
            self.values[place] = None
        for place in range(len(self._arrays)):
            part = self._arrays[place]
            if part.held is not None:
                part.held = None
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
        if part.kind == LIST_PART and part.plain:  # most of the time goes here, and no Python code can run in it
            return type(cython.cast(object, item)) is list and self._read_list(part, cython.cast(list, item))
        return self._read_held(part, cython.cast(object, item))

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_held(self, part: Part, item: object) -> cython.int:
        """Read a part that must stay: comparing keys or objects may take it out of the list that it is in."""
        held: object = item
        if part.kind == LIST_PART:
            return type(held) is list and self._read_list(part, cython.cast(list, held))
        if part.kind == TUPLE_PART:
            return type(held) is part.expected and self._read_tuple(part, cython.cast(tuple, held))
        if part.kind == VALUE_PART:
            return self._read_value(part, held)
        return self._read_other(part, held)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _read_value(self, part: Part, item: object) -> cython.int:
        if type(item) is not Value:
            return 0
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
            if not part.plain:
                if not self._read(cython.cast(Part, item_at(part.parts, place)), item):
                    return 0
            elif is_float(item):
                part.target[part.first + place] = float_at(item)
            elif not _read_number(cython.cast(object, item), part.target, part.first + place):
                return 0
        return 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _read_array(self, part: Part, item: object) -> cython.int:
        """Take the memory of an array of float64 as it is; copy any other."""
        if cython.compiled and part.doubles is not None:
            numbers: cython.p_double = doubles_of(item, part.doubles, part.shape.count, part.shape.numbers)
            if numbers is not cython.NULL:
                part.held = item
                self._executor.regions[part.region] = numbers
                return 1
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
            return item is part.expected or bool(self._same(part.expected, item))
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
        keys: tuple = part.expected
        if len(items) != part.count:
            return 0
        for place, (key, item) in enumerate(list(items.items())):
            if key is not keys[place] and not (type(key) is type(keys[place]) and key == keys[place]):
                return 0
            if not self._read_object(part.parts[place], item):
                return 0
        return 1


def _exact(array: Any) -> bool:
    """Tell whether float64 holds every one of an array's integers."""
    return not array.size or (int(array.max()) <= LARGEST_INTEGER and int(array.min()) >= -LARGEST_INTEGER)


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
