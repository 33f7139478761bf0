"""Which members of a class are differentiated together: those that get their contributions from the same classes.

Members that lack some of the contributions of others join these, with empty slots, where that costs little: where there
are few of them, or where what they lack is a single term. So the logits of a cross entropy stay one class, although
only the target's has a second term, and all that flows back from them stays dense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHARE = 0.5  # a set joins a larger one if it has at most this share of its members
BITS = 60  # of the classes looked at together
FEW = 1 << 12  # different numbers that are counted; more are sorted
MOST = 16  # groups of one class; the small ones beyond go into one group with empty slots
SMALL = 8  # members; groups that are larger, as those of layers and time steps, give nests that can be shared


def groups_of(
    targets: Sequence[NDArray[np.int64]], size: int, single: Sequence[bool] | None = None
) -> list[tuple[NDArray[np.int64], list[int]]]:
    """Group the members of a class by who contributes to them.

    Args:
        targets: of each contributing class the members that it contributes to.
        size: how many members there are.
        single: of each contributing class whether it is one term at most to any member; computed where not given.

    Returns:
        Groups: members in order, and the numbers of the contributing classes, some of which may give nothing to
        some of the members.
    """
    if not targets:
        return []
    signature, sets = _signatures(targets, size)
    counts = np.bincount(signature, minlength=len(sets)).tolist()
    if single is None:
        single = [len(np.unique(each)) == len(each) for each in targets]
    into = _merged(counts, sets, frozenset(number for number, each in enumerate(single) if each))
    groups = np.array(into, np.int64)[signature]
    result = []
    for group in sorted(set(into)):
        contributing = set().union(*[sets[i] for i, each in enumerate(into) if each == group])
        if contributing:
            result.append((np.flatnonzero(groups == group), sorted(contributing)))
    return sorted(result, key=lambda each: int(each[0][0]))


def _signatures(targets: Sequence[NDArray[np.int64]], size: int) -> tuple[NDArray[np.int64], list[frozenset[int]]]:
    """Return the number of each member's set of contributing classes, and the sets."""
    signature = np.zeros(size, np.int64)
    sets: list[frozenset[int]] = [frozenset()]
    for begin in range(0, len(targets), BITS):
        mask = np.zeros(size, np.int64)
        chosen = targets[begin : begin + BITS]
        for bit, each in enumerate(chosen):
            one = np.zeros(size, np.bool_)
            one[each] = True
            mask[one] |= 1 << bit
        masks, mask = _distinct(mask, 1 << len(chosen))
        signature *= len(masks)
        signature += mask
        pairs, signature = _distinct(signature, len(sets) * len(masks))
        sets = [
            sets[pair // len(masks)] | {begin + bit for bit in range(BITS) if int(masks[pair % len(masks)]) >> bit & 1}
            for pair in pairs.tolist()
        ]
    return signature, sets


def _distinct(numbers: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different ones of numbers below `bound`, in order, and where among them each number is."""
    if bound > FEW:
        return np.unique(numbers, return_inverse=True)
    there = np.bincount(numbers, minlength=bound) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _merged(counts: list[int], sets: list[frozenset[int]], single: frozenset[int]) -> list[int]:
    """Return for each set the one that it joins, itself where it stays."""
    into = list(range(len(sets)))
    by_count = sorted((i for i in into if sets[i]), key=lambda i: (counts[i], len(sets[i])))
    for i in by_count:
        larger = [
            k for k in by_count if sets[i] < sets[k] and (counts[i] <= SHARE * counts[k] or sets[k] - sets[i] <= single)
        ]
        if larger:
            into[i] = min(larger, key=lambda k: (len(sets[k]), -counts[k]))
    for i in by_count:  # a set that others joined may have joined another
        while into[into[i]] != into[i]:
            into[i] = into[into[i]]
    staying = [i for i in by_count if into[i] == i]
    small = [i for i in staying if counts[i] < SMALL]
    for i in small[1 : max(0, len(staying) - MOST) + 1] if len(staying) > MOST else ():
        into = [small[0] if each == i else each for each in into]
    return into
