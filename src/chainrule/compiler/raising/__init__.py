"""From scalars to classes: scan, tables, adjoint; what comes out is dense wherever the program was regular.

`raise_program` gives every scalar a class and every class its table, `differentiate` adds the classes of the
gradients; `run_classes` runs either with numpy. The story by file: `scan`, `tables` (with `builder` and `columns`),
`adjoint` (with `slopes` and `signatures`), `finishing`, `verifying`, `running` (with `numeric`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.compiler.raising.adjoint import add_gradients
from chainrule.compiler.raising.finishing import with_values_in_order, without_aliases, without_dead
from chainrule.compiler.raising.running import run_classes
from chainrule.compiler.raising.scan import Irregular, scan
from chainrule.compiler.raising.tables import build_tables
from chainrule.compiler.raising.verifying import verify

if TYPE_CHECKING:
    from chainrule.compiler.classes import ClassProgram
    from chainrule.compiler.program import Program

__all__ = ["Irregular", "differentiate", "forward_count", "raise_program", "run_classes", "verify"]

LIMIT = 2000  # classes, beyond which compiling takes too long: a millisecond for each
JOINT_LIMIT = 6000  # the same with the gradients'
# So many classes need so many scalars each, on average: layers and time steps, whose code is shared, have more.
FEWEST = ((0, 0), (400, 8), (1200, 32))


def raise_program(program: Program, limit: int = LIMIT) -> ClassProgram | Irregular:
    """Return the classes of a program, or why it has no use for them."""
    scanned = scan(program, limit)
    if isinstance(scanned, Irregular):
        return scanned
    return _if_regular(verify(build_tables(program, scanned), "tables"), limit)


def differentiate(program: ClassProgram, limit: int = JOINT_LIMIT) -> ClassProgram | Irregular:
    """Return a raised program with its gradients, without what neither they nor the outputs need."""
    joint = verify(add_gradients(program), "adjoint")
    joint = verify(without_aliases(joint), "without_aliases")
    joint = verify(without_dead(joint), "without_dead")
    return _if_regular(verify(with_values_in_order(joint), "with_values_in_order"), limit)


def _if_regular(program: ClassProgram, limit: int) -> ClassProgram | Irregular:
    count = len(program.classes)
    size = sum(this.size for this in program.classes)
    fewest = max(scalars for classes, scalars in FEWEST if count >= classes)
    if count <= limit and size >= fewest * count:
        return program
    return Irregular(f"it has {count} different kinds of scalars among {size}", size)


def forward_count(program: ClassProgram) -> int:
    """Return how many of the first classes are enough for the outputs."""
    needed: set[int] = set()
    waiting: list[int] = list(set(program.outputs.classes.tolist()))
    while waiting:
        number = waiting.pop()
        if number not in needed:
            needed.add(number)
            waiting.extend(slot.source for slot in program.classes[number].slots)
    return max(needed, default=-1) + 1
