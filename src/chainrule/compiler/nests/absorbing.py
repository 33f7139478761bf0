"""Absorbing: what only sums over everything read is computed inside of them, and these run as one nest.

A curve with a few parameters has a gradient of as many sums over all points, each of a product that the others share
factors with. As nests of their own the products are stored and read again; in one nest they stay in registers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chainrule.compiler.nests.joining import replaced
from chainrule.compiler.nests.nest import Nest, Region, Store, block_of, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainrule.compiler.nests.nest import Address, Buffer, Expression

# So many sums have their running totals in registers.
MOST_SUMS = 12

Block = tuple[Region, int]


def absorb(nests: list[Nest], forward: int, buffers: list[Buffer]) -> tuple[list[Nest], int]:
    """Return nests that do the same, and how many of them the outputs need."""
    readers: dict[Block, set[int]] = {}
    for number, nest in enumerate(nests):
        for address in _reads(nest):
            readers.setdefault(block_of(address, buffers), set()).add(number)
    kept: dict[int, Nest] = dict(enumerate(nests))
    for half in (range(forward), range(forward, len(nests))):
        groups: dict[tuple[int, ...], list[int]] = {}
        for number in half:
            extents = _summed(nests[number])
            if extents is not None:
                groups.setdefault(extents, []).append(number)
        for extents, sums in groups.items():
            _absorb(kept, [number for number in half if nests[number].extents == extents], sums, readers, buffers)
    return [kept[number] for number in sorted(kept)], sum(number < forward for number in kept)


def _absorb(
    nests: dict[int, Nest], maps: list[int], sums: list[int], readers: dict[Block, set[int]], buffers: list[Buffer]
) -> None:
    """Make one nest of sums with these maps inside, those that nobody else reads, at the place of the last sum."""
    last = sums[-1]
    inside = {number for number in sums if not _is_read_before(last, nests[number], readers, buffers)}
    known: dict[Address, Expression] = {}
    absorbed = []
    for number in reversed(maps):
        if _is_read_only_by(inside, nests[number], nests, readers, buffers):
            absorbed.append(number)
            inside.add(number)
    if not absorbed or sum(len(nests[number].stores) for number in sums if number in inside) > MOST_SUMS:
        return
    made: dict[int, Expression] = {}
    for number in reversed(absorbed):
        for store in nests.pop(number).stores:
            known[store.address] = replaced(store.value, known, made)
    whole = [nests.pop(number) for number in sums if number in inside]
    stores = tuple(Store(store.address, replaced(store.value, known, made)) for nest in whole for store in nest.stores)
    nests[last] = replace(whole[-1], stores=stores, classes=tuple(number for nest in whole for number in nest.classes))


def _is_read_before(last: int, nest: Nest, readers: dict[Block, set[int]], buffers: list[Buffer]) -> bool:
    return any(number <= last for store in nest.stores for number in readers.get(block_of(store.address, buffers), ()))


def _is_read_only_by(
    inside: set[int], nest: Nest, nests: dict[int, Nest], readers: dict[Block, set[int]], buffers: list[Buffer]
) -> bool:
    """Say whether only these nests read what a map stores, each in the step that it is stored in."""
    if nest.counts is not None or any(around for store in nest.stores for _, around in loads(store.value)):
        return False
    for store in nest.stores:
        block = block_of(store.address, buffers)
        users = readers.get(block, set())
        if block[0] is not Region.ARENA or not users <= inside:
            return False
        read = [each for number in users for each in _reads(nests[number]) if block_of(each, buffers) == block]
        if any(each != store.address for each in read):
            return False
    return True


def _summed(nest: Nest) -> tuple[int, ...] | None:
    """Return over what a nest of sums adds up, None where it is another nest."""
    found = [around[0] for store in nest.stores for _, around in loads(store.value) if around]
    extents = {each.extents for each in found}
    if nest.extents or len(extents) != 1 or any(each.counts is not None or each.largest for each in found):
        return None
    return extents.pop()


def _reads(nest: Nest) -> Iterator[Address]:
    return (address for store in nest.stores for address, _ in loads(store.value))
