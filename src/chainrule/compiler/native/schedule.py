"""How a nest's loops become vector code: which dimension lies across the lanes, how large a tile is kept in registers.

The choice is the cheapest of a few dozen candidates under the model of `pricing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from chainrule.compiler.native.lowering import Lowered, lower
from chainrule.compiler.native.pricing import Price, Thrift, Work
from chainrule.compiler.nests.nest import Nest, NestProgram

TOTALS, TOTALS_OF_16 = 24, 12  # running sums in registers, of 32 and of 16
SMALL_PROGRAM = 20  # nests
SIZES = (1, 2, 3, 4, 6, 8, 12)  # of tiles
FEW_SIZES = (1, 4, 8)
PROMISING = 1.3
MOST_UNROLLED = 8  # terms of a sum in one block
MOST_TURNED = 2  # sums, where a square of numbers for each is in registers too
MOST_ALONG = 4  # vectors of a sum in one block, where each lane has a sum of its own


@dataclass(frozen=True)
class Schedule:
    """One way to run a nest.

    Attributes:
        vector: the dimension that lies across the lanes; None for scalar code.
        width: how many lanes; 1 for scalar code.
        tile: for each dimension, how many vectors (or, in the others, indices) a block has.
        split: the blocks of a reduction add to running sums of their own, so that they do not wait for each other.
        turned: a dimension of the reductions that lies across the lanes while they run, and has as many vectors in a
            block as the tile says: each lane of `vector` has a running sum of its own, and these are added up together.
        cost: about how many cycles the nest takes.
    """

    vector: int | None
    width: int
    tile: tuple[int, ...]
    split: bool = False
    turned: int | None = None
    cost: float = 0.0

    def step(self, dim: int) -> int:
        """Return how many indices of a dimension one block covers."""
        return self.tile[dim] * (self.width if dim in {self.vector, self.turned} else 1)

    def copies(self, dims: Sequence[int]) -> int:
        """Return how many points a block has over these dimensions."""
        return prod(self.tile[dim] for dim in dims)

    def __str__(self) -> str:
        across = f"{self.width} lanes of dimension {self.vector}" if self.vector is not None else "scalar"
        if self.turned is not None:
            across += f", of {self.turned} in sums"
        return f"{across}, tile {' × '.join(map(str, self.tile))}, about {self.cost:.0f} cycles"


def best_schedule(nest: Nest, program: NestProgram, width: int = 8) -> Schedule:
    """Return the cheapest schedule for a nest.

    Raises:
        NotCompilableError: the nest uses a row that no code can be made for.
    """
    return choose(lower(nest, program.buffers), width, thrift_of(len(program.nests)))


def choose(lowered: Lowered, width: int, thrift: Thrift) -> Schedule:
    """Return the cheapest schedule for a lowered nest on a machine of this many lanes."""
    return min(_Search(lowered, width, thrift).candidates(), key=_cost)


def thrift_of(nests: int) -> Thrift:
    """Return how dear code is in a program of so many different nests."""
    return Thrift(150, 0.05) if nests <= SMALL_PROGRAM else Thrift(20, min(4.0, (nests - SMALL_PROGRAM) / 10))


class _Search:
    """The candidates for a nest."""

    def __init__(self, lowered: Lowered, width: int, thrift: Thrift) -> None:
        self.work = Work(lowered)
        self.width = width
        self.thrift = thrift
        self.most_totals = TOTALS if width == 8 else TOTALS_OF_16
        self.fixed = 0  # dimensions on which run-time lengths depend: no tiles, no lanes
        for dim in lowered.dims:
            self.fixed |= dim.count_dims

    def candidates(self) -> Iterator[Schedule]:
        """Yield schedules with their costs: all that can lie across the lanes with few tiles, the best with many."""
        first = [min(self._priced(*each, FEW_SIZES), key=_cost) for each in self._vectors()]
        yield from first
        least = min(map(_cost, first))
        for schedule in first:
            if schedule.cost <= PROMISING * least and self.work.reductions and schedule.vector is not None:
                yield from self._priced(schedule.vector, schedule.width, SIZES)

    def _priced(self, vector: int | None, width: int, sizes: tuple[int, ...]) -> Iterator[Schedule]:
        for tile, split, turned in self._tiles(vector, width, sizes):
            schedule = Schedule(vector, width, tile, split, turned)
            yield replace(schedule, cost=Price(self.work, schedule, self.thrift).total())

    def _vectors(self) -> Iterator[tuple[int | None, int]]:
        yield None, 1
        for dim in range(len(self.work.dims)):
            extent = self.work.dims[dim].extent
            live = dim in self.work.order or any(dim in own for own in self.work.reductions)
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
    ) -> Iterator[tuple[tuple[int, ...], bool, int | None]]:
        """Yield tiles of the two innermost dimensions that are worth it, within the registers."""
        order = self.work.order
        free = [dim for dim in order if not self.fixed >> dim & 1 and self.work.dims[dim].counts is None]
        chosen = [dim for dim in free if dim == vector] + [dim for dim in reversed(free) if dim != vector]
        chosen = chosen[:3]
        for sizes in self._sizes([self._blocks(dim, vector, width) for dim in chosen], options):
            tile = [1] * len(self.work.dims)
            for dim, size in zip(chosen, sizes, strict=True):
                tile[dim] = size
            yield from self._with_unrolled_sums(tile, vector, width)

    def _blocks(self, dim: int, vector: int | None, width: int) -> int:
        return -(-self.work.dims[dim].extent // (width if dim == vector else 1))

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
    ) -> Iterator[tuple[tuple[int, ...], bool, int | None]]:
        totals = self._totals(tile)
        if totals > self.most_totals and max(tile, default=1) > 1:
            return
        tile = list(tile)
        split = False
        for own in self.work.reductions:
            inner = own[-1]
            if self.work.dims[inner].counts is not None:
                continue
            blocks = self._blocks(inner, vector, width)
            most = MOST_UNROLLED
            if totals < 8 and blocks >= 4:
                split = True
                most = max(1, min(most, self.most_totals // max(1, totals), 8))
            elif totals >= 8:
                most = 2
            tile[inner] = max(size for size in range(1, min(most, blocks) + 1) if blocks % size == 0 or size <= 4)
            if not split and blocks <= MOST_UNROLLED and blocks * totals <= 64:
                tile[inner] = blocks
        yield tuple(tile), split, None
        for own in self.work.reductions:
            inner = own[-1]
            if vector is not None and totals <= MOST_TURNED and self._turns(vector, inner):
                tile[inner] = min(width, self.work.dims[inner].extent)
                yield tuple(tile), False, None
        if vector in self.work.order and 0 < totals * width <= self.most_totals and self._lies_along_sums(vector):
            inner = self.work.summed[-1]
            tile[inner] = min(MOST_ALONG, -(-self.work.dims[inner].extent // width))
            yield tuple(tile), False, inner

    def _turns(self, vector: int, inner: int) -> bool:
        """Say whether some array is contiguous in a reduction's dimension and not in the lanes'."""
        return any(
            place.stride(inner) == 1 and place.stride(vector) not in {0, 1} and not place.in_table(vector)
            for place in self.work.loads
        )

    def _lies_along_sums(self, vector: int) -> bool:
        """Say whether the sums could run along their innermost dimension, each lane with a sum of its own."""
        work = self.work
        if len(work.reductions) != 1 or work.nested or any(dim.counts is not None for dim in work.dims):
            return False
        inner = work.summed[-1]
        own = [place for place in work.loads if place.dims >> inner & 1]
        along = all(place.stride(inner) == 1 and not place.in_table(inner) for place in own)
        return along and any(place.dims >> vector & 1 and place.stride(vector) != 1 for place in own)

    def _totals(self, tile: Sequence[int]) -> int:
        """Return how many running sums the largest reduction needs."""
        most = 0
        for totals in self.work.reductions.values():
            count = 0
            for dims, number in totals.items():
                count += number * prod(tile[dim] for dim in self.work.order if dims >> dim & 1)
            most = max(most, count)
        return most


def _cost(schedule: Schedule) -> float:
    return schedule.cost
