"""The code of one nest: loops over blocks, and in each block a small tile of points kept in registers.

What a node is worth at the points of a tile is computed once for those of its own dimensions, as far out as its
dimensions let it stand: that is all the reuse of loads, hoisting and register blocking there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from math import inf

from chainrule.compiler.native.elementary import FUNCTIONS, maximum
from chainrule.compiler.native.lanes import Lanes
from chainrule.compiler.native.lowering import Lowered
from chainrule.compiler.native.memory import Memory
from chainrule.compiler.native.schedule import Schedule
from chainrule.compiler.native.symbols import Node, float_of
from chainrule.compiler.native.text import Carried, Writer, constant, vector_type


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
        self.uses = _uses([node for _, node in lowered.stores])
        self.reductions = list(_reductions([node for _, node in lowered.stores]))
        self.ranks = _ranks(self.reductions)

    def write(self) -> None:
        """Write the nest."""
        with self.writer.scope(), self.memory.nest(self.lowered, self.schedule):
            self._loops(self.lowered.order)

    # The nest's own loops

    def _loops(self, order: tuple[int, ...]) -> None:
        self._hoist([node for _, node in self.lowered.stores], order)
        if not order:
            self._stores()
            return
        for _ in self._blocks(order[0]):
            self._loops(order[1:])

    def _stores(self) -> None:
        for (place, node), buffer in zip(self.lowered.stores, self.lowered.buffers, strict=True):
            for point in self._all_points(self.lowered.order):
                self.memory.store(place, buffer, point, self.value(node, point).as_number())

    def _blocks(self, dim: int) -> Iterator[None]:
        """Write the loops over a dimension: once its body for full blocks, once for what is left."""
        extent = self.lowered.dims[dim].extent
        step = self.schedule.step(dim)
        if self.lowered.dims[dim].counts is not None:
            end = self.memory.count(self.lowered.dims[dim])
            with self.writer.loop(end, step, may_be_empty=True) as loop, self._inside(dim, loop.index, step, end=end):
                yield
            return
        full, left = divmod(extent, step)
        if full > 1:
            with self.writer.loop(full * step, step) as loop, self._inside(dim, loop.index, step):
                yield
        elif full:
            with self._inside(dim, None, step):
                yield
        if left:
            with self._inside(dim, None, left, start=full * step):
                yield

    @contextmanager
    def _inside(self, dim: int, index: str | None, size: int, start: int = 0, end: str | None = None) -> Iterator[None]:
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

    def _all_points(self, dims: tuple[int, ...]) -> Iterator[dict[int, int]]:
        """Yield the points of the tile over these dimensions."""
        for offsets in product(*[self.points[dim] for dim in dims]):
            yield dict(zip(dims, offsets, strict=True))

    # Values

    def _dims(self, node: Node) -> tuple[int, ...]:
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
        key = (node.number, *[point[dim] for dim in self._dims(node)])
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
            key = (node.number, *[offset if dim == along else point[dim] for dim in self._dims(node)])
            self.known[-1][key] = vector
        return vectors[point[along]]

    def _sum(self, node: Node, point: dict[int, int]) -> Lanes:
        """Return a sum: what changes least often first, products last, each as one step."""
        terms = sorted(node.operands, key=lambda term: (term.op == "multiply", term.dims.bit_count()))
        total = self.value(terms[0], point).as_number()
        for term in terms[1:]:
            total = self._plus(term, point, total)
        return total

    def _plus(self, term: Node, point: dict[int, int], total: Lanes) -> Lanes:
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
                return self._plus(b, point, self.value(a, point).as_number())
            return self.value(a, point).as_number() + self.value(b, point).as_number()
        if self._is_own_product(b):
            x, y = (self.value(each, point).as_number() for each in b.operands)
            return (-x).fused(y, self.value(a, point).as_number())
        if self._is_own_product(a):
            return self._plus(a, point, -self.value(b, point).as_number())
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
                for point in self._all_points(self._dims(node)):
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
        return any(dim not in self.points for dim in self._dims(node))

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
        """Compute a reduction at all points of the tile, with all others that can share its loop."""
        own, _ = node.detail
        batch = [each for each in self.reductions if self._joins(each, node)]
        bits = self._own_bits(node)
        for each in batch:
            outside = [part for part in self._outside(each.operands[0], bits) if self._may_come_early(part, own)]
            for part in [*outside, *each.operands[1:]]:
                for point in self._all_points(self._dims(part)):
                    self.value(part, point)
        sums = _Sums(self, batch)
        sums.run(own)
        self.known[-1].update(sums.results())

    def _joins(self, other: Node, node: Node) -> bool:
        """Say whether another reduction, not computed yet, can be computed in the same loop."""
        if other is node:
            return True
        if other.detail[0] != node.detail[0] or self.ranks[other.number] != self.ranks[node.number]:
            return False
        if self._unopened(other):
            return False
        first = next(self._all_points(self._dims(other)))
        key = (other.number, *[first[dim] for dim in self._dims(other)])
        return not any(key in known for known in self.known)


class _Sums:
    """The running sums (or maximums) of some reductions over the same dimensions."""

    def __init__(self, code: NestCode, batch: list[Node]) -> None:
        self.code = code
        self.batch = batch
        self.own = batch[0].detail[0]
        schedule = code.schedule
        self.across = schedule.vector in self.own  # the lanes hold terms of one sum
        self.split = schedule.split
        self.places: list[tuple[Node, dict[int, int], int]] = []
        self.totals: list[Lanes] = []
        copies = schedule.copies(self.own) if self.split else 1
        for node in batch:
            for point in code._all_points(code._dims(node)):
                for copy in range(copies):
                    self.places.append((node, point, copy))
                    self.totals.append(self._start(node, point, copy))

    def _start(self, node: Node, point: dict[int, int], copy: int) -> Lanes:
        schedule = self.code.schedule
        lanes = 1
        if self.across or (schedule.vector is not None and node.dims >> schedule.vector & 1):
            lanes = schedule.width
        if len(node.operands) > 1 and not self.across and not copy:
            return self.code.value(node.operands[1], point).as_number().spread(lanes)
        number = -inf if node.detail[1] else 0.0
        return Lanes(self.code.writer, constant(number, 1), 1, "double", number).spread(lanes)

    def run(self, dims: tuple[int, ...]) -> None:
        """Write the loops over these dimensions."""
        code = self.code
        if not dims:
            self._add_block()
            return
        dim, inner = dims[0], dims[1:]
        extent, step = code.lowered.dims[dim].extent, code.schedule.step(dim)
        counts = code.lowered.dims[dim]
        if counts.counts is not None:
            end = code.memory.count(counts)
            self._loop(dim, end, step, inner, end)
            return
        full, left = divmod(extent, step)
        if full > 1:
            self._loop(dim, full * step, step, inner, None)
        elif full:
            with code._inside(dim, None, step):
                self.run(inner)
        if left:
            with code._inside(dim, None, left, start=full * step):
                self.run(inner)

    def _loop(self, dim: int, end: int | str, step: int, inner: tuple[int, ...], count: str | None) -> None:
        code = self.code
        carried = [Carried(each.type, each.text) for each in self.totals]
        lanes = [each.lanes for each in self.totals]
        with code.writer.loop(end, step, carried, may_be_empty=count is not None) as loop:
            with code._inside(dim, loop.index, step, end=count):
                self.totals = [
                    Lanes(code.writer, each.name, width) for each, width in zip(loop.carried, lanes, strict=True)
                ]
                self.run(inner)
            for each, total in zip(loop.carried, self.totals, strict=True):
                each.next = total.text
        self.totals = [Lanes(code.writer, each.result, width) for each, width in zip(loop.carried, lanes, strict=True)]

    def _add_block(self) -> None:
        """Add the terms of one block."""
        blocks = list(self.code._all_points(self.own))
        for number, block in enumerate(blocks):
            for i, (node, point, copy) in enumerate(self.places):
                if not self.split or copy == number % max(1, self.code.schedule.copies(self.own)):
                    self.totals[i] = self._with_term(node, {**point, **block}, self.totals[i])

    def _with_term(self, node: Node, point: dict[int, int], total: Lanes) -> Lanes:
        code, body, largest = self.code, node.operands[0], node.detail[1]
        mask = (
            code.memory.mask(point[code.schedule.vector]) if self.across and code.schedule.vector is not None else None
        )
        if mask is not None:
            term = mask.choose(code.value(body, point).as_number(), -inf if largest else 0.0)
        elif not largest:
            return code._plus(body, point, total)
        else:
            term = code.value(body, point).as_number()
        return maximum(total, term.spread(total.lanes)) if largest else total + term

    def results(self) -> dict[tuple[int, ...], Lanes]:
        """Return the value of each reduction at each point, by the keys of `NestCode.value`."""
        found: dict[tuple[int, ...], list[Lanes]] = {}
        for (node, point, _), total in zip(self.places, self.totals, strict=True):
            key = (node.number, *[point[dim] for dim in self.code._dims(node)])
            found.setdefault(key, []).append(total)
        nodes = {node.number: node for node in self.batch}
        return {key: self._joined(nodes[key[0]], key, totals) for key, totals in found.items()}

    def _joined(self, node: Node, key: tuple[int, ...], totals: list[Lanes]) -> Lanes:
        """Return one number from the parts of a sum, and what the sum starts from."""
        largest = node.detail[1]
        while len(totals) > 1:
            pairs = [_joined(a, b, largest) for a, b in zip(totals[::2], totals[1::2], strict=False)]
            totals = [*pairs, totals[-1]] if len(totals) % 2 else pairs
        total = totals[0]
        if not self.across:
            return total
        while total.lanes > 1:
            half = total.lanes // 2
            total = _joined(part(total, 0, half), part(total, half, half), largest)
        if len(node.operands) > 1:
            point = dict(zip(self.code._dims(node), key[1:], strict=True))
            total = total + self.code.value(node.operands[1], point).as_number()
        return total


def _joined(a: Lanes, b: Lanes, largest: bool) -> Lanes:
    return maximum(a, b) if largest else a + b


def part(x: Lanes, first: int, lanes: int) -> Lanes:
    """Return some neighbouring lanes."""
    if lanes == 1:
        return Lanes(x.writer, x.writer.pure(f"extractelement {x.type} {x.text}, i64 {first}"))
    picked = ", ".join(f"i32 {first + lane}" for lane in range(lanes))
    text = f"shufflevector {x.type} {x.text}, {x.type} poison, {vector_type(lanes, 'i32')} <{picked}>"
    return Lanes(x.writer, x.writer.pure(text), lanes)


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


def _reductions(nodes: list[Node]) -> Iterator[Node]:
    """Yield all reductions, operands before users."""
    seen: set[int] = set()
    stack = [(node, False) for node in reversed(nodes)]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif node.number not in seen:
            seen.add(node.number)
            if node.op == "reduce":
                stack.append((node, True))
            stack.extend((each, False) for each in node.operands)


def _ranks(reductions: list[Node]) -> dict[int, int]:
    """Return, by node, how many reductions lie on the longest way into it: those of one rank do not need each other."""
    ranks: dict[int, int] = {}
    for reduction in reductions:
        ranks[reduction.number] = 1 + max(
            [ranks[each.number] for each in _reductions(list(reduction.operands)) if each is not reduction], default=0
        )
    return ranks
