"""The scan: every scalar of a program gets its class, lowered to products, sums, maxima and maps on the way.

Two scalars are of one class when they are made by one op from operands of the same classes in the same order; a
sum's class is the *set* of its terms' classes, so that sums of different lengths stay together. Everything that
costs time for each scalar happens here, in two passes; what follows works on whole columns.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Kind
from chainrule.compiler.program import Leaf
from chainrule.ops.row import BY_CODE, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.program import Program

SUM_SYMBOL = -10  # first symbols of keys, beside the codes of ops and leaves
MAX_SYMBOL = -11


@dataclass(frozen=True)
class Irregular:
    """A program that does not fall into few classes; the interpreter runs it as it is.

    Attributes:
        reason: a sentence for people.
        rows: how many scalars the program has.
    """

    reason: str
    rows: int


@dataclass(frozen=True)
class Shape:
    """What all scalars of one class are made by.

    Attributes:
        kind, code, group: see `chainrule.compiler.classes.Class`; the code is that of a MAP's op.
    """

    kind: Kind
    code: int = 0
    group: int = 0


@dataclass(frozen=True)
class Scan:
    """The lowered program: scalars in the order of their making, each with its class.

    Attributes:
        shapes: of each class.
        classes: int32: the class of each scalar.
        starts, operands: int64: scalar i is made from the scalars `operands[starts[i] : starts[i + 1]]`.
        rows: int64: the program's row of a leaf; of other scalars nothing.
        outputs: int64: the scalars that are `Program.outputs`.
    """

    shapes: list[Shape]
    classes: NDArray[np.int32]
    starts: NDArray[np.int64]
    operands: NDArray[np.int64]
    rows: NDArray[np.int64]
    outputs: NDArray[np.int64]


def scan(program: Program, limit: int) -> Scan | Irregular:
    """Give every scalar that the outputs need its class; give up beyond `limit` classes."""
    return _Scanner(program, limit).run()


def _code(name: str) -> int:
    return TABLE[name].code if name in TABLE else 0


class _Scanner:
    def __init__(self, program: Program, limit: int) -> None:
        self.program = program
        self.limit = limit
        self.codes: list[int] = program.codes.tolist()
        self.row_starts: list[int] = program.starts.tolist()
        self.row_operands: list[int] = program.operands.tolist()
        self.lowered = [-1] * program.size  # the scalar that a row became
        self.parts: dict[int, list[int]] = {}  # the terms that a row without a scalar leaves to its user
        # the lowered program so far
        self.shapes: list[Shape] = []
        self.classes: list[int] = []
        self.starts = [0]
        self.operands: list[int] = []
        self.rows: list[int] = []
        # Keys are read symbol by symbol: (state, symbol) -> state. A sum's symbols are its terms' classes in the
        # order of their first term; sequences with the same set share a class.
        self.states: dict[tuple[int, int], int] = {}
        self.class_of_state: dict[int, int] = {}
        self.class_of_set: dict[tuple[Kind, frozenset[int]], int] = {}
        self.stamps: list[int] = []
        self.depends: list[bool] = []  # whether a class depends on live Values

    def run(self) -> Scan | Irregular:
        self._count_uses()
        lower = self._lowerings()
        for row, code in enumerate(self.codes):
            if code <= 0 or not self.uses[row]:
                continue
            begin, end = self.row_starts[row], self.row_starts[row + 1]
            operands = self.row_operands[begin:end]
            special = lower.get(code)
            if special is not None:
                special(row, operands)
            elif BY_CODE[code].arity is None:
                return Irregular(f"it uses '{BY_CODE[code].name}', an op of any number of operands", len(self.codes))
            else:
                self.lowered[row] = self._map(code, [self._scalar(each) for each in operands])
            if len(self.shapes) > self.limit:
                return Irregular(
                    f"it has more than {self.limit} different kinds of scalars in its first {row} of {len(self.codes)}",
                    len(self.codes),
                )
        outputs = [self._scalar(row) for row in self.program.outputs.tolist()]
        return Scan(
            self.shapes,
            np.array(self.classes, np.int32),
            np.array(self.starts, np.int64),
            np.array(self.operands, np.int64),
            np.array(self.rows, np.int64),
            np.array(outputs, np.int64),
        )

    # Which rows are needed, and which additions (maxima) are part of another

    def _count_uses(self) -> None:
        add, total, dot, logsumexp = (_code(name) for name in ("add", "sum", "dot", "logsumexp"))
        maximum, detached = _code("maximum"), _code("detached")
        uses = [0] * len(self.codes)
        takers = [0] * len(self.codes)  # of a row used once: `add` or `maximum` where its user can take it in
        for row in self.program.outputs.tolist():
            uses[row] += 2
        for row in range(len(self.codes) - 1, -1, -1):
            code = self.codes[row]
            if not uses[row] or code <= 0:
                continue
            begin, end = self.row_starts[row], self.row_starts[row + 1]
            taker = 0
            if code in (add, total):
                taker = add
            elif code == detached or (code == maximum and uses[row] == 1 and takers[row] == maximum):
                taker = maximum
            for operand in self.row_operands[begin:end]:
                uses[operand] += 1
                takers[operand] = taker
            if code == dot and (end - begin) % 2:  # what a dot product starts with
                takers[self.row_operands[end - 1]] = add
        sums = (add, total, dot, logsumexp)
        self.uses = uses
        self.joined = [
            uses[row] == 1 and ((takers[row] == add and code in sums) or (takers[row] == maximum and code == maximum))
            for row, code in enumerate(self.codes)
        ]

    # Keys

    def _step(self, state: int, symbol: int) -> int:
        return self.states.setdefault((state, symbol), len(self.states) + 1)

    def _new_class(self, shape: Shape, depends: bool) -> int:
        self.shapes.append(shape)
        self.depends.append(depends)
        self.stamps.append(-1)
        return len(self.shapes) - 1

    # Scalars

    def _emit(self, number: int, operands: list[int], row: int = 0) -> int:
        self.classes.append(number)
        self.operands.extend(operands)
        self.starts.append(len(self.operands))
        self.rows.append(row)
        return len(self.classes) - 1

    def _scalar(self, row: int) -> int:
        """Return the scalar of a row, made now if it is a leaf: leaves are in the order of their first use."""
        if self.lowered[row] < 0:
            self.lowered[row] = self._leaf(row)
        return self.lowered[row]

    def _leaf(self, row: int) -> int:
        code = Leaf(self.codes[row])
        kind = {Leaf.CONSTANT: Kind.CONSTANT, Leaf.INPUT: Kind.INPUT, Leaf.VALUE: Kind.VALUE}[code]
        group = 0
        if code != Leaf.CONSTANT:
            groups = self.program.input_groups if code == Leaf.INPUT else self.program.value_groups
            group = bisect_right(groups, int(self.program.places[row])) - 1
        state = self._step(self._step(0, code), group)
        if state not in self.class_of_state:
            self.class_of_state[state] = self._new_class(Shape(kind, group=group), kind is Kind.VALUE)
        return self._emit(self.class_of_state[state], [], row)

    def _map(self, code: int, operands: list[int], exponent: int = 0) -> int:
        """Emit an op of the table; of a power by a constant, that number's bits are part of the class."""
        state = self._step(self._step(0, code), exponent)
        for operand in operands:
            state = self._step(state, self.classes[operand])
        if state not in self.class_of_state:
            depends = any(self.depends[self.classes[operand]] for operand in operands)
            self.class_of_state[state] = self._new_class(Shape(Kind.MAP, code), depends)
        return self._emit(self.class_of_state[state], operands)

    def _reduce(self, kind: Kind, terms: list[int]) -> int:
        mark = len(self.classes)
        found = []
        state = self._step(0, SUM_SYMBOL if kind is Kind.SUM else MAX_SYMBOL)
        for term in terms:
            number = self.classes[term]
            if self.stamps[number] != mark:
                self.stamps[number] = mark
                found.append(number)
                state = self._step(state, number)
        if state not in self.class_of_state:
            key = (kind, frozenset(found))
            if key not in self.class_of_set:
                depends = kind is Kind.SUM and any(self.depends[number] for number in found)
                self.class_of_set[key] = self._new_class(Shape(kind), depends)
            self.class_of_state[state] = self.class_of_set[key]
        return self._emit(self.class_of_state[state], terms)

    # Ops that become others

    def _lowerings(self) -> dict[int, Callable[[int, list[int]], None]]:
        return {
            _code("add"): self._sum,
            _code("sum"): self._sum,
            _code("dot"): self._dot,
            _code("logsumexp"): self._logsumexp,
            _code("multiply"): self._multiply,
            _code("power"): self._power,
            _code("maximum"): self._maximum,
            _code("detached"): self._detached,
        }

    def _flat(self, rows: list[int]) -> list[int]:
        """Return the scalars of rows and, in place of the joined ones, those of their operands, from left to right."""
        terms = []
        waiting = rows[::-1]
        while waiting:
            row = waiting.pop()
            if not self.joined[row]:
                terms.append(self._scalar(row))
            elif row in self.parts:
                terms.extend(self.parts[row])
            else:
                waiting.extend(self.row_operands[self.row_starts[row] : self.row_starts[row + 1]][::-1])
        return terms

    def _add_up(self, row: int, terms: list[int]) -> None:
        if self.joined[row]:
            self.parts[row] = terms
        else:
            self.lowered[row] = self._reduce(Kind.SUM, terms)

    def _sum(self, row: int, operands: list[int]) -> None:
        if not self.joined[row]:
            self.lowered[row] = self._reduce(Kind.SUM, self._flat(operands))

    def _product(self, a: int, b: int) -> int:
        if self.classes[a] > self.classes[b]:
            a, b = b, a
        return self._map(_code("multiply"), [a, b])

    def _multiply(self, row: int, operands: list[int]) -> None:
        self.lowered[row] = self._product(self._scalar(operands[0]), self._scalar(operands[1]))

    def _dot(self, row: int, operands: list[int]) -> None:
        half = len(operands) // 2
        terms = self._flat(operands[2 * half :])
        for i in range(half):
            terms.append(self._product(self._scalar(operands[i]), self._scalar(operands[half + i])))
        self._add_up(row, terms)

    def _logsumexp(self, row: int, operands: list[int]) -> None:
        # the largest is a mere shift: whatever it is, the derivative by it is 0, so a MAX has no gradient
        terms = [self._scalar(each) for each in operands]
        largest = self._reduce(Kind.MAX, terms)
        differences = [self._map(_code("subtract"), [term, largest]) for term in terms]
        exponentials = [self._map(_code("exp"), [each]) for each in differences]
        total = self._reduce(Kind.SUM, exponentials)
        self._add_up(row, [largest, self._map(_code("log"), [total])])

    def _maximum(self, row: int, operands: list[int]) -> None:
        if not self.joined[row]:
            self.lowered[row] = self._map(_code("maximum"), [self._scalar(each) for each in operands])

    def _detached(self, row: int, operands: list[int]) -> None:
        operand = operands[0]
        if self.joined[operand] and self.codes[operand] == _code("maximum"):
            self.lowered[row] = self._reduce(Kind.MAX, self._flat([operand]))
            return
        scalar = self._scalar(operand)
        if self.depends[self.classes[scalar]]:
            scalar = self._map(_code("detached"), [scalar])
        self.lowered[row] = scalar

    def _power(self, row: int, operands: list[int]) -> None:
        base, exponent = operands
        bits = 0
        if self.codes[exponent] == Leaf.CONSTANT:
            bits = int(self.program.numbers[exponent : exponent + 1].view(np.int64)[0])
        self.lowered[row] = self._map(_code("power"), [self._scalar(base), self._scalar(exponent)], bits)
