"""Inlining: which classes are stored, and which are computed inside the one class that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import ClassProgram, Kind, Slot
from chainrule.ops.elementary import multiply

if TYPE_CHECKING:
    from chainrule.compiler.classes import Class

LEAVES = (Kind.CONSTANT, Kind.INPUT, Kind.VALUE, Kind.SEED)

# Bounds of one expression tree, for the sake of registers and of code that recurses into it.
DEEPEST = 24
LARGEST = 64


def stored_classes(program: ClassProgram) -> list[bool]:
    """Return for each class whether its members get a place in memory.

    A class lives inside its consumer when it has one, which uses each member at most once; products live in
    their sums in any case, where they cost no more than being read. Reductions do not live in the terms of others.
    """
    stored = [False] * len(program.classes)
    uses = uses_by_consumer(program)
    root = list(range(len(stored)))
    depth = [0] * len(stored)
    trees = [1] * len(stored)
    in_terms = [False] * len(stored)
    for number in given_back(program):
        stored[number] = True
    for number in range(len(stored) - 1, -1, -1):
        each = program.classes[number]
        if each.kind in LEAVES:
            stored[number] = False
            continue
        if not stored[number] and len(uses[number]) == 1:
            consumer, slot = uses[number][0]
            top = root[consumer]
            among_terms = in_terms[consumer] or not one_term_each(slot)
            if depth[consumer] < DEEPEST and trees[top] < LARGEST and _may_live_inside(each, slot, among_terms):
                root[number], depth[number], in_terms[number] = top, depth[consumer] + 1, among_terms
                trees[top] += 1
                continue
        stored[number] = True
    return stored


def _may_live_inside(each: Class, slot: Slot, among_terms: bool) -> bool:
    if each.kind is not Kind.MAP and among_terms:
        return False
    if each.rule is not None and each.rule.slope is None and each.rule.code == multiply.code and among_terms:
        return True
    return len(slot.members) <= each.size and int(np.bincount(slot.members, minlength=1).max()) <= 1


def one_term_each(slot: Slot) -> bool:
    """Return whether the slot gives exactly one number to each member."""
    return slot.offsets is None or bool((np.diff(slot.offsets) == 1).all())


def uses_by_consumer(program: ClassProgram) -> list[list[tuple[int, Slot]]]:
    """Return by class its (consumer, slot), slots of a consumer with equal columns counted once."""
    uses: list[list[tuple[int, Slot]]] = [[] for _ in program.classes]
    for number, each in enumerate(program.classes):
        for slot in each.slots:
            known = uses[slot.source]
            if not any(user == number and equal_slots(other, slot) for user, other in known):
                known.append((number, slot))
    return uses


def equal_slots(a: Slot, b: Slot) -> bool:
    """Return whether two slots of one source use the same members in the same way."""
    if (a.offsets is None) != (b.offsets is None) or len(a.members) != len(b.members):
        return False
    same = a.members is b.members or np.array_equal(a.members, b.members)
    return same and (a.offsets is None or a.offsets is b.offsets or np.array_equal(a.offsets, b.offsets))


def given_back(program: ClassProgram) -> set[int]:
    """Return the classes that have a member among the outputs or the gradients."""
    found = set(np.unique(program.outputs.classes).tolist())
    if program.gradients is not None:
        found |= set(np.unique(program.gradients.classes).tolist())
    return {number for number in found if number >= 0}
