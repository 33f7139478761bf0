"""How a nest's loops become vector code: which dimension lies across the lanes, how large a tile is kept in registers.

The choice is the cheapest of a few dozen candidates under a model of the processor: two loads, two multiply-adds and a
store a cycle, four cycles until a sum can be added to again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from chainrule.compiler.native.lowering import Lowered, Place, lower
from chainrule.compiler.native.symbols import Node
from chainrule.compiler.nests.nest import Nest, NestProgram

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
MOST_TURNED = 2  # sums, where a square of numbers for each is in registers too
TURNING = 0.75  # cycles to load a row of a square of numbers and turn it, by its size and the logarithm of its size
CALL = 60.0  # one lane of a function of the C library
ACROSS = 2.5  # adding up the lanes of a vector
LATENCY = 4.0
LOOP = 2.0  # a turn of a loop that its body cannot hide
BRANCH = 8.0  # entering and leaving a loop
FEW_INSTRUCTIONS = 150  # that cost nothing
INSTRUCTION = 0.2  # what one more instruction may save at the least: it takes 40 µs to compile
# Running sums in registers, at most and where there is room for the operands of two terms at a time: of 32, and of 16
TOTALS, TOTALS_OF_16 = (24, 21), (12, 8)
SIZES = (1, 2, 3, 4, 6, 8, 12)  # of tiles
FEW_SIZES = (1, 4, 8)
PROMISING = 1.3
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
    return min(model.candidates(), key=_cost)


class _Model:
    """What a nest does, gathered so that one schedule is priced in microseconds."""

    def __init__(self, lowered: Lowered, width: int) -> None:
        self.lowered = lowered
        self.dims = lowered.dims
        self.width = width
        self.most_totals, self.few_totals = TOTALS if width == 8 else TOTALS_OF_16
        self.loads: set[Place] = set()
        self.stores = [place for place, _ in lowered.stores]
        self.work: Counter[int] = Counter()  # half cycles, by the dimensions of what is computed
        self.calls: Counter[int] = Counter()
        self.instructions: Counter[int] = Counter()
        self.reductions: dict[tuple[int, ...], Counter[int]] = {}
        for node in nodes_of(lowered):
            self._note(node)
        self.summed = tuple(dim for own in self.reductions for dim in own)
        self.fixed = 0  # dimensions on which run-time lengths depend: no tiles, no lanes
        for dim in self.dims:
            self.fixed |= dim.count_dims

    def _note(self, node: Node) -> None:
        dims = node.dims
        if node.op == "load":
            self.loads.add(node.detail)
        elif node.op == "reduce":
            own, _ = node.detail
            self.reductions.setdefault(own, Counter())[dims] += 1
            dims |= sum(1 << dim for dim in own)
            self.work[dims] += 1
            if node.operands[0].op == "multiply":  # fused with the addition
                self.work[node.operands[0].dims] -= 1
        elif node.op == "call":
            self.calls[dims] += 1
        elif node.op == "sum":
            self.work[dims] += len(node.operands) - 1
        elif node.op != "number":
            self.work[dims] += ARITHMETIC.get(node.op, 1)
        self.instructions[dims] += ARITHMETIC.get(node.op, 1)

    # Candidates

    def candidates(self) -> Iterator[Schedule]:
        """Yield schedules with their costs: all that can lie across the lanes with few tiles, the best with many."""
        first = [min(self._priced(*each, FEW_SIZES), key=_cost) for each in self._vectors()]
        yield from first
        least = min(map(_cost, first))
        for schedule in first:
            if schedule.cost <= PROMISING * least and self.reductions and schedule.vector is not None:
                yield from self._priced(schedule.vector, schedule.width, SIZES)

    def _priced(self, vector: int | None, width: int, sizes: tuple[int, ...]) -> Iterator[Schedule]:
        for tile, split in self._tiles(vector, width, sizes):
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

    def _tiles(
        self, vector: int | None, width: int, options: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], bool]]:
        """Yield tiles of the two innermost dimensions that are worth it, within the registers."""
        order = self.lowered.order
        free = [dim for dim in order if not self.fixed >> dim & 1 and self.dims[dim].counts is None]
        chosen = [dim for dim in free if dim == vector] + [dim for dim in reversed(free) if dim != vector]
        chosen = chosen[:3] if vector in free else chosen[:2]
        for sizes in self._sizes([self._blocks(dim, vector, width) for dim in chosen], options):
            tile = [1] * len(self.dims)
            for dim, size in zip(chosen, sizes, strict=True):
                tile[dim] = size
            yield from self._with_unrolled_sums(tile, vector, width)

    def _blocks(self, dim: int, vector: int | None, width: int) -> int:
        return -(-self.dims[dim].extent // (width if dim == vector else 1))

    def _sizes(self, blocks: list[int], options: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield how many blocks of each dimension may be a tile."""
        if not blocks:
            yield ()
            return
        sizes = [
            size
            for size in range(1, min(12, blocks[0]) + 1)
            if size in options or size == blocks[0] or (options is SIZES and blocks[0] % size == 0)
        ]
        for rest in self._sizes(blocks[1:], options):
            for size in sizes:
                if size * prod(rest) <= self.most_totals:
                    yield (size, *rest)

    def _with_unrolled_sums(
        self, tile: list[int], vector: int | None, width: int
    ) -> Iterator[tuple[tuple[int, ...], bool]]:
        totals = self._totals(tile)
        if totals > self.most_totals and max(tile, default=1) > 1:
            return
        tile = list(tile)
        split = False
        for own in self.reductions:
            inner = own[-1]
            if self.dims[inner].counts is not None:
                continue
            blocks = self._blocks(inner, vector, width)
            most = MOST_UNROLLED
            if totals < 8 and blocks >= 4:
                split = True
                most = max(1, min(most, self.most_totals // max(1, totals), 8))
            elif totals >= 8:
                most = 2 if totals <= self.few_totals else 1
            tile[inner] = max(size for size in range(1, min(most, blocks) + 1) if blocks % size == 0 or size <= 4)
            if not split and blocks <= MOST_UNROLLED and blocks * totals <= 64:
                tile[inner] = blocks
        yield tuple(tile), split
        for own in self.reductions:
            inner = own[-1]
            if vector is not None and totals <= MOST_TURNED and self._turns(vector, inner):
                tile[inner] = min(width, self.dims[inner].extent)
                yield tuple(tile), False

    def _turns(self, vector: int, inner: int) -> bool:
        """Say whether some array is contiguous in a reduction's dimension and not in the lanes'."""
        return any(
            place.stride(inner) == 1 and place.stride(vector) not in {0, 1} and not place.in_table(vector)
            for place in self.loads
        )

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
        return _Price(self, schedule).total()


def _cost(schedule: Schedule) -> float:
    return schedule.cost


class _Price:
    """The price of one schedule."""

    def __init__(self, model: _Model, schedule: Schedule) -> None:
        self.model = model
        self.schedule = schedule
        self.vector = schedule.vector
        self.order = model.lowered.order
        extents = [dim.extent for dim in model.dims]
        self.points = [
            -(-extent // schedule.width) if dim == self.vector else extent for dim, extent in enumerate(extents)
        ]
        self.blocks = [-(-points // tile) for points, tile in zip(self.points, schedule.tile, strict=True)]
        self.turns = prod(self.blocks[dim] for dim in self.order)
        self._known: dict[int, int] = {}

    def total(self) -> float:
        """Return the whole price."""
        model = self.model
        loads = sum(self._load(place) for place in model.loads)
        stores = sum(self._store(place) for place in model.stores)
        work = 0.5 * sum(halves * self.times(dims) for dims, halves in model.work.items())
        for dims, number in model.calls.items():
            work += CALL * number * (self.schedule.width if self._across(dims) else 1) * self.times(dims)
        fetched = sum(self._fetched(place) for place in model.loads)
        busy = max(loads, work, stores, (loads + work + stores) / 2.5, fetched, self._waiting()) + 0.2 * fetched
        return busy + self._loops() + INSTRUCTION * max(0.0, self._instructions() - FEW_INSTRUCTIONS)

    def _across(self, dims: int) -> bool:
        return self.vector is not None and bool(dims >> self.vector & 1)

    def times(self, dims: int) -> int:
        """Return how often a value of these dimensions is computed, in vectors where it differs over the lanes.

        Once for each of its own points, and again in each turn of a loop further out that it does not depend on.
        """
        times = self._known.get(dims)
        if times is None:
            times, inside = 1, False
            for dim in self.model.summed:
                if dims >> dim & 1:
                    inside = True
                    times *= self.points[dim]
            for dim in reversed(self.order):
                if dims >> dim & 1:
                    inside = True
                    times *= self.points[dim]
                elif inside:
                    times *= self.blocks[dim]
            self._known[dims] = times
        return times

    def _load(self, place: Place) -> float:
        dims = place.dims
        times, width = self.times(dims), self.schedule.width
        if self.vector is None or not dims >> self.vector & 1:
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
        size = 8 * prod(dim.extent for number, dim in enumerate(self.model.dims) if dims >> number & 1)
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
        for own in self.model.reductions:
            links = prod(self.blocks[dim] for dim in own)
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
        for own, totals in self.model.reductions.items():
            inner = prod(self.blocks[dim] for dim in own)
            if inner > 1:
                cycles += turns * (BRANCH * 0.5 + inner * LOOP * 0.5)
            if self.vector in own:
                cycles += ACROSS * sum(
                    number * prod(self.points[dim] for dim in self.order if dims >> dim & 1)
                    for dims, number in totals.items()
                )
            if self.schedule.split:
                cycles += turns * self.schedule.copies(own) * 0.5
        return cycles

    def _instructions(self) -> float:
        """Return about how many instructions are written."""
        tile = self.schedule.tile
        count = 0
        for dims, calls in self.model.calls.items():
            lanes = self.schedule.width if self._across(dims) else 1
            count += 3 * lanes * calls * prod(size for dim, size in enumerate(tile) if size > 1 and dims >> dim & 1)
        for dims, number in self.model.instructions.items():
            count += number * prod(size for dim, size in enumerate(tile) if size > 1 and dims >> dim & 1)
        for dim in (*self.order, *self.model.summed):
            if self.points[dim] % tile[dim] and self.blocks[dim] > 1:
                count *= 2
        return count


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
