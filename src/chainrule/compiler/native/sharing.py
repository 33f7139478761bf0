"""Sharing: nests that are alike but for where they read and store run as one function.

Layers and time steps give nests of one structure. The function is the code of the first one; what lies elsewhere for
another nest lies there by a distance, and the distances are the function's arguments, one for all that moves together.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from chainrule.compiler.native.lowering import Lowered, Place
from chainrule.compiler.native.memory import Memory, region_number
from chainrule.compiler.native.text import Writer
from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Buffer,
    Expression,
    Load,
    Nest,
    NestProgram,
    Number,
    Region,
)

LEAST_ALIKE = 3
MOST_DISTANCES = 12
LEAST_SAVED = 500  # instructions: below, the calls cost more than the code

# What may lie elsewhere: an address without its strides, a table (by its number), an input group (by its number)
Thing: TypeAlias = tuple[Hashable, ...]
TABLE, GROUP = "table", "group"


class Reading:
    """What a nest is, apart from where it reads and stores.

    Attributes:
        kind: equal for nests that the same code can serve.
        things: what it is about, in order of appearance, each with its place: a base, or a number.
    """

    def __init__(self, nest: Nest, buffers: Sequence[Buffer]) -> None:
        self.things: dict[Thing, int] = {}
        self._numbers: dict[Thing, int] = {}
        self._buffers = buffers
        self._rows: list[Hashable] = []
        self._row_of: dict[int, int] = {}
        loops = (nest.extents, self._table(nest.counts), nest.count_strides)
        stores = tuple((self._address(store.address), self._number(store.value)) for store in nest.stores)
        self.kind: Hashable = (loops, stores, tuple(self._rows))

    def _number(self, expression: Expression) -> int:
        """Return the number of an expression's row; the same object has one row."""
        number = self._row_of.get(id(expression))
        if number is None:
            self._rows.append(self._row(expression))
            number = self._row_of[id(expression)] = len(self._rows)
        return number

    def _row(self, expression: Expression) -> Hashable:
        match expression:
            case Load(address):
                return self._address(address)
            case Number(number):
                return number.hex()
            case Apply(rule, operands):
                return rule, *map(self._number, operands)
            case Add(terms):
                return "add", *map(self._number, terms)
        counts = self._table(expression.counts), expression.count_strides
        return expression.extents, *counts, expression.largest, self._number(expression.body)

    def _address(self, address: Address) -> Hashable:
        buffer = self._buffers[address.buffer]
        base = buffer.offset + address.base
        origin = self._thing((buffer.region, buffer.group, base), base)
        group = self._thing((GROUP, buffer.group), buffer.group)
        return buffer.region, group, origin, address.strides, self._table(address.table), address.table_strides

    def _table(self, table: int | None) -> int | None:
        return None if table is None else self._thing((TABLE, table), table)

    def _thing(self, thing: Thing, place: int) -> int:
        """Return the number of a thing: equal ones of two nests of one kind correspond."""
        self.things.setdefault(thing, place)
        return self._numbers.setdefault(thing, len(self._numbers))


@dataclass(frozen=True)
class Moves:
    """How far things lie from where the first nest of a function has them.

    Attributes:
        distances: by nest, the function's arguments.
        argument: the number of the argument that moves a thing; those that stay where they are have none.
    """

    distances: tuple[tuple[int, ...], ...]
    argument: dict[Thing, int]

    def name(self, thing: Thing) -> str | None:
        """Return the name of the argument that moves a thing."""
        number = self.argument.get(thing)
        return None if number is None else f"%d{number}"

    def all_of(self, thing: Thing) -> tuple[int, ...]:
        """Return how far a thing lies from the first nest's, for each nest."""
        number = self.argument.get(thing)
        return (0,) if number is None else tuple(each[number] for each in self.distances)

    @property
    def parameters(self) -> str:
        """The function's parameters as LLVM text, after those that all functions have."""
        return "".join(f", i64 %d{number}" for number in range(len(self.distances[0])))

    def arguments(self, nest: int) -> str:
        """Return the arguments of the call for a nest as LLVM text."""
        return "".join(f", i64 {distance}" for distance in self.distances[nest])


def moves_of(readings: Sequence[Reading]) -> Moves:
    """Return how nests of one kind differ from the first."""
    columns: dict[tuple[int, ...], int] = {}
    argument: dict[Thing, int] = {}
    for thing, *places in zip(readings[0].things, *[each.things.values() for each in readings], strict=True):
        column = tuple(place - places[0] for place in places)
        if any(column):
            argument[thing] = columns.setdefault(column, len(columns))
    return Moves(tuple(zip(*columns, strict=True)) or ((),) * len(readings), argument)


@dataclass
class Alike:
    """Nests that one function serves.

    Attributes:
        numbers: the nests' numbers in the program.
        moves: how they differ.
        name: the function's name, as soon as it is written.
    """

    numbers: list[int]
    moves: Moves
    name: str | None = None

    def pays(self, instructions: int) -> bool:
        """Say whether sharing a function of this length is worth the calls."""
        return instructions * (len(self.numbers) - 1) >= LEAST_SAVED

    def call(self, nest: int) -> str:
        """Return the call for a nest as LLVM text."""
        return f"@{self.name}(ptr %regions, ptr %tables{self.moves.arguments(self.numbers.index(nest))})"

    def lowered(self, first: Lowered, program: NestProgram, shared: frozenset[tuple[Region, int]]) -> Lowered:
        """Return the first nest with buffers that promise only as much room as those of every nest have."""
        buffers = []
        for number, buffer in enumerate(first.buffers):
            room = self._room(number, program, shared)
            base = first.stores[number][0].base
            buffers.append(replace(buffer, size=base + room - buffer.offset))
        return replace(first, buffers=buffers)

    def _room(self, store: int, program: NestProgram, shared: frozenset[tuple[Region, int]]) -> int:
        """Return how many numbers belong to the buffer from a store's base on; none where others store there too."""
        rooms = []
        for nest in self.numbers:
            address = program.nests[nest].stores[store].address
            buffer = program.buffers[address.buffer]
            alone = (buffer.region, buffer.offset) not in shared
            rooms.append(buffer.size - address.base if alone else 0)
        return min(rooms)


def alike_nests(program: NestProgram) -> tuple[list[Hashable], dict[int, Alike]]:
    """Return the kinds of all nests, and which ones one function can serve, by the nests' numbers."""
    readings = [Reading(nest, program.buffers) for nest in program.nests]
    groups: dict[Hashable, list[int]] = {}
    for number, reading in enumerate(readings):
        groups.setdefault(reading.kind, []).append(number)
    found: dict[int, Alike] = {}
    for numbers in groups.values():
        if len(numbers) >= LEAST_ALIKE:
            alike = Alike(numbers, moves_of([readings[number] for number in numbers]))
            if len(alike.moves.distances[0]) <= MOST_DISTANCES:
                found.update(dict.fromkeys(numbers, alike))
    return [reading.kind for reading in readings], found


class MovedMemory(Memory):
    """The memory of a function that serves several nests.

    Args:
        moves: how they differ.
    """

    def __init__(
        self, writer: Writer, sizes: Mapping[Region, int], shared: frozenset[tuple[Region, int]], moves: Moves
    ) -> None:
        super().__init__(writer, sizes, shared)
        self.moves = moves

    def _table_pointer(self, table: int) -> str:
        return self._pointer("tables", table, self.moves.name((TABLE, table)))

    def _region_pointer(self, place: Place) -> str:
        group = self.moves.name((GROUP, place.group)) if place.region is Region.INPUT else None
        pointer = self._pointer("regions", region_number(place), group)
        distance = self.moves.name((place.region, place.group, place.base))
        return pointer if distance is None else self.writer.pure(f"getelementptr double, ptr {pointer}, i64 {distance}")

    def _bases(self, place: Place) -> tuple[int, int]:
        distances = self.moves.all_of((place.region, place.group, place.base))
        return place.base + min(distances), place.base + max(distances)
