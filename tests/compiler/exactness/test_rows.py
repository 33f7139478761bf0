"""Every row of the op table compiled: natively, on the tape, and with nan and infinities where eager has them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.ops import TABLE, Op
from tests.compiler.exactness.agreement import Draw, misses
from tests.compiler.exactness.compiling import Calls, nothing_ran_eagerly
from tests.ops.grids import grid
from tests.programs import run_python

EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan, 5e-324, 1e-310, 1e-160, 1e160, 710.0, -746.0,
         1e308, 0.7517915246935645, 37.5)  # fmt: skip
SAMPLES = 24
TERMS = 5


def operands_of(row: Op, chance: random.Random) -> tuple[float, ...]:
    """Operands of moderate size at which the row is finite."""
    intervals = row.domain if row.arity else row.domain * TERMS
    while True:
        operands = tuple(chance.uniform(max(low, -2.5) + 0.05, min(high, 2.5) - 0.05) for low, high in intervals)
        y = row.value(*operands)
        if all(map(math.isfinite, [y, *row.local_derivatives(operands, y)])):
            return operands


# People reach these by functions of lists, which add in an order of their own.
OF_LISTS: dict[str, Any] = {
    "sum": cr.sum,
    "dot": lambda each: cr.dot(
        each[: len(each) // 2], each[len(each) // 2 : len(each) // 2 * 2], *each[len(each) // 2 * 2 :]
    ),
    "logsumexp": cr.logsumexp,
}


def apply(row: Op, operands: Sequence[Any]) -> Any:
    """The row as eager code applies it."""
    of_list = OF_LISTS.get(row.name)
    return of_list(list(operands)) if of_list else engine.apply(row, operands)


def batch(row: Op, operands: Sequence[Sequence[float]]) -> Draw:
    """The row applied to every tuple of operands, in a loop over parameters; several results."""
    p = [[Value(x) for x in each] for each in operands]

    def f() -> Any:
        return [apply(row, each) for each in p]

    return Draw(f, (), [x for each in p for x in each])


def with_numbers(row: Op, operands: Sequence[Sequence[float]], number: int) -> Draw:
    """The same with the operand of this place a plain number: a number of the arguments, and one of the text."""
    p = [[Value(x) for k, x in enumerate(each) if k != number] for each in operands]

    def f(numbers: list[float]) -> Any:
        given = [[*each[:number], x, *each[number:]] for each, x in zip(p, numbers, strict=True)]
        same = [[*each[:number], 0.75, *each[number:]] for each in p]
        return [apply(row, each) for each in (*given, *same)]

    return Draw(f, ([each[number] for each in operands],), [x for each in p for x in each])


ROWS = list(TABLE)


@pytest.mark.parametrize("executor", ["native", "tape"])
@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_parameters(name: str, executor: str) -> None:
    row = TABLE[name]

    def draw(call: int) -> Draw:
        chance = random.Random(f"{name} {call}")
        return batch(row, [operands_of(row, chance) for _ in range(SAMPLES)])

    calls = Calls(draw, executor=executor)
    for call in range(3):
        calls.check(call)
    native = 3 if executor == "native" else 0
    nothing_ran_eagerly(calls.compiled, native, 3 - native)


@pytest.mark.parametrize("name", [name for name in ROWS if TABLE[name].arity != 1])
def test_a_row_with_a_number(name: str) -> None:
    row = TABLE[name]
    for place in range(row.arity or 2):

        def draw(call: int, place: int = place) -> Draw:
            chance = random.Random(f"{name} {call}")
            return with_numbers(row, [operands_of(row, chance) for _ in range(SAMPLES)], place)

        calls = Calls(draw, executor="native")
        for call in range(2):
            calls.check(call)
        nothing_ran_eagerly(calls.compiled, native=2)


def at_the_edges(row: Op) -> list[tuple[float, ...]]:
    """Operands where eager has infinities, nan, ties and subnormal numbers."""
    if row.arity == 1:
        return [(x,) for x in (*EDGES, *(k for k in row.kinks), *(end for end in row.domain[0]))]
    if row.arity == 2:
        return list(itertools.product(EDGES, repeat=2))
    chance = random.Random(row.name)
    return [tuple(chance.choices(EDGES, k=row.arity or TERMS)) for _ in range(150)]


@pytest.mark.parametrize("name", ROWS)
def test_strict_gives_eagers_bits_at_the_edges(name: str) -> None:
    row = TABLE[name]
    calls = Calls(lambda _: batch(row, at_the_edges(row)), strict=True)
    for _ in range(2):
        calls.check_bits(0)
    nothing_ran_eagerly(calls.compiled, native=0, interpreted=2)


def everywhere(row: Op) -> list[tuple[float, ...]]:
    """The edges and the operands at which the row itself is measured, as far as eager is finite there."""
    operands = at_the_edges(row)
    with suppress(LookupError):  # what only the compiler needs has no reference
        operands += grid(row)
    finite = []
    for each in operands:
        y = row.value(*each)
        if all(map(math.isfinite, [y, *row.local_derivatives(each, y)])):
            finite.append(each)
    return finite


@pytest.mark.parametrize("name", ROWS)
def test_machine_code_agrees_wherever_eager_is_finite(name: str) -> None:
    """Thousands of operands, each judged by its own numbers alone: nothing large beside it lends it a larger bound."""
    row = TABLE[name]
    operands = everywhere(row)
    draw = batch(row, operands)
    results, gradients = [], []
    for function in (draw.function, cr.compile(draw.function, executor="native")):
        results.append(function())
        cr.sum(results[-1]).backward()
        gradients.append([leaf.grad for leaf in draw.leaves])
        for leaf in draw.leaves:
            leaf.grad = 0
    place = 0
    for numbers, expected, found in zip(operands, *results, strict=True):
        part = slice(place, place + len(numbers))
        slopes, native_slopes = gradients[0][part], gradients[1][part]
        assert not misses([expected.data], [found.data], abs(expected.data)), (numbers, expected, found)
        largest = max(map(abs, [*filter(math.isfinite, numbers), expected.data]))
        assert not misses(slopes, native_slopes, largest), (numbers, slopes, native_slopes)
        place += len(numbers)


@pytest.mark.parametrize("name", [name for name in ROWS if TABLE[name].arity == 1 and TABLE[name].public])
def test_a_row_inside_a_network(name: str) -> None:
    """Its slope multiplied by what follows, its operand made by what precedes."""
    row = TABLE[name]
    low, high = row.domain[0]
    middle = 0.0 if math.isinf(low) else low + 1.0 if math.isinf(high) else 0.5 * (low + high)

    def draw(call: int) -> Draw:
        chance = random.Random(f"{name} {call}")
        w = [[Value(chance.uniform(-0.3, 0.3)) for _ in range(3)] for _ in range(4)]
        v = [Value(chance.uniform(-1.0, 1.0)) for _ in range(4)]
        xs = [[chance.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(5)]

        def f(X: Any) -> Any:
            outs = [sum(b * row(cr.dot(a, x) + middle) for a, b in zip(w, v, strict=True)) for x in X]
            return cr.mean([(out - 0.3) ** 2 for out in outs])

        return Draw(f, (xs,), [*(x for each in w for x in each), *v])

    calls = Calls(draw, executor="native")
    for call in range(2):
        calls.check(call)
    nothing_ran_eagerly(calls.compiled, native=2)


NEW_ROW = """
import math
import chainrule as cr
from chainrule import Value
from chainrule.ops import op
from chainrule.ops.elementary import divide
from chainrule.ops.transcendental import cos, sin

@op("sec", formula="1 / cos a", slopes=("y · tan a",), domain=((-1.5, 1.5),))
def sec(a):
    return 1.0 / math.cos(a)

@sec.derivative
def sec_da(a, y):
    return divide(y * sin(a), cos(a))

@op("ratio", arity=2, formula="a / (1 + b²)", slopes=("1 / (1 + b²)", "−2ab / (1 + b²)²"))
def ratio(a, b):
    return a / (1.0 + b * b)

@ratio.derivative
def ratio_da(a, b, y):
    return divide(1.0, 1.0 + b * b)

@ratio.derivative
def ratio_db(a, b, y):
    return divide(-2.0 * y * b, 1.0 + b * b)

p = [Value(0.3), Value(-0.7), Value(1.1)]

def f(xs):
    return cr.sum([sec(a * x) + ratio(a, sec(b)) for x in xs for a, b in zip(p, p[1:])])

for executor in ("native", "tape", "strict"):
    options = {"strict": True} if executor == "strict" else {"executor": executor}
    g = cr.compile(f, **options)
    for xs in ([0.5, -0.25], [0.125, 1.0]):
        seen = []
        for function in (f, g):
            for each in p:
                each.grad = 0
            total = function(xs)
            total.backward()
            seen.append([total.data, *(each.grad for each in p)])
        assert all(abs(a - b) <= 1e-12 * max(1.0, abs(a)) for a, b in zip(*seen)), (executor, seen)
    assert g.report().eager_calls == 0, g.report()
    print(executor, g.report().native_calls, g.report().interpreted_calls)
"""


def test_a_row_added_while_the_program_runs_is_compiled_at_once() -> None:
    """In a process of its own, with no warning; machine code serves what the table's text can be translated to."""
    done = run_python(f"import warnings\nwarnings.simplefilter('error')\n{NEW_ROW}")
    assert done.returncode == 0, done.stderr
    native, tape, strict = done.stdout.splitlines()
    assert tape == "tape 0 2"
    assert strict == "strict 0 2"
    assert native in ("native 2 0", "native 0 2")
