"""Checks of a class program, run after every pass: every table is what the next pass takes it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import Kind
from chainrule.errors import GraphError
from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.classes import Class, ClassProgram, Members, Slot

_LEAVES = (Kind.INPUT, Kind.VALUE, Kind.SEED)


def verify(program: ClassProgram, after: str = "raising") -> ClassProgram:
    """Return the program if it is well formed.

    Args:
        program: the classes.
        after: the pass that made it, for the message.

    Raises:
        GraphError: it is not; the message names the class, the slot and what is wrong.
    """
    for number, this in enumerate(program.classes):
        problem = _problem(program, number, this)
        if problem:
            raise GraphError(
                f"the compiler made a wrong program in '{after}': class {number} ({this.kind.value}) {problem}; "
                "this is a bug of chainrule: report it, and use the function without cr.compile meanwhile"
            )
    _check_members(program, program.outputs, "output", after)
    if program.gradients is not None:
        _check_members(program, program.gradients, "gradient", after)
        if len(program.gradients.classes) != (program.value_groups[-1] if program.value_groups else 0):
            raise GraphError(f"the compiler made a wrong program in '{after}': it has not one gradient a Value")
    return program


def _problem(program: ClassProgram, number: int, this: Class) -> str:
    """Return what is wrong with a class, '' where nothing is."""
    if this.kind is Kind.CONSTANT:
        fits = not this.slots and this.numbers is not None and this.numbers.shape == (this.size,)
        return "" if fits else "has not one number a member"
    if this.kind in _LEAVES:
        return _leaf_problem(program, this)
    problem = _shape_problem(this)
    for place, slot in enumerate(this.slots):
        wrong = _slot_problem(program, number, this, slot)
        problem = problem or (wrong and f"has slot {place} (of class {slot.source}), which {wrong}")
    return problem or _reduction_problem(this)


def _shape_problem(this: Class) -> str:
    if not this.size or not this.slots:
        return "has no members" if this.slots else "has no slots"
    if (this.kind is Kind.MAP) != (this.rule is not None):
        return "is a map without a rule, or has a rule and is none"
    if this.rule is not None:
        arity = BY_CODE[this.rule.code].arity
        wanted = arity if arity is None or this.rule.slope is None else arity + 1
        if wanted != len(this.slots):
            return f"has {len(this.slots)} slots for the rule {this.rule}"
    return ""


def _leaf_problem(program: ClassProgram, this: Class) -> str:
    if this.slots or this.places is None or this.places.shape != (this.size,):
        return "has not one place a member"
    if this.kind is Kind.SEED:
        bounds = (0, program.results)
    else:
        groups = program.input_groups if this.kind is Kind.INPUT else program.value_groups
        if not 0 <= this.group < len(groups) - 1:
            return f"is of group {this.group}, which there is not"
        bounds = groups[this.group], groups[this.group + 1]
    if not _within(this.places, *bounds):
        return f"has places outside {bounds}"
    return "has a place twice" if len(np.unique(this.places)) != this.size else ""


def _slot_problem(program: ClassProgram, number: int, this: Class, slot: Slot) -> str:
    if not 0 <= slot.source < number:
        return "is no earlier class"
    if not _within(slot.members, 0, program.classes[slot.source].size):
        return f"has members beyond its {program.classes[slot.source].size}"
    if slot.members.dtype != np.int64:
        return f"has members of type {slot.members.dtype}"
    if this.kind is Kind.MAP:
        return "has not one member a row" if slot.offsets is not None or len(slot.members) != this.size else ""
    offsets = slot.offsets
    if offsets is None or offsets.dtype != np.int64 or len(offsets) != this.size + 1 or offsets[0] != 0:
        return "has not one offset a row"
    return "has offsets that are no rows" if offsets[-1] != len(slot.members) or (np.diff(offsets) < 0).any() else ""


def _reduction_problem(this: Class) -> str:
    if this.kind is Kind.MAP:
        return ""
    sources = [slot.source for slot in this.slots]
    if len(set(sources)) != len(sources):
        return "has two slots of one class"
    counts = sum(np.diff(slot.offsets) for slot in this.slots if slot.offsets is not None)
    return "has rows without terms" if not np.all(counts) else ""


def _check_members(program: ClassProgram, members: Members, what: str, after: str) -> None:
    sizes = np.array([this.size for this in program.classes], np.int64)
    named = (members.classes >= 0) & (members.classes < len(sizes))
    found = named.copy()
    found[named] = (members.members[named] >= 0) & (members.members[named] < sizes[members.classes[named]])
    if what == "gradient":
        found |= members.classes == -1
    if not found.all():
        place = int(np.argmin(found))
        raise GraphError(
            f"the compiler made a wrong program in '{after}': {what} {place} is member {members.members[place]} of "
            f"class {members.classes[place]}, which there is not; this is a bug of chainrule: report it"
        )


def _within(numbers: NDArray[np.int64], low: int, high: int) -> bool:
    return not len(numbers) or (int(numbers.min()) >= low and int(numbers.max()) < high)
