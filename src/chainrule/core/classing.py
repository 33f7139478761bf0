"""Scalars of a lowered program, made one after the other, and the class that each falls into."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.keys import LEAST_SYMBOL, MAX_SYMBOL, SUM_SYMBOL, Growing, Keys
from chainrule.ops.dispatch import Code

# What a class is, the first of the three numbers that describe it.
LEAVES = cython.declare(cython.int, 0)
MAPS = cython.declare(cython.int, 1)
SUMS = cython.declare(cython.int, 2)
MAXIMA = cython.declare(cython.int, 3)


@cython.cclass
class Scalars:
    """The scalars so far. Two are of one class when one op made them from operands of the same classes in order."""

    shapes: list  # of each class: what it is (LEAVES, MAPS ...), the code of the leaf or op, the extra
    classes: Growing  # of each scalar
    starts: Growing  # scalar i is made from the scalars items[starts[i] : starts[i + 1]]
    items: Growing
    rows: Growing  # of a leaf the program's row; of other scalars nothing
    _keys: Keys
    _class_of_state: Growing  # 1 + the class
    _class_of_set: dict
    _depends: Growing  # by class: whether it depends on live Values
    _stamps: Growing  # by class: 1 + the last sum that has it among its terms' classes
    _terms: Growing

    def __init__(self) -> None:
        self.shapes = []
        self.classes, self.starts, self.items, self.rows = Growing(), Growing(), Growing(), Growing()
        self._keys = Keys()
        self._class_of_state, self._class_of_set = Growing(), {}
        self._depends, self._stamps, self._terms = Growing(), Growing(), Growing()
        self.starts.append(0)

    def lowered(self) -> tuple[Any, ...]:
        """Return the shapes and, as arrays, classes, starts, items and rows; the scan is over."""
        columns = (self.classes, self.starts, self.items, self.rows)
        return (self.shapes, *[column.taken() for column in columns])

    @cython.cfunc
    @cython.inline
    def _emit(self, number: cython.int, row: cython.int) -> cython.int:
        """Add a scalar, whose operands are in `items` already."""
        self.classes.append(number)
        self.starts.append(self.items.count)
        self.rows.append(row)
        return self.classes.count - 1

    @cython.cfunc
    @cython.inline
    def _known_class(self, state: cython.int) -> cython.int:
        """Return the class with this key, -1 where there is none yet."""
        while self._class_of_state.count <= state:
            self._class_of_state.append(0)
        return self._class_of_state.numbers[state] - 1

    @cython.cfunc
    def _new_class(self, state: cython.int, kind: int, code: int, extra: int, depends: cython.bint) -> cython.int:
        self.shapes.append((kind, code, extra))
        self._depends.append(depends)
        self._stamps.append(0)
        self._class_of_state.numbers[state] = len(self.shapes)
        return len(self.shapes) - 1

    @cython.cfunc
    @cython.inline
    def _class_of_map(self, code: cython.int, extra: cython.int, count: cython.Py_ssize_t) -> cython.int:
        """Return the class of an op of the last `count` items."""
        i: cython.Py_ssize_t
        number: cython.int
        operand: cython.int
        depends: cython.bint = False
        state: cython.int = self._keys.step(0, code)
        if extra:  # no class has this number
            state = self._keys.step(self._keys.step(state, LEAST_SYMBOL), extra)
        for i in range(self.items.count - count, self.items.count):
            state = self._keys.step(state, self.classes.numbers[self.items.numbers[i]])
        number = self._known_class(state)
        if number < 0:
            for i in range(self.items.count - count, self.items.count):
                operand = self.classes.numbers[self.items.numbers[i]]
                depends = depends or self._depends.numbers[operand] != 0
            number = self._new_class(state, MAPS, code, extra, depends)
        return number

    @cython.cfunc
    @cython.inline
    def _unary(self, code: cython.int, a: cython.int) -> cython.int:
        self.items.append(a)
        return self._emit(self._class_of_map(code, 0, 1), 0)

    @cython.cfunc
    @cython.inline
    def _binary(self, code: cython.int, a: cython.int, b: cython.int) -> cython.int:
        self.items.append(a)
        self.items.append(b)
        return self._emit(self._class_of_map(code, 0, 2), 0)

    @cython.cfunc
    @cython.inline
    def _product(self, a: cython.int, b: cython.int) -> cython.int:
        if self.classes.numbers[a] > self.classes.numbers[b]:
            return self._binary(Code.MULTIPLY, b, a)
        return self._binary(Code.MULTIPLY, a, b)

    @cython.cfunc
    def _reduce(self, kind: cython.int) -> cython.int:
        """Emit the sum or the largest of `_terms`."""
        i: cython.Py_ssize_t
        number: cython.int
        mark: cython.int = self.classes.count + 1
        state: cython.int = self._keys.step(0, SUM_SYMBOL if kind == SUMS else MAX_SYMBOL)
        for i in range(self._terms.count):
            number = self.classes.numbers[self._terms.numbers[i]]
            if self._stamps.numbers[number] != mark:
                self._stamps.numbers[number] = mark
                state = self._keys.step(state, number)
            self.items.append(self._terms.numbers[i])
        number = self._known_class(state)
        if number < 0:
            number = self._class_of_terms(state, kind)
        return self._emit(number, 0)

    @cython.cfunc
    def _class_of_terms(self, state: cython.int, kind: cython.int) -> cython.int:
        """Return the class of sums of `_terms` whose classes came in an order that was not seen before."""
        i: cython.Py_ssize_t
        number: cython.int
        depends: cython.bint = False
        found: set = set()
        for i in range(self._terms.count):
            number = self.classes.numbers[self._terms.numbers[i]]
            found.add(number)
            depends = depends or (kind == SUMS and self._depends.numbers[number] != 0)
        key = (kind, frozenset(found))
        if key in self._class_of_set:
            number = self._class_of_set[key]
            self._class_of_state.numbers[state] = 1 + number
            return number
        number = self._new_class(state, kind, 0, 0, depends)
        self._class_of_set[key] = number
        return number
