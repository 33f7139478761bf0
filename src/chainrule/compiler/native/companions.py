"""Companions: a nest whose sums read what another nest's sums read runs in the loops of that one.

The gradient of a bias adds up what the gradient of the weights multiplies. Alone it is a loop over all samples again;
there the numbers are in registers, and additions that nobody waits for cost next to nothing. A companion depends on
fewer dimensions than its host, so every step along the others stores the same number again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeAlias

from chainrule.compiler.native.lowering import lower
from chainrule.compiler.native.schedule import Schedule, choose, thrift_of
from chainrule.compiler.nests.nest import (
    Address,
    Expression,
    Load,
    Nest,
    NestProgram,
    Region,
    Store,
    loads,
    with_loads,
)

MOST_NESTS = 200
NEST = 8.0  # cycles to begin a nest, and to wait for its last sums

Span: TypeAlias = tuple[Region, int, int, int]  # a region, its group, the first number, the one after the last
Read: TypeAlias = tuple[Address, tuple[int, ...]]  # an address within reductions of these extents


def with_companions(program: NestProgram, width: int) -> NestProgram:
    """Return a program that does the same; nests run in others' loops where the model says that it is cheaper."""
    if len(program.nests) > MOST_NESTS:
        return program
    return _Joining(program, width).run()


class _Joining:
    def __init__(self, program: NestProgram, width: int) -> None:
        self.program = program
        self.width = width
        self.thrift = thrift_of(len(program.nests))
        self.nests: list[Nest | None] = list(program.nests)
        self.reads = [frozenset(_reads(nest)) for nest in program.nests]
        self.known: dict[int, Schedule] = {}
        self.kept: list[Nest] = []  # so that no other gets the id of one in `known`

    def run(self) -> NestProgram:
        for number, nest in enumerate(self.program.nests):
            if nest is self.nests[number] and _sums(nest):
                self._find_host(number, nest)
        left = [nest for nest in self.nests if nest is not None]
        forward = sum(nest is not None for nest in self.nests[: self.program.forward])
        return replace(self.program, nests=left, forward=forward)

    def _find_host(self, number: int, nest: Nest) -> None:
        """Run a nest in the loops of another that is dearest without it, where there is one."""
        best, host, joined = 0.0, number, nest
        for other, whole in self._candidates(number, nest):
            for places in _embeddings(nest, whole):
                moved = {(_moved(address, places, whole), around) for address, around in self.reads[number] if around}
                if not moved & self.reads[other]:
                    continue
                candidate = _together(whole, nest, places)
                schedule = self._schedule(candidate)
                saved = self._schedule(whole).cost + self._schedule(nest).cost + NEST - schedule.cost
                if saved > best and (not places or schedule.vector in places):
                    best, host, joined = saved, other, candidate
        if host != number:
            self.nests[number], self.nests[host] = None, joined
            self.reads[host] = frozenset(_reads(joined))

    def _candidates(self, number: int, nest: Nest) -> Iterator[tuple[int, Nest]]:
        """Yield nests with more dimensions and the same sums, which this one could run beside as well."""
        sums = _sums(nest)
        in_forward = number < self.program.forward
        for other, host in enumerate(self.nests):
            if host is None or (other < self.program.forward) != in_forward:
                continue
            if len(host.extents) > len(nest.extents) and sums <= _sums(host):
                between = self.nests[min(number, other) : max(number, other) + 1]
                if not any(self._waits(nest, each) for each in between if each is not None and each is not nest):
                    yield other, host

    def _waits(self, a: Nest, b: Nest) -> bool:
        """Say whether the order of two nests matters."""
        stored, used = zip(*[self._spans(each) for each in (a, b)], strict=True)
        return _meet(stored[0], stored[1] + used[1]) or _meet(used[0], stored[1])

    def _spans(self, nest: Nest) -> tuple[list[Span], list[Span]]:
        """Return what memory a nest stores to, and what it reads."""
        stored = [self._span(store.address, nest.extents) for store in nest.stores]
        used = [
            self._span(address, sum([each.extents for each in around], nest.extents))
            for store in nest.stores
            for address, around in loads(store.value)
        ]
        return stored, used

    def _span(self, address: Address, extents: tuple[int, ...]) -> Span:
        buffer = self.program.buffers[address.buffer]
        if address.table is not None:
            return buffer.region, buffer.group, buffer.offset, buffer.offset + buffer.size
        first = buffer.offset + address.base
        steps = [stride * (extent - 1) for stride, extent in zip(address.strides, extents, strict=False)]
        return (
            buffer.region,
            buffer.group,
            first + sum(min(0, each) for each in steps),
            first + 1 + sum(max(0, each) for each in steps),
        )

    def _schedule(self, nest: Nest) -> Schedule:
        found = self.known.get(id(nest))
        if found is None:
            found = choose(lower(nest, self.program.buffers), self.width, self.thrift)
            self.known[id(nest)] = found
            self.kept.append(nest)
        return found


def _reads(nest: Nest) -> Iterator[Read]:
    """Yield what a nest reads, with the extents of the sum around it."""
    for store in nest.stores:
        for address, around in loads(store.value):
            yield address, around[0].extents if around else ()


def _sums(nest: Nest) -> set[tuple[int, ...]]:
    """Return the extents of a nest's sums; none where it has other than plain ones."""
    found = [around[0] for store in nest.stores for _, around in loads(store.value) if around]
    if nest.counts is not None or any(each.counts is not None or each.largest for each in found):
        return set()
    return {each.extents for each in found}


def _meet(several: Sequence[Span], others: Sequence[Span]) -> bool:
    return any(a[:2] == b[:2] and a[2] < b[3] and b[2] < a[3] for a in several for b in others)


def _embeddings(nest: Nest, host: Nest) -> Iterator[tuple[int, ...]]:
    """Yield which dimensions of the host those of a nest could be."""
    for places in combinations(range(len(host.extents)), len(nest.extents)):
        if tuple(host.extents[place] for place in places) == nest.extents:
            yield places


def _together(host: Nest, nest: Nest, places: tuple[int, ...]) -> Nest:
    made: dict[int, Expression] = {}

    def moved(load: Load) -> Load:
        return Load(_moved(load.address, places, host))

    stores = tuple(
        Store(_moved(store.address, places, host), with_loads(store.value, moved, made)) for store in nest.stores
    )
    return replace(host, stores=(*host.stores, *stores), classes=(*host.classes, *nest.classes))


def _moved(address: Address, places: tuple[int, ...], host: Nest) -> Address:
    def moved(strides: tuple[int, ...]) -> tuple[int, ...]:
        among = dict(zip(places, strides, strict=False))
        return (*(among.get(dim, 0) for dim in range(len(host.extents))), *strides[len(places) :])

    table_strides = moved(address.table_strides) if address.table is not None else ()
    return replace(address, strides=moved(address.strides), table_strides=table_strides)
