"""Inlining: which classes are stored, and which are computed inside the one class that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.classes import ClassProgram, Kind, Slot
from chainrule.ops.elementary import multiply, negative, subtract

if TYPE_CHECKING:
    from chainrule.compiler.classes import Class

LEAVES = (Kind.CONSTANT, Kind.INPUT, Kind.VALUE, Kind.SEED)

# Bounds of one expression tree, for the sake of registers and of code that recurses into it.
DEEPEST = 24
LARGEST = 64
# A class is computed inside at most so many others, for the sake of code size, or in more if they use so many of its
# members each: then they are layers or time steps, whose nests are alike.
MOST_CONSUMERS = 16
MEMBERS_OF_CONSUMER = 16

# Operations that cost no more than reading their result.
CHEAP = {multiply.code, negative.code, subtract.code}


def stored_classes(program: ClassProgram) -> list[bool]:
    """Return for each class whether its members get a place in memory.

    A class lives inside its consumers when they use each member at most once in all, or when it is so cheap a map
    of leaves that reading it would cost the same; products live in their one sum in any case. Reductions do not
    live in the terms of others.
    """
    count = len(program.classes)
    stored = [False] * count
    uses = uses_by_consumer(program)
    roots: list[set[int]] = [{number} for number in range(count)]
    depth = [0] * count
    trees = [1] * count
    in_terms = [False] * count
    given = given_back(program)
    for number in range(count - 1, -1, -1):
        each = program.classes[number]
        if each.kind in LEAVES:
            continue
        stored[number] = True
        if number in given or not uses[number]:
            continue
        among_terms = any(in_terms[user] or not one_term_each(slot) for user, slot in uses[number])
        deepest = max(depth[user] for user, _ in uses[number]) + 1
        tops = set().union(*(roots[user] for user, _ in uses[number]))
        most = max(MOST_CONSUMERS, each.size // MEMBERS_OF_CONSUMER)
        if deepest > DEEPEST or len(tops) > most or max(trees[top] for top in tops) >= LARGEST:
            continue
        if _may_live_inside(program, each, [slot for _, slot in uses[number]], among_terms):
            stored[number] = False
            if all(program.classes[user].kind is Kind.SUM for user, _ in uses[number]):
                tops = {number}  # every slot of a sum is a tree of its own
            roots[number], depth[number], in_terms[number] = tops, deepest, among_terms
            for top in tops:
                trees[top] += 1
    return stored


def _may_live_inside(program: ClassProgram, each: Class, slots: list[Slot], among_terms: bool) -> bool:
    if each.kind is not Kind.MAP and among_terms:
        return False
    code = each.rule.code if each.rule is not None and each.rule.slope is None else 0
    if code == multiply.code and among_terms and len(slots) == 1:
        return True
    uses = sum(len(slot.members) for slot in slots)
    if code in CHEAP and uses <= 2 * each.size:
        others = [program.classes[slot.source].kind for slot in each.slots]
        if all(kind in LEAVES for kind in others) and sum(kind is not Kind.CONSTANT for kind in others) <= 1:
            return True
    if uses > each.size:
        return False
    return int(np.bincount(np.concatenate([slot.members for slot in slots]), minlength=1).max()) <= 1


def one_term_each(slot: Slot) -> bool:
    """Return whether the slot gives exactly one number to each member."""
    return slot.offsets is None or bool((np.diff(slot.offsets) == 1).all())


def uses_by_consumer(program: ClassProgram) -> list[list[tuple[int, Slot]]]:
    """Return by class its (consumer, slot), slots of a consumer with equal columns counted once."""
    uses: list[list[tuple[int, Slot]]] = [[] for _ in program.classes]
    for number, each in enumerate(program.classes):
        for slot in each.slots:
            known = uses[slot.source]
            last = known[-len(each.slots) :]
            if not any(user == number and equal_slots(other, slot) for user, other in last):
                known.append((number, slot))
    return uses


def equal_slots(a: Slot, b: Slot) -> bool:
    """Return whether two slots of one source use the same members in the same way."""
    if (a.offsets is None) != (b.offsets is None) or len(a.members) != len(b.members):
        return False
    same = a.members is b.members or np.array_equal(a.members, b.members)
    return same and (a.offsets is None or b.offsets is None or np.array_equal(a.offsets, b.offsets))


def given_back(program: ClassProgram) -> set[int]:
    """Return the classes that have a member among the outputs or the gradients."""
    found = set(np.unique(program.outputs.classes).tolist())
    if program.gradients is not None:
        found |= set(np.unique(program.gradients.classes).tolist())
    return {number for number in found if number >= 0}
