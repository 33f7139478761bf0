"""Costs: about how many cycles a draft takes in a layout, to compare layouts by."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from chainrule.compiler.nests.drafts import Draft, Leaf, Node, Plus, Tree
from chainrule.ops.elementary import multiply
from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from chainrule.compiler.classes import Rule
    from chainrule.compiler.nests.blocks import Block

LANES = 8
# Accumulators of one block of a nest share what they load among so many steps of a loop, and of all loops.
SHARED = 4
MOST_SHARED = 8
# Cycles of a vector: an operation by name (else the last), a load or store by how its numbers lie.
OPERATIONS = {
    "multiply": 0.5,
    "subtract": 0.5,
    "negative": 0.25,
    "relu": 0.5,
    "maximum": 0.5,
    "where": 0.5,
    "divide": 5.0,
}
SLOW = 12.0
SAME, SIDE_BY_SIDE, SCATTERED = 0.3, 0.6, 9.0
# Of rows that are dots, the lanes of each must be added up; several are finished together, and fewer of a block's
# loads serve several of its accumulators.
HORIZONTAL, DOTS = 3.0, 1.15
IN_BLOCKS = 0.5
# A reduction whose every term lies on another page of memory waits for it.
FAR, FAR_AWAY = 64, 0.12

Strides: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Access:
    """A leaf of a draft in some layout: its strides over rows, or over rows and terms, and where it needs a table."""

    store: bool
    strides: Strides
    tabled: frozenset[int]

    def cost(self, axis: int | None) -> float:
        """Return the cycles of one vector along an axis, or of one number."""
        if axis is None:
            return SAME + self.store
        if axis in self.tabled:
            return SCATTERED * 1.5
        stride = self.strides[axis]
        if stride == 0:
            return SAME
        return SIDE_BY_SIDE + self.store * 0.4 if stride == 1 else SCATTERED

    def far(self, rows: int, axis: int | None) -> float:
        """Return the cycles that a vector along an axis waits because terms follow each other in long strides."""
        if axis is None or axis in self.tabled or self.strides[axis] != 1:
            return 0.0
        steps = [abs(stride) for stride in self.strides[rows:]]
        return FAR_AWAY if steps and min(steps) >= FAR else 0.0

    def share(self, extents: tuple[int, ...], axis: int | None) -> float:
        """Return among how many steps of the other row loops a load is shared."""
        shared = 1
        for other, extent in enumerate(extents):
            if other != axis and self.strides[other] == 0 and other not in self.tabled:
                shared *= min(extent, SHARED)
        return float(min(shared, MOST_SHARED))


@dataclass
class Profile:
    """What a part of a draft costs in one step of the rows.

    Attributes:
        scalar: number by number.
        along: by axis of the rows, where a step is a vector along it.
        dots: where reductions are vectorised along their own loops.
        goes_on: the pairs of axes (a, b) of which b continues what a does.
    """

    scalar: float
    along: list[float]
    dots: float
    goes_on: frozenset[tuple[int, int]]


class Part:
    """The rows of a draft, or one of its reductions; profiles are kept by layout."""

    def __init__(self, rows: tuple[int, ...], terms: tuple[int, ...] | None) -> None:
        self.rows = rows
        self.terms = terms
        self.work = 0.0
        self.leaves: list[tuple[Leaf, bool]] = []
        self.blocks: list[int] = []
        self._known: dict[tuple[Strides, ...], Profile] = {}

    def add(self, leaf: Leaf, *, store: bool) -> None:
        """Note what the part loads or stores."""
        self.leaves.append((leaf, store))
        if leaf.block is not None and leaf.block not in self.blocks:
            self.blocks.append(leaf.block)

    def kind(self) -> Hashable:
        """Return what makes parts cost the same where their blocks lie alike, as those of layers and time steps do."""
        leaves = tuple(
            (store, self.blocks.index(leaf.block), tuple((digit.strides, digit.axes) for digit in leaf.digits))
            if leaf.block is not None
            else (store, tuple(digit.axes for digit in leaf.digits))
            for leaf, store in self.leaves
        )
        return self.rows, self.terms, self.work, leaves

    def share(self, profiles: dict[Hashable, dict[tuple[Strides, ...], Profile]]) -> None:
        """Keep profiles together with other parts of the kind."""
        self._known = profiles.setdefault(self.kind(), self._known)

    def profile(self, view: Callable[[int], list[int]]) -> Profile:
        """Return what the part costs where blocks have these strides."""
        key = tuple(tuple(view(number)) for number in self.blocks)
        if key not in self._known:
            accesses = [self._access(leaf, store, view) for leaf, store in self.leaves]
            self._known[key] = self._of_terms(accesses) if self.terms is not None else self._of_rows(accesses)
        return self._known[key]

    def _access(self, leaf: Leaf, store: bool, view: Callable[[int], list[int]]) -> Access:
        loops = len(self.rows) + len(self.terms or ())
        totals = [0] * loops
        if leaf.block is not None:
            for digit, stride in zip(leaf.digits, view(leaf.block), strict=True):
                for axis, along in enumerate(digit.strides):
                    totals[axis] += along * stride
        tabled = frozenset(axis for digit in leaf.digits for axis in digit.axes)
        return Access(store, tuple(totals), tabled)

    def _of_rows(self, accesses: list[Access]) -> Profile:
        scalar = self.work + sum(access.cost(None) for access in accesses)
        along = [self.work + sum(access.cost(axis) for access in accesses) for axis in range(len(self.rows))]
        return Profile(scalar, along, scalar * IN_BLOCKS, self._goes_on(accesses))

    def _of_terms(self, accesses: list[Access]) -> Profile:
        along = [self._one_by_one(accesses, axis) for axis in range(len(self.rows))]
        return Profile(self._one_by_one(accesses, None), along, self._dot(accesses), self._goes_on(accesses))

    def _one_by_one(self, accesses: list[Access], axis: int | None) -> float:
        """Return the cycles of a reduction whose terms are added one after another."""
        loads = far = 0.0
        for access in accesses:
            share = access.share(self.rows, axis)
            loads += access.cost(axis) / share
            far += access.far(len(self.rows), axis) / share
        return prod(self.terms or ()) * (_overlapped(self.work, loads) + far)

    def _dot(self, accesses: list[Access]) -> float:
        """Return the cycles of a reduction along the best of its own loops."""
        terms = self.terms or ()
        options = []
        for axis, length in enumerate(terms):
            place = len(self.rows) + axis
            loads = sum(access.cost(place) / access.share(self.rows, None) for access in accesses)
            options.append(DOTS * prod(terms) / length * -(-length // LANES) * _overlapped(self.work, loads))
        return min(options) + HORIZONTAL

    def _goes_on(self, accesses: list[Access]) -> frozenset[tuple[int, int]]:
        pairs = set()
        for a, extent in enumerate(self.rows):
            for b in range(len(self.rows)):
                if a != b and all(
                    access.strides[b] == access.strides[a] * extent and not access.tabled & {a, b}
                    for access in accesses
                ):
                    pairs.add((a, b))
        return frozenset(pairs)


class DraftCost:
    """The cost of one draft as a function of the strides of its blocks.

    Attributes:
        views: the strides of copies that it reads instead of the blocks themselves, by block.
        stored: the blocks that it stores to.
        numbers: the blocks that it reads or stores to.
    """

    def __init__(self, draft: Draft, blocks: list[Block]) -> None:
        self.draft = draft
        self.blocks = blocks
        self.views: dict[int, list[int]] = {}
        self.extents = draft.loops.extents
        self.parts = _parts_of(draft)
        self._profiles: list[Profile] = []
        self.stored = {target.block for target in draft.targets() if target.block is not None}
        self.numbers = sorted({number for part in self.parts for number in part.blocks})

    def __call__(self) -> float:
        """Return the cycles in the present layout, from which `cost_with` then starts."""
        self._profiles = [part.profile(self._view) for part in self.parts]
        return self._cost(self._profiles)

    def cost_with(self, number: int, strides: list[int]) -> float:
        """Return the cycles if a block lay otherwise."""
        kept = self.views.get(number)
        self.views[number] = strides
        profiles = self._profiles_after(number)
        if kept is None:
            del self.views[number]
        else:
            self.views[number] = kept
        return self._cost(profiles)

    def settle(self, number: int) -> None:
        """Take note that a block lies otherwise, or a copy of it is read."""
        self._profiles = self._profiles_after(number)

    def _profiles_after(self, number: int) -> list[Profile]:
        """Return the profiles of the parts after a change of one block, on which most parts do not depend."""
        return [
            part.profile(self._view) if number in part.blocks else profile
            for part, profile in zip(self.parts, self._profiles, strict=True)
        ]

    def _cost(self, profiles: list[Profile]) -> float:
        steps = prod(self.extents)
        best = steps * min(sum([each.scalar for each in profiles]), sum([each.dots for each in profiles]))
        goes_on = frozenset.intersection(*[profile.goes_on for profile in profiles])
        for axis, extent in enumerate(self.extents):
            length = extent * next((self.extents[b] for a, b in sorted(goes_on) if a == axis), 1)
            vectors = steps / length * -(-length // LANES)
            best = min(best, vectors * sum([profile.along[axis] for profile in profiles]))
        return best

    def _view(self, number: int) -> list[int]:
        """Return the strides of a block as the draft sees it."""
        return self.views.get(number) or self.blocks[number].strides


def _parts_of(draft: Draft) -> list[Part]:
    """Return the parts of a draft: its rows, then its reductions."""
    rows = Part(draft.loops.extents, None)
    parts: dict[int, Part] = {}
    for terms in draft.reductions():
        parts[id(terms)] = Part(draft.loops.extents, terms.loops.extents)
        parts[id(terms)].work = 0.5  # adding the term
    fused = {id(terms.body) for terms in draft.reductions() if _is_product(terms.body)}
    for tree, around in draft.trees():
        part = rows if around is None else parts[id(around)]
        if isinstance(tree, Leaf):
            part.add(tree, store=False)
        elif isinstance(tree, Node) and id(tree) not in fused:
            part.work += _cycles(tree.rule)
        elif isinstance(tree, Plus):
            part.work += 0.5
    for target in draft.targets():
        rows.add(target, store=True)
    return [rows, *parts.values()]


def _overlapped(work: float, loads: float) -> float:
    """Return the cycles of operations and loads that run side by side."""
    return max(work, loads) + 0.25 * min(work, loads)


def _is_product(tree: Tree) -> bool:
    """Return whether a term is a product, which is added in the same instruction."""
    return isinstance(tree, Node) and tree.rule.slope is None and tree.rule.code == multiply.code


def _cycles(rule: Rule) -> float:
    if rule.slope is not None:
        return 1.0 if BY_CODE[rule.code].name in OPERATIONS else SLOW
    return OPERATIONS.get(BY_CODE[rule.code].name, SLOW)
