"""What the passes do with whole columns of int64: find equal rows, sort by target, compose."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from chainrule.compiler.classes import Slot


class Column(NamedTuple):
    """Members of one class, one for each row of something."""

    source: int
    members: NDArray[np.int64]


class Terms(NamedTuple):
    """Members of one class, any number for each row: row i has `members[offsets[i] : offsets[i + 1]]`."""

    source: int
    members: NDArray[np.int64]
    offsets: NDArray[np.int64]


def terms_of(slot: Slot) -> Terms:
    """Return the slot of a sum or maximum as terms."""
    if slot.offsets is None:
        raise ValueError("a map's slot has one member a row, no terms")
    return Terms(slot.source, slot.members, slot.offsets)


def offsets_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each row begins, and where the last one ends, from how many terms each has."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def rows_of(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each term."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def stable_order(numbers: NDArray[np.integer], bound: int) -> NDArray[np.int64]:
    """Return the order that sorts numbers below `bound`, equal ones as they came."""
    if bound <= 1 << 16:  # numpy sorts 16 bits by counting
        return np.argsort(numbers.astype(np.uint16), kind="stable")
    if len(numbers) < 1 << 16:
        return np.argsort(numbers, kind="stable")
    low = np.argsort((numbers & 0xFFFF).astype(np.uint16), kind="stable")
    if bound > 1 << 32:
        return low[np.argsort((numbers >> 16)[low], kind="stable")]
    return low[np.argsort((numbers >> 16).astype(np.uint16)[low], kind="stable")]


def first_of_equals(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the first place of each different key, in order, and for each key its number among these.

    None where all keys differ, which is the common case and costs one sort at most.
    """
    if len(keys) < 2 or bool((keys[1:] > keys[:-1]).all()):
        return None
    in_order = np.sort(keys)
    if bool((in_order[1:] != in_order[:-1]).all()):
        return None
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[order] = np.arange(len(first))
    return first[order], rank[number]


def row_keys(columns: list[NDArray[np.int64]], sizes: list[int]) -> NDArray[np.int64]:
    """Return one number for each row of a table that is equal where the rows are equal, and only there."""
    keys, bound = columns[0], sizes[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        if bound * size >= 1 << 62:
            keys = np.unique(keys, return_inverse=True)[1]
            bound = len(keys)
        keys = keys * size + column
        bound *= size
    return keys


_WEIGHTS = np.random.default_rng(0).integers(1, 1 << 62, 4096, dtype=np.int64).astype(np.uint64) * 2 + 1


BLOCK = 1 << 18  # terms that are looked at together: what is computed of them stays in the cache


def term_keys(slots: list[Terms]) -> NDArray[np.int64]:
    """Return a number for each row of a sum that is equal where the terms are equal, and hardly elsewhere."""
    total = np.zeros(len(slots[0].offsets) - 1, np.uint64)
    for slot in slots:
        total *= np.uint64(0x2545F4914F6CDD1D)
        for begin, end in _blocks(slot.offsets):
            total[begin:end] += _mixed(slot, slot.offsets[begin : end + 1])
    return total.view(np.int64)


def _blocks(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where rows begin and end that have about `BLOCK` terms together."""
    begin, rows = 0, len(offsets) - 1
    while begin < rows:
        end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + BLOCK, "right")) - 1)
        yield begin, end
        begin = end


def _mixed(slot: Terms, offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return one number for the terms of each of some rows, which are side by side."""
    place = np.arange(offsets[0], offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    mixed = slot.members[offsets[0] : offsets[-1]].astype(np.uint64) + np.uint64(slot.source + 1)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= _WEIGHTS[place % len(_WEIGHTS)]
    mixed ^= mixed >> np.uint64(32)
    sums = np.zeros(len(mixed) + 1, np.uint64)
    np.cumsum(mixed, out=sums[1:])
    ends = offsets - offsets[0]
    return np.asarray(sums[ends[1:]] - sums[ends[:-1]], np.uint64)


def same_terms(slots: list[Terms], rows: NDArray[np.int64], others: NDArray[np.int64]) -> bool:
    """Tell whether row `rows[i]` has the terms of row `others[i]`, for every i."""
    for slot in slots:
        counts = np.diff(slot.offsets)
        if not np.array_equal(counts[rows], counts[others]):
            return False
        one, other = take_rows(slot, rows), take_rows(slot, others)
        if not np.array_equal(one.members, other.members):
            return False
    return True


def take_rows(slot: Terms, rows: NDArray[np.int64]) -> Terms:
    """Return some rows of a slot, in the order given."""
    counts = np.diff(slot.offsets)[rows]
    offsets = offsets_of(counts)
    places = np.arange(offsets[-1]) + np.repeat(slot.offsets[rows] - offsets[:-1], counts)
    return Terms(slot.source, slot.members[places], offsets)


def one_slot_a_source(slots: Sequence[Terms]) -> list[Terms]:
    """Join the slots of one source: their terms side by side in each row; in the order of sources."""
    by_source: dict[int, list[Terms]] = {}
    for slot in slots:
        by_source.setdefault(slot.source, []).append(slot)
    return [_side_by_side(group) for _, group in sorted(by_source.items())]


def _side_by_side(slots: list[Terms]) -> Terms:
    if len(slots) == 1:
        return slots[0]
    rows = np.concatenate([rows_of(slot.offsets) for slot in slots])
    order = np.argsort(rows, kind="stable")
    members = np.concatenate([slot.members for slot in slots])[order]
    counts = sum(np.diff(slot.offsets) for slot in slots)
    return Terms(slots[0].source, members, offsets_of(np.asarray(counts)))
