"""The last pass: aliases out, dead members out, live Values in the order in which they are to be packed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Class, ClassProgram, Kind, Members, Slot
from chainrule.compiler.raising.columns import Column, one_slot_a_source, take_rows, terms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def without_aliases(program: ClassProgram) -> ClassProgram:
    """Let the users of largest ones of one term, what `detached` becomes, use that term: its gradient is stopped."""
    columns: dict[int, Column] = {}  # of the classes that others stand for
    classes = []
    for number, this in enumerate(program.classes):
        slots = tuple(_through(slot, columns) for slot in this.slots)
        if this.kind in (Kind.SUM, Kind.MAX):
            slots = tuple(Slot(*each) for each in one_slot_a_source([terms_of(slot) for slot in slots]))
        if this.kind is Kind.MAX and len(slots) == 1 and len(slots[0].members) == this.size:
            columns[number] = Column(slots[0].source, slots[0].members)
        classes.append(replace(this, slots=slots))
    outputs, gradients = _redirected(program.outputs, columns), program.gradients
    return replace(program, classes=classes, outputs=outputs, gradients=gradients and _redirected(gradients, columns))


def _through(slot: Slot, columns: dict[int, Column]) -> Slot:
    """Return a slot of what stands for its class, if something does."""
    column = columns.get(slot.source)
    return slot if column is None else Slot(column.source, column.members[slot.members], slot.offsets)


def _redirected(members: Members, columns: dict[int, Column]) -> Members:
    classes, numbers = members.classes.copy(), members.members.copy()
    for source in np.unique(members.classes).tolist():
        if source in columns:
            chosen = members.classes == source
            classes[chosen] = columns[source].source
            numbers[chosen] = columns[source].members[members.members[chosen]]
    return Members(classes, numbers)


def without_dead(program: ClassProgram) -> ClassProgram:
    """Drop the members that no output and no gradient needs, and the classes that have none left."""
    alive = _alive(program)
    # by class of which some live: its new number, and those of its members (of dead ones anything)
    kept: dict[int, Column] = {}
    classes: list[Class] = []
    for number, (this, living) in enumerate(zip(program.classes, alive, strict=True)):
        if living.any():
            kept[number] = Column(len(classes), np.cumsum(living) - 1)
            classes.append(_compressed(this, living, kept))
    outputs, gradients = _redirected(program.outputs, kept), program.gradients
    return replace(program, classes=classes, outputs=outputs, gradients=gradients and _redirected(gradients, kept))


def _alive(program: ClassProgram) -> list[NDArray[np.bool_]]:
    alive = [np.zeros(this.size, np.bool_) for this in program.classes]
    for roots in (program.outputs, program.gradients):
        if roots is not None:
            for source in np.unique(roots.classes[roots.classes >= 0]):
                alive[source][roots.members[roots.classes == source]] = True
    for this, living in zip(reversed(program.classes), reversed(alive), strict=True):
        every = bool(living.all())
        for slot in this.slots:
            if slot.offsets is None:
                used = slot.members if every else slot.members[living]
            elif every:
                used = slot.members
            else:
                used = slot.members[np.repeat(living, np.diff(slot.offsets))]
            alive[slot.source][used] = True
    return alive


def _compressed(this: Class, living: NDArray[np.bool_], kept: dict[int, Column]) -> Class:
    rows = None if living.all() else np.flatnonzero(living)
    slots = []
    for slot in this.slots:
        if slot.offsets is not None:
            terms = terms_of(slot) if rows is None else take_rows(terms_of(slot), rows)
            if len(terms.members):
                slots.append(Slot(kept[slot.source].source, _numbered(kept[slot.source], terms.members), terms.offsets))
        else:
            members = slot.members if rows is None else slot.members[rows]
            slots.append(Slot(kept[slot.source].source, _numbered(kept[slot.source], members)))
    size = this.size if rows is None else len(rows)
    numbers = this.numbers if rows is None or this.numbers is None else this.numbers[rows]
    places = this.places if rows is None or this.places is None else this.places[rows]
    return replace(this, size=size, slots=tuple(slots), numbers=numbers, places=places)


def _numbered(kept: Column, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the new numbers of members: where all of the class live, the ones that they had."""
    every = not len(kept.members) or kept.members[-1] == len(kept.members) - 1
    return members if every else kept.members[members]


def with_values_in_order(program: ClassProgram) -> ClassProgram:
    """Order the members of VALUE classes by their gradients' class, then by first use: as they are to be packed."""
    if program.gradients is None:
        return program
    columns: dict[int, Column] = {}
    classes = list(program.classes)
    for number, this in enumerate(program.classes):
        if this.kind is Kind.VALUE and this.places is not None:
            order = np.argsort(program.gradients.classes[this.places], kind="stable")
            rank = np.empty(this.size, np.int64)
            rank[order] = np.arange(this.size)
            columns[number] = Column(number, rank)
            classes[number] = replace(this, places=this.places[order])
    classes = [replace(this, slots=tuple(_through(slot, columns) for slot in this.slots)) for this in classes]
    return replace(
        program,
        classes=classes,
        outputs=_redirected(program.outputs, columns),
        gradients=_redirected(program.gradients, columns),
    )
