"""From the scan to tables: each class gets its columns of operands, equal rows become one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.classes import ClassProgram, Kind, Members, Rule
from chainrule.compiler.raising.builder import Builder
from chainrule.compiler.raising.columns import Column, Terms, offsets_of, stable_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.program import Program
    from chainrule.compiler.raising.scan import Scan


def build_tables(program: Program, scan: Scan) -> ClassProgram:
    """Return the classes of a scanned program, with slots in place of operands."""
    return _Tables(program, scan).build()


class _Tables:
    def __init__(self, program: Program, scan: Scan) -> None:
        self.program = program
        self.scan = scan
        self.builder = Builder()
        count = len(scan.shapes)
        # scalars sorted by class, and the number of each within its class
        self.order = stable_order(scan.classes, count).astype(np.int32)
        self.bounds = offsets_of(np.bincount(scan.classes, minlength=count))
        self.member = np.empty(len(scan.classes), np.int32)
        for begin, end in pairwise(self.bounds.tolist()):
            self.member[self.order[begin:end]] = np.arange(end - begin)
        # where each scanned class's members are among the classes that are built
        self.places: list[Column] = []

    def build(self) -> ClassProgram:
        for number, shape in enumerate(self.scan.shapes):
            scalars = self.order[self.bounds[number] : self.bounds[number + 1]]
            if shape.kind is Kind.CONSTANT:
                self.places.append(self._constants(scalars))
            elif shape.kind in (Kind.INPUT, Kind.VALUE):
                self.places.append(self._leaves(scalars, shape.kind, shape.group))
            elif shape.kind is Kind.MAP:
                self.places.append(self._map(scalars, shape.code))
            else:
                self.places.append(self.builder.reduce(shape.kind, self._terms(scalars)))
        outputs = self._members(self.scan.outputs)
        return self.builder.program(self.program, outputs)

    def _constants(self, scalars: NDArray[np.int32]) -> Column:
        return self.builder.constants(self.program.numbers[self.scan.rows[scalars]])

    def _leaves(self, scalars: NDArray[np.int32], kind: Kind, group: int) -> Column:
        places = self.program.places[self.scan.rows[scalars]].astype(np.int64)
        distinct, first, number = np.unique(places, return_index=True, return_inverse=True)
        if kind is Kind.VALUE:  # in the order of first use
            order = np.argsort(first)
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            distinct, number = distinct[order], rank[number]
        return Column(self.builder.leaf(kind, group, distinct), number)

    def _map(self, scalars: NDArray[np.int32], code: int) -> Column:
        arity = int(self.scan.starts[scalars[0] + 1] - self.scan.starts[scalars[0]])
        operands = [self.scan.operands[self.scan.starts[scalars] + j] for j in range(arity)]
        return self.builder.map(Rule(code), [self._column(operands.pop(0)) for _ in range(arity)])

    def _column(self, scalars: NDArray[Any]) -> Column:
        """Return the built members of scalars of one scanned class."""
        place = self.places[self.scan.classes[scalars[0]]]
        return Column(place.source, place.members[self.member[scalars]])

    def _terms(self, scalars: NDArray[np.int32]) -> list[Terms]:
        """Return the terms of some sums, split by their class."""
        counts = self.scan.starts[scalars + 1] - self.scan.starts[scalars]
        offsets = offsets_of(counts)
        places = np.repeat((self.scan.starts[scalars] - offsets[:-1]).astype(np.int32), counts)
        places += np.arange(offsets[-1], dtype=np.int32)
        terms = self.scan.operands[places]
        del places
        classes = self.scan.classes[terms]
        sources = np.flatnonzero(np.bincount(classes))
        if len(sources) == 1:
            column = self._column(terms)
            return [Terms(column.source, column.members, offsets)]
        slots = []
        rows = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        order = stable_order(classes, len(self.scan.shapes))
        for chosen in np.split(order, np.cumsum(np.bincount(classes)[sources])[:-1]):
            column = self._column(terms[chosen])
            ends = offsets_of(np.bincount(rows[chosen], minlength=len(counts)))
            slots.append(Terms(column.source, column.members, ends))
        return slots

    def _members(self, scalars: NDArray[Any]) -> Members:
        classes = np.empty(len(scalars), np.int64)
        members = np.empty(len(scalars), np.int64)
        for number in np.unique(self.scan.classes[scalars]):
            chosen = np.flatnonzero(self.scan.classes[scalars] == number)
            classes[chosen], members[chosen] = self._column(scalars[chosen])
        return Members(classes, members)
