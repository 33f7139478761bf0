"""How a nest's loops become vector code: which dimension lies across the lanes, how large a tile is kept in registers.

The choice is the cheapest of a few dozen candidates under a model of the processor: two loads, two multiply-adds and a store
a cycle, four cycles until a sum can be added to again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from chainrule.compiler.native.lowering import Lowered, Place, lower
from chainrule.compiler.native.symbols import Node
from chainrule.compiler.nests.nest import Nest, NestProgram

# Cycles of a vector operation, for one vector; add, multiply and the like take half a cycle
ARITHMETIC = {
    "divide": 6.0,
    "sqrt": 9.0,
    "exp": 11.0,
    "expm1": 12.0,
    "log": 16.0,
    "log1p": 24.0,
    "tanh": 18.0,
    "sigmoid": 18.0,
    "softplus": 36.0,
    "silu": 19.0,
    "exp_difference": 15.0,
    "maximum": 1.5,
    "minimum": 1.5,
}
CALL = 60.0  # one lane of a function of the C library
LATENCY = 4.0
LOOP = 2.0  # a turn of a loop that its body cannot hide
BRANCH = 8.0  # entering and leaving a loop
MOST_TOTALS = 24  # running sums in registers, of 32
MOST_UNROLLED = 8  # terms of a sum in one block


@dataclass(frozen=True)
class Schedule:
    """One way to run a nest.

    Attributes:
        vector: the dimension that lies across the lanes; None for scalar code.
        width: how many lanes; 1 for scalar code.
        tile: for each dimension, how many vectors (or, in the others, indices) a block has.
        split: the blocks of a reduction add to running sums of their own, so that they do not wait for each other.
        cost: about how many cycles the nest takes.
    """

    vector: int | None
    width: int
    tile: tuple[int, ...]
    split: bool = False
    cost: float = 0.0

    def step(self, dim: int) -> int:
        """Return how many indices of a dimension one block covers."""
        return self.tile[dim] * (self.width if dim == self.vector else 1)

    def copies(self, dims: Sequence[int]) -> int:
        """Return how many points a block has over these dimensions."""
        return prod(self.tile[dim] for dim in dims)

    def __str__(self) -> str:
        across = f"{self.width} lanes of dimension {self.vector}" if self.vector is not None else "scalar"
        return f"{across}, tile {' × '.join(map(str, self.tile))}, about {self.cost:.0f} cycles"


def best_schedule(nest: Nest, program: NestProgram, width: int = 8) -> Schedule:
    """Return the cheapest schedule for a nest.

    Raises:
        NotCompilableError: the nest uses a row that no code can be made for.
    """
    return choose(lower(nest, program.buffers), width)


def choose(lowered: Lowered, width: int) -> Schedule:
    """Return the cheapest schedule for a lowered nest on a machine of this many lanes."""
    model = _Model(lowered, width)
    return min(model.candidates(), key=lambda schedule: schedule.cost)


class _Model:
    """What a nest does, gathered so that one schedule is priced in microseconds."""

    def __init__(self, lowered: Lowered, width: int) -> None:
        self.lowered = lowered
        self.dims = lowered.dims
        self.width = width
        self.registers = MOST_TOTALS if width == 8 else 10
        self.loads: dict[Place, int] = {}  # by place, the dimensions that the reduction around it has
        self.work: dict[tuple[int, int], float] = {}  # by dimensions, and those of the reduction around it
        self.calls: dict[tuple[int, int], int] = {}
        self.reductions: dict[tuple[int, ...], dict[int, int]] = {}
        self.stores = [place for place, _ in lowered.stores]
        self._gather()
        self.fixed = 0  # dimensions on which run-time lengths depend: no tiles, no lanes
        for dim in self.dims:
            self.fixed |= dim.count_dims

    def _gather(self) -> None:
        seen: set[tuple[int, int]] = set()
        stack = [(node, 0) for _, node in self.lowered.stores]
        while stack:
            node, around = stack.pop()
            if (node.number, around) in seen or node.op == "number":
                continue
            seen.add((node.number, around))
            inner = around
            if node.op == "reduce":
                own = node.detail[0]
                inner = sum(1 << dim for dim in own)
                totals = self.reductions.setdefault(own, {})
                totals[node.dims] = totals.get(node.dims, 0) + 1
                stack.extend((each, around) for each in node.operands[1:])
                self._note_work(node.operands[0].dims | inner, 0.5)
                body = node.operands[0]
                stack.extend((each, inner) for each in (body.operands if body.op == "multiply" else (body,)))
                continue
            stack.extend((each, inner) for each in node.operands)
            if node.op == "load":
                self.loads[node.detail] = around
            elif node.op == "call":
                self.calls[node.dims, around] = self.calls.get((node.dims, around), 0) + 1
            elif node.op == "sum":
                self._note_work(node.dims, 0.5 * (len(node.operands) - 1))
            elif not (node.op == "multiply" and around == -1):
                self._note_work(node.dims, ARITHMETIC.get(node.op, 0.5))

    def _note_work(self, dims: int, cycles: float) -> None:
        self.work[dims, 0] = self.work.get((dims, 0), 0.0) + cycles

    # Candidates

    def candidates(self) -> Iterator[Schedule]:
        """Yield schedules with their costs."""
        for vector, width in self._vectors():
            for tile, split in self._tiles(vector, width):
                schedule = Schedule(vector, width, tile, split)
                yield Schedule(vector, width, tile, split, self.price(schedule))

    def _vectors(self) -> Iterator[tuple[int | None, int]]:
        yield None, 1
        for dim in range(len(self.dims)):
            extent = self.dims[dim].extent
            live = dim in self.lowered.order or any(dim in own for own in self.reductions)
            if not live or extent < 2 or self.fixed >> dim & 1:
                continue
            width = self.width
            while width > 2 and width // 2 >= extent:
                width //= 2
            yield dim, width
            if width == 8 and extent % 8 and extent % 4 == 0:
                yield dim, 4

    def _tiles(self, vector: int | None, width: int) -> Iterator[tuple[tuple[int, ...], bool]]:
        """Yield tiles of the two innermost dimensions that are worth it, within the registers."""
        order = self.lowered.order
        free = [dim for dim in order if not self.fixed >> dim & 1 and self.dims[dim].counts is None]
        chosen = [dim for dim in free if dim == vector] + [dim for dim in reversed(free) if dim != vector]
        chosen = chosen[:3] if vector in free else chosen[:2]
        for sizes in self._sizes(chosen, vector, width):
            tile = [1] * len(self.dims)
            for dim, size in zip(chosen, sizes, strict=True):
                tile[dim] = size
            yield from self._with_unrolled_sums(tile, vector, width)

    def _sizes(self, dims: list[int], vector: int | None, width: int) -> Iterator[tuple[int, ...]]:
        if not dims:
            yield ()
            return
        dim = dims[0]
        blocks = -(-self.dims[dim].extent // (width if dim == vector else 1))
        options = [size for size in (1, 2, 3, 4, 5, 6, 8) if size <= blocks and (size < 5 or blocks % size == 0)]
        for rest in self._sizes(dims[1:], vector, width):
            for size in options:
                if size * prod(rest) <= self.registers:
                    yield (size, *rest)

    def _with_unrolled_sums(
        self, tile: list[int], vector: int | None, width: int
    ) -> Iterator[tuple[tuple[int, ...], bool]]:
        totals = self._totals(tile)
        if totals > self.registers:
            return
        tile = list(tile)
        split = False
        for own in self.reductions:
            inner = own[-1]
            if self.dims[inner].counts is not None:
                continue
            blocks = -(-self.dims[inner].extent // (width if inner == vector else 1))
            most = MOST_UNROLLED
            if totals < 8 and blocks >= 4:
                split = True
                most = max(1, min(most, self.registers // max(1, totals), 8))
            elif totals >= 8:
                most = 2
            tile[inner] = max(size for size in range(1, min(most, blocks) + 1) if blocks % size == 0 or size <= 4)
            if not split and blocks <= MOST_UNROLLED and blocks * totals <= 64:
                tile[inner] = blocks
        yield tuple(tile), split

    def _totals(self, tile: Sequence[int]) -> int:
        """Return how many running sums the largest reduction needs."""
        most = 0
        for totals in self.reductions.values():
            count = 0
            for dims, number in totals.items():
                count += number * prod(tile[dim] for dim in self.lowered.order if dims >> dim & 1)
            most = max(most, count)
        return most

    # The price

    def price(self, schedule: Schedule) -> float:
        """Return about how many cycles a schedule takes."""
        loads = sum(self._load_cost(place, around, schedule) for place, around in self.loads.items())
        stores = sum(self._store_cost(place, schedule) for place in self.stores)
        work = sum(cycles * self._times(dims, schedule) for (dims, _), cycles in self.work.items())
        for (dims, _), number in self.calls.items():
            lanes = schedule.width if self._over_lanes(dims, schedule) else 1
            work += CALL * number * lanes * self._times(dims, schedule)
        busy = max(loads, work, stores, (loads + work + stores) / 2.5)
        return max(busy, self._waiting(schedule)) + self._overhead(schedule)

    def _over_lanes(self, dims: int, schedule: Schedule) -> bool:
        return schedule.vector is not None and bool(dims >> schedule.vector & 1)

    def _blocks(self, dim: int, schedule: Schedule) -> int:
        return -(-self.dims[dim].extent // schedule.step(dim))

    def _times(self, dims: int, schedule: Schedule) -> float:
        """Return how often a value of these dimensions is computed, in vectors where it differs over the lanes.

        Once for each of its own points, and again in each turn of a loop further out that it does not depend on.
        """
        times = 1
        inside = False
        summed = [dim for own in self.reductions for dim in own if dims >> dim & 1]
        for dim in [*summed[::-1], *reversed(self.lowered.order)]:
            if dims >> dim & 1:
                inside = True
                times *= -(-self.dims[dim].extent // (schedule.width if dim == schedule.vector else 1))
            elif inside:
                times *= self._blocks(dim, schedule)
        return times

    def _load_cost(self, place: Place, around: int, schedule: Schedule) -> float:
        times = self._times(place.dims, schedule)
        if not self._over_lanes(place.dims, schedule):
            return 0.5 * times + (0.5 * times if place.table is not None else 0.0)
        assert schedule.vector is not None  # noqa: S101 - there are lanes
        if place.table is not None and place.in_table(schedule.vector):
            return 1.5 * schedule.width * times
        if place.stride(schedule.vector) != 1:
            return 1.2 * schedule.width * times
        return (0.5 if place.table is None else 1.0) * times

    def _store_cost(self, place: Place, schedule: Schedule) -> float:
        times = self._times(place.dims, schedule)
        if not self._over_lanes(place.dims, schedule):
            return times
        assert schedule.vector is not None  # noqa: S101 - there are lanes
        return times * (1.0 if place.stride(schedule.vector) == 1 else 1.5 * schedule.width)

    def _waiting(self, schedule: Schedule) -> float:
        """Return the cycles of the chains of additions, of which the processor overlaps two or so."""
        longest = 0.0
        for own, totals in self.reductions.items():
            outside = prod(self._blocks(dim, schedule) for dim in self.lowered.order)
            turns = prod(self._blocks(dim, schedule) for dim in own)
            chain = 1 if schedule.split else schedule.copies(own)
            del totals
            longest += outside * (turns * chain * LATENCY * 0.5 + (10.0 if outside > 1 else 20.0) * 0.3)
        return longest

    def _overhead(self, schedule: Schedule) -> float:
        """Return what loops cost by themselves, and adding up lanes."""
        cycles, turns = 0.0, 1
        for dim in self.lowered.order:
            blocks = self._blocks(dim, schedule)
            if blocks > 1:
                cycles += turns * BRANCH
            turns *= blocks
        cycles += LOOP * turns * 0.5
        for own, totals in self.reductions.items():
            inner = prod(self._blocks(dim, schedule) for dim in own)
            if inner > 1:
                cycles += turns * (BRANCH * 0.5 + inner * LOOP * 0.5)
            if schedule.vector in own:
                sums = sum(
                    number * prod(self.dims[dim].extent for dim in self.lowered.order if dims >> dim & 1)
                    for dims, number in totals.items()
                )
                cycles += sums * 5.0
            if schedule.split:
                cycles += turns * schedule.copies(own) * 0.5
        return cycles + self._uneven(schedule)

    def _uneven(self, schedule: Schedule) -> float:
        """Return a little for every dimension whose blocks do not come out even: more code."""
        return sum(2.0 for dim in self.lowered.order if self.dims[dim].extent % schedule.step(dim))


__all__ = ["Schedule", "best_schedule", "choose"]


def nodes_of(lowered: Lowered) -> Iterator[Node]:
    """Yield every node of a nest once."""
    seen: set[int] = set()
    stack = [node for _, node in lowered.stores]
    while stack:
        node = stack.pop()
        if node.number not in seen:
            seen.add(node.number)
            yield node
            stack.extend(node.operands)
