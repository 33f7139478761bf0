"""Class programs run with numpy, class by class: slow, and what every later form is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Kind
from chainrule.compiler.raising.columns import rows_of, terms_of
from chainrule.compiler.raising.numeric import apply_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from chainrule.compiler.classes import Class, ClassProgram, Members


def run_classes(
    program: ClassProgram, values: ArrayLike, inputs: ArrayLike = (), seeds: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the outputs and, where the program was differentiated, the gradients.

    Args:
        program: the classes.
        values: the live Values' numbers, by place.
        inputs: the arguments' numbers, by place.
        seeds: by what each result's gradient is multiplied; 1 where not given. A program of one result has none.
    """
    leaves = {
        Kind.INPUT: np.asarray(inputs, np.float64),
        Kind.VALUE: np.asarray(values, np.float64),
        Kind.SEED: np.ones(program.results) if seeds is None else np.asarray(seeds, np.float64),
    }
    numbers: list[NDArray[np.float64]] = []
    for this in program.classes:
        if this.kind is Kind.CONSTANT:
            numbers.append(np.zeros(0) if this.numbers is None else this.numbers)
        elif this.kind in leaves:
            numbers.append(leaves[this.kind][this.places])
        elif this.rule is not None:
            numbers.append(apply_rule(this.rule, [numbers[slot.source][slot.members] for slot in this.slots]))
        else:
            numbers.append(_reduced(this, numbers))
    gradients = None if program.gradients is None else _chosen(program.gradients, numbers)
    return _chosen(program.outputs, numbers), gradients


def _reduced(this: Class, numbers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    if this.kind is Kind.SUM:
        total = np.zeros(this.size)
        for slot in map(terms_of, this.slots):
            total += np.bincount(rows_of(slot.offsets), numbers[slot.source][slot.members], this.size)
        return total
    largest = np.full(this.size, -np.inf)
    for slot in map(terms_of, this.slots):
        np.maximum.at(largest, rows_of(slot.offsets), numbers[slot.source][slot.members])
    return largest


def _chosen(members: Members, numbers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    result = np.zeros(len(members.classes))
    for source in np.unique(members.classes):
        if source >= 0:
            chosen = members.classes == source
            result[chosen] = numbers[source][members.members[chosen]]
    return result
