"""A program laid out for the tape: rows in the order of running, and the order in which gradients flow back."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.buffers import Buffer, Integers, integers_of
from chainrule.core.executing import Executor
from chainrule.core.reaching import cutting_rows
from chainrule.errors import ProgramError
from chainrule.ops.dispatch import Code
from chainrule.ops.row import BY_CODE


@cython.cclass
class Rows(Executor):
    """The rows of a program, leaves first, then the ops.

    Args:
        program: a `chainrule.compiler.program.Program`.

    Raises:
        ProgramError: the program holds seeds: only a class program does.
    """

    _leaves: cython.Py_ssize_t  # how many rows are leaves: the arguments' numbers, the live Values, the constants
    _input_rows: cython.Py_ssize_t
    _value_rows: cython.Py_ssize_t
    _places: Integers  # of the first two kinds of leaves: where in its region the number lies
    _groups: Integers  # of the arguments' numbers: which region
    _ops: cython.Py_ssize_t
    _codes: Integers  # of the ops, as everything below
    _left: Integers  # the operand of one, the first of two, or where the operands stand in `_items`
    _right: Integers  # the second of two, or how many operands there are
    _items: Integers
    _arity: Integers  # by code: 1, 2 or 3 where C knows the op, else 0
    _active: Integers  # by row: whether a live Value is among what it is made of
    _output_rows: Integers  # rows
    _numbers: Buffer  # by row
    _shares: Buffer  # by row: the gradient
    _scratch: Buffer  # as long as the longest logsumexp
    _orders: dict  # for each set of results that have a seed, the ops in the order of backward()

    def __init__(self, program: Any) -> None:
        self._made_of = (program,), {}
        self._arity = Integers(len(BY_CODE))
        for code in range(1, min(len(BY_CODE), Code.ROWS + 1)):
            self._arity.numbers[code] = BY_CODE[code].arity or 0
        rows: Integers = self._place_leaves(program)
        self._place_ops(program, rows)
        self._mark_active()
        self.order = Integers(program.value_groups[-1])
        place: cython.Py_ssize_t
        for place in range(self.order.count):
            self.order.numbers[place] = place
        self.outputs = Buffer(len(program.outputs))
        empty = Buffer(0)
        self._make_regions(empty, empty, program.input_groups, self.order.count, program.results)
        self._orders = {}

    @cython.cfunc
    def _place_leaves(self, program: Any) -> Integers:
        """Number the rows anew, leaves first; return each row's new number."""
        import numpy as np

        codes = program.codes
        if (codes < -2).any():
            raise ProgramError("a tape cannot hold seeds; it is made of the program before it is differentiated")
        kinds = [np.flatnonzero(codes == kind) for kind in (-1, -2, 0)]
        self._input_rows, self._value_rows = len(kinds[0]), len(kinds[1])
        leaves = np.concatenate(kinds)
        ops = np.flatnonzero(codes > 0)
        self._leaves, self._ops = len(leaves), len(ops)
        rows = np.empty(len(codes), np.int64)
        rows[leaves] = np.arange(len(leaves))
        rows[ops] = np.arange(len(leaves), len(codes))
        places = program.places[leaves]
        starts = np.array(program.input_groups)
        groups = np.searchsorted(starts, places[: self._input_rows], side="right") - 1
        places[: self._input_rows] -= starts[groups]
        self._places = integers_of(places[: self._input_rows + self._value_rows])
        self._groups = integers_of(groups)
        self._numbers = Buffer(len(codes))
        self._numbers.as_array()[: len(leaves)] = program.numbers[leaves]
        self._shares = Buffer(len(codes))
        self._output_rows = integers_of(rows[program.outputs])
        self._codes = integers_of(codes[ops])
        return integers_of(rows)

    @cython.cfunc
    def _place_ops(self, program: Any, rows: Integers) -> object:
        """Write down the operands of every op."""
        used: Integers = integers_of(program.operands)
        counts: Integers = integers_of((program.starts[1:] - program.starts[:-1])[program.codes > 0])
        self._left = Integers(self._ops)
        self._right = Integers(self._ops)
        self._items = Integers(used.count)
        op: cython.Py_ssize_t
        i: cython.Py_ssize_t
        start: cython.Py_ssize_t = 0
        item: cython.Py_ssize_t = 0
        longest: cython.Py_ssize_t = 0
        arity: cython.int
        for op in range(self._ops):
            arity = self._arity.numbers[self._codes.numbers[op]]
            if arity == 1 or arity == 2:
                self._left.numbers[op] = rows.numbers[used.numbers[start]]
                self._right.numbers[op] = rows.numbers[used.numbers[start + arity - 1]]
            else:
                self._left.numbers[op] = item
                self._right.numbers[op] = counts.numbers[op]
                longest = max(longest, counts.numbers[op])
                for i in range(counts.numbers[op]):
                    self._items.numbers[item + i] = rows.numbers[used.numbers[start + i]]
                item += counts.numbers[op]
            start += counts.numbers[op]
        self._scratch = Buffer(longest)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _operand_count(self, op: cython.Py_ssize_t) -> cython.int:
        arity: cython.int = self._arity.numbers[self._codes.numbers[op]]
        return arity if arity == 1 or arity == 2 else self._right.numbers[op]

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _operand(self, op: cython.Py_ssize_t, place: cython.int) -> cython.int:
        arity: cython.int = self._arity.numbers[self._codes.numbers[op]]
        if arity == 1 or arity == 2:
            return self._right.numbers[op] if place else self._left.numbers[op]
        return self._items.numbers[self._left.numbers[op] + place]

    @cython.cfunc
    def _mark_active(self) -> object:
        """Find the rows that gradients flow through on their way to the live Values."""
        op: cython.Py_ssize_t
        place: cython.int
        self._active = Integers(self._leaves + self._ops)
        cutting: Integers = cutting_rows()
        for op in range(self._input_rows, self._input_rows + self._value_rows):
            self._active.numbers[op] = 1
        for op in range(self._ops):
            if not cutting.numbers[self._codes.numbers[op]]:
                for place in range(self._operand_count(op)):
                    if self._active.numbers[self._operand(op, place)]:
                        self._active.numbers[self._leaves + op] = 1

    @cython.cfunc
    def _seeded_order(self) -> Integers:
        """Return the order of backward() from the results whose seed is not 0."""
        seeded: tuple = (0,)
        if self.seeds.count > 1:
            seeded = tuple([i for i in range(self.seeds.count) if self.seeds.numbers[i] != 0.0])
        found = self._orders.get(seeded)
        if found is None:
            if len(self._orders) >= 4:  # each is as long as the program
                self._orders.clear()
            found = self._orders[seeded] = self._find_order(seeded)
        return found

    @cython.cfunc
    def _find_order(self, roots: tuple) -> Integers:
        """Walk from these results as eager `backward()` does from one made of them: a node when all users gave."""
        waiting: Integers = Integers(self._ops)
        order: Integers = Integers(self._ops)
        self._walk(roots, waiting, 1, 1, order)  # counts the users; backward() goes another way
        self._walk(roots, waiting, -1, 0, order)
        return order

    @cython.cfunc
    def _walk(self, roots: tuple, waiting: Integers, change: cython.int, when: cython.int, order: Integers) -> object:
        """Go down from these results, changing a row's count at each use; beyond it when the count is `when`."""
        pile: Integers = Integers(self._ops)
        visited: cython.Py_ssize_t = 0
        op: cython.Py_ssize_t
        place: cython.int
        height: cython.Py_ssize_t = 0
        for root in roots:
            height = self._count(self._output_rows.numbers[root], waiting, change, when, pile, height)
        while height:
            height -= 1
            op = pile.numbers[height]
            order.numbers[visited] = op
            visited += 1
            for place in range(self._operand_count(op)):
                height = self._count(self._operand(op, place), waiting, change, when, pile, height)
        order.count = visited

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _count(  # noqa: PLR0917 - the state of a walk
        self,
        row: cython.int,
        waiting: Integers,
        change: cython.int,
        when: cython.int,
        pile: Integers,
        height: cython.Py_ssize_t,
    ) -> cython.Py_ssize_t:
        """Change the count of a row's users; pile it up when the count is `when`; return how high the pile is."""
        op: cython.Py_ssize_t = row - self._leaves
        if op < 0 or not self._active.numbers[row]:
            return height
        waiting.numbers[op] += change
        if waiting.numbers[op] != when:
            return height
        pile.numbers[height] = op
        return height + 1
