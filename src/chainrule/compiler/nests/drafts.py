"""Drafts of nests: expression trees over columns, before loops and addresses are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from chainrule.compiler.nests.fitting import Loops

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chainrule.compiler.classes import Rule
    from chainrule.compiler.nests.fitting import Fit

    Column = NDArray[np.int64]


@dataclass(eq=False)
class Leaf:
    """Numbers of a block: one a row, or one for each term of each row.

    Attributes:
        block: the block's number; None for constants that have none yet, and for live Values of several blocks,
            whose addresses are fitted last.
        column: which numbers of the block (of live Values of several blocks: their places).
        numbers: the constants themselves.
        gradient: the gradients of live Values are meant, not the Values themselves.
        digits: the column as one fit for each digit of the block's numbers; empty until loops are known.
    """

    block: int | None
    column: Column
    numbers: NDArray[np.float64] | None = None
    gradient: bool = False
    digits: list[Fit] = field(default_factory=list)


@dataclass(eq=False)
class Literal:
    """The same number everywhere."""

    number: float


@dataclass(eq=False)
class Node:
    """A rule on operands."""

    rule: Rule
    operands: list[Tree]


@dataclass(eq=False)
class Plus:
    """A sum of a few trees, or the largest of them."""

    terms: list[Tree]
    largest: bool = False


@dataclass(eq=False)
class Terms:
    """A reduction of a body whose columns hold `counts[r]` terms for row r."""

    body: Tree
    counts: Column
    largest: bool = False
    loops: Loops = field(default_factory=lambda: Loops(()))


Tree: TypeAlias = Leaf | Literal | Node | Plus | Terms


@dataclass(eq=False)
class Result:
    """A value of a draft and the blocks it is stored in; `number` is its class."""

    number: int
    tree: Tree
    targets: list[Leaf]


@dataclass(eq=False)
class Draft:
    """A nest to be: rows of one or more classes, computed side by side."""

    size: int
    results: list[Result]
    loops: Loops = field(default_factory=lambda: Loops(()))

    def leaves(self) -> Iterator[tuple[Leaf, Terms | None]]:
        """Yield each leaf that is read, once, with the reduction around it."""
        for tree, around in self.trees():
            if isinstance(tree, Leaf):
                yield tree, around

    def targets(self) -> Iterator[Leaf]:
        """Yield each leaf that is stored."""
        for result in self.results:
            yield from result.targets

    def trees(self) -> Iterator[tuple[Tree, Terms | None]]:
        """Yield every tree below the results, shared ones once, with the reduction around it."""
        seen: set[int] = set()
        pending: list[tuple[Tree, Terms | None]] = [(result.tree, None) for result in reversed(self.results)]
        while pending:
            tree, around = pending.pop()
            if id(tree) in seen:
                continue
            seen.add(id(tree))
            yield tree, around
            pending.extend((below, tree if isinstance(tree, Terms) else around) for below in reversed(below_of(tree)))

    def has_tables_over_terms(self) -> bool:
        """Return whether a ragged reduction reads anything by a table over its terms."""
        rows = len(self.loops.extents)
        return any(
            around is not None and around.loops.counts is not None and any(rows in digit.axes for digit in leaf.digits)
            for leaf, around in self.leaves()
        )

    def reductions(self) -> list[Terms]:
        """Return the reductions below the results."""
        return [tree for tree, _ in self.trees() if isinstance(tree, Terms)]


def below_of(tree: Tree) -> list[Tree]:
    """Return the trees right below one."""
    if isinstance(tree, Node):
        return tree.operands
    if isinstance(tree, Plus):
        return tree.terms
    return [tree.body] if isinstance(tree, Terms) else []
