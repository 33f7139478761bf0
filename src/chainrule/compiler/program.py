"""The program: what was traced, one row a scalar, operands before users, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Leaf(IntEnum):
    """What a row without operands is; every other row's code is that of an op of the table (1 and up)."""

    CONSTANT = 0
    INPUT = -1
    VALUE = -2
    SEED = -3


@dataclass(frozen=True)
class Program:
    """Scalars in the order of their making; row i may use only rows below i. A trace gives int32 for integers.

    Attributes:
        codes: int32, shape (n,): the op's code in `chainrule.ops.row.BY_CODE`, or a `Leaf`.
        starts: integers, shape (n + 1,): row i's operands are `operands[starts[i] : starts[i + 1]]`.
        operands: integers, shape (m,): rows, in the order of the op's operands.
        numbers: float64, shape (n,): a constant's number, 0 elsewhere.
        places: integers, shape (n,): of an INPUT, which number of the arguments it is; of a VALUE, which of the
            live Values (captured parameters first, then Values among the arguments); 0 elsewhere.
        input_groups: where each array-like argument's numbers begin and end: group k holds the places
            `input_groups[k]` up to `input_groups[k + 1]`; a group's numbers lie side by side in memory.
        value_groups: the same for the Values; group 0 are the captured ones.
        outputs: integers: the rows that the function returns, in order, then those that guards look at.
        results: how many of the outputs are returned; the others are for guards alone.
    """

    codes: NDArray[np.int32]
    starts: NDArray[np.integer]
    operands: NDArray[np.integer]
    numbers: NDArray[np.float64]
    places: NDArray[np.integer]
    input_groups: tuple[int, ...]
    value_groups: tuple[int, ...]
    outputs: NDArray[np.integer]
    results: int

    @property
    def size(self) -> int:
        """How many scalars there are."""
        return len(self.codes)


def cuts(code: int) -> bool:
    """Tell whether the op with this code passes no gradient on: whatever its operands are, its slopes are 0."""
    return all(slope == "0" for slope in BY_CODE[code].slopes)
