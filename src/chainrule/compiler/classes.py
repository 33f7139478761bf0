"""The class program: scalars of one structure as one class, their operands as columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kind(Enum):
    """How the members of a class get their numbers."""

    CONSTANT = "constant"
    INPUT = "input"
    VALUE = "value"
    SEED = "seed"
    MAP = "map"
    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True)
class Rule:
    """What a MAP computes of its slots: an op's value, or one of its local derivatives.

    Attributes:
        code: the op's code in the table.
        slope: None for the value; j for the derivative by operand j, whose slots are the op's operands and
            then its value y (a derivative that needs only some of them has the same slots all the same).
    """

    code: int
    slope: int | None = None


@dataclass
class Slot:
    """One column of a class: which members of another class its members use.

    Attributes:
        source: the number of that class, below the user's own.
        members: int64: the members of the source that are used. MAP: one for each member. SUM, MAX: one for each
            term, row after row.
        offsets: None for a MAP; else int64, shape (size + 1,): the terms of member i are
            `members[offsets[i] : offsets[i + 1]]`, and there may be none.
    """

    source: int
    members: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None


@dataclass
class Class:
    """Scalars of one structure, numbered from 0.

    Attributes:
        kind, rule: how they are computed; a rule belongs to a MAP.
        size: how many members there are.
        slots: a MAP's operands in order; a SUM adds (a MAX takes the largest of) the terms of all its slots.
        numbers: float64, shape (size,), of a CONSTANT.
        places: int64, shape (size,), of INPUT, VALUE and SEED: see `Program.places`; of a SEED the output's number.
        group: the argument (see `Program.input_groups`, `value_groups`) of an INPUT or VALUE.
    """

    kind: Kind
    size: int
    slots: tuple[Slot, ...] = ()
    rule: Rule | None = None
    numbers: NDArray[np.float64] | None = None
    places: NDArray[np.int64] | None = None
    group: int = 0


@dataclass
class Members:
    """Some members of some classes, in an order of their own: what a program gives back.

    Attributes:
        classes: int64: the class of each, -1 for 'no member: zero'.
        members: int64: its number in that class.
    """

    classes: NDArray[np.int64]
    members: NDArray[np.int64]


@dataclass
class ClassProgram:
    """Classes in the order of computation.

    Attributes:
        classes: slots point at classes further left only.
        outputs: the members that are `Program.outputs`.
        gradients: by each live Value, in the order of places, the sum over outputs of seed times derivative; None
            where the program was not differentiated.
        input_groups, value_groups, results: see `Program`.
    """

    classes: list[Class]
    outputs: Members
    input_groups: tuple[int, ...]
    value_groups: tuple[int, ...]
    results: int
    gradients: Members | None = None
