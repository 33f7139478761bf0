"""Checks of a nest program before it becomes machine code, which would not notice that it leaves its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.nest import Address, Nest, NestProgram, Reduce, Region, loads
from chainrule.errors import GraphError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grid = NDArray[np.int64]


def verify(program: NestProgram) -> NestProgram:
    """Return the program if no step leaves the buffer that it addresses, and no two steps store to one place.

    Raises:
        GraphError: one does; the message names the nest, its classes and the address.
    """
    sizes = {Region.ARENA: program.arena, Region.VALUES: program.values, Region.GRADIENTS: program.values}
    wrong = {
        number
        for number, buffer in enumerate(program.buffers)
        if buffer.offset + buffer.size > sizes.get(buffer.region, buffer.offset + buffer.size)
    }
    for number, nest in enumerate(program.nests):
        problem = _problem(program, nest, wrong)
        if problem:
            raise GraphError(
                f"the compiler made a wrong program in 'nests': nest {number} (classes {nest.classes}) {problem}; "
                "this is a bug of chainrule: report it, and use the function without cr.compile meanwhile"
            )
    order = np.sort(program.value_order)
    if (order[1:] == order[:-1]).any() or (len(order) and not 0 <= order[0] <= order[-1] < program.values):
        raise GraphError("the compiler gave two live Values one place; this is a bug of chainrule: report it")
    return program


def _problem(program: NestProgram, nest: Nest, wrong: set[int]) -> str:
    """Return what is wrong with a nest; `wrong` are the buffers that do not lie in their region."""
    loops = _Loops(program, nest)
    for address in [*(address for address, _ in loops.loads), *(store.address for store in nest.stores)]:
        if address.buffer in wrong:
            return f"uses {program.buffers[address.buffer]}, which its region does not hold"
    for address, terms in loops.loads:
        if not _inside(program, address, loops.places(address, terms)):
            return f"reads outside of its buffer: {address}"
    stored: dict[tuple[Region, int], list[Grid]] = {}
    for store in nest.stores:
        places = loops.places(store.address, (), every=True)
        if not _inside(program, store.address, places):
            return f"stores outside of its buffer: {store.address}"
        buffer = program.buffers[store.address.buffer]
        stored.setdefault((buffer.region, buffer.group), []).append(places + buffer.offset)
    for places_of_region in stored.values():
        together = np.sort(np.concatenate([places.reshape(-1) for places in places_of_region]))
        if (together[1:] == together[:-1]).any():
            return "stores two numbers to one place"
    return ""


def _inside(program: NestProgram, address: Address, places: Grid) -> bool:
    return not places.size or bool(places.min() >= 0 and places.max() < program.buffers[address.buffer].size)


class _Loops:
    """The loops of a nest and what it loads: each address with the reductions around it."""

    def __init__(self, program: NestProgram, nest: Nest) -> None:
        self.program = program
        self.nest = nest
        self.extents = nest.extents
        self.loads = [found for store in nest.stores for found in loads(store.value)]

    def places(self, address: Address, terms: tuple[Reduce, ...], *, every: bool = False) -> Grid:
        """Return the places of all steps, or where that is as good, of the first and last ones of loops."""
        extents = self.extents + tuple(extent for reduce in terms for extent in reduce.extents)
        ragged = self.nest.counts is not None or any(reduce.counts is not None for reduce in terms)
        axes = address.table_strides if address.table is not None else (0,) * len(extents)
        steps = [
            np.arange(extent) if every or ragged or along else np.array([0, extent - 1])
            for extent, along in zip(extents, axes, strict=True)
        ]
        grid = np.meshgrid(*steps, indexing="ij", sparse=True)
        places = self._sum(address.base, address.strides, grid)
        if address.table is not None:
            places = places + self.program.tables[address.table][self._sum(0, address.table_strides, grid)]
        if not ragged:
            return np.broadcast_to(places, extents) if every else places
        live = np.broadcast_to(self.live(terms), extents)
        return np.broadcast_to(places, extents)[live]

    def live(self, terms: tuple[Reduce, ...]) -> NDArray[np.bool_]:
        """Return which steps of the loops there are."""
        extents = self.extents + tuple(extent for reduce in terms for extent in reduce.extents)
        grid = np.meshgrid(*map(np.arange, extents), indexing="ij", sparse=True)
        live = np.ones((1,) * len(extents), dtype=bool)
        if self.nest.counts is not None:
            last = len(self.extents) - 1
            live = live & (
                grid[last] < self.program.tables[self.nest.counts][self._sum(0, self.nest.count_strides, grid)]
            )
        depth = len(self.extents)
        for reduce in terms:
            if reduce.counts is not None:
                counts = self.program.tables[reduce.counts][self._sum(0, reduce.count_strides, grid)]
                live = live & (grid[depth] < counts)
            depth += len(reduce.extents)
        return live

    def _sum(self, base: int, strides: tuple[int, ...], grid: tuple[Grid, ...] | list[Grid]) -> Grid:
        """Return base + Σ strides · index."""
        total = np.full((1,) * len(grid), base, dtype=np.int64)
        for stride, index in zip(strides, grid, strict=False):
            if stride:
                total = total + stride * index
        return total
