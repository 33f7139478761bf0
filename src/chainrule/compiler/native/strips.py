"""Strips: nests that share a long dimension run a piece of it at a time, so that what they hand on stays in the cache.

A step on ten thousand samples writes and reads arrays of every layer that are larger than the cache next to the
processor. Where nests read from each other only what belongs to the same sample, all of them can be run for a few
hundred samples before the next ones: forward and backward. Sums over samples then grow strip by strip, and arrays that
nobody else reads hold one strip only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from chainrule.compiler.native.accesses import WRITTEN, Access, Way, accesses, is_plain
from chainrule.compiler.native.tiles import Part, split_sum, start_of, strip_of
from chainrule.compiler.nests.nest import Add, Address, Apply, Expression, Nest, NestProgram, Reduce, Region

STREAMED = 120_000  # numbers that nests hand on: fewer are in the second cache anyway
IN_STRIP = 8_000  # numbers that a strip may have, but for its least length: the nearest cache
LEAST = 96  # steps of a strip, where it has more than twice as many
MOST_NESTS = 200


@dataclass(frozen=True)
class Strips:
    """A program of which some nests are run strip by strip.

    Attributes:
        program: its nests in order: what comes before, one strip's, those of the steps that are left, what comes after.
        looped: the numbers of one strip's nests; their addresses move by the stride of the first dimension.
        count: how many strips there are.
        forward: which nests compute the outputs.
    """

    program: NestProgram
    looped: range
    count: int
    forward: frozenset[int]


def strips_of(program: NestProgram) -> Strips | None:
    """Return how a program is run strip by strip; None where that does not pay."""
    if len(program.nests) > MOST_NESTS or program.arena < STREAMED // 2:
        return None
    lengths = Counter[int]()
    for nest in program.nests:
        for length in {extent for extent in _extents(nest) if extent >= 2 * LEAST}:
            lengths[length] += 1
    found = [_Grouping(program, length) for length, uses in lengths.most_common(3) if uses > 1]
    best = max(found, key=lambda each: each.streamed, default=None)
    return best.strips() if best is not None and len(best.ways) > 1 and best.streamed > STREAMED else None


def _extents(nest: Nest) -> Iterator[int]:
    """Yield the extents of a nest's loops and reductions."""
    yield from nest.extents
    stack: list[Expression] = [store.value for store in nest.stores]
    while stack:
        match stack.pop():
            case Apply(_, parts) | Add(parts):
                stack.extend(parts)
            case Reduce(extents, _):
                yield from extents


class _Grouping:
    """Which nests of a program can run strip by strip over a dimension of this length."""

    def __init__(self, program: NestProgram, length: int) -> None:
        self.program = program
        self.length = length
        self.ways: dict[int, Way] = {}
        self.before: list[int] = []
        self.after: list[int] = []
        self.accesses: dict[int, list[Access]] = {}
        for number, nest in enumerate(program.nests):
            self._sort_in(number, nest)
        self.local = list(self._local())
        self.streamed = self._streamed()

    def _sort_in(self, number: int, nest: Nest) -> None:
        for way in self._ways_of(nest):
            found = list(accesses(nest, self.program.buffers, way))
            if self._fits(found):
                self.ways[number] = way
                self.accesses[number] = found
                return
        self.accesses[number] = list(accesses(nest, self.program.buffers))
        free = not self._meet(self.accesses[number], [*self.ways, *self.after])
        (self.before if free else self.after).append(number)

    def _ways_of(self, nest: Nest) -> Iterator[Way]:
        for dim, extent in enumerate(nest.extents):
            if extent == self.length and is_plain(nest, Way(self.length, dim)):
                yield Way(self.length, dim)
        way = Way(self.length, None)
        parts = [split_sum(store.value, self.length) for store in nest.stores]
        if all(part is not None and part[0] is not None for part in parts) and is_plain(nest, way):
            yield way

    def _fits(self, found: list[Access]) -> bool:
        """Say whether a nest can run strip by strip after those that do already."""
        if self._meet(found, self.after):
            return False
        earlier = [each for number in self.ways for each in self.accesses[number] if each.region in WRITTEN]
        return all(a.along(b, self.length) for a in found for b in earlier if a.meets(b))

    def _meet(self, found: list[Access], numbers: Sequence[int]) -> bool:
        others = [each for number in numbers for each in self.accesses[number]]
        return any(a.meets(b) for a in found if a.region in WRITTEN for b in others)

    def _local(self) -> Iterator[tuple[int, int]]:
        """Yield the parts of the arena that only nests of a strip use, and each step for itself."""
        used = sorted(
            (each.first, each.last, number in self.ways and each.step > 0)
            for number, found in self.accesses.items()
            for each in found
            if each.region is Region.ARENA
        )
        start = end = -1
        alone = False
        for first, last, own in used:
            if first > end:
                if alone:
                    yield start, end
                start, alone = first, True
            alone, end = alone and own, max(end, last)
        if alone:
            yield start, end

    def _streamed(self) -> int:
        """Return how many numbers nests hand on from sample to sample."""
        sizes: dict[tuple[Region, int, int], int] = {}
        for number in self.ways:
            for each in self.accesses[number]:
                if each.step:
                    key = each.region, each.group, each.first
                    size = self.length * prod(extent for _, extent in each.rest)
                    sizes[key] = max(sizes.get(key, 0), min(size, each.last - each.first + 1))
        return sum(sizes.values())

    def _strip_length(self) -> int:
        """Return how many steps a strip has: whole vectors, and no steps left where that is possible."""
        most = max(LEAST, min(self.length // 2, IN_STRIP * self.length // self.streamed)) // 8 * 8
        whole = [each for each in range(most, most // 2, -8) if self.length % each == 0]
        return whole[0] if whole else most

    def _stays(self, address: Address) -> bool:
        buffer = self.program.buffers[address.buffer]
        place = buffer.offset + address.base
        return buffer.region is Region.ARENA and any(first <= place <= last for first, last in self.local)

    def strips(self) -> Strips:
        """Return the program in strips."""
        nests = self.program.nests
        length = self._strip_length()
        count, left = divmod(self.length, length)
        looped, rest, starts = [], [], []
        for number, way in self.ways.items():
            looped.append((number, strip_of(nests[number], Part(way, 0, length, self._stays))))
            if left:
                part = Part(way, count * length, left, self._stays)
                rest.append((number, strip_of(nests[number], part)))
            if way.dim is None:
                starts.append((number, start_of(nests[number], self.length)))
        before = [(number, nests[number]) for number in self.before] + starts
        after = [(number, nests[number]) for number in self.after]
        pieces = [self._in_order(piece) for piece in (before, looped, rest, after)]
        numbers = [number for piece in pieces for number, _ in piece]
        forward = frozenset(at for at, number in enumerate(numbers) if number < self.program.forward)
        program = replace(self.program, nests=[nest for piece in pieces for _, nest in piece])
        first = len(pieces[0])
        return Strips(program, range(first, first + len(looped)), count, forward)

    def _in_order(self, piece: list[tuple[int, Nest]]) -> list[tuple[int, Nest]]:
        """Return nests in order, so that those of the forward pass are first; of equal numbers, as they were."""
        return sorted(piece, key=lambda each: each[0] >= self.program.forward)
