"""The code of one nest: loops over blocks, and in each block a small tile of points kept in registers.

What a node is worth at the points of a tile is computed once for those of its own dimensions, as far out as its
dimensions let it stand: that is all the reuse of loads, hoisting and register blocking there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

from chainrule.compiler.native.elementary import FUNCTIONS
from chainrule.compiler.native.lanes import Lanes
from chainrule.compiler.native.lowering import Lowered, Place
from chainrule.compiler.native.memory import Memory
from chainrule.compiler.native.schedule import Schedule
from chainrule.compiler.native.sums import Sums
from chainrule.compiler.native.symbols import Node, float_of
from chainrule.compiler.native.text import Writer, constant


class NestCode:
    """Writes one nest into a function."""

    def __init__(self, writer: Writer, lowered: Lowered, schedule: Schedule, memory: Memory) -> None:
        self.writer = writer
        self.lowered = lowered
        self.schedule = schedule
        self.memory = memory
        self.known: list[dict[tuple[int, ...], Lanes]] = [{}]
        self.points: dict[int, tuple[int, ...]] = {}
        self.dims_of: dict[int, tuple[int, ...]] = {}
        self.early: dict[int, bool] = {}
        self.vectors: dict[int, int] = {}  # where sums have lanes of their own: the vector of each
        self.uses = _uses([node for _, node in lowered.stores])
        values = [node for _, node in lowered.stores]
        self.reductions = [node for node in _in_order(values) if node.op == "reduce"]
        self.ranks = _ranks(values)

    def write(self) -> None:
        """Write the nest."""
        with self.writer.scope(), self.memory.nest(self.lowered, self.schedule):
            self._loops(self.lowered.order)

    # The nest's own loops

    def _loops(self, order: tuple[int, ...]) -> None:
        self._hoist(
            [node for place, node in self.lowered.stores if len(self._dims_of(place)) == len(self.lowered.order)], order
        )
        if not order:
            self._stores()
            return
        for _ in self._blocks(order[0]):
            self._loops(order[1:])

    def _dims_of(self, place: Place) -> tuple[int, ...]:
        """Return the loops that a store depends on: of a companion not all."""
        return tuple(dim for dim in self.lowered.order if place.dims >> dim & 1)

    def _stores(self) -> None:
        for (place, node), buffer in zip(self.lowered.stores, self.lowered.buffers, strict=True):
            for point in self.all_points(self._dims_of(place)):
                self.memory.store(place, buffer, point, self.value(node, point).as_number())

    def _blocks(self, dim: int) -> Iterator[None]:
        """Write the loops over a dimension: once its body for full blocks, once for what is left."""
        extent = self.lowered.dims[dim].extent
        step = self.schedule.step(dim)
        if self.lowered.dims[dim].counts is not None:
            end = self.memory.count(self.lowered.dims[dim])
            with self.writer.loop(end, step, may_be_empty=True) as loop, self.inside(dim, loop.index, step, end=end):
                yield
            return
        full, left = divmod(extent, step)
        if full > 1:
            with self.writer.loop(full * step, step) as loop, self.inside(dim, loop.index, step):
                yield
        elif full:
            with self.inside(dim, None, step):
                yield
        if left:
            with self.inside(dim, None, left, start=full * step):
                yield

    @contextmanager
    def inside(self, dim: int, index: str | None, size: int, start: int = 0, end: str | None = None) -> Iterator[None]:
        """Make the points of a dimension those of a block of this size that begins at start (+ index)."""
        width = self.schedule.width if dim == self.schedule.vector else 1
        self.points[dim] = tuple(range(start, start + size, width))
        self.known.append({})
        with self.writer.scope(), self.memory.open(dim, index, self.points[dim]):
            if dim == self.schedule.vector:
                self.memory.set_masks(dim, self.points[dim], start + size, end)
            yield
        self.known.pop()
        del self.points[dim]

    def all_points(self, dims: tuple[int, ...]) -> Iterator[dict[int, int]]:
        """Yield the points of the tile over these dimensions."""
        for offsets in product(*[self.points[dim] for dim in dims]):
            yield dict(zip(dims, offsets, strict=True))

    # Values

    def dims(self, node: Node) -> tuple[int, ...]:
        """Return the dimensions that a node depends on."""
        found = self.dims_of.get(node.number)
        if found is None:
            found = tuple(dim for dim in range(len(self.lowered.dims)) if node.dims >> dim & 1)
            self.dims_of[node.number] = found
        return found

    def value(self, node: Node, point: dict[int, int]) -> Lanes:
        """Return a node's value at a point of the tile."""
        if node.op == "number":
            number = float_of(node)
            return Lanes(self.writer, constant(number, 1), 1, "double", number)
        key = (node.number, *[point[dim] for dim in self.dims(node)])
        for known in self.known:
            if key in known:
                return known[key]
        if node.op == "reduce":
            self._reduce(node)
            return self.value(node, point)
        found = self.known[-1][key] = self._compute(node, point)
        return found

    def _compute(self, node: Node, point: dict[int, int]) -> Lanes:
        if node.op == "load":
            return self._load(node, point)
        if node.op == "sum":
            return self._sum(node, point)
        if node.op in {"add", "subtract"}:
            return self._add(node, point)
        operands = [self.value(each, point) for each in node.operands]
        if node.op == "call":
            return self.memory.call(node.detail, [each.as_number() for each in operands])
        if node.op != "where":
            operands = [each.as_number() for each in operands]
        else:
            operands[1:] = [each.as_number() for each in operands[1:]]
        return FUNCTIONS[node.op](*operands)

    def _load(self, node: Node, point: dict[int, int]) -> Lanes:
        turned = self.memory.load_turned(node.detail, point)
        if turned is None:
            return self.memory.load(node.detail, point)
        along, vectors = turned
        for offset, vector in vectors.items():
            key = (node.number, *[offset if dim == along else point[dim] for dim in self.dims(node)])
            self.known[-1][key] = vector
        return vectors[point[along]]

    def _sum(self, node: Node, point: dict[int, int]) -> Lanes:
        """Return a sum: what changes least often first, products last, each as one step."""
        terms = sorted(node.operands, key=lambda term: (term.op == "multiply", term.dims.bit_count()))
        total = self.value(terms[0], point).as_number()
        for term in terms[1:]:
            total = self.plus(term, point, total)
        return total

    def plus(self, term: Node, point: dict[int, int], total: Lanes) -> Lanes:
        """Return total + term."""
        if total.number == 0.0:
            return self.value(term, point).as_number().spread(total.lanes)
        if term.op == "multiply":
            a, b = (self.value(each, point).as_number() for each in term.operands)
            return a.fused(b, total)
        if term.op == "negative" and term.operands[0].op == "multiply":
            a, b = (self.value(each, point).as_number() for each in term.operands[0].operands)
            return (-a).fused(b, total)
        return total + self.value(term, point).as_number()

    def _add(self, node: Node, point: dict[int, int]) -> Lanes:
        """Return a ± b, a product that nobody else uses fused with it.

        (Others' products are rounded first: rules that split a number into halves count on it.)
        """
        a, b = node.operands
        if node.op == "add":
            if self._is_own_product(a):
                a, b = b, a
            if self._is_own_product(b):
                return self.plus(b, point, self.value(a, point).as_number())
            return self.value(a, point).as_number() + self.value(b, point).as_number()
        if self._is_own_product(b):
            x, y = (self.value(each, point).as_number() for each in b.operands)
            return (-x).fused(y, self.value(a, point).as_number())
        if self._is_own_product(a):
            return self.plus(a, point, -self.value(b, point).as_number())
        return self.value(a, point).as_number() - self.value(b, point).as_number()

    def _is_own_product(self, node: Node) -> bool:
        return node.op == "multiply" and self.uses[node.number] == 1

    def _hoist(self, nodes: list[Node], later: tuple[int, ...]) -> None:
        """Compute now what does not depend on the dimensions of loops that open later."""
        bits = sum(1 << dim for dim in later)
        seen: set[int] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node.number in seen or node.op == "number":
                continue
            seen.add(node.number)
            inner = self._own_bits(node) if node.op == "reduce" else 0
            if node.dims & bits or self._unopened(node):
                stack.extend(each for each in node.operands if not each.dims & inner)
                if inner:
                    stack.extend(self._outside(node.operands[0], inner))
            elif later and self._may_come_early(node, later):
                for point in self.all_points(self.dims(node)):
                    self.value(node, point)

    def _may_come_early(self, node: Node, later: tuple[int, ...]) -> bool:
        """Say whether a node may be computed in front of loops that may turn out to be empty.

        An address is only known to be right for steps that there are, so a load must be inside of its region anyway.
        """
        if all(self.lowered.dims[dim].counts is None for dim in later):
            return True
        found = self.early.get(node.number)
        if found is None:
            if node.op == "load":
                found = self.memory.is_inside(node.detail)
            else:
                found = all(self._may_come_early(each, later) for each in node.operands)
            self.early[node.number] = found
        return found

    def _unopened(self, node: Node) -> bool:
        return any(dim not in self.points for dim in self.dims(node))

    def _own_bits(self, node: Node) -> int:
        bits = 0
        for dim in node.detail[0]:
            bits |= 1 << dim
        return bits

    def _outside(self, body: Node, bits: int) -> list[Node]:
        """Return the largest parts of a body that do not depend on these dimensions."""
        found: dict[int, Node] = {}
        seen: set[int] = set()
        stack = [body]
        while stack:
            node = stack.pop()
            if node.number in seen or node.op == "number":
                continue
            seen.add(node.number)
            if not node.dims & bits:
                found[node.number] = node
            else:
                stack.extend(node.operands)
        return list(found.values())

    # Reductions

    def _reduce(self, node: Node) -> None:
        """Compute a reduction at all points of the tile, after those that it starts from."""
        chain = [node]
        while len(chain[-1].operands) > 1 and chain[-1].operands[1].op == "reduce":
            chain.append(chain[-1].operands[1])
        for each in reversed(chain):
            if not self._is_known(each):
                self._reduce_together(each)

    def _reduce_together(self, node: Node) -> None:
        """Compute a reduction at all points of the tile, with all others that can share its loop."""
        own, _ = node.detail
        batch = [each for each in self.reductions if self._joins(each, node)]
        bits = self._own_bits(node)
        self._values_of([part for each in batch for part in each.operands[1:]])
        with self._turned():
            for each in batch:
                outside = self._outside(each.operands[0], bits)
                self._values_of([part for part in outside if self._may_come_early(part, own)])
            sums = Sums(self, batch)
            sums.run(own)
        self.known[-1].update(sums.results())

    def _values_of(self, nodes: list[Node]) -> None:
        for node in nodes:
            for point in self.all_points(self.dims(node)):
                self.value(node, point)

    @contextmanager
    def _turned(self) -> Iterator[None]:
        """Let the lanes lie as the schedule says while sums run; what is a lane elsewhere is then a point."""
        schedule = self.schedule
        vector, turned = schedule.vector, schedule.turned
        if vector is None or turned is None:
            yield
            return
        known, offsets = self.known, self.points[vector]
        self.vectors = {first + lane: first for first in offsets for lane in range(self.memory.left[first])}
        self.schedule, self.known, self.points[vector] = replace(schedule, vector=turned), [{}], tuple(self.vectors)
        with self.memory.lanes_along(turned):
            yield
        self.schedule, self.known, self.points[vector], self.vectors = schedule, known, offsets, {}

    def _joins(self, other: Node, node: Node) -> bool:
        """Say whether another reduction, not computed yet, can be computed in the same loop."""
        if other is node:
            return True
        if other.detail[0] != node.detail[0] or self.ranks[other.number] != self.ranks[node.number]:
            return False
        return not self._unopened(other) and not self._is_known(other)

    def _is_known(self, node: Node) -> bool:
        first = next(self.all_points(self.dims(node)))
        key = (node.number, *[first[dim] for dim in self.dims(node)])
        return any(key in known for known in self.known)


def _uses(nodes: list[Node]) -> Counter[int]:
    """Return how many operands each node is, by its number."""
    uses: Counter[int] = Counter()
    stack = list(nodes)
    while stack:
        for each in stack.pop().operands:
            uses[each.number] += 1
            if uses[each.number] == 1:
                stack.append(each)
    return uses


def _in_order(nodes: list[Node]) -> Iterator[Node]:
    """Yield all nodes once, operands before users."""
    seen: set[int] = set()
    stack = [(node, False) for node in reversed(nodes)]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif node.number not in seen:
            seen.add(node.number)
            stack.append((node, True))
            stack.extend((each, False) for each in node.operands)


def _ranks(nodes: list[Node]) -> dict[int, int]:
    """Return, by node, how many reductions lie on the longest way to it: those of one rank do not need each other."""
    ranks: dict[int, int] = {}
    for node in _in_order(nodes):
        ranks[node.number] = max([ranks[each.number] for each in node.operands], default=0) + (node.op == "reduce")
    return ranks
