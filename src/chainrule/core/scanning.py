"""The scan: every scalar of a program gets its class, lowered to products, sums, maxima and maps on the way.

A sum's class is the *set* of its terms' classes, so that sums of different lengths stay together. Everything that
costs time for each scalar happens here, in one pass backward and one forward; what follows works on whole columns.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.buffers import Integers, integers_of
from chainrule.core.classing import LEAVES, MAXIMA, SUMS, Scalars
from chainrule.core.keys import Growing
from chainrule.ops.dispatch import Code

VALUE_ROW = cython.declare(cython.int, -2)  # the code of a live Value's row
# So many subtractions, each from what the one before gives, are a sum: `loss -= ...` in a loop. A few stay what they
# are, since a difference in every row of something is as regular.
MANY = cython.declare(cython.int, 4)


@cython.final
@cython.cclass
class Scanner(Scalars):
    """One scan of a program.

    Args:
        program: a `chainrule.compiler.program.Program`.
        extras: by row, what is part of a class's key beside code and operands: a leaf's group, the number of a
            power's constant exponent among these, else 0.
        limit: how many classes are too many.

    """

    results: Growing  # the scalars that are the outputs
    _size: cython.Py_ssize_t
    _limit: cython.Py_ssize_t
    _codes: Integers
    _first: Integers
    _operands: Integers
    _extras: Integers
    _outputs: Integers
    _subtractions: Integers  # by row: how many it would take in as a sum, up to MANY; MANY also for those taken in
    _uses: Integers  # by row; from 2 on, it does not matter how many
    _takers: Integers  # by row used once: ADD or MAXIMUM where its user can take it in
    _lowered: Integers  # by row: 1 + the scalar that it became; of a joined row, 1 + the first scalar of its parts
    _waiting: Growing

    def __init__(self, program: Any, extras: Any, limit: int) -> None:
        Scalars.__init__(self)
        self._size, self._limit = program.size, limit
        self._codes, self._first, self._operands = (
            integers_of(program.codes),
            integers_of(program.starts),
            integers_of(program.operands),
        )
        self._extras, self._outputs = integers_of(extras), integers_of(program.outputs)
        self._subtractions = Integers(self._size)
        self._uses, self._takers, self._lowered = Integers(self._size), Integers(self._size), Integers(self._size)
        self._waiting, self.results = Growing(), Growing()

    def run(self) -> int:
        """Scan; return how many rows were looked at: fewer than there are where there are too many classes."""
        row: cython.Py_ssize_t
        code: cython.int
        self._count_subtractions()
        self._count_uses()
        for row in range(self._size):
            code = self._codes.numbers[row]
            if code <= 0 or not self._uses.numbers[row]:
                continue
            if code == Code.ADD or code == Code.SUM:
                self._sum(row)
            elif code == Code.MULTIPLY:
                self._lowered.numbers[row] = 1 + self._product(self._operand(row, 0), self._operand(row, 1))
            elif code == Code.SUBTRACT and self._subtractions.numbers[row] == MANY:
                self._subtraction(row)
            elif code == Code.DOT:
                self._dot(row)
            elif code == Code.LOGSUMEXP:
                self._logsumexp(row)
            elif code == Code.DETACHED:
                self._detach(row)
            elif code != Code.MAXIMUM or not self._joined(row):
                self._map(row, code)
            if len(self.shapes) > self._limit:
                return row
        for row in range(self._outputs.count):
            self.results.append(self._scalar(self._outputs.numbers[row]))
        return self._size

    def outputs(self) -> Any:
        """Return the scalars that are the outputs."""
        return self.results.taken()

    # Which rows are needed, and which additions (maxima) are part of another

    @cython.cfunc
    def _count_subtractions(self) -> None:
        row: cython.Py_ssize_t
        code: cython.int
        found: cython.p_int = self._subtractions.numbers
        for row in range(self._size):
            code = self._codes.numbers[row]
            if code == Code.ADD or code == Code.SUBTRACT:
                found[row] = found[self._operands.numbers[self._first.numbers[row]]]
                if code == Code.SUBTRACT and found[row] < MANY:
                    found[row] += 1

    @cython.cfunc
    def _count_uses(self) -> None:
        row: cython.Py_ssize_t
        i: cython.Py_ssize_t
        end: cython.Py_ssize_t
        code: cython.int
        taker: cython.int
        uses: cython.p_int = self._uses.numbers
        takers: cython.p_int = self._takers.numbers
        operands: cython.p_int = self._operands.numbers
        for i in range(self._outputs.count):
            uses[self._outputs.numbers[i]] = 2
        for row in range(self._size - 1, -1, -1):
            code = self._codes.numbers[row]
            if code <= 0 or not uses[row]:
                continue
            taker = 0
            if code == Code.ADD or code == Code.SUM:
                taker = Code.ADD
            elif code == Code.DETACHED or (code == Code.MAXIMUM and self._joined(row)):
                taker = Code.MAXIMUM
            end = self._first.numbers[row + 1]
            for i in range(self._first.numbers[row], end):
                uses[operands[i]] += 1
                takers[operands[i]] = taker
            if code == Code.DOT and (end - self._first.numbers[row]) % 2:  # what a dot product starts with
                takers[operands[end - 1]] = Code.ADD
            if (code == Code.ADD or code == Code.SUBTRACT) and self._subtractions.numbers[row] == MANY:
                self._subtractions.numbers[operands[end - 2]] = MANY
                takers[operands[end - 2]] = Code.ADD

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _joined(self, row: cython.Py_ssize_t) -> cython.bint:
        """Tell whether a row is part of its only user."""
        code: cython.int
        if self._uses.numbers[row] != 1:
            return False
        code = self._codes.numbers[row]
        if self._takers.numbers[row] == Code.ADD:
            if code == Code.SUBTRACT:
                return self._subtractions.numbers[row] == MANY
            return code == Code.ADD or code == Code.SUM or code == Code.DOT or code == Code.LOGSUMEXP
        return self._takers.numbers[row] == Code.MAXIMUM and code == Code.MAXIMUM

    # Rows and their scalars

    @cython.cfunc
    @cython.inline
    def _operand(self, row: cython.Py_ssize_t, place: cython.Py_ssize_t) -> cython.int:
        return self._scalar(self._operands.numbers[self._first.numbers[row] + place])

    @cython.cfunc
    @cython.inline
    def _scalar(self, row: cython.Py_ssize_t) -> cython.int:
        """Return the scalar of a row, made now if it is a leaf: leaves are in the order of their first use."""
        if not self._lowered.numbers[row]:
            self._lowered.numbers[row] = 1 + self._leaf(row)
        return self._lowered.numbers[row] - 1

    @cython.cfunc
    def _leaf(self, row: cython.Py_ssize_t) -> cython.int:
        code: cython.int = self._codes.numbers[row]
        extra: cython.int = self._extras.numbers[row]
        state: cython.int = self._keys.step(self._keys.step(0, code), extra)
        number: cython.int = self._known_class(state)
        if number < 0:
            number = self._new_class(state, LEAVES, code, extra, code == VALUE_ROW)
        return self._emit(number, row)

    @cython.cfunc
    def _map(self, row: cython.Py_ssize_t, code: cython.int) -> None:
        i: cython.Py_ssize_t
        begin: cython.Py_ssize_t = self._first.numbers[row]
        count: cython.Py_ssize_t = self._first.numbers[row + 1] - begin
        for i in range(count):  # leaves that are made now come before it
            self._operand(row, i)
        for i in range(count):
            self.items.append(self._operand(row, i))
        self._lowered.numbers[row] = 1 + self._emit(self._class_of_map(code, self._extras.numbers[row], count), 0)

    # Ops that become others

    @cython.cfunc
    def _flatten(self, row: cython.Py_ssize_t) -> None:
        """Add to `_terms` the scalar of a row or, where the row is joined, those of its operands, in their order."""
        i: cython.Py_ssize_t
        begin: cython.Py_ssize_t
        end: cython.Py_ssize_t
        code: cython.int
        self._waiting.append(row)
        while self._waiting.count:
            row = self._waiting.pop()
            if row < 0:
                self._add_parts(-1 - row)
            elif not self._joined(row):
                self._terms.append(self._scalar(row))
            else:
                code = self._codes.numbers[row]
                begin = self._first.numbers[row]
                end = self._first.numbers[row + 1]
                if code == Code.SUBTRACT:
                    self._waiting.append(-1 - row)
                    end -= 1
                elif code == Code.DOT or code == Code.LOGSUMEXP:
                    self._waiting.append(-1 - row)
                    begin = end - 1 if code == Code.DOT and (end - begin) % 2 else end
                for i in range(end - 1, begin - 1, -1):
                    self._waiting.append(self._operands.numbers[i])

    @cython.cfunc
    def _add_parts(self, row: cython.Py_ssize_t) -> None:
        """Add what a joined difference, dot product or logsumexp adds up to `_terms`; of a difference the second."""
        i: cython.Py_ssize_t
        first: cython.int = self._lowered.numbers[row] - 1
        count: cython.Py_ssize_t = self._first.numbers[row + 1] - self._first.numbers[row]
        if self._codes.numbers[row] == Code.DOT:
            for i in range(count // 2):
                self._terms.append(first + i)
        elif self._codes.numbers[row] == Code.SUBTRACT:
            self._terms.append(first)
        else:  # the largest, and the logarithm behind all that it is made from
            self._terms.append(first)
            self._terms.append(first + 2 * count + 2)

    @cython.cfunc
    def _sum(self, row: cython.Py_ssize_t) -> None:
        i: cython.Py_ssize_t
        if self._joined(row):
            return
        self._terms.clear()
        for i in range(self._first.numbers[row], self._first.numbers[row + 1]):
            self._flatten(self._operands.numbers[i])
        self._lowered.numbers[row] = 1 + self._reduce(SUMS)

    @cython.cfunc
    def _subtraction(self, row: cython.Py_ssize_t) -> None:
        negative: cython.int = self._unary(Code.NEGATIVE, self._operand(row, 1))
        self._lowered.numbers[row] = 1 + negative
        if self._joined(row):
            return
        self._terms.clear()
        self._flatten(self._operands.numbers[self._first.numbers[row]])
        self._terms.append(negative)
        self._lowered.numbers[row] = 1 + self._reduce(SUMS)

    @cython.cfunc
    def _dot(self, row: cython.Py_ssize_t) -> None:
        i: cython.Py_ssize_t
        first: cython.int
        count: cython.Py_ssize_t = self._first.numbers[row + 1] - self._first.numbers[row]
        half: cython.Py_ssize_t = count // 2
        for i in range(2 * half):  # leaves that are made now come before the products, which lie together
            self._operand(row, i)
        first = self.classes.count
        for i in range(half):
            self._product(self._operand(row, i), self._operand(row, half + i))
        self._lowered.numbers[row] = 1 + first
        if self._joined(row):
            return
        self._terms.clear()
        if count % 2:
            self._flatten(self._operands.numbers[self._first.numbers[row + 1] - 1])
        for i in range(half):
            self._terms.append(first + i)
        self._lowered.numbers[row] = 1 + self._reduce(SUMS)

    @cython.cfunc
    def _logsumexp(self, row: cython.Py_ssize_t) -> None:
        # the largest is a mere shift: whatever it is, the derivative by it is 0, so a maximum has no gradient
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = self._first.numbers[row + 1] - self._first.numbers[row]
        self._terms.clear()
        for i in range(count):
            self._terms.append(self._operand(row, i))
        largest: cython.int = self._reduce(MAXIMA)
        for i in range(count):
            self._binary(Code.SUBTRACT, self._operand(row, i), largest)
        for i in range(count):
            self._unary(Code.EXP, largest + 1 + i)
        self._terms.clear()
        for i in range(count):
            self._terms.append(largest + 1 + count + i)
        logarithm: cython.int = self._unary(Code.LOG, self._reduce(SUMS))
        self._lowered.numbers[row] = 1 + largest
        if self._joined(row):
            return
        self._terms.clear()
        self._terms.append(largest)
        self._terms.append(logarithm)
        self._lowered.numbers[row] = 1 + self._reduce(SUMS)

    @cython.cfunc
    def _detach(self, row: cython.Py_ssize_t) -> None:
        # a detached scalar is the largest of one: so the shift of a softmax of one term is of the class of the others
        operand: cython.Py_ssize_t = self._operands.numbers[self._first.numbers[row]]
        if not self._joined(operand) and not self._depends.numbers[self.classes.numbers[self._scalar(operand)]]:
            self._lowered.numbers[row] = 1 + self._scalar(operand)
            return
        self._terms.clear()
        self._flatten(operand)
        self._lowered.numbers[row] = 1 + self._reduce(MAXIMA)
