"""Costs: about how many cycles a draft takes in a layout, to compare layouts by."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from chainrule.compiler.nests.drafts import Draft, Leaf, Node, Plus, Terms, Tree
from chainrule.ops.elementary import multiply
from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
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
MOST_LOOPS = 64
HORIZONTAL = 3.0
# Of rows that are dots, several are finished together.
IN_BLOCKS = 0.5
# A reduction whose every term lies on another page of memory waits for it.
FAR, FAR_AWAY = 64, 0.5


@dataclass
class Access:
    """A leaf of a draft, with its strides in the present layout over rows, or rows and terms."""

    leaf: Leaf
    store: bool
    strides: list[int]
    tabled: frozenset[int]

    def cost(self, axis: int | None) -> float:
        """Return the cycles of one vector along an axis, or of one number."""
        if axis is None:
            return SAME + self.store
        if axis in self.tabled:
            return SCATTERED * 1.5
        stride = self.strides[axis]
        return SAME if stride == 0 else SIDE_BY_SIDE + self.store * 0.4 if stride == 1 else SCATTERED

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
        self.stored = {target.block for target in draft.targets() if target.block is not None}
        self.numbers = sorted({leaf.block for leaf, _ in draft.leaves() if leaf.block is not None} | self.stored)
        self._known: dict[tuple[tuple[int, ...], ...], float] = {}
        self.extents = draft.loops.extents
        self.operations = 0.0
        self.rows: list[Access] = []
        self.terms: list[tuple[tuple[int, ...], float, list[Access]]] = []
        inside: dict[int, list[Access]] = {}
        work: dict[int, float] = {}
        fused = {id(terms.body) for terms in draft.reductions() if _is_product(terms.body)}
        for tree, around in draft.trees():
            if isinstance(tree, Terms):
                inside.setdefault(id(tree), [])
                work[id(tree)] = work.get(id(tree), 0.0) + 0.5
            elif isinstance(tree, Leaf):
                (self.rows if around is None else inside.setdefault(id(around), [])).append(_access(tree, store=False))
            cycles = _cycles(tree.rule) if isinstance(tree, Node) else 0.5 * isinstance(tree, Plus)
            if id(tree) in fused:
                continue
            if around is None:
                self.operations += cycles
            else:
                work[id(around)] = work.get(id(around), 0.0) + cycles
        self.rows += [_access(target, store=True) for target in draft.targets()]
        for terms in draft.reductions():
            self.terms.append((terms.loops.extents, work[id(terms)], inside[id(terms)]))

    def __call__(self) -> float:
        """Return the cycles in the present layout."""
        key = tuple(tuple(self._view(number)) for number in self.numbers)
        if key not in self._known:
            self._known[key] = self._cycles()
        return self._known[key]

    def _cycles(self) -> float:
        for access in [*self.rows, *(each for _, _, inside in self.terms for each in inside)]:
            access.strides = self._strides(access.leaf)
        steps = prod(self.extents)
        best = steps * (self.operations + sum(each.cost(None) for each in self.rows) + self._reduced(None))
        if self.terms:
            rows = IN_BLOCKS * (self.operations + sum(each.cost(None) for each in self.rows))
            best = min(best, steps * (rows + self._dots()))
        for axis in range(len(self.extents)):
            best = min(best, self._along(axis, steps))
        return best

    def _view(self, number: int) -> list[int]:
        """Return the strides of a block as the draft sees it."""
        return self.views.get(number) or self.blocks[number].strides

    def _strides(self, leaf: Leaf) -> list[int]:
        """Return a leaf's strides over the loops, those of a copy if the draft reads one."""
        if leaf.block is None or not leaf.digits:
            return [0] * MOST_LOOPS
        strides = self._view(leaf.block)
        columns = zip(*[digit.strides for digit in leaf.digits], strict=True)
        return [sum(a * b for a, b in zip(column, strides, strict=True)) for column in columns]

    def _along(self, axis: int, steps: int) -> float:
        """Return the cycles where an axis of the rows is vectorised."""
        length = self.extents[axis] * self._continued(axis)
        vectors = steps / length * -(-length // LANES)
        return vectors * (self.operations + sum(each.cost(axis) for each in self.rows) + self._reduced(axis))

    def _continued(self, axis: int) -> int:
        """Return how many more steps go on in the same way in another loop."""
        extent = self.extents[axis]
        everything = [*self.rows, *(each for _, _, inside in self.terms for each in inside)]
        for other, length in enumerate(self.extents):
            if other != axis and all(
                each.strides[other] == each.strides[axis] * extent and not each.tabled & {axis, other}
                for each in everything
            ):
                return length
        return 1

    def _reduced(self, axis: int | None) -> float:
        """Return the cycles of the reductions of one step, their terms one after another."""
        total = 0.0
        for terms, work, inside in self.terms:
            loads = sum(each.cost(axis) / each.share(self.extents, axis) for each in inside)
            far = sum(each.far(len(self.extents), axis) / each.share(self.extents, axis) for each in inside)
            total += prod(terms) * (_overlapped(work, loads) + far)
        return total

    def _dots(self) -> float:
        """Return the cycles of the reductions of one step, each along the best of its own loops."""
        total = 0.0
        for terms, work, inside in self.terms:
            options = []
            for axis, length in enumerate(terms):
                place = len(self.extents) + axis
                loads = sum(each.cost(place) / each.share(self.extents, None) for each in inside)
                options.append(prod(terms) / length * -(-length // LANES) * _overlapped(work, loads))
            total += min(options) + HORIZONTAL
        return total


def _overlapped(work: float, loads: float) -> float:
    """Return the cycles of operations and loads that run side by side."""
    return max(work, loads) + 0.25 * min(work, loads)


def _is_product(tree: Tree) -> bool:
    """Return whether a term is a product, which is added in the same instruction."""
    return isinstance(tree, Node) and tree.rule.slope is None and tree.rule.code == multiply.code


def _access(leaf: Leaf, *, store: bool) -> Access:
    tabled = frozenset(axis for digit in leaf.digits for axis in digit.axes)
    return Access(leaf, store, [], tabled)


def _cycles(rule: Rule) -> float:
    if rule.slope is not None:
        return 1.0 if BY_CODE[rule.code].name in OPERATIONS else SLOW
    return OPERATIONS.get(BY_CODE[rule.code].name, SLOW)
