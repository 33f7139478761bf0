"""What a schedule costs: a model of the processor.

Two loads, two multiply-adds and a store a cycle; four cycles until a sum can be added to again; what arrays cost that
are larger than a cache; what loops cost by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from chainrule.compiler.native.lowering import Lowered, Place
from chainrule.compiler.native.symbols import Node

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Schedule

# Half cycles of a vector operation, for one vector; those that are not here take one
ARITHMETIC = {
    "divide": 12,
    "sqrt": 18,
    "exp": 22,
    "expm1": 24,
    "log": 32,
    "log1p": 48,
    "tanh": 36,
    "sigmoid": 36,
    "softplus": 72,
    "silu": 38,
    "exp_difference": 30,
    "erf": 110,
    "erfc": 80,
    "maximum": 3,
    "minimum": 3,
}
# Bytes beyond which an array is not in a cache while a nest runs over it, and the cycles to fetch 64 bytes of it then
CACHES = ((600_000, 3.2), (30_000, 1.75))
TURNING = 0.75  # cycles to load a row of a square of numbers and turn it, by its size and the logarithm of its size
CALL = 60.0  # one lane of a function of the C library
ACROSS = 2.5  # adding up the lanes of a vector
TOGETHER = 1.75  # the same, of as many vectors as have lanes
LATENCY = 4.0
BESIDE = 0.25  # of the time of an addition, where multiplications keep the processor busy
LOOP = 2.0  # a turn of a loop that its body cannot hide
BRANCH = 8.0  # entering and leaving a loop


class Thrift(NamedTuple):
    """How dear code is: each instruction takes 40 µs to compile.

    Attributes:
        free: so many instructions of a nest cost nothing.
        each: the cycles that every further one must save.
    """

    free: int
    each: float


class Work:
    """What a nest does, gathered so that a schedule is priced in microseconds.

    Attributes:
        dims, order: the nest's dimensions and loops.
        loads, stores: what it reads and writes.
        reductions: by the dimensions of a reduction, how many run side by side, by their other dimensions.
        rounds: by the dimensions of a reduction, how often it runs: once, and again for each that starts from another.
        summed: all dimensions of reductions.
        nested: some reduction adds what others give.
        halves: half cycles of arithmetic, by the dimensions of what is computed.
        additions: half cycles of the sums of what is no product, which the processor does beside the rest.
        calls, instructions: functions called and about how many instructions there are, likewise.
    """

    def __init__(self, lowered: Lowered) -> None:
        self.dims = lowered.dims
        self.order = lowered.order
        self.loads: set[Place] = set()
        self.stores = [place for place, _ in lowered.stores]
        self.halves: Counter[int] = Counter()
        self.additions: Counter[int] = Counter()
        self.calls: Counter[int] = Counter()
        self.instructions: Counter[int] = Counter()
        self.reductions: dict[tuple[int, ...], Counter[int]] = {}
        self.rounds: dict[tuple[int, ...], int] = {}
        self.nested = False
        self._round: dict[int, int] = {}
        self._with_reductions: set[int] = set()
        for node in sorted(_nodes(lowered), key=lambda node: node.number):
            self._note(node)
        self.summed = tuple(dim for own in self.reductions for dim in own)

    def _note(self, node: Node) -> None:
        dims = node.dims
        if node.op == "reduce" or any(each.number in self._with_reductions for each in node.operands):
            self._with_reductions.add(node.number)
        if node.op == "load":
            self.loads.add(node.detail)
        elif node.op == "reduce":
            own, _ = node.detail
            self.nested |= node.operands[0].number in self._with_reductions
            start = self._round.get(node.operands[1].number, 0) if len(node.operands) > 1 else 0
            self._round[node.number] = start + 1
            self.rounds[own] = max(self.rounds.get(own, 1), start + 1)
            if not start:
                self.reductions.setdefault(own, Counter())[dims] += 1
            dims |= sum(1 << dim for dim in own)
            if node.operands[0].op == "multiply":  # fused with the addition
                self.halves[dims] += 1
                self.halves[node.operands[0].dims] -= 1
            else:
                self.additions[dims] += 1
        elif node.op == "call":
            self.calls[dims] += 1
        elif node.op == "sum":
            self.halves[dims] += len(node.operands) - 1
        elif node.op != "number":
            self.halves[dims] += ARITHMETIC.get(node.op, 1)
        self.instructions[dims] += ARITHMETIC.get(node.op, 1)


class Price:
    """What one schedule costs, in cycles."""

    def __init__(self, work: Work, schedule: Schedule, thrift: Thrift) -> None:
        self.work = work
        self.thrift = thrift
        self.schedule = schedule
        self.vector = schedule.vector
        self.order = work.order
        across = {schedule.vector, schedule.turned}
        self.extents = [dim.extent for dim in work.dims]
        self.points = [
            -(-extent // schedule.width) if dim in across else extent for dim, extent in enumerate(self.extents)
        ]
        self.blocks = [-(-points // tile) for points, tile in zip(self.points, schedule.tile, strict=True)]
        self.turns = prod(self.blocks[dim] for dim in self.order)
        self._known: dict[int, int] = {}

    def total(self) -> float:
        """Return the whole price."""
        loads = sum(self._load(place) for place in self.work.loads)
        stores = sum(self._store(place) for place in self.work.stores)
        fetched = sum(self._fetched(place) for place in self.work.loads)
        most = sum(halves * self.times(dims) for dims, halves in self.work.halves.items())
        beside = sum(halves * self.times(dims) for dims, halves in self.work.additions.items())
        busy = 0.5 * max(most + BESIDE * beside, 0.5 * (most + beside))
        for dims, number in self.work.calls.items():
            busy += CALL * number * (self.schedule.width if self._across(dims) else 1) * self.times(dims)
        longest = max(loads, busy, stores, (loads + busy + stores) / 2.5, fetched, self._waiting())
        dear = self.thrift.each * max(0.0, self._instructions() - self.thrift.free)
        return longest + 0.2 * fetched + self._loops() + dear

    def _across(self, dims: int) -> bool:
        return self.vector is not None and bool(dims >> self.vector & 1)

    def times(self, dims: int) -> int:
        """Return how often a value of these dimensions is computed, in vectors where it differs over the lanes.

        Once for each of its own points, and again in each turn of a loop further out that it does not depend on.
        """
        times = self._known.get(dims)
        if times is None:
            times, inside = 1, False
            for dim in self.work.summed:
                if dims >> dim & 1:
                    inside = True
                    times *= self.points[dim]
            one_by_one = self.vector if inside and self.schedule.turned is not None else None
            for dim in reversed(self.order):
                if dims >> dim & 1:
                    inside = True
                    times *= self.extents[dim] if dim == one_by_one else self.points[dim]
                elif inside:
                    times *= self.blocks[dim]
            self._known[dims] = times
        return times

    def _load(self, place: Place) -> float:
        dims = place.dims
        times, width = self.times(dims), self.schedule.width
        turned = self.schedule.turned
        if self.vector is None or not dims >> self.vector & 1 or (turned is not None and dims >> turned & 1):
            return times * (0.5 if place.table is None else 1.0)
        if place.table is not None and place.in_table(self.vector):
            return 1.5 * width * times
        if place.stride(self.vector) != 1:
            along = next((dim for dim, stride in place.strides if stride == 1 and not place.in_table(dim)), None)
            together = min(width, self.schedule.tile[along]) if along is not None else 1
            return times * min(1.2 * width, TURNING * width * width.bit_length() / together)
        return times * (0.5 if place.table is None else 1.0)

    def _fetched(self, place: Place) -> float:
        """Return the cycles that an array takes which is too large for the nearest cache."""
        dims = place.dims
        size = 8 * prod(dim.extent for number, dim in enumerate(self.work.dims) if dims >> number & 1)
        for least, cycles in CACHES:
            if size > least:
                lanes = self.schedule.width if self._across(dims) else 1
                return cycles * max(0.0, self.times(dims) * lanes / 8 - 0.6 * size / 64)
        return 0.0

    def _store(self, place: Place) -> float:
        dims = place.dims
        times, width = self.times(dims), self.schedule.width
        if self.vector is None or not dims >> self.vector & 1:
            return 0.5 * times
        if place.table is None and place.stride(self.vector) == 1:
            return times * (1.0 if width > 4 else 0.5)
        return 1.2 * width * times

    def _waiting(self) -> float:
        """Return the cycles of the chains of additions, of which the processor overlaps two or so."""
        longest = 0.0
        for own in self.work.reductions:
            links = self.work.rounds[own] * prod(self.blocks[dim] for dim in own)
            if not self.schedule.split:
                links *= self.schedule.copies(own)
            longest += self.turns * (links * LATENCY * 0.5 + (3.0 if self.turns > 1 else 6.0))
        return longest

    def _loops(self) -> float:
        """Return what loops cost by themselves, and adding up lanes."""
        cycles, turns = 0.0, 1
        for dim in self.order:
            if self.blocks[dim] > 1:
                cycles += turns * BRANCH
            turns *= self.blocks[dim]
        cycles += LOOP * turns * 0.5
        for own, totals in self.work.reductions.items():
            inner = prod(self.blocks[dim] for dim in own)
            rounds = self.work.rounds[own]
            if inner > 1:
                cycles += rounds * turns * (BRANCH * 0.5 + inner * LOOP * 0.5)
            results = sum(
                number * prod(self.points[dim] for dim in self.order if dims >> dim & 1)
                for dims, number in totals.items()
            )
            if self.vector in own:
                cycles += rounds * ACROSS * results
            elif self.schedule.turned is not None:
                cycles += rounds * TOGETHER * self.schedule.width * results
            if self.schedule.split:
                cycles += rounds * turns * self.schedule.copies(own) * 0.5
        return cycles

    def _instructions(self) -> float:
        """Return about how many instructions are written."""
        tile = self.schedule.tile
        count = 0
        for dims, calls in self.work.calls.items():
            lanes = self.schedule.width if self._across(dims) else 1
            count += 3 * lanes * calls * prod(size for dim, size in enumerate(tile) if size > 1 and dims >> dim & 1)
        inner = sum(1 << dim for dim in self.work.summed) if self.schedule.turned is not None else 0
        for dims, number in self.work.instructions.items():
            rows = self.schedule.width if dims & inner and self._across(dims) else 1
            count += rows * number * prod(size for dim, size in enumerate(tile) if size > 1 and dims >> dim & 1)
        for dim in (*self.order, *self.work.summed):
            if self.points[dim] % tile[dim] and self.blocks[dim] > 1:
                count *= 2
        return count


def _nodes(lowered: Lowered) -> Iterator[Node]:
    """Yield every node of a nest once."""
    seen: set[int] = set()
    stack = [node for _, node in lowered.stores]
    while stack:
        node = stack.pop()
        if node.number not in seen:
            seen.add(node.number)
            yield node
            stack.extend(node.operands)
