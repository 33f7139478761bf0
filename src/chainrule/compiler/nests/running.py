"""Running nests with numpy: slow, and the definition of what machine code must compute."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Expression,
    Load,
    Nest,
    NestProgram,
    Number,
    Reduce,
    Region,
)
from chainrule.compiler.raising.numeric import apply_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


def run_nests(
    nests: NestProgram,
    values: Numbers,
    inputs: Sequence[Numbers],
    seeds: Numbers | None = None,
    *,
    gradients: bool = True,
) -> tuple[Numbers, Numbers | None]:
    """Run a nest program and return its outputs and, by place, the gradients of live Values.

    Whatever a nest does not store to is nan in the arena and in the outputs, and zero in the gradients.
    """
    memory: dict[tuple[Region, int], Numbers] = {
        (Region.ARENA, 0): np.full(nests.arena, np.nan),
        (Region.CONSTANTS, 0): nests.constants,
        (Region.VALUES, 0): np.zeros(nests.values),
        (Region.GRADIENTS, 0): np.zeros(nests.values),
        (Region.SEEDS, 0): np.zeros(0) if seeds is None else seeds,
        (Region.OUTPUTS, 0): np.full(nests.outputs, np.nan),
    }
    memory[Region.VALUES, 0][nests.value_order] = values
    for group, numbers in enumerate(inputs):
        memory[Region.INPUT, group] = numbers
    for nest in nests.nests if gradients else nests.nests[: nests.forward]:
        run_nest(nest, nests, memory)
    found = memory[Region.GRADIENTS, 0][nests.value_order] if gradients else None
    return memory[Region.OUTPUTS, 0], found


def run_nest(nest: Nest, nests: NestProgram, memory: dict[tuple[Region, int], Numbers]) -> None:
    """Run all steps of one nest at once."""
    run = _Run(nest, nests, memory)
    values = [np.broadcast_to(run.value(store.value, ()), run.live.shape) for store in nest.stores]
    for store, value in zip(nest.stores, values, strict=True):
        where, numbers = run.place(store.address, ())
        where = np.broadcast_to(where, run.live.shape)[run.live]
        if len(np.unique(where)) < len(where):
            raise AssertionError(f"two steps of the nest of classes {nest.classes} store to one place")
        numbers[where] = value[run.live]


class _Run:
    """One nest: its loops' indices as arrays that broadcast, and which steps there are."""

    def __init__(self, nest: Nest, nests: NestProgram, memory: dict[tuple[Region, int], Numbers]) -> None:
        self.nest = nest
        self.nests = nests
        self.memory = memory
        self.live = np.ones(nest.extents, dtype=bool)
        if nest.counts is not None:
            counts = self.lookup(nest.counts, nest.count_strides, nest.extents[:-1])
            self.live &= np.arange(nest.extents[-1]) < counts[..., None]

    def value(self, expression: Expression, terms: tuple[int, ...]) -> Numbers:
        """Return an expression's values: an array over the nest's loops and then those of the reductions around."""
        if isinstance(expression, Number):
            return np.full((1,) * (len(self.nest.extents) + len(terms)), expression.number)
        if isinstance(expression, Load):
            where, numbers = self.place(expression.address, terms)
            return numbers[np.clip(where, 0, len(numbers) - 1)]  # steps that do not run may point anywhere
        if isinstance(expression, Apply):
            operands = np.broadcast_arrays(*[self.value(each, terms) for each in expression.operands])
            return apply_rule(expression.rule, operands)
        if isinstance(expression, Add):
            return sum(
                (self.value(each, terms) for each in expression.terms[1:]), self.value(expression.terms[0], terms)
            )
        return self.reduce(expression, terms)

    def reduce(self, expression: Reduce, terms: tuple[int, ...]) -> Numbers:
        """Return the sums, or the largest, over further loops."""
        body = self.value(expression.body, terms + expression.extents)
        body = np.broadcast_to(body, self.nest.extents + terms + expression.extents)
        if expression.counts is not None:
            counts = self.lookup(expression.counts, expression.count_strides, self.nest.extents + terms)
            nothing = -np.inf if expression.largest else 0.0
            body = np.where(np.arange(expression.extents[0]) < counts[..., None], body, nothing)
        flat = body.reshape(*self.nest.extents, *terms, prod(expression.extents))
        return np.asarray(flat.max(axis=-1) if expression.largest else flat.sum(axis=-1))

    def place(self, address: Address, terms: tuple[int, ...]) -> tuple[NDArray[np.int64], Numbers]:
        """Return places for every step, and the numbers that they count in."""
        extents = self.nest.extents + terms
        where = _ramp(address.base, address.strides, extents)
        if address.table is not None:
            where = where + self.lookup(address.table, address.table_strides, extents)
        buffer = self.nests.buffers[address.buffer]
        numbers = self.memory[buffer.region, buffer.group][buffer.offset : buffer.offset + buffer.size]
        if not terms:
            live = np.broadcast_to(where, extents)[self.live]
            if live.size and (live.min() < 0 or live.max() >= len(numbers)):
                raise AssertionError(f"the nest of classes {self.nest.classes} leaves {buffer}")
        return where, numbers

    def lookup(self, table: int, strides: tuple[int, ...], extents: tuple[int, ...]) -> NDArray[np.int64]:
        """Return a table's numbers for every step."""
        return self.nests.tables[table][_ramp(0, strides, extents)].astype(np.int64)


def _ramp(base: int, strides: tuple[int, ...], extents: tuple[int, ...]) -> NDArray[np.int64]:
    """Return base + Σ strides[d] · index[d], with extent 1 where a stride is zero."""
    ramp = np.full((1,) * len(extents), base, dtype=np.int64)
    for axis, (stride, extent) in enumerate(zip(strides, extents, strict=True)):
        if stride:
            ramp = ramp + (stride * np.arange(extent)).reshape(
                [-1 if other == axis else 1 for other in range(len(extents))]
            )
    return ramp
