"""The slow interpreter gives what eager code gives, and refuses a program that breaks the rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule import Value, engine
from chainrule.compiler.evaluating import evaluate, verify
from chainrule.compiler.printing import program_text
from chainrule.compiler.program import Leaf, Program
from chainrule.engine import apply
from chainrule.errors import ProgramError
from chainrule.ops.row import TABLE, Op
from tests.compiler.calling.programs import all_rows, drawn, eager_gradients, program_of


def same(found: list[float], expected: list[float]) -> bool:
    """Equal to 1e-12 of the size, nan and infinities included."""
    return bool(np.allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True))


def cubic() -> Program:
    """w·w·x + 3."""
    w, x = Value(2.0), Value(5.0)
    return program_of([w * w * x + 3.0], [w], [x])


def test_known_numbers() -> None:
    program = cubic()
    verify(program)
    assert evaluate(program, [2.0], [5.0]) == ([23.0], [20.0])
    assert evaluate(program, [3.0], [1.0]) == ([12.0], [6.0])
    assert evaluate(program, [3.0], [1.0], [10.0]) == ([12.0], [60.0])


@pytest.mark.parametrize("op", all_rows(), ids=lambda op: op.name)
def test_every_row(op: Op) -> None:
    values = [Value(number) for number in (0.3, 0.6, 0.2)[: op.arity or 3]]
    result = apply(op, values)
    program = program_of([result], values)
    verify(program)
    outputs, gradients = evaluate(program, [value.data for value in values], [])
    assert outputs == [result.data]
    assert gradients is not None
    assert same(gradients, eager_gradients([result], [1.0], values))


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    results, values, inputs = drawn(seed, results=1 + seed % 3)
    program = program_of(results, values, inputs)
    verify(program)
    seeds = [1.0, 0.5, -2.0][: len(results)]
    numbers = [value.data for value in values], [value.data for value in inputs]
    outputs, gradients = evaluate(program, *numbers, seeds)
    assert same(outputs, [result.data for result in results])
    assert gradients is not None
    if all(map(math.isfinite, gradients)):
        assert same(gradients, eager_gradients(results, seeds, values))


def test_several_results_need_seeds_for_gradients() -> None:
    w = Value(2.0)
    program = program_of([w * 3.0, w * w], [w])
    assert evaluate(program, [2.0], []) == ([6.0, 4.0], None)
    assert evaluate(program, [2.0], [], [1.0, 10.0]) == ([6.0, 4.0], [43.0])


def test_guards_are_outputs_without_gradient() -> None:
    w = Value(2.0)
    program = program_of([w * 3.0], [w], guards=[w.log()])
    assert evaluate(program, [0.0], []) == ([0.0, -math.inf], [3.0])


def test_what_no_result_is_made_of_takes_no_part() -> None:
    """The slope of sqrt at 0 is infinite, and 0 · inf would be nan."""
    w = Value(0.0)
    program = program_of([w * 3.0, w.sqrt()], [w])
    assert evaluate(program, [0.0], [], [1.0, 0.0]) == ([0.0, 0.0], [3.0])


DAMAGE: dict[str, tuple[Callable[[Program], Any], str]] = {
    "unknown code": (lambda p: {"codes": np.where(p.codes == TABLE["add"].code, 999, p.codes)}, "code 999"),
    "unknown leaf": (lambda p: {"codes": np.where(p.codes == Leaf.VALUE, -9, p.codes)}, "code -9"),
    "later operand": (lambda p: {"operands": np.full_like(p.operands, p.size - 1)}, "does not come before"),
    "negative operand": (lambda p: {"operands": np.full_like(p.operands, -1)}, "does not come before"),
    "arity": (lambda p: {"codes": np.where(p.codes == TABLE["multiply"].code, TABLE["exp"].code, p.codes)}, "operands"),
    "leaf with operands": (lambda p: {"codes": np.where(p.codes > 0, 0, p.codes)}, "is a leaf"),
    "place of a value": (lambda _: {"value_groups": (0, 0)}, "VALUE"),
    "place of an input": (lambda _: {"input_groups": (0, 0)}, "INPUT"),
    "output": (lambda p: {"outputs": p.outputs + p.size}, "output 0"),
    "results": (lambda _: {"results": 2}, "2 results"),
    "starts": (lambda p: {"starts": p.starts[:-1]}, "starts"),
    "falling starts": (lambda p: {"starts": np.concatenate([p.starts[:2], [3], p.starts[3:-1], p.starts[-1:]])}, "row"),
    "columns": (lambda p: {"numbers": p.numbers[:-1]}, "numbers"),
    "groups": (lambda _: {"value_groups": (0, 3, 1)}, "value_groups"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str) -> None:
    program = cubic()
    damage, message = DAMAGE[name]
    with pytest.raises(ProgramError, match=message):
        verify(replace(program, **damage(program)))


def test_text() -> None:
    w, x = Value(2.0), Value(5.0)
    program = program_of([(w * x + 3.0).tanh()], [w], [x], guards=[x])
    assert program_text(program, ["model.w"]).splitlines() == [
        "program of 6 rows: 1 inputs, 1 values, 1 results, 1 guards",
        "%0 = value model.w",
        "%1 = input[0]",
        "%2 = multiply %0 %1",
        "%3 = 3.0",
        "%4 = add %2 %3",
        "%5 = tanh %4",
        "return %5",
        "guards look at %1",
    ]


def test_text_of_a_long_program_is_bounded() -> None:
    total = w = Value(2.0)
    for _ in range(100):
        total = total * w
    text = program_text(program_of([total], [w]), limit=10)
    assert len(text.splitlines()) == 13
    assert "… 91 rows more …" in text


def test_text_of_many_operands_is_bounded() -> None:
    values = [Value(float(i)) for i in range(100)]
    assert "… 88 more" in program_text(program_of([engine.sum(values)], values))
