"""The code of nests that run strip by strip: functions whose memory moves with the number of the strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chainrule.compiler.native.lowering import Lowered, Lowering, Place
from chainrule.compiler.native.memory import Memory
from chainrule.compiler.native.text import Writer
from chainrule.compiler.nests.nest import Address, Buffer, Nest, Region

PARAMETER = ", i64 %strip"


@dataclass(frozen=True)
class MovingPlace(Place):
    """A place that lies further on in each strip.

    Attributes:
        step: by how many numbers.
    """

    step: int = 0


class StripLowering(Lowering):
    """Lowers the nest of one strip, whose first dimension, of extent 1, says how far the next strip lies."""

    def place(self, address: Address, dims: Sequence[int]) -> Place:
        """Return an address with the numbers of dimensions that it is about, and how it moves."""
        found = super().place(address, dims)
        return MovingPlace(
            found.region,
            found.group,
            found.base,
            found.strides,
            found.table,
            found.table_strides,
            step=address.strides[0],
        )


class StripMemory(Memory):
    """The memory of a function that is called with the number of a strip.

    Args:
        strips: how many strips there are.
    """

    def __init__(
        self, writer: Writer, sizes: Mapping[Region, int], shared: frozenset[tuple[Region, int]], strips: int
    ) -> None:
        super().__init__(writer, sizes, shared)
        self.strips = strips

    def _region_pointer(self, place: Place) -> str:
        pointer = super()._region_pointer(place)
        step = place.step if isinstance(place, MovingPlace) else 0
        if not step:
            return pointer
        distance = self.writer.pure(f"mul nsw i64 %strip, {step}")
        return self.writer.pure(f"getelementptr double, ptr {pointer}, i64 {distance}")

    def _bases(self, place: Place) -> tuple[int, int]:
        step = place.step if isinstance(place, MovingPlace) else 0
        return place.base + min(0, step) * (self.strips - 1), place.base + max(0, step) * (self.strips - 1)


def lower_strip(nest: Nest, buffers: Sequence[Buffer], count: int) -> Lowered:
    """Return the nest of one strip; its buffers promise as much room as is left in the last strip."""
    lowered = StripLowering(nest, buffers).run()
    room = []
    for (place, _), buffer in zip(lowered.stores, lowered.buffers, strict=True):
        step = place.step if isinstance(place, MovingPlace) else 0
        room.append(replace(buffer, size=buffer.size - abs(step) * (count - 1)))
    return replace(lowered, buffers=room)


def strip_loop(name: str, arguments: str, functions: Sequence[str], count: int) -> str:
    """Return the text of a function that calls these for every strip."""
    writer = Writer(name, arguments, "internal")
    with writer.loop(count) as loop:
        for each in functions:
            writer.line(f"call void @{each}({arguments}, i64 {loop.index})")
    return writer.finish()
