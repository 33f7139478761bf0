"""The rows of a trace: which there are, in which order, and what flows through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.evaluating import evaluate, verify
from chainrule.compiler.program import Leaf, Program
from chainrule.compiler.tracing import read_arguments, trace
from chainrule.ops.row import BY_CODE
from tests.compiler.tracing.replay import Replay


def names(program: Program) -> list[str]:
    """The rows in words."""
    return [Leaf(code).name if code <= 0 else BY_CODE[code].name for code in program.codes.tolist()]


def operands(program: Program, row: int) -> list[int]:
    """The operands of a row."""
    return program.operands[program.starts[row] : program.starts[row + 1]].tolist()  # type: ignore[no-any-return]


def test_rows_in_the_order_of_making() -> None:
    a, b = Value(2.0), Value(3.0)
    program = trace(lambda x: (b * x + a * 2.0).tanh() - 2.0, (1.0,), {}).program
    assert names(program) == [
        "INPUT", "VALUE", "multiply", "VALUE", "CONSTANT", "multiply", "add", "tanh", "subtract",
    ]  # fmt: skip
    assert [operands(program, row) for row in (2, 5, 6, 7, 8)] == [[1, 0], [3, 4], [2, 5], [6], [7, 4]]
    assert program.outputs.tolist() == [8]


def test_what_the_result_does_not_need_has_no_row() -> None:
    a, b = Value(2.0), Value(3.0)

    def function(x: Any, y: Any) -> Any:
        _ = (b * y).exp()
        return a * x

    traced = trace(function, (1.0, 2.0), {})
    assert names(traced.program) == ["INPUT", "VALUE", "multiply"]
    assert traced.live == (a,)
    assert traced.program.input_groups == (0, 1, 2)


def test_operands_of_dot_are_those_of_its_row() -> None:
    a = [Value(1.0), Value(2.0)]
    program = trace(lambda x: cr.dot(a, [x, 5.0], a[0]), (7.0,), {}).program
    rows = operands(program, names(program).index("dot"))
    leaves = {row: (Leaf(program.codes[row]).name, program.places[row], program.numbers[row]) for row in rows}
    assert [leaves[row] for row in rows] == [
        ("VALUE", 0, 0.0), ("VALUE", 1, 0.0), ("INPUT", 0, 0.0), ("CONSTANT", 0, 5.0), ("VALUE", 0, 0.0),
    ]  # fmt: skip


def test_constants_are_shared_by_their_bits() -> None:
    a = Value(1.0)

    def function(x: Any) -> Any:
        total = a * x
        for number in (2.0, 0.0, -0.0, 2, float("nan"), float("nan"), Value(2.0)):
            total = total + number
        for number in range(1000):
            total = total * (0.5 + number % 300)
        return total

    program = trace(function, (1.0,), {}).program
    constants = program.numbers[program.codes == Leaf.CONSTANT]
    assert len(constants) == 4 + 300
    assert len({number.tobytes() for number in constants}) == len(constants)


def test_no_gradient_flows_where_none_flows() -> None:
    a, b = Value(2.0), Value(3.0)

    def function(x: Any) -> Any:
        with cr.no_grad():
            inner = (a * x).tanh() * b
            of_numbers = Value(x) * 2.0
        return inner * a + of_numbers * b + (a * b).detach() + Value(x).detach()

    program = trace(function, (0.3,), {}).program
    # one where gradients would enter, none behind it and none for numbers
    assert names(program).count("detached") == 3
    for each in (a, b):
        each.grad = 0.0
    eager = function(0.3)
    eager.backward()
    outputs, gradients = evaluate(program, [a.data, b.data], [0.3])
    assert outputs[0] == pytest.approx(eager.data, rel=1e-15)
    assert gradients == pytest.approx([a.grad, b.grad], rel=1e-15)


def test_the_trace_is_the_same_under_no_grad() -> None:
    a = Value(2.0)

    def function(x: Any) -> Any:
        return (a * x).tanh()

    with cr.no_grad():
        inside = trace(function, (0.3,), {}).program
        assert (a * 2.0)._prev == ()
    assert names(inside) == names(trace(function, (0.3,), {}).program)


def test_the_number_itself_is_the_row_of_a_value_made_of_it() -> None:
    a = Value(2.0)
    traced = trace(lambda xs: [a, Value(xs[0]), cr.dot([a, a], list(map(Value, xs)))], ([1.0, 2.0],), {})
    assert names(traced.program) == ["INPUT", "INPUT", "VALUE", "dot"]
    assert traced.program.outputs.tolist() == [2, 0, 3]


def test_nodes_from_before_are_live() -> None:
    a = Value(2.0)
    inner = a * a
    traced = trace(lambda x: inner * x + a, (1.0,), {})
    assert traced.live == (inner, a)
    assert names(traced.program) == ["INPUT", "VALUE", "multiply", "VALUE", "add"]
    assert inner._waiting == 0 if hasattr(inner, "_waiting") else True
    result = inner * 3.0
    result.backward()
    assert a.grad == 12.0


def test_constant_operands_of_earlier_nodes_are_constants() -> None:
    inner = Value(2.0) * 3.0
    constant = inner._prev[1]
    assert names(trace(lambda x: constant * x + inner, (1.0,), {}).program) == [
        "INPUT", "CONSTANT", "multiply", "VALUE", "add",
    ]  # fmt: skip


def test_groups_of_places() -> None:
    def function(rows: Any, one: Any, array: Any, given: Any, *, last: Any) -> Any:
        return cr.sum([*rows[0], *rows[1], one, *array.ravel(), *given["v"], last["x"], last["z"]])

    arguments = ([[1.0, 2.0], [3.0]], 4.0, np.ones((2, 2)), {"v": [Value(1.0), Value(2.0)]})
    keywords = {"last": {"x": 1.0, "y": np.ones(3), "z": Value(3.0)}}
    traced = trace(function, arguments, keywords)
    program = traced.program
    assert program.input_groups == (0, 3, 4, 8, 9, 12)
    assert program.value_groups == (0, 0, 2, 3)
    read = read_arguments(traced.pattern, arguments, keywords)
    assert read is not None
    assert read[0] == [1.0, 2.0, 3.0, 4.0, *[1.0] * 4, 1.0, *[1.0] * 3]
    assert [value.data for value in read[1]] == [1.0, 2.0, 3.0]


def test_guards_are_outputs_after_the_results() -> None:
    a = Value(2.0)
    program = trace(lambda x: (a * x, a) if x > 0.5 else a, (1.0,), {}).program
    assert program.results == 2
    assert names(program)[program.outputs[2]] == "less"


def test_a_deep_and_a_wide_trace() -> None:
    a = Value(1.0)

    def deep(x: Any) -> Any:
        total = a * x
        for _ in range(200_000):
            total = total + 1.0
        return total

    def wide(x: Any) -> Value:
        return cr.sum([a * x for _ in range(50_000)])  # type: ignore[no-any-return]

    for function, size in ((deep, 200_004), (wide, 50_003)):
        program = trace(function, (1.0,), {}).program
        assert program.size == size
        verify(program)


def test_an_op_of_the_users_table_is_a_row() -> None:
    a = Value(0.5)
    program = trace(lambda x: cr.where(x > 0, a.gelu(), cr.hypot(a, x)), (1.0,), {}).program
    assert names(program)[-1] == "where"


@pytest.mark.parametrize("other", [0.5, 3.0])
def test_gradients_of_a_network(other: float) -> None:
    model = cr.nn.MLP(2, [3, 1], activation="tanh", bias="uniform")

    def loss(rows: Any, targets: Any) -> Value:
        return cr.losses.mse([model(row) for row in rows], targets)

    rows, targets = [[1.0, 2.0], [other, -1.0]], [0.5, other]
    traced = trace(loss, ([[0.1, 0.2], [0.3, 0.4]], [0.0, 1.0]), {})
    eager = loss(rows, targets)
    eager.backward()
    outputs, gradients = evaluate(traced.program, [p.data for p in traced.live], [*rows[0], *rows[1], *targets])
    assert outputs[0] == pytest.approx(eager.data, rel=1e-14)
    assert gradients == pytest.approx([p.grad for p in traced.live], rel=1e-12)


def test_replaying_finds_a_guard_that_is_left_out() -> None:
    """The checker of these tests would see a tracer that forgets a look."""
    a = Value(2.0)

    def function(x: Any) -> Value:
        return a * x if x > 0.5 else a

    replay = Replay(function, 1.0)
    program = replay.trace.program
    outputs, _ = evaluate(program, [2.0], [0.25])
    assert outputs[0] != function(0.25).data
    assert outputs[program.results] != replay.trace.guards[0].expected
