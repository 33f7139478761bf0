"""Differentiation of whole classes, in reverse: who contributes to whom is read off the tables.

The contribution of a class by one of its slots is its adjoint times the slope by that slot. Members that get their
contributions from the same classes form one sum; a stable sort by target makes its table, so each member *gathers*
what it is due and nothing is ever scattered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.compiler.classes import Class, ClassProgram, Kind, Members, Rule
from chainrule.compiler.raising.builder import CONSTANTS, MULTIPLY, Builder
from chainrule.compiler.raising.columns import Column, Terms, offsets_of, rows_of, stable_order, terms_of
from chainrule.compiler.raising.signatures import groups_of
from chainrule.compiler.raising.slopes import Expression, Symbol, is_short, operands_used, slope_of
from chainrule.ops.row import BY_CODE, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Part(NamedTuple):
    """Some members of a class, in order, and the members that are their adjoints."""

    targets: NDArray[np.int64]
    column: Column


def add_gradients(program: ClassProgram) -> ClassProgram:
    """Return the program with the classes that compute gradients behind its own."""
    return _Adjoint(program).run()


class _Adjoint:
    def __init__(self, program: ClassProgram) -> None:
        self.program = program
        self.builder = Builder(program)
        self.forward = list(self.builder.classes)
        self.depends = dependent_classes(program)
        # by class: what was contributed to its members so far
        self.contributions: list[list[Part]] = [[] for _ in self.forward]

    def run(self) -> ClassProgram:
        places = self.program.value_groups[-1] if self.program.value_groups else 0
        gradients = Members(np.full(places, -1, np.int64), np.zeros(places, np.int64))
        self._seed()
        for number in range(len(self.forward) - 1, -1, -1):
            parts = self._gather(number)
            kind, rule, where = (getattr(self.forward[number], name) for name in ("kind", "rule", "places"))
            for part in parts:
                if kind is Kind.VALUE:
                    gradients.classes[where[part.targets]] = part.column.source
                    gradients.members[where[part.targets]] = part.column.members
                elif kind is Kind.SUM:
                    self._through_sum(number, part)
                elif rule is not None:
                    self._through_map(number, rule, part)
        return self.builder.program(self.program, self.program.outputs, gradients)

    def _seed(self) -> None:
        """Start at the results: with 1 where there is one, else with what the caller gives."""
        results = self.program.results
        classes, members = self.program.outputs.classes[:results], self.program.outputs.members[:results]
        if results == 1:
            seeds = self.builder.uniform(1.0, 1)
        else:
            number = self.builder.leaf(Kind.SEED, 0, np.arange(results))
            seeds = Column(number, np.arange(results))
        for number in np.unique(classes):
            chosen = np.flatnonzero(classes == number)
            self._contribute(int(number), Column(seeds.source, seeds.members[chosen]), members[chosen])

    def _contribute(self, number: int, column: Column, targets: NDArray[np.int64]) -> None:
        if self.depends[number] and len(targets):
            self.contributions[number].append(Part(targets, column))

    # The adjoints of a class, from what was contributed to it

    def _gather(self, number: int) -> list[Part]:
        given = _by_source(self.contributions[number])
        self.contributions[number] = []
        size = self.forward[number].size
        parts = []
        single = [each.column.source == CONSTANTS or _differ(each.targets, size) for each in given]
        for targets, chosen in groups_of([each.targets for each in given], size, single):
            local = np.full(size, -1, np.int64)
            local[targets] = np.arange(len(targets))
            slots = [self._terms(given[i], local, len(targets)) for i in chosen]
            parts.append(Part(targets, self.builder.reduce(Kind.SUM, slots)))
        return parts

    def _terms(self, given: Part, local: NDArray[np.int64], size: int) -> Terms:
        """Return contributions as terms of the sums of some members, whose numbers there are `local`."""
        rows, members = local[given.targets], given.column.members
        inside = rows >= 0
        if not inside.all():
            rows, members = rows[inside], members[inside]
        if not bool((rows[1:] >= rows[:-1]).all()):
            order = stable_order(rows, size)
            members = members[order]
        return Terms(given.column.source, members, offsets_of(np.bincount(rows, minlength=size)))

    # What a class contributes to its operands

    def _through_sum(self, number: int, part: Part) -> None:
        for slot in map(terms_of, self.forward[number].slots):
            if not self.depends[slot.source]:
                continue
            rows, members, adjoints = rows_of(slot.offsets), slot.members, part.column.members
            if len(part.targets) < self.forward[number].size:
                local = np.full(self.forward[number].size, -1, np.int64)
                local[part.targets] = np.arange(len(part.targets))
                inside = local[rows] >= 0
                rows, members = local[rows[inside]], members[inside]
            self._contribute(slot.source, Column(part.column.source, adjoints[rows]), members)

    def _through_map(self, number: int, rule: Rule, part: Part) -> None:
        this = self.forward[number]
        every = len(part.targets) == this.size  # in order, so that nothing need be chosen
        columns = [Column(slot.source, slot.members if every else slot.members[part.targets]) for slot in this.slots]
        numbers = tuple(self.builder.constant_of(column) for column in columns)
        value = Column(number, part.targets)
        if rule == MULTIPLY and _same(columns[0], columns[1]):
            self._contribute(columns[0].source, self._times(part.column, 2.0, columns[0]), columns[0].members)
            return
        for place, column in enumerate(columns):
            if not self.depends[column.source]:
                continue
            slope = slope_of(rule.code, place, numbers)
            if slope != 0.0:
                contribution = self._slope_times(part.column, slope, Rule(rule.code, place), [*columns, value])
                self._contribute(column.source, contribution, column.members)

    def _slope_times(self, adjoint: Column, slope: Expression, rule: Rule, columns: list[Column]) -> Column:
        """Return adjoint · slope, built in the cheapest way."""
        if not isinstance(slope, Symbol):
            return self._scaled(adjoint, slope)
        if is_short(slope):
            if slope.name == "multiply" and isinstance(slope.args[0], float):
                return self._times(adjoint, slope.args[0], self._built(slope.args[1], columns))
            return self.builder.product(adjoint, self._built(slope, columns))
        # what the rule does not read need not be there
        used = operands_used(slope_of(rule.code, rule.slope or 0, (None,) * (len(columns) - 1)))
        nothing = self.builder.uniform(0.0, len(adjoint.members))
        if BY_CODE[rule.code].name in ("relu", "leaky_relu"):
            columns = [columns[-1], nothing]
        else:
            columns = [column if i in used else nothing for i, column in enumerate(columns)]
        return self.builder.product(adjoint, self.builder.map(rule, columns))

    def _scaled(self, adjoint: Column, number: float) -> Column:
        if number == -1.0 and not self.builder.is_scaled(adjoint):
            return self.builder.map(Rule(TABLE["negative"].code), [adjoint])
        return self.builder.product(adjoint, self.builder.uniform(number, len(adjoint.members)))

    def _times(self, adjoint: Column, number: float, column: Column) -> Column:
        """Return number · adjoint · column: a number and an adjoint have few different products."""
        return self.builder.product(self._scaled(adjoint, number), column)

    def _built(self, expression: Expression, columns: list[Column]) -> Column:
        """Return the column of an expression of columns."""
        if not isinstance(expression, Symbol):
            return self.builder.uniform(expression, len(columns[0].members))
        if expression.name == "operand":
            return columns[int(expression.args[0])]
        built = [self._built(each, columns) for each in expression.args]
        if expression.name == "add":
            single = np.arange(len(built[0].members) + 1)
            return self.builder.reduce(Kind.SUM, [Terms(each.source, each.members, single) for each in built])
        return self.builder.map(Rule(TABLE[str(expression.name)].code), built)


def _differ(targets: NDArray[np.int64], size: int) -> bool:
    return len(targets) <= size and int(np.bincount(targets).max()) <= 1


def _same(a: Column, b: Column) -> bool:
    return a.source == b.source and np.array_equal(a.members, b.members)


def _by_source(parts: list[Part]) -> list[Part]:
    """Join the contributions that come from one class."""
    by_source: dict[int, list[Part]] = {}
    for part in parts:
        by_source.setdefault(part.column.source, []).append(part)
    joined = []
    for source, group in sorted(by_source.items()):
        if len(group) == 1:
            joined += group
            continue
        targets = np.concatenate([part.targets for part in group])
        joined.append(Part(targets, Column(source, np.concatenate([part.column.members for part in group]))))
    return joined


def dependent_classes(program: ClassProgram) -> list[bool]:
    """Return for each class whether gradients pass through it: it depends on live Values by slopes other than 0."""
    depends: list[bool] = []
    for this in program.classes:
        if this.kind is Kind.SUM:
            depends.append(any(depends[slot.source] for slot in this.slots))
        elif this.rule is not None:
            depends.append(_any_slope(this, this.rule, depends))
        else:
            depends.append(this.kind is Kind.VALUE)
    return depends


def _any_slope(this: Class, rule: Rule, depends: list[bool]) -> bool:
    unknown = (None,) * len(this.slots)
    return any(
        depends[slot.source] and slope_of(rule.code, place, unknown) != 0.0 for place, slot in enumerate(this.slots)
    )
