"""The nest program: perfect loop nests over buffers, what the emitter turns into machine code.

An expression may occur several times, in one store or in several of a nest: it is then one object, computed once.
Reductions do not nest. A nest that only copies (of class −1) gives numbers another order in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from chainrule.compiler.classes import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


class Region(Enum):
    """Where a buffer lives. The compiled function gets one pointer a region, and one for each INPUT group."""

    ARENA = "arena"
    CONSTANTS = "constants"
    VALUES = "values"
    GRADIENTS = "gradients"
    INPUT = "input"
    SEEDS = "seeds"
    OUTPUTS = "outputs"


@dataclass(frozen=True)
class Buffer:
    """`size` float64 numbers from `offset` of a region on; buffers in the arena begin on a multiple of 8.

    Where a nest does the same in several places, a buffer reaches from the first of them to the last.
    """

    region: Region
    offset: int
    size: int
    group: int = 0


@dataclass(frozen=True)
class Address:
    """Which number of a buffer the loops' indices select.

    base + Σ strides[d] · index[d] (+ tables[table][Σ table_strides[d] · index[d]] where there is a table); the
    dimensions are the nest's, outermost first, then those of the enclosing reductions, outermost first.
    """

    buffer: int
    base: int
    strides: tuple[int, ...]
    table: int | None = None
    table_strides: tuple[int, ...] = ()


@dataclass(frozen=True)
class Load:
    """The number at an address."""

    address: Address


@dataclass(frozen=True)
class Number:
    """A number that is the same for every index."""

    number: float


@dataclass(frozen=True)
class Apply:
    """A rule on the values of other expressions, see `chainrule.compiler.classes.Rule`."""

    rule: Rule
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Add:
    """The sum of a few terms."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Reduce:
    """The sum (or the largest) of the body over further dimensions.

    Attributes:
        extents: one a dimension, outermost first.
        counts: None; or, for one dimension whose extent differs from row to row, the number of the table that
            holds it and `count_strides`, the strides over the nest's dimensions by which it is found there;
            `extents` then holds the largest of them.
        largest: the maximum instead of the sum.
    """

    extents: tuple[int, ...]
    body: Expression
    counts: int | None = None
    count_strides: tuple[int, ...] = ()
    largest: bool = False


Expression: TypeAlias = Load | Number | Apply | Add | Reduce


def loads(expression: Expression, around: tuple[Reduce, ...] = ()) -> Iterator[tuple[Address, tuple[Reduce, ...]]]:
    """Yield each address that an expression reads, as often as it occurs, with the reductions around it."""
    if isinstance(expression, Load):
        yield expression.address, around
    elif isinstance(expression, Apply):
        for operand in expression.operands:
            yield from loads(operand, around)
    elif isinstance(expression, Add):
        for term in expression.terms:
            yield from loads(term, around)
    elif isinstance(expression, Reduce):
        yield from loads(expression.body, (*around, expression))


def with_loads(expression: Expression, change: Callable[[Load], Expression], made: dict[int, Expression]) -> Expression:
    """Return an expression with something else in place of its loads.

    Args:
        expression: what to rewrite.
        change: gives what stands in place of a load, or the load itself.
        made: by `id`, what expressions have become so far, so that a shared one stays shared.
    """
    if id(expression) not in made:
        found = expression
        if isinstance(expression, Load):
            found = change(expression)
        elif isinstance(expression, Apply):
            found = Apply(expression.rule, tuple(with_loads(each, change, made) for each in expression.operands))
        elif isinstance(expression, Add):
            found = Add(tuple(with_loads(each, change, made) for each in expression.terms))
        elif isinstance(expression, Reduce):
            found = replace(expression, body=with_loads(expression.body, change, made))
        made[id(expression)] = found
    return made[id(expression)]


def operations(expression: Expression) -> int:
    """Return how many operations an expression takes in one step of the nest."""
    if isinstance(expression, Apply):
        return 1 + sum(map(operations, expression.operands))
    if isinstance(expression, Add):
        return len(expression.terms) - 1 + sum(map(operations, expression.terms))
    if isinstance(expression, Reduce):
        return prod(expression.extents) * (1 + operations(expression.body))
    return 0


def block_of(address: Address, buffers: Sequence[Buffer]) -> tuple[Region, int]:
    """Return what nests wait for when one stores what another reads: where the address's buffer begins."""
    buffer = buffers[address.buffer]
    return buffer.region, buffer.offset


@dataclass(frozen=True)
class Store:
    """Where a nest puts the value of an expression."""

    address: Address
    value: Expression


@dataclass(frozen=True)
class Nest:
    """Loops over `extents`, outermost first; in each step the stores happen, in any order of steps.

    No step reads what any step of the same nest stores, so the loops may be exchanged, blocked and vectorised.

    Attributes:
        extents: the loops' lengths; empty for a single step.
        stores: what one step computes; a nest that joins classes of the same extents has several.
        counts: None; or the number of the table with the length of the last dimension where it differs from row
            to row, found there by `count_strides` over the dimensions before it; `extents` holds the largest.
        classes: the numbers of the classes it computes (−1: a copy), for messages and reports.
    """

    extents: tuple[int, ...]
    stores: tuple[Store, ...]
    counts: int | None = None
    count_strides: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()


@dataclass
class NestProgram:
    """Nests in the order of running.

    Attributes:
        buffers: what addresses point into.
        tables: int32 columns for addresses that no strides describe; passed at run time, so that another batch of
            the same structure needs no new code.
        constants: float64: the CONSTANTS region.
        arena: how many numbers the ARENA region holds.
        value_order: int64: place k of the live Values lies at number `value_order[k]` of the regions VALUES and
            GRADIENTS, which both hold `values` numbers (padding in between is zero and stays it).
        forward: how many of the nests compute the outputs; the others compute gradients.
        outputs: how many numbers the OUTPUTS region holds.
    """

    nests: list[Nest]
    buffers: list[Buffer]
    tables: list[NDArray[np.int32]]
    constants: NDArray[np.float64]
    arena: int
    value_order: NDArray[np.int64]
    values: int
    forward: int
    outputs: int
