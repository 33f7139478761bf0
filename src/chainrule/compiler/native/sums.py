"""The running sums of reductions over the same dimensions, kept in registers while their loops run."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from chainrule.compiler.native.elementary import maximum
from chainrule.compiler.native.lanes import Lanes
from chainrule.compiler.native.memory import picked
from chainrule.compiler.native.symbols import Node
from chainrule.compiler.native.text import Carried, constant, vector_type

if TYPE_CHECKING:
    from chainrule.compiler.native.nest_code import NestCode


class Sums:
    """The running sums (or maximums) of some reductions over the same dimensions."""

    def __init__(self, code: NestCode, batch: list[Node]) -> None:
        self.code = code
        self.batch = batch
        self.own = batch[0].detail[0]
        schedule = code.schedule
        self.across = schedule.vector in self.own  # the lanes hold terms of one sum
        self.vectors = code.vectors
        self.split = schedule.split
        self.places: list[tuple[Node, dict[int, int], int]] = []
        self.totals: list[Lanes] = []
        copies = schedule.copies(self.own) if self.split else 1
        for node in batch:
            # The tile's longest side slowest: its operands are in registers one at a time, the others' all the while
            dims = sorted(code.dims(node), key=lambda dim: -len(code.points[dim]))
            for point in code.all_points(tuple(dims)):
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
            with code.inside(dim, None, step):
                self.run(inner)
        if left:
            with code.inside(dim, None, left, start=full * step):
                self.run(inner)

    def _loop(self, dim: int, end: int | str, step: int, inner: tuple[int, ...], count: str | None) -> None:
        code = self.code
        carried = [Carried(each.type, each.text) for each in self.totals]
        lanes = [each.lanes for each in self.totals]
        with code.writer.loop(end, step, carried, may_be_empty=count is not None) as loop:
            with code.inside(dim, loop.index, step, end=count):
                self.totals = [
                    Lanes(code.writer, each.name, width) for each, width in zip(loop.carried, lanes, strict=True)
                ]
                self.run(inner)
            for each, total in zip(loop.carried, self.totals, strict=True):
                each.next = total.text
        self.totals = [Lanes(code.writer, each.result, width) for each, width in zip(loop.carried, lanes, strict=True)]

    def _add_block(self) -> None:
        """Add the terms of one block."""
        blocks = list(self.code.all_points(self.own))
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
            return code.plus(body, point, total)
        else:
            term = code.value(body, point).as_number()
        return maximum(total, term.spread(total.lanes)) if largest else total + term

    def results(self) -> dict[tuple[int, ...], Lanes]:
        """Return the value of each reduction at each point, by the keys of `NestCode.value`."""
        found: dict[tuple[int, ...], list[list[Lanes]]] = {}
        for (node, point, copy), total in zip(self.places, self.totals, strict=True):
            # Rows of one vector follow each other, and the copies of each
            key = [self._vector_of(dim, point[dim]) for dim in self.code.dims(node)]
            rows = found.setdefault((node.number, *key), [])
            if not copy:
                rows.append([])
            rows[-1].append(total)
        nodes = {node.number: node for node in self.batch}
        return {key: self._value(nodes[key[0]], key, rows) for key, rows in found.items()}

    def _vector_of(self, dim: int, offset: int) -> int:
        return self.vectors.get(offset, offset) if dim == self.code.schedule.vector else offset

    def _value(self, node: Node, key: tuple[int, ...], rows: list[list[Lanes]]) -> Lanes:
        """Return a reduction's value from its parts, and what it starts from."""
        largest = node.detail[1]
        totals = [_total(parts, largest) for parts in rows]
        if not self.across:
            return totals[0]
        total = added_up(totals, largest)
        if len(node.operands) > 1:
            point = dict(zip(self.code.dims(node), key[1:], strict=True))
            total = total + self.code.value(node.operands[1], point).as_number()
        return total


def _total(parts: list[Lanes], largest: bool) -> Lanes:
    while len(parts) > 1:
        pairs = [_joined(a, b, largest) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = [*pairs, parts[-1]] if len(parts) % 2 else pairs
    return parts[0]


def added_up(rows: list[Lanes], largest: bool) -> Lanes:
    """Return the sums (or maximums) over the lanes of each row, as the lanes of one vector; of one row, one number."""
    if len(rows) == 1:
        return _across(rows[0], largest)
    size, distance = rows[0].lanes, 1
    while distance < size:
        kept = [lane if not lane & distance else size + lane for lane in range(size)]
        moved = [lane + distance if not lane & distance else size + lane - distance for lane in range(size)]
        pairs = zip(rows[::2], [*rows[1::2], rows[-1]], strict=False)
        rows = [_joined(picked(a, b, kept), picked(a, b, moved), largest) for a, b in pairs]
        distance *= 2
    return rows[0]


def _across(row: Lanes, largest: bool) -> Lanes:
    while row.lanes > 1:
        half = row.lanes // 2
        row = _joined(part(row, 0, half), part(row, half, half), largest)
    return row


def _joined(a: Lanes, b: Lanes, largest: bool) -> Lanes:
    return maximum(a, b) if largest else a + b


def part(x: Lanes, first: int, lanes: int) -> Lanes:
    """Return some neighbouring lanes."""
    if lanes == 1:
        return Lanes(x.writer, x.writer.pure(f"extractelement {x.type} {x.text}, i64 {first}"))
    picked = ", ".join(f"i32 {first + lane}" for lane in range(lanes))
    text = f"shufflevector {x.type} {x.text}, {x.type} poison, {vector_type(lanes, 'i32')} <{picked}>"
    return Lanes(x.writer, x.writer.pure(text), lanes)
