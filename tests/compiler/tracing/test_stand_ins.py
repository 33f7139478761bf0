"""Stand-ins are numbers: what is computed with them is what eager code computes, for other numbers too."""

from __future__ import annotations

import copy
import math
import operator
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, losses
from chainrule.compiler.tracing import trace
from chainrule.errors import GraphError
from chainrule.nn import MLP
from tests.compiler.tracing.replay import Miss, Replay, alike, plain

w = Value(0.5)
ws = [Value(0.3), Value(-0.7), Value(1.1)]
random.seed(3)
model = MLP(3, [4, 2], activation="tanh", bias="uniform")

# Functions that look at nothing, with arguments for the trace and for later calls.
SMOOTH: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "sum, difference, product": (lambda x, y: w * (x + y - 2) * (3 - x), [(2.0, 3.0), (-1.0, 4), (7, 8)]),
    "a numpy scalar on the left": (lambda x: np.float64(2.0) * x * w, [(2.0,), (3,)]),
    "a fraction": (lambda x: w * (x + Fraction(1, 3)), [(2.0,), (3.0,)]),
    "numpy scalars": (lambda x: w * x, [(2.0,), (np.float64(3.0),), (np.int64(4),), (5,)]),
    "powers of Values": (lambda x: ws[2] ** x + x**w + ws[2] ** 2 + 2**w, [(2.0,), (3.0,)]),
    "an integer's power": (lambda n: w * n**2, [(3,), (-4,)]),
    "Python's sum": (lambda xs: w * sum(xs), [([1.0, 2.0],), ([3, 4.0],)]),
    "abs, -, +": (lambda x: (w * abs(x), -x + w, +x), [(-2.0,), (3.0,)]),
    "Value(x)": (lambda xs: [Value(x) * w for x in xs], [([1.0, 2.0],), ([3.0, 4.0],)]),
    "list(map(Value, row))": (lambda rows: [model(list(map(Value, row))) for row in rows], [
        ([[1.0, 2.0, 3.0]],), ([[0.1, -2.0, 0.0]],),
    ]),
    "a network": (model, [([1.0, 2.0, 3.0],), ([0.1, -2.0, 0.0],)]),
    "a network of an array": (lambda X: [model(x) for x in X], [(np.ones((2, 3)),), (np.eye(3)[:2],)]),
    "dot": (lambda x: cr.dot(ws, x, 1.0) + cr.dot(x, x) * w, [([1.0, 2.0, 3.0],), ([0.1, -2.0, 0.0],)]),
    "sum": (lambda x: cr.sum([*ws, *x]) + cr.sum(x), [([1.0, 2.0],), ([0.1, -2.0],)]),
    "mean": (lambda x: cr.mean([v * each for v, each in zip(ws, x, strict=True)]), [
        ([1.0, 2.0, 3.0],), ([0.1, -2.0, 0.0],),
    ]),
    "logsumexp": (lambda x: cr.logsumexp([w * each for each in x]) + cr.logsumexp(x), [
        ([1.0, 2.0, 3.0],), ([900.0, -2.0, 0.0],),
    ]),
    "softmax": (lambda x: cr.softmax([w * each for each in x]), [
        ([1.0, 2.0, 3.0],), ([900.0, -2.0, 0.0],),
    ]),
    "functions of numbers": (lambda x, y: w * cr.atan2(x, y) + cr.hypot(x, 3) * cr.exp(y) + cr.tanh(x), [
        (1.0, 2.0), (-3.0, 0.5),
    ]),
    "numpy's functions": (lambda x: w * np.exp(x) + np.sqrt(x) + np.tanh(x), [(1.0,), (2.0,)]),
    "maximum": (lambda x: cr.maximum(w * x, 0.75) + cr.minimum(x, 2), [(1.0,), (5.0,)]),
    "where": (lambda x: cr.where(x > 1, w * x, w + x), [(2.0,), (0.0,), (1.0,), (math.nan,)]),
    "where of a Value": (lambda x: cr.where(w * x <= 1, w * x, x * 3.0), [(2.0,), (3.0,)]),
    "conditions together": (lambda x: cr.where((x > 1) & (x < 3) | (x == 7), w, w * 2), [(2.0,), (4.0,), (7.0,)]),
    "a count": (lambda xs: (w, sum(w * x > 0.1 for x in xs), sum(x != 2 for x in xs)), [
        ([1.0, -2.0, 2.0],), ([1.0, 2.0, 2.0],),
    ]),
    "conditions returned": (lambda x: (w, x > 1, x == 2, x != 2, x >= 3), [(2.0,), (3.0,)]),
    "detach": (lambda x: w * (w * x).detach(), [(2.0,), (3.0,)]),
    "array arithmetic": (lambda X: [*((X * 2 + 1) @ np.array(ws)), X.sum()], [
        (np.ones((2, 3)),), (np.arange(6.0).reshape(2, 3),),
    ]),
    "array means": (lambda X: w * X.mean() + X[0].mean(), [(np.ones((2, 3)),), (np.arange(6.0).reshape(2, 3),)]),
    "tolist and astype": (lambda X: w * X.tolist()[0][1] + X.T.astype(float)[1, 0], [
        (np.ones((2, 3)),), (np.arange(6.0).reshape(2, 3),),
    ]),
    "an array's type": (lambda X: w * X.sum() if X.dtype == float and (2 * X).T.dtype == X.dtype else w, [
        (np.ones((2, 3)),), (np.arange(6.0).reshape(2, 3),),
    ]),
    "an array of integers": (lambda y: w * (2 * y[0] - 1), [(np.array([0, 1]),), (np.array([1, 1]),)]),
    "small integers by a number": (lambda X: w * (X[0] / 255.0), [
        (np.array([15], np.uint8),), (np.array([250], np.uint8),),
    ]),
    "float32 with Values": (lambda X: w * X[0], [(np.array([1.5], np.float32),), (np.array([0.1], np.float32),)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_nothing_is_looked_at(name: str) -> None:
    function, calls = SMOOTH[name]
    replay = Replay(function, *calls[0])
    assert replay.trace.guards == ()
    for call in calls:
        assert alike(replay(*call), plain(function(*call))), call


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (losses.mse, [[[1.0, 2.0], [0.0, 3.0]], [[-1.0, 2.5], [0.5, 0.0]]]),
        (losses.cross_entropy, [[0, 1], [1, 1]]),
        (losses.binary_cross_entropy, [[[0.0, 1.0], [1.0, 0.5]], [[1.0, 1.0], [0.0, 0.25]]]),
        (losses.hinge, [[[1, -1], [1, 1]], [[-1, -1], [-1, 1]]]),
    ],
)
@pytest.mark.parametrize("form", [list, np.array])
def test_losses_fit_other_targets(loss: Callable[..., Any], targets: list[Any], form: Callable[[Any], Any]) -> None:
    def function(X: Any, y: Any) -> Value:
        result: Value = loss([model(x) for x in X], y)
        return result

    rows = [[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]]
    replay = Replay(function, rows, form(targets[0]))
    for each in targets:
        assert alike(replay(rows, form(each)), function(rows, form(each)).data)


RAISING: dict[str, tuple[Callable[..., Any], float, float]] = {
    "a division": (lambda x: w * (1.0 / x), 2.0, 0.0),
    "a division by a product": (lambda x: w * (x / (x * 0.5)), 2.0, 0.0),
    "an overflow": (lambda x: w * x**2, 2.0, 1e200),
    "a power of 0": (lambda x: w * x**-1, 2.0, 0.0),
    "a complex power": (lambda x: w * x**0.5, 2.0, -1.0),
    "a power of a number": (lambda x: w * 2.0**x, 2.0, 5000.0),
}


@pytest.mark.parametrize("name", RAISING)
def test_what_python_would_raise_for_is_no_number(name: str) -> None:
    function, good, bad = RAISING[name]
    replay = Replay(function, good)
    assert alike(replay(good), function(good).data)
    assert isinstance(replay(bad), Miss)


@pytest.mark.parametrize("given", [3, 3.0, True, np.float64(3.0), np.int64(3), np.float32(3.0)])
def test_a_stand_in_says_that_it_is_what_it_stands_for(given: Any) -> None:
    classes = (int, float, bool, str, complex, np.floating, np.integer)

    def function(x: Any) -> Any:
        return w, [isinstance(x, each) for each in classes]

    assert Replay(function, given)(given) == plain(function(given))
    replay = Replay(lambda x: w * (1 if isinstance(x, (int, np.integer)) else 2), given)
    assert isinstance(replay("3"), Miss)
    other = 3.0 if isinstance(given, (int, np.integer)) else 3
    assert isinstance(replay(other), Miss)


def test_classes_that_nobody_asked_for_may_differ() -> None:
    replay = Replay(lambda x: w * x, 2.0)
    for given in (2, np.int64(2), np.float64(2.0)):
        assert replay(given) == 1.0
    assert isinstance(replay(np.float32(2.0)), Miss)
    assert isinstance(replay(True), Miss)
    assert isinstance(replay(2**53 + 1), Miss)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8, np.int32])
def test_narrow_numbers_compute_in_their_own_way(kind: Any) -> None:
    with pytest.raises(cr.errors.NotTraceable, match="types"):
        trace(lambda x, y: w * (x * y), (kind(2), kind(3)), {})
    assert Replay(lambda x: w * x, kind(2))(kind(3)) == 1.5


def test_an_old_stand_in_is_the_number_that_it_was() -> None:
    class Keeper:
        kept: tuple[Any, ...]

        def __call__(self, x: Any) -> Any:
            self.kept = x, 2 * x, x > 1
            return w * x

    keeper = Keeper()
    try:
        trace(keeper, (3.0,), {})
    except cr.errors.NotTraceable:  # only the compiled engine sees that it was kept
        assert cr.engine.compiled
    x, double, truth = keeper.kept
    assert (x, double, hash(x), repr(double), f"{x:.1f}", int(x)) == (3.0, 6.0, hash(3.0), "6.0", "3.0", 3)
    assert truth
    assert (x + 1, 1 - x, x / 2, x**2, -x, abs(x), x // 2, x % 2) == (4.0, -2.0, 1.5, 9.0, -3.0, 3.0, 1.0, 1.0)
    assert {3.0: "found"}[x] == "found"
    assert (w * x).data == 1.5
    assert Value(x).data == 3.0
    assert cr.exp(x) == math.exp(3.0)
    assert cr.dot([w, 1.0], [x, x]).data == 4.5
    assert Replay(lambda y: w * y * x, 1.0)(2.0) == 3.0


def test_a_stand_in_of_another_thread_is_refused() -> None:
    import threading

    def function(x: Any) -> Any:
        problems: list[BaseException] = []

        def work() -> None:
            try:
                x + 1
            except GraphError as error:
                problems.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert len(problems) == 1
        return w * x

    assert Replay(function, 1.0)(2.0) == 1.0


def test_copies_are_the_same_number() -> None:
    assert Replay(lambda xs: w * copy.deepcopy(xs)[0] + copy.copy(xs[1]), [1.0, 2.0])([3.0, 4.0]) == 5.5


OPERATORS: list[Any] = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, max, min, divmod,
]  # fmt: skip
UNARY: list[Any] = [
    operator.neg, operator.pos, abs, int, float, bool, round, math.floor, str, operator.not_, cr.tanh, cr.sqrt,
]  # fmt: skip


def drawn(seed: int) -> Callable[..., Any]:
    """A random function of two numbers and a Value, by chance one that raises or looks."""
    draw = random.Random(seed)
    steps = [
        (draw.choice(OPERATORS + UNARY[:3]), draw.randrange(6), draw.randrange(6), draw.random() < 0.5)
        if draw.random() < 0.8
        else (draw.choice(UNARY), draw.randrange(6), 0, True)
        for _ in range(draw.randrange(1, 7))
    ]

    def function(x: Any, y: Any, v: Value) -> Any:
        known = [x, y, 2, 0.5, v * x, v]
        numbers = [x, y, 2, 0.5, x, y]
        for step, i, j, unary in steps:
            pool = numbers if unary or step not in (operator.add, operator.mul, max, operator.lt) else known
            arguments = (pool[i],) if step in UNARY else (pool[i], pool[j])
            result = step(*arguments)
            if isinstance(result, tuple):
                result = result[0]
            if not isinstance(result, str):
                (known if isinstance(result, Value) else numbers)[i] = result
        return [v * each if not isinstance(each, Value) else each for each in known[:4]], numbers

    return function


@pytest.mark.parametrize("block", range(4))
def test_random_arithmetic_of_numbers(block: int) -> None:
    """Whatever Python does with numbers, a trace gives the same for others, or says that it does not fit."""
    served = 0
    for seed in range(block * 100, block * 100 + 100):
        function = drawn(seed)
        try:
            replay = Replay(function, 1.5, 2, Value(0.25))
        except cr.errors.NotTraceable:
            continue
        for x, y, v in [(1.5, 2, 0.25), (1.75, 2, -0.5), (2.5, 3, 4.0), (-1.0, 0, 1.0), (0.0, 5, 0.5), (2, 2.0, 1.0)]:
            found = replay(x, y, Value(v))
            if not isinstance(found, Miss):
                served += 1
                assert alike(found, plain(function(x, y, Value(v)))), (seed, x, y, v)
    assert served > 200
