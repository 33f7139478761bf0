"""Slopes as expressions, and who is differentiated together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.classes import ClassProgram, Kind
from chainrule.compiler.raising import Irregular, differentiate, raise_program
from chainrule.compiler.raising.signatures import MOST, SMALL, groups_of
from chainrule.compiler.raising.slopes import Symbol, is_short, operands_used, slope_of
from chainrule.engine import apply
from chainrule.ops import TABLE, Op, op, rows
from chainrule.ops.row import BY_CODE
from tests.compiler.raising.eager import program_of
from tests.compiler.raising.test_programs import agree, points, raised

FIXED = [row for row in rows() if row.arity is not None]


def text(expression: Symbol | float) -> str:
    """An expression as a person writes it, operands a, b, c, value last."""
    if not isinstance(expression, Symbol):
        return f"{expression:g}"
    if expression.name == "operand":
        return "abcd"[expression.args[0]]
    return f"{expression.name}({', '.join(text(each) for each in expression.args)})"


def number_of(expression: Symbol | float, operands: list[float]) -> float:
    if not isinstance(expression, Symbol):
        return expression
    if expression.name == "operand":
        return operands[int(expression.args[0])]
    value: float = TABLE[expression.name](*[number_of(each, operands) for each in expression.args])
    return value


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_an_expression_is_the_slope(row: Op) -> None:
    for point in points(row):
        operands = [abs(x) for x in point] if row.name == "power" else point
        y = row.value(*operands)
        for place, rule in enumerate(row.derivatives):
            slope = slope_of(row.code, place, (None,) * len(operands))
            if isinstance(slope, Symbol) and slope.name == "unknown":
                continue
            expected = rule(*operands, y)
            assert number_of(slope, [*operands, y]) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "place", "numbers", "expected"),
    [
        ("add", 1, (None, None), "1"),
        ("subtract", 1, (None, None), "-1"),
        ("multiply", 0, (None, None), "b"),
        ("divide", 0, (None, None), "divide(1, b)"),
        ("divide", 1, (None, None), "multiply(-1, divide(c, b))"),
        ("exp", 0, (None,), "b"),
        ("sqrt", 0, (None,), "divide(0.5, b)"),
        ("tanh", 0, (None,), "subtract(1, multiply(b, b))"),
        ("softplus", 0, (None,), "sigmoid(a)"),
        ("power", 0, (None, 2.5), "multiply(2.5, power(a, 1.5))"),
        ("exp_difference", 1, (None, None), "multiply(-1, c)"),
        ("less", 0, (None, None), "0"),
        ("where", 0, (None, None, None), "0"),
    ],
)
def test_simple_slopes(name: str, place: int, numbers: tuple[float | None, ...], expected: str) -> None:
    slope = slope_of(TABLE[name].code, place, numbers)
    assert text(slope) == expected
    assert is_short(slope)


def test_slopes_with_choices_stay_rules() -> None:
    slope = slope_of(TABLE["maximum"].code, 0, (None, None))
    assert not is_short(slope)
    assert operands_used(slope) == {0, 1}


def test_what_a_rule_does_not_read_is_the_constant_zero() -> None:
    values = [Value(x) for x in (0.5, -0.5, 0.25)]
    program = raised([cr.sum([cr.gelu(v) for v in values])], values)
    [rule] = [each for each in program.classes if each.rule and each.rule.slope is not None]
    assert program.classes[rule.slots[0].source].kind is Kind.VALUE
    assert program.classes[rule.slots[1].source].kind is Kind.CONSTANT


# Rows that are added while the program runs


@pytest.fixture
def added() -> Iterator[list[Op]]:
    """New rows: one in the vocabulary of ops, one that asks its operands like plain floats, one of any number."""
    known = len(BY_CODE)

    @op(arity=2, formula="a · b²", slopes=("b²", "2ab"), public=False)
    def scaled_square(a: Any, b: Any) -> Any:
        return a * b * b

    @scaled_square.derivative
    def by_a(_a: Any, b: Any, _y: Any) -> Any:
        return b * b

    @scaled_square.derivative
    def by_b(a: Any, b: Any, _y: Any) -> Any:
        return 2.0 * a * b

    @op(formula="a² below 0, else a³", slopes=("2a or 3a²",), public=False)
    def bent(a: Any) -> Any:
        return a**2 if a < 0 else a**3

    @bent.derivative
    def bent_da(a: Any, _y: Any) -> Any:
        return 2 * a if a < 0 else math.fsum([a * a, a * a, a * a])

    @op(arity=None, formula="a₁² + …", slopes=("2a₁, …",), public=False)
    def squares(*operands: Any) -> Any:
        return math.fsum(each * each for each in operands)

    @squares.derivative
    def squares_slopes(operands: Any, _y: Any) -> Any:
        return [2.0 * each for each in operands]

    made = [scaled_square, bent, squares]
    yield made
    del BY_CODE[known:]
    for row in made:
        del TABLE[row.name]
    slope_of.cache_clear()


def test_new_rows_are_raised_at_once(added: list[Op]) -> None:
    values = [Value(x) for x in (0.5, -0.25, 0.75, 0.125)]
    agree([cr.sum([apply(added[0], pair) for pair in pairwise(values)])], values)
    agree([cr.sum([apply(added[1], [v]) for v in values])], values)


def test_a_new_row_of_any_number_of_operands_is_refused(added: list[Op]) -> None:
    values = [Value(x) for x in (0.5, -0.25, 0.75)]
    answer = raise_program(program_of([apply(added[2], values)], values))
    assert isinstance(answer, Irregular)
    assert "'squares'" in answer.reason


# Conditions and detached numbers


def test_no_gradient_passes_what_is_detached() -> None:
    values = [Value(x) for x in (0.5, -0.25, 0.75)]
    detached = TABLE["detached"]
    program = agree([cr.sum([v * apply(detached, [v * w]) for v, w in pairwise(values)])], values)
    assert not any(each.rule and each.rule.code == detached.code for each in program.classes)


def test_detached_terms_beside_themselves() -> None:
    """Without its detachment, a term has the class of the other: the sum's slots become one."""
    values = [Value(x) for x in (0.5, -0.25, 0.75)]
    squares = [v * v for v in values]
    agree([cr.sum([(s + apply(TABLE["detached"], [s])).exp() for s in squares])], values)


def test_a_softmax_shifted_by_a_detached_maximum() -> None:
    values = [Value(x) for x in (0.5, -0.25, 0.75, 0.1)]
    largest = apply(TABLE["detached"], [cr.maximum(cr.maximum(values[0], values[1]), cr.maximum(values[2], values[3]))])
    exponentials = [(v - largest).exp() for v in values]
    total = cr.sum(exponentials)
    program = agree([cr.sum([(1.0 + k) * e / total for k, e in enumerate(exponentials)])], values)
    assert [each.kind for each in program.classes].count(Kind.MAX) == 1


def test_conditions() -> None:
    values = [Value(x) for x in (0.5, -0.25, 0.75, 0.1)]
    for name in ("less", "less_equal", "equal"):
        conditions = [apply(TABLE[name], [v, 0.3]) for v in values]
        agree([cr.sum([cr.where(c, v * v, v) for c, v in zip(conditions, values, strict=True)])], values)


# Groups


def test_members_with_the_same_contributors_are_together() -> None:
    groups = groups_of([np.array([0, 1, 2, 3]), np.array([2, 3, 4, 5])], 7, [False, False])
    assert [(members.tolist(), given) for members, given in groups] == [
        ([0, 1], [0]),
        ([2, 3], [0, 1]),
        ([4, 5], [1]),
    ]


def test_few_members_join_many_with_more_contributors() -> None:
    groups = groups_of([np.arange(10), np.arange(9)], 10, [False, False])
    assert [(members.tolist(), given) for members, given in groups] == [(list(range(10)), [0, 1])]


def test_many_members_join_few_that_have_a_single_term_more() -> None:
    every, some = np.repeat(np.arange(10), 2), np.array([2, 5])
    assert [(members.tolist(), given) for members, given in groups_of([every, some], 10)] == [(list(range(10)), [0, 1])]
    assert len(groups_of([every, np.repeat(some, 2)], 10)) == 2


def test_more_contributors_than_bits() -> None:
    targets = [np.array([k % 5]) for k in range(150)]
    groups = groups_of(targets, 6)
    assert [members.tolist() for members, _ in groups] == [[0], [1], [2], [3], [4]]
    assert [given for _, given in groups] == [list(range(k, 150, 5)) for k in range(5)]


def test_the_number_of_groups_is_bounded() -> None:
    rng = np.random.default_rng(0)
    targets = [np.flatnonzero(rng.integers(0, 2, 400)) for _ in range(12)]
    groups = groups_of(targets, 400)
    assert len(groups) <= MOST
    assert sorted(np.concatenate([members for members, _ in groups]).tolist()) == list(range(400))
    for members, given in groups:
        for k, each in enumerate(targets):
            assert k in given or not np.isin(members, each).any()


@pytest.mark.parametrize(("members", "groups"), [(SMALL, 40), (SMALL - 1, MOST)])
def test_layers_and_time_steps_stay_apart(members: int, groups: int) -> None:
    targets = [np.repeat(np.arange(members) + members * k, 2) for k in range(40)]
    assert len(groups_of(targets, 40 * members)) == groups


def test_wiring_without_structure_is_refused_after_differentiation() -> None:
    rng = np.random.default_rng(0)
    values = [Value(x) for x in rng.uniform(-1, 1, 40)]
    pool: list[Any] = list(values)
    for _ in range(4):
        pool += [pool[rng.integers(len(pool))] * pool[rng.integers(len(pool))] for _ in range(60)]
    classes = raise_program(program_of([cr.sum(pool)], values))
    assert isinstance(classes, ClassProgram)
    answer = differentiate(classes, limit=20)
    assert isinstance(answer, Irregular)
    assert "different kinds" in answer.reason


@pytest.mark.parametrize(("width", "regular"), [(40, True), (4, False)])
def test_a_thousand_steps_are_many_classes_but_not_too_many_if_they_are_wide(width: int, regular: bool) -> None:
    values = [Value(x) for x in np.linspace(-1, 1, width)]
    steps: list[Any] = list(values)
    for _ in range(1300):
        steps = [x.sin() for x in steps]
    assert isinstance(raise_program(program_of([cr.sum(steps)], values)), ClassProgram) is regular
