"""From a nest to one graph of nodes: reductions get dimensions of their own, factors that do not change leave sums.

Dimensions of equal reductions are the same dimension, so that the emitter can run them as one loop; neighbouring
dimensions that every address walks through as one become one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TypeAlias

from chainrule.compiler.native.symbols import Graph, Node
from chainrule.compiler.nests.nest import Add, Address, Apply, Buffer, Expression, Load, Nest, Number, Reduce, Region

Strides: TypeAlias = tuple[tuple[int, int], ...]

MOST_TOGETHER = 6  # reductions of a sum that run side by side


@dataclass(frozen=True)
class Place:
    """A number in memory: `region[base + Σ stride · index + tables[table][Σ table stride · index]]`.

    Strides are pairs (dimension, stride), outermost first, none of them 0.
    """

    region: Region
    group: int
    base: int
    strides: Strides
    table: int | None = None
    table_strides: Strides = ()

    def stride(self, dim: int) -> int:
        """Return the stride over a dimension."""
        return next((stride for each, stride in self.strides if each == dim), 0)

    def in_table(self, dim: int) -> bool:
        """Say whether the entry of the table depends on a dimension."""
        return any(each == dim for each, _ in self.table_strides)

    @cached_property
    def dims(self) -> int:
        """A bit for each dimension that it depends on."""
        bits = 0
        for dim, _ in (*self.strides, *self.table_strides):
            bits |= 1 << dim
        return bits


@dataclass
class Dim:
    """One dimension: its length, or the table that holds it where it differs (`extent` is then the largest)."""

    extent: int
    counts: int | None = None
    count_strides: Strides = ()

    @property
    def count_dims(self) -> int:
        """A bit for each dimension that the length depends on."""
        bits = 0
        for dim, _ in self.count_strides:
            bits |= 1 << dim
        return bits


@dataclass
class Lowered:
    """A nest as the emitter reads it.

    Attributes:
        dims: all dimensions: the nest's, then those of reductions.
        order: the nest's own, outermost first.
        stores: where the nodes' values go, in order.
        buffers: the buffer of each store.
    """

    dims: list[Dim]
    order: tuple[int, ...]
    stores: list[tuple[Place, Node]]
    buffers: list[Buffer]


class Lowering:
    """Lowers one nest."""

    def __init__(self, nest: Nest, buffers: Sequence[Buffer]) -> None:
        self.nest = nest
        self.buffers = buffers
        self.graph = Graph()
        self.part_of: dict[int, int] = {}  # a dimension that was joined with its inner neighbour
        self.dims = [Dim(extent) for extent in nest.extents]
        if nest.counts is not None:
            self.dims[-1].counts = nest.counts
            self.dims[-1].count_strides = self._pairs(nest.count_strides, range(len(nest.extents)))
        self.reductions: dict[tuple[object, ...], tuple[int, ...]] = {}
        self.stored: dict[Place, Node] = {}
        self.lowered: dict[tuple[int, tuple[int, ...]], Node] = {}

    def run(self) -> Lowered:
        """Return the lowered nest."""
        outer = tuple(range(len(self.nest.extents)))
        self._join(outer)
        stores, buffers = [], []
        for store in self.nest.stores:
            node = self.lower(store.value, outer)
            place = self.place(store.address, outer)
            self.stored[place] = node
            stores.append((place, node))
            buffers.append(self.buffers[store.address.buffer])
        order = tuple(dim for dim in outer if dim not in self.part_of and self._matters(dim))
        return Lowered(self.dims, order, stores, buffers)

    def _matters(self, dim: int) -> bool:
        return self.dims[dim].extent != 1 or self.dims[dim].counts is not None

    def lower(self, expression: Expression, dims: tuple[int, ...]) -> Node:
        """Return the node of an expression inside these dimensions; the same expression is lowered once."""
        key = id(expression), dims
        found = self.lowered.get(key)
        if found is None:
            found = self.lowered[key] = self._lower(expression, dims)
        return found

    def _lower(self, expression: Expression, dims: tuple[int, ...]) -> Node:
        match expression:
            case Load(address):
                place = self.place(address, dims)
                known = self.stored.get(place)
                return known if known is not None else self.graph.node("load", (), place, place.dims)
            case Number(number):
                return self.graph.constant(number)
            case Apply(rule, operands):
                return self.graph.apply(rule, tuple(self.lower(each, dims) for each in operands))
            case Add(terms):
                return self._sum([self.lower(each, dims) for each in terms])
            case Reduce():
                return self._reduce(expression, dims)

    def _reduce(self, reduce: Reduce, dims: tuple[int, ...]) -> Node:
        own = self._own_dims(reduce, dims)
        body = self.lower(reduce.body, (*dims, *own))
        own = tuple(dim for dim in own if dim not in self.part_of and self._matters(dim))
        if not own:
            return body
        bits = sum(1 << dim for dim in own)
        if reduce.largest:
            return self._reduced(body, own, largest=True)
        if any(self.dims[dim].counts is not None for dim in own):
            return self._reduced(body, own)  # without terms, its factors may not even have an address
        factors = list(_factors(body))
        inside = [each for each in factors if each.dims & bits]
        if not inside:  # the sum of what does not change still counts how often
            return self._product([self.graph.constant(prod(self.dims[dim].extent for dim in own)), body])
        result = self._reduced(self._product(inside), own)
        outside = [each for each in factors if not each.dims & bits]
        return self._product([result, *outside])

    def _reduced(self, body: Node, own: tuple[int, ...], largest: bool = False, start: Node | None = None) -> Node:
        dims = body.dims | (start.dims if start else 0)
        for dim in own:
            dims |= self.dims[dim].count_dims
        dims &= ~sum(1 << dim for dim in own)
        return self.graph.node("reduce", (body, start) if start else (body,), (own, largest), dims)

    def _product(self, factors: list[Node]) -> Node:
        """Return the product, those first that depend on fewest dimensions together."""
        factors = list(factors)
        while len(factors) > 1:
            pairs = [(i, j) for j in range(len(factors)) for i in range(j)]
            i, j = min(pairs, key=lambda pair: (factors[pair[0]].dims | factors[pair[1]].dims).bit_count())
            second = factors.pop(j)
            factors[i] = self.graph._multiply(factors[i], second)
        return factors[0]

    def _sum(self, terms: list[Node]) -> Node:
        """Return a sum; the only reduction in it starts from the other terms, one of many from the one before."""
        total = self.graph.sum(terms)
        if total.op != "sum":
            return total
        reductions = [term for term in total.operands if term.op == "reduce"]
        others = [term for term in total.operands if term.op != "reduce"]
        if len(reductions) == 1 and len(reductions[0].operands) == 1 and not reductions[0].detail[1]:
            own, _ = reductions[0].detail
            return self._reduced(reductions[0].operands[0], own, start=self.graph.sum(others))
        return self.graph.sum([*others, *self._chained(reductions)]) if len(reductions) > MOST_TOGETHER else total

    def _chained(self, reductions: list[Node]) -> list[Node]:
        """Return reductions with the same sum, which need the registers of a few only: alike ones as one chain."""
        chains: dict[tuple[object, ...], Node] = {}
        for each in reductions:
            own, largest = each.detail
            plain = len(each.operands) == 1 and not largest and all(self.dims[dim].counts is None for dim in own)
            key = (each.dims, own) if plain else (each.number,)
            start = chains.get(key)
            chains[key] = each if start is None else self._reduced(each.operands[0], own, start=start)
        return list(chains.values())

    def _own_dims(self, reduce: Reduce, dims: tuple[int, ...]) -> tuple[int, ...]:
        """Return the dimensions of a reduction, the same ones for the same extents in the same place."""
        key = (dims, reduce.extents, reduce.counts, reduce.count_strides)
        found = self.reductions.get(key)
        if found is None:
            found = tuple(range(len(self.dims), len(self.dims) + len(reduce.extents)))
            self.reductions[key] = found
            for extent in reduce.extents:
                counts = self._pairs(reduce.count_strides, dims) if reduce.counts is not None else ()
                self.dims.append(Dim(extent, reduce.counts, counts))
        return found

    def place(self, address: Address, dims: Sequence[int]) -> Place:
        """Return an address with the numbers of dimensions that it is about."""
        buffer = self.buffers[address.buffer]
        table_strides = self._pairs(address.table_strides, dims) if address.table is not None else ()
        strides = self._pairs(address.strides, dims)
        return Place(buffer.region, buffer.group, buffer.offset + address.base, strides, address.table, table_strides)

    def _pairs(self, strides: Sequence[int], dims: Sequence[int]) -> Strides:
        return tuple(
            (dim, stride)
            for dim, stride in zip(dims, strides, strict=False)
            if stride and self.dims[dim].extent > 1 and dim not in self.part_of
        )

    # Joining dimensions

    def _join(self, outer: tuple[int, ...]) -> None:
        """Join neighbouring dimensions that all addresses walk through as one."""
        uses = list(self._uses(outer))
        counted = {dim for dims, _ in uses for dim in dims if self.dims[dim].counts is not None}
        for each in self.dims:
            counted.update(dim for dim, _ in each.count_strides)
        extents = [each.extent for each in self.dims]
        pairs = {(a, b) for dims, _ in uses for a, b in pairwise(dims)}
        for a, b in sorted(pairs, reverse=True):
            same_loop = (a < len(outer)) == (b < len(outer)) and (a < len(outer) or self._same_reduction(a, b))
            if same_loop and a not in counted and b not in counted and _joinable(a, b, extents[b], uses):
                self.part_of[a] = b
                self.dims[self._whole(b)].extent *= self.dims[a].extent

    def _whole(self, dim: int) -> int:
        """Return the dimension that this one has become part of, or itself."""
        while dim in self.part_of:
            dim = self.part_of[dim]
        return dim

    def _same_reduction(self, a: int, b: int) -> bool:
        return any(a in own and b in own for own in self.reductions.values())

    def _uses(self, outer: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Yield the dimensions and strides of every address, tables' too."""

        def visit(expression: Expression, dims: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
            match expression:
                case Load(address):
                    yield from of_address(address, dims)
                case Apply(_, operands):
                    for each in operands:
                        yield from visit(each, dims)
                case Add(terms):
                    for each in terms:
                        yield from visit(each, dims)
                case Reduce():
                    yield from visit(expression.body, (*dims, *self._own_dims(expression, dims)))

        def of_address(address: Address, dims: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
            yield dims, address.strides
            if address.table is not None:
                yield dims, address.table_strides

        for store in self.nest.stores:
            yield from of_address(store.address, outer)
            yield from visit(store.value, outer)


def _joinable(a: int, b: int, extent: int, uses: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> bool:
    """Say whether a step of a is, for every address, a walk through all of b, whose extent is given."""
    for dims, strides in uses:
        by_dim = dict(zip(dims, strides, strict=False))
        if a in by_dim and by_dim[a] != by_dim.get(b, 0) * extent:
            return False
    return True


def _factors(node: Node) -> Iterator[Node]:
    """Yield the factors of a product of products."""
    if node.op == "multiply":
        for each in node.operands:
            yield from _factors(each)
    else:
        yield node


def lower(nest: Nest, buffers: Sequence[Buffer]) -> Lowered:
    """Return the nest as a graph of nodes.

    Raises:
        NotCompilableError: it uses a row that no code can be made for.
    """
    return Lowering(nest, buffers).run()
