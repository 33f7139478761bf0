"""Raised and differentiated programs against the engine: values, gradients, every row of the op table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import Value
from chainrule.compiler.classes import ClassProgram, Kind
from chainrule.compiler.program import Program
from chainrule.compiler.raising import Irregular, differentiate, forward_count, raise_program, run_classes
from chainrule.engine import apply, topological_order
from chainrule.ops import Op, rows
from tests.compiler.raising.eager import numbers_of, program_of


def raised(results: Sequence[Value], values: Sequence[Value], inputs: Sequence[Value] = ()) -> ClassProgram:
    return joint_of(program_of(results, values, inputs))


def joint_of(program: Program) -> ClassProgram:
    classes = raise_program(program)
    assert isinstance(classes, ClassProgram)
    joint = differentiate(classes)
    assert isinstance(joint, ClassProgram)
    return joint


def agree(results: Sequence[Value], values: Sequence[Value], inputs: Sequence[Value] = ()) -> ClassProgram:
    """Assert that outputs and gradients are eager's, as api.md says; return the program."""
    joint = raised(results, values, inputs)
    seeds = [1.0] if len(results) == 1 else [0.5 + k for k in range(len(results))]
    outputs, gradients = run_classes(joint, numbers_of(values), numbers_of(inputs), seeds)
    total = results[0] if len(results) == 1 else cr.dot(list(results), seeds)
    for leaf in values:
        leaf.grad = 0.0
    total.backward()
    nodes = topological_order(total)
    largest = max([1.0, *(abs(x) for node in nodes for x in (node.data, node.grad) if math.isfinite(x))])
    assert gradients is not None
    expected = [(v.data, got) for v, got in zip(results, outputs, strict=True)]
    expected += [(v.grad, got) for v, got in zip(values, gradients, strict=True)]
    for wanted, got in expected:
        if math.isfinite(wanted):
            assert abs(wanted - got) <= 1e-12 * largest, (wanted, got)
    return joint


def kinds(program: ClassProgram) -> list[Kind]:
    return [each.kind for each in program.classes]


# Every row of the table


def points(op: Op, count: int = 7) -> list[list[float]]:
    """Return a few operands for each place of an op, inside its domain and away from its kinks."""
    rng = np.random.default_rng(op.code)
    columns = []
    for low, high in op.domain if op.arity is not None else ((-math.inf, math.inf),) * 4:
        columns.append(rng.uniform(max(low, -1.5) * 0.9 + 0.05, min(high, 1.5) * 0.9, count).tolist())
    return [list(point) for point in zip(*columns, strict=True)]


@pytest.mark.parametrize("op", rows(), ids=lambda op: op.name)
def test_every_row(op: Op) -> None:
    table = [[abs(a) + 0.1, b] for a, b in points(op)] if op.name == "power" else points(op)
    operands = [[Value(x) for x in point] for point in table]
    total = cr.sum([apply(op, point) * (1.0 + k) for k, point in enumerate(operands)])
    agree([total], [v for point in operands for v in point])


@pytest.mark.parametrize("op", [op for op in rows() if op.arity in (2, 3)], ids=lambda op: op.name)
@pytest.mark.parametrize("same", [False, True])
def test_every_row_with_numbers_for_operands(op: Op, same: bool) -> None:
    for place in range(op.arity or 0):
        values, results = [], []
        for point in points(op):
            value = Value(abs(point[place]) + 0.1)
            operands: list[Any] = list(points(op)[0] if same else point)
            operands[place] = value
            if op.name == "power":
                operands[0] = abs(operands[0])
            values.append(value)
            results.append(apply(op, operands))
        agree([cr.sum(results)], values)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 0.5, -0.5, -1.0, 2.5, -2.0, 1.5, 4.0])
def test_powers_by_a_number(exponent: float) -> None:
    values = [Value(0.3 + 0.2 * k) for k in range(5)]
    agree([sum((v**exponent for v in values), Value(0.0))], values)


def test_exponents_are_part_of_the_class() -> None:
    values = [Value(0.3 + 0.2 * k) for k in range(6)]
    program = agree([cr.sum([v ** (2.5 if k % 2 else 4.5) for k, v in enumerate(values)])], values)
    powers = [c for c in program.classes if c.rule and c.rule.code == cr.ops.TABLE["power"].code]
    assert len({int(c.slots[1].members[0]) for c in powers}) >= 2
    assert all(np.ptp(c.slots[1].members) == 0 for c in powers)


# Structure


def perceptron(values: Callable[[], Value], inputs: Callable[[], Value], samples: int) -> Value:
    first = [([values() for _ in range(3)], values()) for _ in range(4)]
    second = [values() for _ in range(4)]
    losses = []
    for _ in range(samples):
        x = [inputs() for _ in range(3)]
        hidden = [sum((w * v for w, v in zip(ws, x, strict=True)), b).tanh() for ws, b in first]
        losses.append((cr.dot(second, hidden) - inputs()) ** 2)
    loss: Value = sum(losses) / samples
    return loss


class Maker:
    """Makes leaves with different numbers and keeps them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.made: list[Value] = []

    def __call__(self) -> Value:
        self.made.append(Value(self.rng.uniform(-1, 1)))
        return self.made[-1]


def test_the_number_of_classes_is_that_of_one_sample() -> None:
    counts = []
    for samples in (3, 9):
        values, inputs = Maker(1), Maker(2)
        loss = perceptron(values, inputs, samples)
        counts.append(len(agree([loss], values.made, inputs.made).classes))
    assert counts[0] == counts[1] < 40


def test_attention_with_ragged_sums_is_one_class_a_kind() -> None:
    counts = []
    for length in (3, 6):
        values = Maker(3)
        keys = [[values() for _ in range(4)] for _ in range(length)]
        losses = []
        for t in range(length):
            scores = [cr.sum(q * k for q, k in zip(keys[t], keys[u], strict=True)) for u in range(t + 1)]
            shares = cr.softmax(scores)
            losses.append(cr.sum(a * keys[u][0] for u, a in enumerate(shares)) - cr.logsumexp(scores))
        counts.append(len(agree([sum(losses)], values.made).classes))
    assert counts[0] == counts[1]


def test_the_target_of_a_cross_entropy_breaks_no_table() -> None:
    values, inputs = Maker(7), Maker(8)
    weights = [[values() for _ in range(4)] for _ in range(5)]
    rows = [[inputs() for _ in range(4)] for _ in range(6)]
    logits = [[cr.dot(w, row) for w in weights] for row in rows]
    program = agree([cr.losses.cross_entropy(logits, [0, 3, 3, 1, 4, 0])], values.made, inputs.made)
    products = [each.size for each in program.classes if each.kind is Kind.MAP and each.size > 5 * 6]
    assert products == [5 * 6 * 4] * 2  # of the forward pass, of the weights' gradients
    assert max(each.size for each in program.classes if each.kind is Kind.SUM) == 5 * 6


def test_groups_of_leaves_are_classes_of_their_own() -> None:
    values, inputs = Maker(9), Maker(10)
    loss = perceptron(values, inputs, 3)
    program = program_of([loss], values.made, inputs.made)
    grouped = replace(program, value_groups=(0, 7, 7, len(values.made)), input_groups=(0, 5, len(inputs.made)))
    joint = joint_of(grouped)
    numbers = numbers_of(values.made), numbers_of(inputs.made)
    results = [run_classes(joint_of(program), *numbers), run_classes(joint, *numbers)]
    assert [(k.group, k.size) for k in joint.classes if k.kind is Kind.INPUT] == [(0, 5), (1, len(inputs.made) - 5)]
    assert {k.group for k in joint.classes if k.kind is Kind.VALUE} == {0, 2}
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-14)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-13)


def test_what_guards_look_at_has_no_gradient() -> None:
    a, b = Value(0.5), Value(0.25)
    program = replace(program_of([a * b, (a * b).exp() * b], [a, b]), results=1)
    joint = joint_of(program)
    assert Kind.SEED not in kinds(joint)
    outputs, gradients = run_classes(joint, [0.5, 0.25])
    assert outputs.tolist() == [0.125, math.exp(0.125) * 0.25]
    assert gradients is not None
    assert gradients.tolist() == [0.25, 0.5]
    assert forward_count(joint) == len(joint.classes)


def test_inputs_are_in_the_order_of_places_and_values_in_that_of_packing() -> None:
    values, inputs = Maker(11), Maker(12)
    loss = perceptron(values, inputs, 3)
    values.made.reverse()
    inputs.made.reverse()
    program = agree([loss], values.made, inputs.made)
    [taken] = [k.places for k in program.classes if k.kind is Kind.INPUT]
    [live] = [k.places for k in program.classes if k.kind is Kind.VALUE]
    assert taken is not None
    assert live is not None
    assert program.gradients is not None
    assert (np.diff(taken) > 0).all()
    assert (np.diff(program.gradients.classes[live]) >= 0).all()
    packed = program.gradients.members[live]
    assert all(np.diff(packed)[np.diff(program.gradients.classes[live]) == 0] == 1)


def test_equal_rows_are_merged() -> None:
    a, b = Value(0.5), Value(-0.7)
    program = agree([sum((a * b).exp() + (a * b).exp() for _ in range(10))], [a, b])
    assert max(each.size for each in program.classes if each.kind is Kind.MAP) == 1


def test_a_graph_without_structure_is_refused_quickly() -> None:
    x = y = Value(0.3)
    for _ in range(300):
        y = (y * x).tanh()
    answer = raise_program(program_of([y], [x]), limit=100)
    assert isinstance(answer, Irregular)
    assert "100" in answer.reason


def test_what_no_output_needs_is_gone() -> None:
    a, b = Value(2.0), Value(3.0)
    program = agree([a * 2.0], [a, b])
    assert all(each.kind in (Kind.CONSTANT, Kind.VALUE, Kind.MAP) for each in program.classes)
    assert program.gradients is not None
    assert program.gradients.classes[1] == -1


def test_results_that_are_leaves_and_twice_the_same() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    agree([a, c, c, b, Value(4.0)], [a, b])
    agree([a], [a, b])
    agree([b], [a], [b])


def test_one_term_sums_and_the_zero_of_sum_are_no_classes() -> None:
    values = [Value(0.1 * k) for k in range(1, 6)]
    program = agree([cr.sum([sum([v.exp()]) * 1.0 for v in values])], values)
    assert kinds(program).count(Kind.SUM) == 1
    assert sum(each.kind is Kind.MAP for each in program.classes) == 1


def test_the_larger_of_many_has_no_gradient_through_its_shift() -> None:
    values = [Value(x) for x in (3.0, -2.0, 900.0, 899.0)]
    program = agree([cr.logsumexp(values)], values)
    assert Kind.MAX in kinds(program)


def test_divisions_by_one_number_share_its_reciprocal() -> None:
    values = [Value(0.1 * k) for k in range(1, 9)]
    exponentials = [v.exp() for v in values]
    total = cr.sum(exponentials)
    agreed = agree([cr.sum([(1.0 + k) * e / total for k, e in enumerate(exponentials)])], values)
    quotients = [c for c in agreed.classes if c.rule and c.rule.code == cr.ops.TABLE["divide"].code]
    assert [c.size for c in quotients] == [1]


# Random programs


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Value], list[Value], list[Value]]:
    """Draw results, values and inputs: a pool of numbers that grows by steps done once or for many rows."""
    number = st.floats(-2.0, 2.0).map(lambda x: round(x, 3))
    values = [Value(draw(number)) for _ in range(draw(st.integers(1, 5)))]
    inputs = [Value(draw(number)) for _ in range(draw(st.integers(0, 4)))]
    pools: list[list[Any]] = [values, values + inputs]
    for _ in range(draw(st.integers(1, 6))):
        step = draw(st.sampled_from(STEPS))
        sources = [draw(st.sampled_from(pools)) for _ in range(2)]
        picks = draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=5))
        constant = draw(number)
        arguments = [{"a": sources[0][i % len(sources[0])], "b": sources[1][k % len(sources[1])]} for i, k in picks]
        pools.append([_done(step, pool=sources[0], c=constant, **each) for each in arguments])
    flat = [node for pool in pools[2:] for node in pool]
    count = draw(st.integers(1, 3))
    results = [flat[draw(st.integers(0, len(flat) - 1))] for _ in range(count - 1)] + [cr.sum(flat)]
    return results, values, inputs


def _done(step: Callable[..., Any], **arguments: Any) -> Any:
    """Call a step with those arguments that it names."""
    return step(**{name: arguments[name] for name in signature(step).parameters})


STEPS: list[Callable[..., Any]] = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, c: a * c,
    lambda b, c: c - b,
    lambda a, b: a / (1.5 + b**2),
    lambda a: a / 3,
    lambda a: (a * 0.25).tanh() * 1.0,
    lambda a: a.sigmoid().exp(),
    lambda a: a.relu(),
    lambda a, b: cr.maximum(b, a * 2.0),
    lambda a, b, c: cr.where(b, a, c),
    lambda a: (1.0 + a * a) ** -0.5,
    lambda a: (1.0 + a**2) ** 1.5,
    lambda pool, c: sum([*pool[: len(pool) // 2 + 1], c]),
    lambda pool: sum([pool[0], *pool[1:]]),
    lambda b, pool: cr.sum([*pool, b]),
    lambda b, pool, c: cr.dot(pool, [*pool[1:], c], b),
    lambda pool, c: cr.logsumexp([*pool, c]),
    lambda a, b, c: cr.softmax([a, b, c])[0],
]


@settings(max_examples=300, deadline=None)
@given(programs())
def test_random_programs(drawn: tuple[list[Value], list[Value], list[Value]]) -> None:
    agree(*drawn)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_random_wiring(seed: int) -> None:
    """Sparse layers wired at random, with sums of any length and shared weights."""
    rng = np.random.default_rng(seed)
    values = [Value(x) for x in rng.uniform(-1, 1, 12)]
    layer: list[Any] = [Value(x) for x in rng.uniform(-1, 1, 6)]
    inputs = list(layer)
    for _ in range(3):
        layer = [
            cr.sum(values[rng.integers(12)] * layer[rng.integers(len(layer))] for _ in range(rng.integers(1, 5))).tanh()
            for _ in range(rng.integers(2, 8))
        ]
    agree([cr.sum(layer)], values, inputs)
