"""Stacking: what differs by equal distances in memory only becomes one loop more.

Layers and time steps make classes of their own, but alike: their nests differ in where they read and store. Terms of
one sum that are alike become one reduction, and nests that do not wait for each other become one nest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Buffer,
    Expression,
    Load,
    Nest,
    Number,
    Reduce,
    Store,
    block_of,
    loads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from numpy.typing import NDArray

    from chainrule.compiler.nests.nest import Region

# Fewer than this are left as they are.
LEAST = 3
# More terms of a sum that go in no equal steps than this are one reduction all the same, by tables of where they lie.
MOST_APART = 6

Bases: TypeAlias = tuple[int, ...]
Moves: TypeAlias = "Iterator[tuple[int, int, int | None]]"  # the step, the wider buffer and the table of an address
Thing = TypeVar("Thing")


@dataclass
class Stacking:
    """Rewrites nests; `buffers` grows by those that span several, `tables` by what goes in no equal steps."""

    buffers: list[Buffer]
    tables: list[NDArray[np.int32]] = field(default_factory=list)

    def __call__(self, nests: list[Nest], forward: int) -> tuple[list[Nest], int]:
        """Return nests that do the same, and how many of them the outputs need."""
        first = self._stacked(nests[:forward])
        return list(map(self._with_sums, [*first, *self._stacked(nests[forward:])])), len(first)

    # Sums

    def _with_sums(self, nest: Nest) -> Nest:
        made: dict[int, Expression] = {}
        stores = tuple(
            replace(store, value=self._rewritten(store.value, len(nest.extents), made)) for store in nest.stores
        )
        return replace(nest, stores=stores)

    def _rewritten(self, expression: Expression, depth: int, made: dict[int, Expression]) -> Expression:
        """Return an expression with its sums stacked; `depth` loops are around it."""
        if id(expression) not in made:
            made[id(expression)] = self._newly_written(expression, depth, made)
        return made[id(expression)]

    def _newly_written(self, expression: Expression, depth: int, made: dict[int, Expression]) -> Expression:
        if isinstance(expression, Apply):
            operands = tuple(self._rewritten(each, depth, made) for each in expression.operands)
            same = all(a is b for a, b in zip(operands, expression.operands, strict=True))
            return expression if same else Apply(expression.rule, operands)
        if not isinstance(expression, Add):
            return expression
        groups: dict[Hashable, list[Expression]] = {}
        for term in expression.terms:
            groups.setdefault(self._kind(term), []).append(self._rewritten(term, depth, made))
        terms: list[Expression] = []
        for alike in groups.values():
            runs = self._runs(alike, self._bases)
            if len(runs) > MOST_APART and not self._has_tables(alike[0]):
                runs = [sorted(alike, key=self._bases)]
            for run in runs:
                terms += [self._sum_of(run, depth)] if len(run) >= LEAST else run
        return terms[0] if len(terms) == 1 else Add(tuple(terms))

    def _sum_of(self, terms: list[Expression], depth: int) -> Expression:
        """Return one reduction over terms, by tables where their addresses do not go in equal steps."""
        first = terms[0]
        if isinstance(first, Reduce) and (first.counts is not None or first.largest):
            return Add(tuple(terms))
        moves = self._moves(list(map(self._bases, terms)), list(map(_addresses, terms)))
        if isinstance(first, Reduce):
            return Reduce((len(terms), *first.extents), self._moved(first.body, moves, depth, {}))
        return Reduce((len(terms),), self._moved(first, moves, depth, {}))

    # Nests

    def _stacked(self, nests: list[Nest]) -> list[Nest]:
        """Return the nests, those that are alike and do not wait for each other as one."""
        groups: list[list[Nest]] = []
        latest: dict[Hashable, int] = {}  # by kind, its last group
        stored: dict[tuple[Region, int], int] = {}  # by block, the group that stores it
        for nest in nests:
            kind = self._kind_of_nest(nest)
            place = latest.get(kind)
            blocks = [block_of(address, self.buffers) for store in nest.stores for address in _addresses(store.value)]
            if place is None or any(stored.get(block, -1) >= place for block in blocks):
                place = latest[kind] = len(groups)
                groups.append([])
            groups[place].append(nest)
            for store in nest.stores:
                block = block_of(store.address, self.buffers)
                stored[block] = max(place, stored.get(block, -1))
        found: list[Nest] = []
        for group in groups:
            for run in self._runs(group, self._bases_of_nest):
                found += [self._stack(run)] if len(run) >= LEAST else run
        return found

    def _stack(self, nests: list[Nest]) -> Nest:
        first = nests[0]
        moves = self._moves(list(map(self._bases_of_nest, nests)), list(map(_addresses_of_nest, nests)))
        made: dict[int, Expression] = {}
        stores = []
        for store in first.stores:
            address = self._moved_address(store.address, *next(moves), 0)
            stores.append(Store(address, self._moved(store.value, moves, 0, made)))
        numbers = tuple(number for nest in nests for number in nest.classes)
        counts = (0, *first.count_strides) if first.counts is not None else ()
        return Nest((len(nests), *first.extents), tuple(stores), first.counts, counts, numbers)

    # What is alike, and where it lies

    def _kind(self, expression: Expression) -> Hashable:
        """Return what must be equal of expressions that differ in where they read only."""
        if isinstance(expression, Load):
            return self._kind_of_address(expression.address)
        if isinstance(expression, Number):
            return expression.number.hex()
        if isinstance(expression, Apply):
            return expression.rule, *map(self._kind, expression.operands)
        if isinstance(expression, Add):
            return "add", *map(self._kind, expression.terms)
        shape = (expression.extents, expression.counts, expression.count_strides, expression.largest)
        return shape, self._kind(expression.body)

    def _kind_of_address(self, address: Address) -> Hashable:
        buffer = self.buffers[address.buffer]
        return buffer.region, buffer.group, address.strides, address.table, address.table_strides

    def _kind_of_nest(self, nest: Nest) -> Hashable:
        stores = tuple((self._kind_of_address(store.address), self._kind(store.value)) for store in nest.stores)
        return nest.extents, nest.counts, nest.count_strides, stores

    def _bases(self, expression: Expression) -> Bases:
        return tuple(self.buffers[each.buffer].offset + each.base for each in _addresses(expression))

    def _bases_of_nest(self, nest: Nest) -> Bases:
        return tuple(self.buffers[each.buffer].offset + each.base for each in _addresses_of_nest(nest))

    def _runs(self, alike: list[Thing], bases: Callable[[Thing], Bases]) -> list[list[Thing]]:
        """Split things that are alike into runs whose bases go in equal steps."""
        if len(alike) < LEAST:
            return [alike]
        runs: list[list[Thing]] = []
        for thing in sorted(alike, key=bases):
            run = runs[-1] if runs else []
            if len(run) == 1 or (
                run and _steps(bases(run[-2]), bases(run[-1])) == _steps(bases(run[-1]), bases(thing))
            ):
                run.append(thing)
            else:
                runs.append([thing])
        return runs

    # Moving

    def _moves(self, bases: list[Bases], addresses: list[list[Address]]) -> Moves:
        """Yield for each address how it moves from one of the things stacked to the next."""
        for places, column in zip(zip(*bases, strict=True), zip(*addresses, strict=True), strict=True):
            span = self._span([self.buffers[each.buffer] for each in column])
            distances = np.array(places) - places[0]
            if (distances == distances[1] * np.arange(len(places))).all():
                yield int(distances[1]), span, None
            else:
                yield 0, span, self._table(distances.astype(np.int32))

    def _table(self, distances: NDArray[np.int32]) -> int:
        """Return the number of a table."""
        for number, table in enumerate(self.tables):
            if np.array_equal(table, distances):
                return number
        self.tables.append(distances)
        return len(self.tables) - 1

    def _has_tables(self, expression: Expression) -> bool:
        ragged = isinstance(expression, Reduce) and (expression.counts is not None or expression.largest)
        return ragged or any(address.table is not None for address in _addresses(expression))

    def _span(self, several: list[Buffer]) -> int:
        start = min(each.offset for each in several)
        end = max(each.offset + each.size for each in several)
        buffer = Buffer(several[0].region, start, end - start, several[0].group)
        if buffer not in self.buffers:
            self.buffers.append(buffer)
        return self.buffers.index(buffer)

    def _moved(self, expression: Expression, moves: Moves, place: int, made: dict[int, Expression]) -> Expression:
        """Return an expression inside one loop more, the loop number `place`; moves are by address, in order."""
        if id(expression) in made:
            for _ in _addresses(expression):
                next(moves)
        elif isinstance(expression, Load):
            made[id(expression)] = Load(self._moved_address(expression.address, *next(moves), place))
        elif isinstance(expression, Apply):
            operands = tuple(self._moved(each, moves, place, made) for each in expression.operands)
            made[id(expression)] = Apply(expression.rule, operands)
        elif isinstance(expression, Add):
            made[id(expression)] = Add(tuple(self._moved(each, moves, place, made) for each in expression.terms))
        elif isinstance(expression, Reduce):
            counts = expression.count_strides
            counts = (*counts[:place], 0, *counts[place:]) if expression.counts is not None else ()
            body = self._moved(expression.body, moves, place, made)
            made[id(expression)] = replace(expression, body=body, count_strides=counts)
        else:
            made[id(expression)] = expression
        return made[id(expression)]

    def _moved_address(self, address: Address, step: int, buffer: int, found: int | None, place: int) -> Address:
        """Return an address in a wider buffer, in each turn of one loop more a step further, or where a table says."""
        strides = (*address.strides[:place], step, *address.strides[place:])
        base = address.base + self.buffers[address.buffer].offset - self.buffers[buffer].offset
        if found is not None:
            return Address(buffer, base, strides, found, tuple(int(loop == place) for loop in range(len(strides))))
        table = address.table_strides
        if address.table is not None:
            table = (*table[:place], 0, *table[place:])
        return Address(buffer, base, strides, address.table, table)


def _addresses(expression: Expression) -> list[Address]:
    """Return the addresses that an expression reads, shared ones as often as they occur."""
    return [address for address, _ in loads(expression)]


def _addresses_of_nest(nest: Nest) -> list[Address]:
    return [address for store in nest.stores for address in (store.address, *_addresses(store.value))]


def _steps(a: Bases, b: Bases) -> Bases:
    return tuple(after - before for before, after in zip(a, b, strict=True))
