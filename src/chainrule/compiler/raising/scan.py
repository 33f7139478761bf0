"""Every scalar of a program gets its class: the engine's scan, with what it needs and gives as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Kind
from chainrule.compiler.program import Leaf
from chainrule.engine import Scanner
from chainrule.ops.row import BY_CODE, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.program import Program

_LEAVES = {Leaf.CONSTANT: Kind.CONSTANT, Leaf.INPUT: Kind.INPUT, Leaf.VALUE: Kind.VALUE}
_KINDS = (None, Kind.MAP, Kind.SUM, Kind.MAX)  # by the number that the engine gives them, 0 for leaves
_LOWERED = ("sum", "dot", "logsumexp")  # the ops of any number of operands that become others


@dataclass(frozen=True)
class Irregular:
    """A program that does not fall into few classes; the interpreter runs it as it is.

    Attributes:
        reason: a sentence for people.
        rows: how many scalars the program has.
    """

    reason: str
    rows: int


@dataclass(frozen=True)
class Shape:
    """What all scalars of one class are made by.

    Attributes:
        kind, code, group: see `chainrule.compiler.classes.Class`; the code is that of a MAP's op.
    """

    kind: Kind
    code: int = 0
    group: int = 0


@dataclass(frozen=True)
class Scan:
    """The lowered program: scalars in the order of their making, each with its class.

    Attributes:
        shapes: of each class.
        classes: the class of each scalar.
        starts, operands: scalar i is made from the scalars `operands[starts[i] : starts[i + 1]]`.
        rows: the program's row of a leaf; of other scalars nothing.
        outputs: the scalars that are `Program.outputs`.
    """

    shapes: list[Shape]
    classes: NDArray[np.int32]
    starts: NDArray[np.int32]
    operands: NDArray[np.int32]
    rows: NDArray[np.int32]
    outputs: NDArray[np.int32]


def scan(program: Program, limit: int) -> Scan | Irregular:
    """Give every scalar that the outputs need its class; give up beyond `limit` classes."""
    for code in np.unique(program.codes).tolist():
        if code > 0 and BY_CODE[code].arity is None and BY_CODE[code].name not in _LOWERED:
            return Irregular(f"it uses '{BY_CODE[code].name}', an op of any number of operands", program.size)
    scanner = Scanner(program, _extras(program), limit)
    scanned = scanner.run()
    if scanned < program.size:
        return Irregular(
            f"it has more than {limit} different kinds of scalars in its first {scanned} of {program.size}",
            program.size,
        )
    shapes, classes, starts, operands, rows = scanner.lowered()
    return Scan([_shape(*shape) for shape in shapes], classes, starts, operands, rows, scanner.outputs())


def _shape(number: int, code: int, extra: int) -> Shape:
    kind = _KINDS[number]
    return Shape(_LEAVES[Leaf(code)], group=extra) if kind is None else Shape(kind, code)


def _extras(program: Program) -> NDArray[np.int64]:
    """Return by row what is part of its class beside op and operands: a leaf's group, a power's constant exponent."""
    extras = np.zeros(program.size, np.int64)
    for code, groups in ((Leaf.INPUT, program.input_groups), (Leaf.VALUE, program.value_groups)):
        leaves = np.flatnonzero(program.codes == code)
        extras[leaves] = np.searchsorted(groups, program.places[leaves], "right") - 1
    powers = np.flatnonzero(program.codes == TABLE["power"].code)
    exponents = program.operands[program.starts[powers] + 1]
    constant = program.codes[exponents] == Leaf.CONSTANT
    bits = program.numbers[exponents[constant]].view(np.int64)
    extras[powers[constant]] = 1 + np.unique(bits, return_inverse=True)[1]
    return extras
