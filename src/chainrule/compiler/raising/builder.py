"""Building classes: simplify what is the same in all rows, fold constants, merge equal rows, share equal tables.

Nothing is ever simplified in single rows: that would break the regularity that everything after this lives on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Class, ClassProgram, Kind, Members, Rule, Slot
from chainrule.compiler.raising.columns import (
    Column,
    Terms,
    first_of_equals,
    one_slot_a_source,
    row_keys,
    rows_of,
    same_terms,
    take_rows,
    term_keys,
)
from chainrule.compiler.raising.numeric import apply_rule
from chainrule.ops.row import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainrule.compiler.program import Program

CONSTANTS = 0  # the number of the CONSTANT class while a program is built


class Builder:
    """Classes under construction; the first is the pool of constants."""

    def __init__(self, program: ClassProgram | None = None) -> None:
        self.classes: list[Class] = [Class(Kind.CONSTANT, 0)]
        self._depends = [False]  # whether a class is made from live Values
        self._set_pool(np.zeros(0))  # the constants; their bits in order, to find them
        self._maps: dict[tuple[Rule, tuple[int, ...]], list[int]] = {}
        if program is not None:
            self._take(program)

    def _take(self, program: ClassProgram) -> None:
        """Begin with a program's classes, which keep their numbers; the first is its CONSTANT class."""
        numbers = program.classes[CONSTANTS].numbers
        self._set_pool(np.zeros(0) if numbers is None else numbers)
        for number, each in enumerate(program.classes):
            if number != CONSTANTS:
                self._add(each)
            if each.kind is Kind.MAP and each.rule is not None:
                self._maps.setdefault((each.rule, tuple(slot.source for slot in each.slots)), []).append(number)

    # Leaves

    def leaf(self, kind: Kind, group: int, places: NDArray[np.int64]) -> int:
        """Add a class of inputs, live Values or seeds."""
        return self._add(Class(kind, len(places), places=places, group=group))

    def _add(self, this: Class) -> int:
        """Add a class and return its number."""
        self.classes.append(this)
        self._depends.append(this.kind is Kind.VALUE or any(self._depends[slot.source] for slot in this.slots))
        return len(self.classes) - 1

    def constants(self, numbers: NDArray[np.float64]) -> Column:
        """Return the pool's members for numbers; equal ones, to the bit, are one member."""
        bits = np.ascontiguousarray(numbers, np.float64).view(np.int64)
        distinct = np.unique(bits)
        new = distinct[~np.isin(distinct, self._bits)] if len(self._bits) else distinct
        if len(new):
            self._set_pool(np.concatenate([self.pool, new.view(np.float64)]))
        return Column(CONSTANTS, self._order[np.searchsorted(self._bits, bits)])

    def _set_pool(self, numbers: NDArray[np.float64]) -> None:
        self.pool = numbers
        self._order = np.argsort(numbers.view(np.int64))
        self._bits = numbers.view(np.int64)[self._order]
        self.classes[CONSTANTS] = Class(Kind.CONSTANT, len(numbers), numbers=numbers)

    def uniform(self, number: float, size: int) -> Column:
        """Return a column of one number."""
        member = int(self.constants(np.array([number])).members[0])
        return Column(CONSTANTS, np.full(size, member, np.int64))

    def constant_of(self, column: Column) -> float | None:
        """Return the number that all rows of a column have, None where there is no such number."""
        if column.source != CONSTANTS or not len(column.members) or np.ptp(column.members):
            return None
        return float(self.pool[column.members[0]])

    # Maps

    def map(self, rule: Rule, columns: Sequence[Column]) -> Column:
        """Return what a rule gives on columns: an older class's members where possible, else a new class's."""
        columns = list(columns)
        if rule.slope is None:
            simpler = self._simplified(rule, columns)
            if simpler is not None:
                return simpler
            if all(column.source == CONSTANTS for column in columns):
                return self._folded(rule, columns)
        sizes = [self.classes[column.source].size for column in columns]
        equals = first_of_equals(row_keys([column.members for column in columns], sizes))
        if equals is None:
            return self._new_map(rule, columns, None)
        first, number = equals
        return self._new_map(rule, [Column(c.source, c.members[first]) for c in columns], number)

    def _new_map(self, rule: Rule, columns: list[Column], number: NDArray[np.int64] | None) -> Column:
        key = (rule, tuple(column.source for column in columns))
        known = self._maps.setdefault(key, [])
        found = next((each for each in known if self._has_columns(each, columns)), -1)
        if found < 0:
            size = len(columns[0].members)
            slots = tuple(Slot(column.source, column.members) for column in columns)
            found = self._add(Class(Kind.MAP, size, slots, rule))
            known.append(found)
        return Column(found, np.arange(len(columns[0].members)) if number is None else number)

    def _has_columns(self, number: int, columns: list[Column]) -> bool:
        slots = self.classes[number].slots
        return all(np.array_equal(s.members, c.members) for s, c in zip(slots, columns, strict=True))

    def _simplified(self, rule: Rule, columns: list[Column]) -> Column | None:
        name = _NAMES.get(rule.code)
        if name == "multiply":
            if self.constant_of(columns[0]) == 1.0:
                return columns[1]
            if self.constant_of(columns[1]) == 1.0:
                return columns[0]
            columns.sort(key=lambda column: column.source)
            return self._rescaled(columns[0], columns[1])
        if name == "divide":
            return self._quotient(columns[0], columns[1])
        if name == "power":
            return self._power(columns[0], self.constant_of(columns[1]))
        return None

    def _power(self, base: Column, exponent: float | None) -> Column | None:
        """Return a power as products, roots and reciprocals; None where it stays one."""
        if exponent == 0.0:
            return self.uniform(1.0, len(base.members))
        if exponent == 1.0:
            return base
        if exponent in (2.0, 3.0):
            square = self.product(base, base)
            return square if exponent == 2.0 else self.product(square, base)
        if exponent in (0.5, -0.5, -1.0):
            root = base if exponent == -1.0 else self.map(SQRT, [base])
            return root if exponent == 0.5 else self.map(DIVIDE, [self.uniform(1.0, len(root.members)), root])
        return None

    def _quotient(self, a: Column, b: Column) -> Column | None:
        """Return a · (1/b) where many rows share a divisor, or it is a constant; None where not."""
        if self.constant_of(b) == 1.0:
            return a
        inverse = self._known_inverse(b)
        if inverse is not None:
            return self.product(a, inverse)
        if b.source == CONSTANTS and a.source != CONSTANTS:
            with np.errstate(all="ignore"):
                inverses = 1.0 / self.pool[b.members]
            return self.product(a, self.constants(inverses)) if _harmless(inverses) else None
        # 1/b of a divisor near 0 may be inf where a/b is not; then the slope by a or b is inf too, and only results
        # with finite gradients are promised
        harmless = self._depends[a.source] or self._depends[b.source]
        if a.source == CONSTANTS or not harmless or 2 * len(np.unique(b.members)) > len(b.members):
            return None
        size = len(b.members)
        return self.product(a, self.map(DIVIDE, [self.uniform(1.0, size), b]))

    def _known_inverse(self, b: Column) -> Column | None:
        """Return 1/b where a class has it."""
        for number in self._maps.get((DIVIDE, (CONSTANTS, b.source)), ()):
            above, below = self.classes[number].slots
            if self.constant_of(Column(CONSTANTS, above.members)) == 1.0 and np.array_equal(below.members, b.members):
                return Column(number, np.arange(len(b.members)))
        return None

    def is_scaled(self, column: Column) -> bool:
        """Tell whether a column is constants, or constants times something: another factor costs nothing."""
        this = self.classes[column.source]
        return column.source == CONSTANTS or (this.rule == MULTIPLY and this.slots[0].source == CONSTANTS)

    def _rescaled(self, factor: Column, other: Column) -> Column | None:
        """Return c · (d · x) as (c · d) · x for constants c and d, None for other products."""
        if factor.source != CONSTANTS or other.source == CONSTANTS or not self.is_scaled(other):
            return None
        inner = self.classes[other.source]
        d, x = (Column(slot.source, slot.members[other.members]) for slot in inner.slots)
        numbers = self.pool[factor.members] * self.pool[d.members]
        return self.product(self.constants(numbers), x) if _harmless(numbers) else None

    def _folded(self, rule: Rule, columns: list[Column]) -> Column:
        return self.constants(apply_rule(rule, [self.pool[column.members] for column in columns]))

    def product(self, a: Column, b: Column) -> Column:
        """Return a · b."""
        return self.map(MULTIPLY, [a, b])

    # Sums and maxima

    def reduce(self, kind: Kind, slots: Sequence[Terms]) -> Column:
        """Return the sum (the largest) of the terms of each row; a sum of single terms is these themselves.

        The largest of single terms stays until gradients are made, which it stops.
        """
        merged = one_slot_a_source(slots)
        if kind is Kind.SUM:
            merged = self._constants_added(merged)
        size = len(slots[0].offsets) - 1
        if not merged:
            return self.uniform(0.0, size)
        stops = kind is Kind.MAX and any(self._depends[slot.source] for slot in merged)
        if len(merged) == 1 and not stops and bool((np.diff(merged[0].offsets) == 1).all()):
            return Column(merged[0].source, merged[0].members)
        equals = first_of_equals(term_keys(merged))
        number = np.arange(size)
        if equals is not None and same_terms(merged, number, equals[0][equals[1]]):
            first, number = equals
            merged = [take_rows(slot, first) for slot in merged]
        built = tuple(Slot(slot.source, slot.members, slot.offsets) for slot in merged)
        return Column(self._add(Class(kind, len(merged[0].offsets) - 1, built)), number)

    def _constants_added(self, slots: list[Terms]) -> list[Terms]:
        """Replace the constant terms of a sum by one in each row, by none where that is 0 in all of them."""
        result = []
        for slot in slots:
            if slot.source != CONSTANTS:
                result.append(slot)
                continue
            size = len(slot.offsets) - 1
            totals = np.bincount(rows_of(slot.offsets), self.pool[slot.members], size).astype(np.float64)
            if totals.any():
                result.append(Terms(CONSTANTS, self.constants(totals).members, np.arange(size + 1)))
        return result

    def program(self, like: ClassProgram | Program, outputs: Members, gradients: Members | None = None) -> ClassProgram:
        """Return what was built."""
        return ClassProgram(self.classes, outputs, like.input_groups, like.value_groups, like.results, gradients)


def _harmless(numbers: NDArray[np.float64]) -> bool:
    """Tell whether computed constants have lost nothing at the ends of the range of floats."""
    return bool(np.isfinite(numbers).all()) and float(np.abs(numbers).min()) > TINY


MULTIPLY = Rule(TABLE["multiply"].code)
DIVIDE = Rule(TABLE["divide"].code)
SQRT = Rule(TABLE["sqrt"].code)
TINY = 1e-290  # what is below may have lost digits
_NAMES = {TABLE[name].code: name for name in ("multiply", "divide", "power")}
