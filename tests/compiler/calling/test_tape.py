"""The tape gives the bits of eager code, infinities and nan included."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chainrule import Value, engine
from chainrule.compiler.evaluating import evaluate
from chainrule.engine import Tape, apply
from chainrule.errors import ProgramError
from chainrule.ops import TABLE, op
from chainrule.ops.row import BY_CODE, Op
from tests.compiler.calling.programs import all_rows, drawn, eager_gradients, program_of

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 700.0, -700.0, 1e-310, 1e200, math.inf, -math.inf, math.nan)


def bits(numbers: Sequence[float]) -> list[str]:
    """What tells floats apart; one nan is as good as another."""
    return ["nan" if number != number else struct.pack("d", number).hex() for number in numbers]


def zeros_alike(numbers: Sequence[float]) -> list[float]:
    """A gradient that begins at 0.0 never is -0.0; the tape's may begin at its first share."""
    return [number + 0.0 for number in numbers]


def data(values: Sequence[Value]) -> list[float]:
    return [value.data for value in values]


def eagerly(op: Op, operands: list[Value]) -> Any:
    """Apply a row as people do: those of any number of operands have functions of their own."""
    if op.name == "dot":
        half = len(operands) // 2
        return engine.dot(operands[:half], operands[half : 2 * half], *operands[2 * half :])
    function = {"sum": engine.sum, "logsumexp": engine.logsumexp}.get(op.name)
    return function(operands) if function else apply(op, operands)


@pytest.mark.parametrize("op", all_rows(), ids=lambda op: op.name)
def test_every_row_has_the_bits_of_eager_code(op: Op) -> None:
    draw = random.Random(1)
    values = [Value(0.5) for _ in range(op.arity or 5)]
    tape = Tape(program_of([eagerly(op, values)], values))
    for _ in range(200):
        for value in values:
            value.data = draw.choice([draw.choice(SPECIAL), draw.uniform(-3.0, 3.0)])
        result = eagerly(op, values)
        outputs, gradients = tape.run(data(values), [])
        assert bits(outputs) == bits([result.data])
        assert bits(zeros_alike(gradients)) == bits(zeros_alike(eager_gradients([result], [1.0], values)))


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_have_the_bits_of_eager_code(seed: int) -> None:
    results, values, inputs = drawn(seed, size=60)
    tape = Tape(program_of(results, values, inputs))
    outputs, gradients = tape.run(data(values), data(inputs))
    assert bits(outputs) == bits(data(results))
    assert bits(gradients) == bits(eager_gradients(results, [1.0], values))


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_of_several_results(seed: int) -> None:
    results, values, inputs = drawn(seed, size=40, results=3)
    tape = Tape(program_of(results, values, inputs))
    for seeds in ([1.0, 1.0, 1.0], [0.0, 2.0, 0.0], [1.0, 0.0, -0.5]):
        outputs, gradients = tape.run(data(values), data(inputs), seeds)
        program = program_of(results, values, inputs)
        expected = evaluate(program, data(values), data(inputs), seeds)
        assert outputs == pytest.approx(expected[0], nan_ok=True)
        assert gradients == pytest.approx(expected[1], nan_ok=True, rel=1e-9, abs=1e-9)


def test_an_unseeded_result_takes_no_part() -> None:
    w = Value(0.0)
    tape = Tape(program_of([w * 3.0, w.sqrt()], [w]))
    assert tape.run([0.0], [], [1.0, 0.0]) == ([0.0, 0.0], [3.0])
    assert tape.run([0.0], [], [0.0, 1.0]) == ([0.0, 0.0], [math.inf])


def test_results_that_are_the_same_row_or_a_value_itself() -> None:
    w = Value(2.0)
    square = w * w
    tape = Tape(program_of([square, square, w], [w]))
    assert tape.run([3.0], [], [1.0, 10.0, 100.0]) == ([9.0, 9.0, 3.0], [166.0])


def test_again_with_other_numbers_after_other_seeds() -> None:
    w, x = Value(2.0), Value(5.0)
    tape = Tape(program_of([w * x], [w], [x]))
    assert tape.run([2.0], [5.0]) == ([10.0], [5.0])
    assert tape.run([3.0], [7.0]) == ([21.0], [7.0])
    assert tape.run([3.0], [7.0], [2.0]) == ([21.0], [14.0])


def test_groups_of_inputs() -> None:
    inputs = [Value(float(i)) for i in range(6)]
    w = Value(2.0)
    total = engine.dot(inputs[:3], inputs[3:], w)
    tape = Tape(program_of([total], [w], inputs, groups=(0, 1, 1, 4, 6)))
    assert tape.run([2.0], [1, 2, 3, 4, 5, 6])[0] == [2.0 + 4 + 10 + 18]


@pytest.fixture
def python_rows() -> Iterator[list[Op]]:
    """Rows that no engine was built with."""
    before = len(BY_CODE)

    @op("sec", formula="1 / cos a", slopes=("y · tan a",))
    def sec(a: Any) -> Any:
        return 1.0 / math.cos(a)

    @sec.derivative
    def sec_da(a: Any, y: Any) -> Any:
        return y * math.tan(a)

    @op("total", arity=None, formula="Σ i·a", slopes=("i",))
    def total(*operands: Any) -> Any:
        return sum(i * each for i, each in enumerate(operands))

    @total.derivative
    def total_slopes(operands: Any, _y: Any) -> list[Any]:
        return list(range(len(operands)))

    yield [sec, total]
    for row in BY_CODE[before:]:
        del TABLE[row.name]
    del BY_CODE[before:]


def test_rows_that_only_python_knows(python_rows: list[Op]) -> None:
    sec, total = python_rows
    values = [Value(0.3), Value(0.5)]
    result = apply(total, [apply(sec, [values[0]]), *values, 2.0]) * values[1]
    tape = Tape(program_of([result], values))
    outputs, gradients = tape.run(data(values), [])
    assert bits(outputs) == bits([result.data])
    assert bits(gradients) == bits(eager_gradients([result], [1.0], values))


def test_a_row_that_raises_is_heard(python_rows: list[Op]) -> None:
    w = Value(0.3)
    tape = Tape(program_of([apply(python_rows[0], [w])], [w]))
    python_rows[0].value = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        tape.run([0.3], [])


def test_seeds_belong_to_class_programs() -> None:
    from dataclasses import replace

    w = Value(2.0)
    program = program_of([w * 2.0], [w])
    with pytest.raises(ProgramError, match="seeds"):
        Tape(replace(program, codes=program.codes - (program.codes == -2)))


def test_a_chain_as_long_as_one_likes() -> None:
    total = w = Value(1.0)
    for _ in range(20_000):
        total = total * w
    assert Tape(program_of([total], [w])).run([1.0], []) == ([1.0], [20_001.0])


@pytest.mark.parametrize("name", ["detached", "less", "less_equal", "equal"])
def test_rows_that_cut_the_graph(name: str) -> None:
    """What only such a row is made of gets no gradient, not even 0 · inf."""
    w, v = Value(0.0), Value(2.0)
    operands = [w.sqrt(), v][: TABLE[name].arity]
    result = apply(TABLE[name], operands) * v + v
    program = program_of([result], [w, v])
    expected = [0.0, 1.0 + apply(TABLE[name], operands).data]
    assert Tape(program).run([0.0, 2.0], []) == ([result.data], expected)
    assert evaluate(program, [0.0, 2.0], []) == ([result.data], expected)


def test_conditions_choose() -> None:
    w, x = Value(2.0), Value(3.0)
    result = apply(TABLE["where"], [apply(TABLE["less"], [x, Value(1.0)]), w * x, w * w])
    tape = Tape(program_of([result], [w], [x]))
    assert tape.run([2.0], [3.0]) == ([4.0], [4.0])
    assert tape.run([2.0], [0.5]) == ([1.0], [0.5])
