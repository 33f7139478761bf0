"""The checks of class programs find planted faults, and so does running them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest

from chainrule import Value
from chainrule.compiler.classes import ClassProgram, Kind, Rule, Slot
from chainrule.compiler.raising import run_classes, verify
from chainrule.errors import GraphError
from chainrule.ops import TABLE
from tests.compiler.raising.eager import numbers_of
from tests.compiler.raising.test_programs import Maker, perceptron, raised


@pytest.fixture(scope="module")
def sound() -> tuple[ClassProgram, list[Value], list[Value]]:
    values, inputs = Maker(5), Maker(6)
    loss = perceptron(values, inputs, 4)
    return raised([loss], values.made, inputs.made), values.made, inputs.made


def first(program: ClassProgram, kind: Kind, least: int = 2) -> int:
    return next(i for i, each in enumerate(program.classes) if each.kind is kind and each.size >= least)


def changed(program: ClassProgram, number: int, place: int, **fields: object) -> None:
    """Replace fields of one slot."""
    this = program.classes[number]
    slots = list(this.slots)
    slot = slots[place]
    kept = {"source": slot.source, "members": slot.members, "offsets": slot.offsets} | fields
    slots[place] = Slot(**kept)  # type: ignore[arg-type]  # a fault may have any type
    this.slots = tuple(slots)


def later_source(program: ClassProgram) -> None:
    changed(program, first(program, Kind.MAP), 0, source=len(program.classes) - 1)


def no_source(program: ClassProgram) -> None:
    changed(program, first(program, Kind.MAP), 0, source=-1)


def member_beyond(program: ClassProgram) -> None:
    number = first(program, Kind.MAP)
    program.classes[number].slots[0].members[0] = 10_000


def member_below(program: ClassProgram) -> None:
    number = first(program, Kind.SUM)
    program.classes[number].slots[0].members[0] = -1


def short_column(program: ClassProgram) -> None:
    number = first(program, Kind.MAP)
    changed(program, number, 0, members=program.classes[number].slots[0].members[:-1])


def other_integers(program: ClassProgram) -> None:
    number = first(program, Kind.MAP)
    changed(program, number, 0, members=program.classes[number].slots[0].members.astype(np.int32))


def missing_offsets(program: ClassProgram) -> None:
    changed(program, first(program, Kind.SUM), 0, offsets=None)


def falling_offsets(program: ClassProgram) -> None:
    offsets = program.classes[first(program, Kind.SUM)].slots[0].offsets
    assert offsets is not None
    offsets[1] = offsets[-1] + 1


def short_offsets(program: ClassProgram) -> None:
    offsets = program.classes[first(program, Kind.SUM)].slots[0].offsets
    assert offsets is not None
    offsets[-1] -= 1


def empty_row(program: ClassProgram) -> None:
    this = program.classes[first(program, Kind.SUM)]
    this.slots = this.slots[:1]
    offsets = this.slots[0].offsets
    assert offsets is not None
    offsets[1] = 0


def source_twice(program: ClassProgram) -> None:
    this = program.classes[first(program, Kind.SUM)]
    this.slots += this.slots[:1]


def rule_of_another_arity(program: ClassProgram) -> None:
    number = next(i for i, each in enumerate(program.classes) if len(each.slots) == 2 and each.rule)
    program.classes[number].rule = Rule(TABLE["exp"].code)


def sum_with_a_rule(program: ClassProgram) -> None:
    program.classes[first(program, Kind.SUM)].rule = Rule(TABLE["exp"].code)


def no_slots(program: ClassProgram) -> None:
    program.classes[first(program, Kind.SUM)].slots = ()


def place_twice(program: ClassProgram) -> None:
    places = program.classes[first(program, Kind.VALUE)].places
    assert places is not None
    places[0] = places[1]


def place_of_no_argument(program: ClassProgram) -> None:
    places = program.classes[first(program, Kind.INPUT)].places
    assert places is not None
    places[0] = 999


def other_group(program: ClassProgram) -> None:
    program.classes[first(program, Kind.INPUT)].group = 7


def number_too_few(program: ClassProgram) -> None:
    program.classes[first(program, Kind.CONSTANT, 1)].size += 1


def output_of_no_class(program: ClassProgram) -> None:
    program.outputs.classes[0] = -1


def gradient_of_no_member(program: ClassProgram) -> None:
    assert program.gradients is not None
    program.gradients.members[0] = 10_000


def gradient_too_few(program: ClassProgram) -> None:
    assert program.gradients is not None
    program.gradients.classes = program.gradients.classes[:-1]
    program.gradients.members = program.gradients.members[:-1]


FAULTS = [
    later_source, no_source, member_beyond, member_below, short_column, other_integers, missing_offsets,
    falling_offsets, short_offsets, empty_row, source_twice, rule_of_another_arity, sum_with_a_rule, no_slots,
    place_twice, place_of_no_argument, other_group, number_too_few, output_of_no_class, gradient_of_no_member,
    gradient_too_few,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(
    fault: Callable[[ClassProgram], None], sound: tuple[ClassProgram, list[Value], list[Value]]
) -> None:
    program = copy.deepcopy(sound[0])
    verify(program, "before")
    fault(program)
    with pytest.raises(GraphError, match="'planting'"):
        verify(program, "planting")


def test_the_message_names_class_and_slot(sound: tuple[ClassProgram, list[Value], list[Value]]) -> None:
    program = copy.deepcopy(sound[0])
    member_beyond(program)
    with pytest.raises(GraphError, match=r"class \d+ \(map\) has slot 0 \(of class \d+\).*report it"):
        verify(program)


def test_a_wrong_member_changes_what_is_computed(sound: tuple[ClassProgram, list[Value], list[Value]]) -> None:
    """Every table matters: one entry exchanged for its neighbour shows in a result or a gradient."""
    program, values, inputs = sound
    outputs, gradients = run_classes(program, numbers_of(values), numbers_of(inputs))
    assert gradients is not None
    for number, this in enumerate(program.classes):
        for place, slot in enumerate(this.slots):
            size = program.classes[slot.source].size
            if size > 1 and slot.source:
                faulty = copy.deepcopy(program)
                members = faulty.classes[number].slots[place].members
                members[0] = (members[0] + 1) % size
                other, others = run_classes(faulty, numbers_of(values), numbers_of(inputs))
                assert others is not None
                assert not np.allclose(np.append(outputs, gradients), np.append(other, others), rtol=1e-9, atol=0)
