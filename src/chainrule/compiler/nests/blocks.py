"""Blocks: the numbers that belong together in memory, the digits of their places, the strides of the digits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import ClassProgram, Kind
from chainrule.compiler.nests.fitting import Loops, starts_of
from chainrule.compiler.nests.inlining import given_back
from chainrule.compiler.nests.known import known
from chainrule.compiler.nests.nest import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]

# Blocks begin on multiples of this many numbers, a cache line.
LINE = 8
# Live Values fall into at most this many blocks; with more, they stay one.
MOST_PARTS = 64


@dataclass(eq=False)
class Block:
    """Numbers of one class, argument or result, or live Values that are used alike.

    Attributes:
        region, group: where it lives; of live Values, the gradients lie at the same places of GRADIENTS.
        size: how many numbers.
        loops: the digits of a number's place: number i is step i of these loops.
        fixed: the order of numbers is given from outside.
        places: of live Values, their places.
        numbers: of constants, the numbers.
        strides: by digit, chosen by the layout.
        offset: where it starts in its region.
    """

    region: Region
    size: int
    loops: Loops = field(default_factory=lambda: Loops(()))
    group: int = 0
    fixed: bool = False
    places: Column | None = None
    numbers: NDArray[np.float64] | None = None
    strides: list[int] = field(default_factory=list)
    offset: int = 0

    def __post_init__(self) -> None:
        if not self.loops.extents:
            self.loops = Loops((self.size,))

    def digits(self, column: Column) -> list[Column]:
        """Return the digits of numbers."""
        if self.loops.counts is None:
            return _digits(column, self.loops.extents)
        starts = starts_of(self.loops.counts)
        run = np.repeat(np.arange(len(starts) - 1), self.loops.counts)[column]
        return [*_digits(run, self.loops.extents[:-1]), column - starts[run]]

    def span(self) -> int:
        """Return how many numbers of memory it takes."""
        return 1 + sum(stride * (extent - 1) for stride, extent in zip(self.strides, self.loops.extents, strict=True))

    def room(self) -> int:
        """Return how many numbers of memory are its own, with those up to the next cache line."""
        return self.span() if self.fixed else -(-self.span() // LINE) * LINE

    def addresses(self) -> Column:
        """Return where each number lies, from the start of the block."""
        found = np.zeros(self.size, dtype=np.int64)
        for digit, stride in zip(self.digits(np.arange(self.size)), self.strides, strict=True):
            found += digit * stride
        return found


def _digits(column: Column, extents: tuple[int, ...]) -> list[Column]:
    digits = []
    for axis in range(len(extents) - 1, 0, -1):
        column, digit = np.divmod(column, extents[axis])
        digits.append(digit)
    return [column, *reversed(digits)] if extents else []


@dataclass
class Leaves:
    """Where the members of leaf classes live: `blocks[c][i]` and `locals[c][i]` for member i of class c."""

    blocks: dict[int, Column]
    locals: dict[int, Column]


def leaf_blocks(program: ClassProgram, blocks: list[Block]) -> Leaves:
    """Append the blocks of inputs, live Values and seeds, and return which members lie where."""
    leaves = Leaves({}, {})
    seeds: int | None = None
    inputs: dict[int, int] = {}
    for number, each in enumerate(program.classes):
        if each.kind is Kind.INPUT:
            start, end = program.input_groups[each.group : each.group + 2]
            if each.group not in inputs:
                inputs[each.group] = len(blocks)
                blocks.append(Block(Region.INPUT, end - start, group=each.group, fixed=True))
            leaves.blocks[number] = np.full(each.size, inputs[each.group])
            leaves.locals[number] = known(each.places) - start
        elif each.kind is Kind.SEED:
            if seeds is None:
                seeds = len(blocks)
                blocks.append(Block(Region.SEEDS, program.results, fixed=True))
            leaves.blocks[number] = np.full(each.size, seeds)
            leaves.locals[number] = known(each.places)
        elif each.kind is Kind.VALUE:
            _part_values(program, number, blocks, leaves)
    return leaves


def _part_values(program: ClassProgram, number: int, blocks: list[Block], leaves: Leaves) -> None:
    """Put live Values that are used alike into one block each, in the order of their class."""
    each = program.classes[number]
    places = known(each.places)
    _, parts = np.unique(_ways_of_use(program, number), return_inverse=True)
    if parts.max() >= MOST_PARTS:
        parts = np.zeros(each.size, dtype=np.int64)
    leaves.blocks[number] = np.empty(each.size, dtype=np.int64)
    leaves.locals[number] = np.empty(each.size, dtype=np.int64)
    firsts = [int(np.argmax(parts == part)) for part in range(int(parts.max()) + 1)]
    for part in np.argsort(firsts).tolist():
        members = np.flatnonzero(parts == part)
        leaves.blocks[number][members] = len(blocks)
        leaves.locals[number][members] = np.arange(len(members))
        blocks.append(Block(Region.VALUES, len(members), places=places[members]))


def _ways_of_use(program: ClassProgram, number: int) -> Column:
    """Return a number for each member of a class of Values that tells the slots that use it and its gradient."""
    draws = np.random.default_rng(2)
    each = program.classes[number]
    ways = np.zeros(each.size, dtype=np.int64)
    for user in program.classes:
        for slot in user.slots:
            if slot.source == number:
                used = np.zeros(each.size, dtype=bool)
                used[slot.members] = True
                ways[used] += draws.integers(1, 1 << 60)
    if program.gradients is not None:
        weights = {user: draws.integers(1, 1 << 60) for user in sorted(given_back(program))}
        owners = program.gradients.classes[known(each.places)]
        ways += np.array([weights.get(int(owner), 0) for owner in owners], dtype=np.int64)
    return ways
