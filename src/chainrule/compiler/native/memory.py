"""Loads and stores: from a place and the loops' indices to the cheapest access that is never out of bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from chainrule.compiler.native.lanes import Lanes
from chainrule.compiler.native.lowering import Dim, Lowered, Place, Strides
from chainrule.compiler.native.schedule import Schedule
from chainrule.compiler.native.text import Writer, vector_type
from chainrule.compiler.nests.nest import Buffer, Region

REGIONS = (Region.ARENA, Region.CONSTANTS, Region.VALUES, Region.GRADIENTS, Region.SEEDS, Region.OUTPUTS)


class Memory:
    """The memory of one function.

    Args:
        writer: the function.
        sizes: how many numbers each region surely holds (0 or missing: only what is addressed).
        shared: the buffers that more than one store writes to.
    """

    def __init__(
        self,
        writer: Writer,
        sizes: Mapping[Region, int],
        shared: frozenset[tuple[Region, int]],
    ) -> None:
        self.writer = writer
        self.sizes = sizes
        self.shared = shared
        self.lowered: Lowered
        self.vector: int | None = None
        self.width = 1
        self.index: dict[int, str | None] = {}
        self.points: dict[int, Sequence[int]] = {}
        self.masks: dict[int, Lanes | None] = {}
        self.left: dict[int, int] = {}

    @contextmanager
    def nest(self, lowered: Lowered, schedule: Schedule) -> Iterator[None]:
        """Serve this nest."""
        self.lowered, self.vector, self.width = lowered, schedule.vector, schedule.width
        yield
        self.index, self.masks, self.left = {}, {}, {}

    @contextmanager
    def open(self, dim: int, index: str | None, points: Sequence[int]) -> Iterator[None]:
        """Serve the inside of a loop with this index (None stands for 0) and a block of these points."""
        self.index[dim], self.points[dim] = index, points
        yield
        del self.index[dim], self.points[dim]
        if dim == self.vector:
            self.masks, self.left = {}, {}

    def set_masks(self, dim: int, offsets: Sequence[int], size: int, end: str | None) -> None:
        """Note which lanes exist in the vectors at these offsets, of `size` numbers or up to a run-time end."""
        for offset in offsets:
            self.left[offset] = self.width
            self.masks[offset] = None
            if end is not None:
                self.masks[offset] = self._mask_until(self.index[dim], offset, end)
            elif offset + self.width > size:
                self.left[offset] = size - offset
                bits = ", ".join(f"i1 {int(lane < size - offset)}" for lane in range(self.width))
                self.masks[offset] = Lanes(self.writer, f"<{bits}>", self.width, "i1")

    def _mask_until(self, index: str | None, offset: int, end: str) -> Lanes:
        first = Lanes(self.writer, index or "0", 1, "i64").spread(self.width)
        numbers = ", ".join(f"i64 {offset + lane}" for lane in range(self.width))
        each = self.writer.pure(f"add {first.type} {first.text}, <{numbers}>")
        last = Lanes(self.writer, end, 1, "i64").spread(self.width)
        return Lanes(self.writer, self.writer.pure(f"icmp slt {first.type} {each}, {last.text}"), self.width, "i1")

    @contextmanager
    def lanes_along(self, dim: int) -> Iterator[None]:
        """Let the lanes lie along another dimension, whose loop opens later."""
        kept = self.vector, self.masks, self.left
        self.vector, self.masks, self.left = dim, {}, {}
        yield
        self.vector, self.masks, self.left = kept

    def mask(self, offset: int) -> Lanes | None:
        """Return which lanes exist in the vector at this offset; None where all do."""
        return self.masks.get(offset)

    # Addresses

    def prepare(self, lowered: Lowered) -> None:
        """Fetch the pointers that a nest needs; they serve the whole function."""
        places = {place for place, _ in lowered.stores}
        stack = [node for _, node in lowered.stores]
        seen = set()
        while stack:
            node = stack.pop()
            if node.number not in seen:
                seen.add(node.number)
                stack.extend(node.operands)
                if node.op == "load":
                    places.add(node.detail)
        for place in sorted(places, key=lambda each: (region_number(each), each.table or 0, each.base, each.strides)):
            self._region_pointer(place)
            if place.table is not None:
                self._table_pointer(place.table)
        for dim in lowered.dims:
            if dim.counts is not None:
                self._table_pointer(dim.counts)

    def _pointer(self, what: str, number: int, distance: str | None = None) -> str:
        """Return one of the pointers that the function is given, on request so many behind that one."""
        place = self.writer.pure(f"getelementptr ptr, ptr %{what}, i64 {number}")
        if distance is not None:
            place = self.writer.pure(f"getelementptr ptr, ptr {place}, i64 {distance}")
        return self.writer.pure(f"load ptr, ptr {place}")

    def _region_pointer(self, place: Place) -> str:
        """Return the pointer that a place's base counts from."""
        return self._pointer("regions", region_number(place))

    def _table_pointer(self, table: int) -> str:
        return self._pointer("tables", table)

    def _bases(self, place: Place) -> tuple[int, int]:
        """Return the least and the largest base that a place may have when the function runs."""
        return place.base, place.base

    def _walk(self, pointer: str, kind: str, strides: Strides, point: Mapping[int, int], base: int) -> str:
        """Return the address `base + Σ stride · (index + offset)` items behind a pointer."""
        for dim, stride in strides:
            index = self.index.get(dim)
            if index is not None:
                distance = index if stride == 1 else self.writer.pure(f"mul nsw i64 {index}, {stride}")
                pointer = self.writer.pure(f"getelementptr {kind}, ptr {pointer}, i64 {distance}")
            base += stride * point.get(dim, 0)
        return self.writer.pure(f"getelementptr {kind}, ptr {pointer}, i64 {base}") if base else pointer

    def _entry(self, table: int, strides: Strides, point: Mapping[int, int]) -> str:
        """Return a number of a table as i64."""
        place = self._walk(self._table_pointer(table), "i32", strides, point, 0)
        return self.writer.pure(f"sext i32 {self.writer.pure(f'load i32, ptr {place}, align 4')} to i64")

    def count(self, dim: Dim) -> str:
        """Return the run-time length of a dimension."""
        assert dim.counts is not None  # noqa: S101 - the caller has looked
        return self._entry(dim.counts, dim.count_strides, {})

    def _address(self, place: Place, point: Mapping[int, int]) -> str:
        """Return the address of a place, of lane 0 where it differs over the lanes; a table over lanes is left out."""
        pointer = self._region_pointer(place)
        if place.table is not None and not self._table_over_lanes(place):
            entry = self._entry(place.table, place.table_strides, point)
            pointer = self.writer.pure(f"getelementptr double, ptr {pointer}, i64 {entry}")
        return self._walk(pointer, "double", place.strides, point, place.base)

    def _table_over_lanes(self, place: Place) -> bool:
        return self.vector is not None and place.table is not None and place.in_table(self.vector)

    # Access

    def load(self, place: Place, point: Mapping[int, int]) -> Lanes:
        """Return the number, or the numbers of all lanes, at a place; a lane that does not exist has any number."""
        pointer = self._address(place, point)
        vector = self.vector
        if vector is None or not place.dims >> vector & 1:
            return Lanes(self.writer, self.writer.value(f"load double, ptr {pointer}, align 8"))
        mask = self.masks[point[vector]]
        if self._table_over_lanes(place):
            return self._gather(self._lane_addresses(place, pointer, point), mask)
        stride = place.stride(vector)
        if stride != 1:
            if mask is not None and self.left[point[vector]] == self.width:
                return self._gather(self._lane_addresses(place, pointer, point), mask)
            return self._one_by_one(pointer, stride, self.left[point[vector]])
        if mask is None or self.is_inside(place):
            kind = vector_type(self.width)
            return Lanes(self.writer, self.writer.value(f"load {kind}, ptr {pointer}, align 8"), self.width)
        return self._load_masked(pointer, mask)

    def is_inside(self, place: Place) -> bool:
        """Say whether full vectors, of steps that there are or not, are surely inside the region."""
        if place.table is not None:
            return False
        first, last = self._bases(place)
        for dim, stride in place.strides:
            extent = self.lowered.dims[dim].extent
            if dim == self.vector:
                extent = -(-extent // self.width) * self.width
            first += min(0, stride * (extent - 1))
            last += max(0, stride * (extent - 1))
        return first >= 0 and last < self.sizes.get(place.region, 0)

    def load_turned(self, place: Place, point: Mapping[int, int]) -> tuple[int, dict[int, Lanes]] | None:
        """Return the vectors of a whole block, where a place is contiguous in another dimension than the lanes'.

        They are loaded along that dimension, and turned in registers. Returns the dimension and the vectors by their
        offsets there, or None where this is not possible.
        """
        vector = self.vector
        along = self.turned_along(place)
        if vector is None or along is None or along not in self.points:
            return None
        lanes = self.left[point[vector]]
        offsets = self.points[along]
        first = (point[along] - offsets[0]) // self.width * self.width
        block = offsets[first : first + self.width]
        if len(block) < 2 or self._is_run_time(self.masks[point[vector]], point[vector]):
            return None
        start = {**point, along: block[0]}
        rows = []
        for lane in range(lanes):
            pointer = self._address(place, {**start, vector: point[vector] + lane})
            rows.append(self._load_some(pointer, len(block)))
        empty = Lanes(self.writer, "zeroinitializer", self.width)
        columns = turned(rows + [empty] * (self.width - lanes))
        return along, dict(zip(block, columns, strict=False))

    def turned_along(self, place: Place) -> int | None:
        """Return the dimension that a place is contiguous in, where that is not the lanes' and no table in the way."""
        if self.vector is None or not place.dims >> self.vector & 1 or place.stride(self.vector) == 1:
            return None
        if self._table_over_lanes(place):
            return None
        return next((dim for dim, stride in place.strides if stride == 1 and not place.in_table(dim)), None)

    def _load_some(self, pointer: str, count: int) -> Lanes:
        """Return so many neighbouring numbers as the first lanes of a vector."""
        kind = vector_type(self.width)
        if count == self.width:
            return Lanes(self.writer, self.writer.value(f"load {kind}, ptr {pointer}, align 8"), self.width)
        bits = ", ".join(f"i1 {int(lane < count)}" for lane in range(self.width))
        return self._load_masked(pointer, Lanes(self.writer, f"<{bits}>", self.width, "i1"))

    def _load_masked(self, pointer: str, mask: Lanes) -> Lanes:
        kind = vector_type(self.width)
        name = f"@llvm.masked.load.v{self.width}f64.p0"
        self.writer.declare(f"declare {kind} {name}(ptr, i32, {mask.type}, {kind})")
        text = f"call {kind} {name}(ptr {pointer}, i32 8, {mask.type} {mask.text}, {kind} zeroinitializer)"
        return Lanes(self.writer, self.writer.value(text), self.width)

    def _one_by_one(self, pointer: str, stride: int, lanes: int) -> Lanes:
        kind, vector = vector_type(self.width), "poison" if lanes == self.width else "zeroinitializer"
        for lane in range(lanes):
            place = self.writer.pure(f"getelementptr double, ptr {pointer}, i64 {lane * stride}") if lane else pointer
            number = self.writer.value(f"load double, ptr {place}, align 8")
            vector = self.writer.value(f"insertelement {kind} {vector}, double {number}, i64 {lane}")
        return Lanes(self.writer, vector, self.width)

    def _lane_addresses(self, place: Place, pointer: str, point: Mapping[int, int]) -> str:
        """Return the addresses of all lanes."""
        vector, width = self.vector, self.width
        assert vector is not None  # noqa: S101 - there are no lanes otherwise
        kind = vector_type(width, "i64")
        stride = place.stride(vector)
        distances = f"<{', '.join(f'i64 {lane * stride}' for lane in range(width))}>"
        if self._table_over_lanes(place):
            entries = self._entries(place, point)
            distances = self.writer.pure(f"add {kind} {entries}, {distances}") if stride else entries
        return self.writer.pure(f"getelementptr double, ptr {pointer}, {kind} {distances}")

    def _entries(self, place: Place, point: Mapping[int, int]) -> str:
        """Return the numbers of a table for all lanes, those that exist, as integers."""
        width = self.width
        assert place.table is not None and self.vector is not None  # noqa: S101, PT018 - the caller has looked
        pointer = self._walk(self._table_pointer(place.table), "i32", place.table_strides, point, 0)
        stride = dict(place.table_strides)[self.vector]
        kind, mask = vector_type(width, "i32"), self.masks[point[self.vector]]
        if stride == 1 and mask is None:
            entries = self.writer.pure(f"load {kind}, ptr {pointer}, align 4")
        elif mask is not None:
            name = f"@llvm.masked.gather.v{width}i32.v{width}p0"
            self.writer.declare(f"declare {kind} {name}(<{width} x ptr>, i32, {mask.type}, {kind})")
            steps = ", ".join(f"i64 {lane * stride}" for lane in range(width))
            places = self.writer.pure(f"getelementptr i32, ptr {pointer}, {vector_type(width, 'i64')} <{steps}>")
            text = (
                f"call {kind} {name}(<{width} x ptr> {places}, i32 4, {mask.type} {mask.text}, {kind} zeroinitializer)"
            )
            entries = self.writer.pure(text)
        else:
            entries = "poison"
            for lane in range(width):
                each = self.writer.pure(f"getelementptr i32, ptr {pointer}, i64 {lane * stride}")
                number = self.writer.pure(f"load i32, ptr {each}, align 4")
                entries = self.writer.pure(f"insertelement {kind} {entries}, i32 {number}, i64 {lane}")
        return self.writer.pure(f"sext {kind} {entries} to {vector_type(width, 'i64')}")

    def _gather(self, addresses: str, mask: Lanes | None) -> Lanes:
        width = self.width
        kind, which = vector_type(width), self._mask_text(mask)
        name = f"@llvm.masked.gather.v{width}f64.v{width}p0"
        self.writer.declare(f"declare {kind} {name}(<{width} x ptr>, i32, <{width} x i1>, {kind})")
        text = f"call {kind} {name}(<{width} x ptr> {addresses}, i32 8, {which}, {kind} zeroinitializer)"
        return Lanes(self.writer, self.writer.value(text), width)

    def _mask_text(self, mask: Lanes | None) -> str:
        kind = vector_type(self.width, "i1")
        return f"{kind} {mask.text}" if mask is not None else f"{kind} <{', '.join(['i1 1'] * self.width)}>"

    def store(self, place: Place, buffer: Buffer, point: Mapping[int, int], value: Lanes) -> None:
        """Put a value where it belongs; only lanes that exist, except where nobody reads the others."""
        pointer = self._address(place, point)
        vector = self.vector
        if vector is None or not place.dims >> vector & 1:
            self.writer.line(f"store double {value.text}, ptr {pointer}, align 8")
            return
        value = value.spread(self.width)
        mask, stride = self.masks[point[vector]], place.stride(vector)
        if self._table_over_lanes(place) or (stride != 1 and self._is_run_time(mask, point[vector])):
            self._scatter(value, self._lane_addresses(place, pointer, point), mask)
        elif stride != 1:
            for lane in range(self.left[point[vector]]):
                each = (
                    self.writer.pure(f"getelementptr double, ptr {pointer}, i64 {lane * stride}") if lane else pointer
                )
                number = self.writer.pure(f"extractelement {value.type} {value.text}, i64 {lane}")
                self.writer.line(f"store double {number}, ptr {each}, align 8")
        elif mask is None or (not self._is_run_time(mask, point[vector]) and self._is_padded(place, buffer)):
            self.writer.line(f"store {value.type} {value.text}, ptr {pointer}, align 8")
        else:
            name = f"@llvm.masked.store.v{self.width}f64.p0"
            self.writer.declare(f"declare void {name}({value.type}, ptr, i32, {mask.type})")
            self.writer.line(
                f"call void {name}({value.type} {value.text}, ptr {pointer}, i32 8, {mask.type} {mask.text})"
            )

    def _is_run_time(self, mask: Lanes | None, offset: int) -> bool:
        return mask is not None and self.left[offset] == self.width

    def _scatter(self, value: Lanes, addresses: str, mask: Lanes | None) -> None:
        name = f"@llvm.masked.scatter.v{self.width}f64.v{self.width}p0"
        kinds = f"{value.type}, <{self.width} x ptr>, i32, <{self.width} x i1>"
        self.writer.declare(f"declare void {name}({kinds})")
        arguments = f"{value.type} {value.text}, <{self.width} x ptr> {addresses}, i32 8, {self._mask_text(mask)}"
        self.writer.line(f"call void {name}({arguments})")

    def _is_padded(self, place: Place, buffer: Buffer) -> bool:
        """Say whether lanes beyond the end fall where no member of the buffer lies."""
        if place.table is not None or place.region is not Region.ARENA or (buffer.region, buffer.offset) in self.shared:
            return False
        extent = self.lowered.dims[self.vector].extent if self.vector is not None else 1
        last = -(-extent // self.width) * self.width - 1
        for dim, stride in sorted(place.strides, key=lambda pair: pair[1]):
            if dim != self.vector:
                if stride <= last:
                    return False
                last += stride * (self.lowered.dims[dim].extent - 1)
        return place.base + last < buffer.offset + buffer.size

    # Functions that are called lane by lane

    def call(self, name: str, operands: list[Lanes]) -> Lanes:
        """Return what a function of the C library gives for each lane."""
        lanes = max(each.lanes for each in operands)
        kinds = ", ".join(["double"] * len(operands))
        self.writer.declare(f"declare double @{name}({kinds}) nounwind")
        results = []
        for lane in range(lanes):
            arguments = ", ".join(f"double {_lane(each, lane).text}" for each in operands)
            results.append(self.writer.pure(f"call double @{name}({arguments})"))
        if lanes == 1:
            return Lanes(self.writer, results[0])
        vector = "poison"
        for lane, number in enumerate(results):
            vector = self.writer.pure(f"insertelement {vector_type(lanes)} {vector}, double {number}, i64 {lane}")
        return Lanes(self.writer, vector, lanes)


def turned(rows: list[Lanes]) -> list[Lanes]:
    """Return the columns of a square whose rows are given, by exchanging ever larger blocks (Eklundh 1972)."""
    rows = list(rows)
    size, distance = len(rows), 1
    while distance < size:
        upper = [lane if not lane & distance else size + lane - distance for lane in range(size)]
        lower = [lane + distance if not lane & distance else size + lane for lane in range(size)]
        for i in (i for i in range(size) if not i & distance):
            pair = rows[i], rows[i + distance]
            rows[i], rows[i + distance] = picked(*pair, upper), picked(*pair, lower)
        distance *= 2
    return rows


def picked(a: Lanes, b: Lanes, lanes: Sequence[int]) -> Lanes:
    """Return lanes of two vectors, those of b numbered after those of a."""
    numbers = ", ".join(f"i32 {lane}" for lane in lanes)
    text = f"shufflevector {a.type} {a.text}, {b.type} {b.text}, {vector_type(len(lanes), 'i32')} <{numbers}>"
    return Lanes(a.writer, a.writer.pure(text), len(lanes))


def _lane(x: Lanes, lane: int) -> Lanes:
    if x.lanes == 1:
        return x
    return Lanes(x.writer, x.writer.pure(f"extractelement {x.type} {x.text}, i64 {lane}"))


def region_number(place: Place) -> int:
    """Return where the function finds the pointer to a region."""
    return len(REGIONS) + place.group if place.region is Region.INPUT else REGIONS.index(place.region)
