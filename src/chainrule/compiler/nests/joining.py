"""Joining: nests of equal extents run as one where that saves loops; what passes between them stays in registers."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from chainrule.compiler.nests.nest import (
    Add,
    Apply,
    Expression,
    Nest,
    Reduce,
    Region,
    Store,
    block_of,
    loads,
    operations,
    with_loads,
)

if TYPE_CHECKING:
    from chainrule.compiler.nests.nest import Address, Buffer

# Nests that share nothing are joined while they are this small: then their loops cost as much as what is in them.
SMALL = 256
# A nest stores at most so many numbers in a step.
MOST_STORES = 4

Block = tuple[Region, int]


def join(nests: list[Nest], forward: int, buffers: list[Buffer]) -> tuple[list[Nest], int]:
    """Return nests that do the same, and how many of them the outputs need."""
    first, rest = _joined(nests[:forward], buffers), _joined(nests[forward:], buffers)
    used = {
        block_of(address, buffers)
        for nest in [*first, *rest]
        for store in nest.stores
        for address, _ in loads(store.value)
    }
    first, rest = _without_dead(first, used, buffers), _without_dead(rest, used, buffers)
    return [*first, *rest], len(first)


def _joined(nests: list[Nest], buffers: list[Buffer]) -> list[Nest]:
    found: list[Nest] = []
    stored: dict[Block, int] = {}  # by block, the last nest that stores to it
    latest: dict[tuple[int, ...], int] = {}  # by extents, the last nest of these
    for nest in nests:
        place = latest.get(nest.extents)
        merged = None
        if place is not None:
            needs = {block_of(address, buffers) for store in nest.stores for address, _ in loads(store.value)}
            if all(stored.get(block, -1) <= place for block in needs):
                own = {block_of(store.address, buffers) for store in found[place].stores}
                merged = _merged(found[place], nest, needs & own, buffers)
        if place is None or merged is None:
            place = latest[nest.extents] = len(found)
            found.append(nest)
        else:
            found[place] = merged
        for store in nest.stores:
            block = block_of(store.address, buffers)
            stored[block] = max(place, stored.get(block, -1))
    return found


def _merged(a: Nest, b: Nest, shared: set[Block], buffers: list[Buffer]) -> Nest | None:
    """Return both nests in one; None if b reads what other steps of a store, or if it does not pay."""
    if a.counts is not None or b.counts is not None or len(a.stores) + len(b.stores) > MOST_STORES:
        return None
    known = {store.address: store.value for store in a.stores}
    if any(
        block_of(address, buffers) in shared and address not in known
        for store in b.stores
        for address, _ in loads(store.value)
    ):
        return None
    if shared:
        if any(_reduces(store.value) for store in b.stores):
            return None
    elif _work(a) + _work(b) > SMALL:
        return None
    made: dict[int, Expression] = {}
    stores = tuple(Store(store.address, replaced(store.value, known, made)) for store in b.stores)
    return replace(a, stores=(*a.stores, *stores), classes=(*a.classes, *b.classes))


def _work(nest: Nest) -> int:
    return prod(nest.extents) * sum(1 + operations(store.value) for store in nest.stores)


def _reduces(expression: Expression) -> bool:
    if isinstance(expression, Reduce):
        return True
    return any(map(_reduces, _below(expression)))


def _below(expression: Expression) -> tuple[Expression, ...]:
    if isinstance(expression, Apply):
        return expression.operands
    return expression.terms if isinstance(expression, Add) else ()


def replaced(expression: Expression, known: dict[Address, Expression], made: dict[int, Expression]) -> Expression:
    """Return an expression that takes what is known instead of loading it; a shared one stays shared."""
    return with_loads(expression, lambda load: known.get(load.address, load), made)


def _without_dead(nests: list[Nest], used: set[Block], buffers: list[Buffer]) -> list[Nest]:
    """Return nests without stores to memory of which nobody reads anything."""
    found = []
    for nest in nests:
        stores = tuple(
            store
            for store in nest.stores
            if buffers[store.address.buffer].region is not Region.ARENA or block_of(store.address, buffers) in used
        )
        if stores:
            found.append(replace(nest, stores=stores))
    return found
