"""What a nest reads and stores, seen from one of its dimensions: does a step there touch only what is its own?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from chainrule.compiler.nests.nest import Add, Address, Apply, Buffer, Expression, Load, Nest, Reduce, Region

WRITTEN = frozenset({Region.ARENA, Region.GRADIENTS, Region.OUTPUTS})


@dataclass(frozen=True)
class Way:
    """Where a nest has the dimension that is cut into strips.

    Attributes:
        length: the dimension's.
        dim: the number of the nest's own dimension; None where its reductions have it.
    """

    length: int
    dim: int | None

    def position(self, outer: int, sums: tuple[int, ...]) -> int | None:
        """Return where an address has the dimension's stride, in a nest of so many loops, inside these reductions."""
        if self.dim is not None:
            return self.dim
        return outer + sums.index(self.length) if self.length in sums else None


@dataclass(frozen=True)
class Access:
    """One address of a nest, over all of the nest's steps.

    Attributes:
        stores: it is written to; else it is read.
        region, group: where it counts.
        base: the first number that it touches where all strides are positive.
        step: how far apart neighbours in the strips' dimension lie.
        rest: stride and extent of the other dimensions.
        first, last: what it touches lies between these numbers, both included.
        in_table: which numbers it touches is not known.
    """

    stores: bool
    region: Region
    group: int
    base: int
    step: int
    rest: tuple[tuple[int, int], ...]
    first: int
    last: int
    in_table: bool

    def meets(self, other: Access) -> bool:
        """Say whether the order of the two may matter."""
        return (
            (self.stores or other.stores)
            and self.region is other.region
            and self.group == other.group
            and self.first <= other.last
            and other.first <= self.last
        )

    def along(self, other: Access, length: int) -> bool:
        """Say whether two steps that touch the same number are always the same in the strips' dimension.

        A number's place is base + step · s + what the other dimensions add. Those either stay within one step, or go
        in multiples of more than all `length` steps together; then s can be read off the place.
        """
        step = self.step
        if step <= 0 or step != other.step or self.in_table or other.in_table:
            return False
        low = high = modulus = 0
        for sign, access in ((1, self), (-1, other)):
            for stride, extent in access.rest:
                reach = sign * stride * (extent - 1)
                if abs(reach) < step:
                    low, high = low + min(0, reach), high + max(0, reach)
                else:
                    modulus = gcd(modulus, stride)
        between = self.base - other.base
        if modulus:
            between = (between + modulus // 2) % modulus - modulus // 2
        low, high = low + between, high + between
        if low <= -step or high >= step:
            return False
        return not modulus or step * (length - 1) + max(-low, high) < modulus


def accesses(nest: Nest, buffers: Sequence[Buffer], way: Way | None = None) -> Iterator[Access]:
    """Yield the accesses of a nest."""

    def of(address: Address, sums: tuple[int, ...], stores: bool = False) -> Access:
        buffer = buffers[address.buffer]
        base = buffer.offset + address.base
        extents = (*nest.extents, *sums)
        at = way.position(len(nest.extents), sums) if way is not None else None
        first = last = base
        for stride, extent in zip(address.strides, extents, strict=True):
            first, last = first + min(0, stride * (extent - 1)), last + max(0, stride * (extent - 1))
        if address.table is not None:
            first, last = buffer.offset, buffer.offset + buffer.size - 1
        rest = tuple(
            (stride, extent)
            for dim, (stride, extent) in enumerate(zip(address.strides, extents, strict=True))
            if stride and extent > 1 and dim != at
        )
        step = address.strides[at] if at is not None else 0
        return Access(stores, buffer.region, buffer.group, base, step, rest, first, last, address.table is not None)

    seen: set[tuple[int, tuple[int, ...]]] = set()
    for store in nest.stores:
        yield of(store.address, (), stores=True)
        for address, sums in _loads(store.value, (), seen):
            yield of(address, sums)


def _loads(
    expression: Expression, sums: tuple[int, ...], seen: set[tuple[int, tuple[int, ...]]]
) -> Iterator[tuple[Address, tuple[int, ...]]]:
    """Yield the addresses that an expression reads, with the extents of the reductions around."""
    if (id(expression), sums) in seen:
        return
    seen.add((id(expression), sums))
    match expression:
        case Load(address):
            yield address, sums
        case Apply(_, parts) | Add(parts):
            for each in parts:
                yield from _loads(each, sums, seen)
        case Reduce(extents, body):
            yield from _loads(body, (*sums, *extents), seen)


def is_plain(nest: Nest, way: Way) -> bool:
    """Say whether a nest's loops have lengths known in advance, and no table follows the strips' dimension."""
    if nest.counts is not None:
        return False

    def plain(expression: Expression, sums: tuple[int, ...]) -> bool:
        match expression:
            case Load(address):
                return follows_no_table(address, sums)
            case Apply(_, parts) | Add(parts):
                return all(plain(each, sums) for each in parts)
            case Reduce():
                return expression.counts is None and plain(expression.body, (*sums, *expression.extents))
        return True

    def follows_no_table(address: Address, sums: tuple[int, ...]) -> bool:
        at = way.position(len(nest.extents), sums)
        return address.table is None or at is None or address.table_strides[at] == 0

    return all(follows_no_table(store.address, ()) and plain(store.value, ()) for store in nest.stores)
