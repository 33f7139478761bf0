"""What Python looks at becomes a guard: named with its line, kept by the same arguments, broken by others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.tracing import trace
from tests.compiler.tracing.replay import Miss, Replay, alike, plain

w = Value(0.5)

# A function, what it is said to look at, arguments of the trace, others that it serves, and some that it does not.
LOOKS: dict[str, tuple[Callable[..., Any], str, tuple[Any, ...], list[tuple[Any, ...]], list[tuple[Any, ...]]]] = {
    "a branch": (lambda x: w * x if x > 1 else w, "the truth of a comparison", (2.0,), [(3.0,)], [(0.0,), (1.0,)]),
    "not": (lambda x: w if not x > 1 else w * 2, "the truth of a comparison", (2.0,), [(3.0,)], [(0.0,)]),
    "a chain": (lambda x: w if 0 < x < 2 else w * 2, "the truth of a comparison", (1.0,), [(1.5,)], [(3.0,), (-1.0,)]),
    "a branch on a Value": (lambda x: w * x if w * x > 1 else w, "the truth of a comparison", (4.0,), [(5.0,)], [(1,)]),
    "truth": (lambda x: w if x else w * 2, "whether a number is 0", (2.0,), [(3.0,), (math.nan,)], [(0.0,)]),
    "truth of a Value": (lambda x: w if w * x else w * 2, "whether a number is 0", (2.0,), [(3.0,)], [(0.0,)]),
    "max": (lambda xs: w * max(xs), "the truth of a comparison", ([1.0, 2.0],), [([3.0, 4.0],)], [([2.0, 1.0],)]),
    "max of Values": (lambda xs: max([w * x for x in xs]), "the truth of a comparison", ([1.0, 2.0],), [([3.0, 4.0],)],
                      [([2.0, 1.0],)]),
    "sorted": (lambda xs: [w * x for x in sorted(xs)], "the truth of a comparison", ([1.0, 2.0],), [([3.0, 4.0],)],
               [([2.0, 1.0],)]),
    "==": (lambda x: w if x == 2 else w * 2, "the truth of a comparison", (2.0,), [(2,)], [(3.0,)]),
    "in": (lambda x: w if x in (1, 2) else w * 2, "the truth of a comparison", (2.0,), [(2,)], [(1,), (3.0,)]),
    "an index": (lambda n: w * [1.0, 2.0, 3.0][n], "an index", (1,), [(1,)], [(2,), (1.0,)]),
    "range": (lambda n: cr.sum([w * i for i in range(n)]), "an index", (3,), [(3,)], [(4,)]),
    "a repeated list": (lambda n: cr.sum([w] * n), "an index", (3,), [(3,)], [(4,)]),
    "a key": (lambda x: w * {1: 2.0, 2: 3.0}[x], "a hash", (1,), [(1,)], [(2,)]),
    "float()": (lambda x: w * float(x), "float()", (1.5,), [(1.5,)], [(2.0,)]),
    "math": (lambda x: w * math.exp(x), "float()", (1.5,), [(1.5,)], [(2.0,)]),
    "int()": (lambda x: w * int(x), "int()", (1.5,), [(1.5,)], [(1.6,)]),
    "round()": (lambda x: w * round(x, 1), "round()", (1.53,), [(1.53,)], [(1.54,)]),
    "//": (lambda x: w * (x // 2), "an operand of //", (5,), [(5,)], [(4,)]),
    "%": (lambda x: w * (7 % x), "an operand of %", (5,), [(5,)], [(4,)]),
    "divmod()": (lambda x: w * divmod(x, 2)[1], "an operand of divmod()", (5,), [(5,)], [(4,)]),
    "& of integers": (lambda x: w * (x & 1), "an operand of & or |", (5,), [(5,)], [(4,)]),
    "^": (lambda x: w * (x ^ 1), "an operand of ^", (5,), [(5,)], [(4,)]),
    "~": (lambda x: w * ~x, "an operand of ~", (5,), [(5,)], [(4,)]),
    "a text": (lambda x: w * len(f"{x:.3f}"), "its text", (5.0,), [(5.0,)], [(4.0,)]),
    "str()": (lambda x: w * len(str(x)), "its text", (5.0,), [(5.0,)], [(4.0,), (5,)]),
    "an attribute": (lambda x: w if x.is_integer() else w * 2, "its attribute 'is_integer'", (5.0,), [(5.0,)],
                     [(4.0,)]),
    ".data": (lambda x: w * x * (w * x).data, ".data of a Value", (5.0,), [(5.0,)], [(4.0,)]),
    "float() of a Value": (lambda x: w * math.exp(w * x), "float() of a Value", (5.0,), [(5.0,)], [(4.0,)]),
    "int() of a Value": (lambda x: w * int(w * x), "int() of a Value", (5.0,), [(5.0,)], [(4.0,)]),
    "round() of a Value": (lambda x: w * round(w * x, 1), "round() of a Value", (5.0,), [(5.0,)], [(4.0,)]),
    "the text of a Value": (lambda x: w * len(f"{w * x:.2f}"), "the text of a Value", (5.0,), [(5.0,)], [(4.0,)]),
    "a divisor": (lambda x: w * (1 / x), "a divisor, whether it is 0", (5.0,), [(4.0,)], [(0.0,)]),
    "a power": (lambda x: w * x**0.5, "a power, whether it is finite", (5.0,), [(4.0,)], [(-1.0,)]),
    "argmax": (lambda X: w * X[np.argmax(X)], "the truth of a comparison", (np.array([1.0, 2.0]),),
               [(np.array([3.0, 4.0]),)], [(np.array([2.0, 1.0]),)]),
    "astype(int)": (lambda X: w * X.astype(int)[0], "int()", (np.array([1.5]),), [(np.array([1.5]),)],
                    [(np.array([1.6]),)]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_a_guard(name: str) -> None:
    function, what, first, served, missed = LOOKS[name]
    replay = Replay(function, *first)
    assert {guard.what for guard in replay.trace.guards} - {"the truth of a comparison"} <= {what}
    assert replay.trace.guards[0].what == what
    guard = replay.trace.guards[0]
    assert guard.file == __file__
    assert guard.text.startswith(f'"{name}"') or what in ("the truth of a comparison", "int()")
    assert guard.remedy in guard.sentence
    assert what in guard.sentence
    for call in [first, *served]:
        assert alike(replay(*call), plain(function(*call))), call
    for call in missed:
        assert isinstance(replay(*call), Miss), call


def test_live_data_is_guarded() -> None:
    p = Value(2.0)
    replay = Replay(lambda x: w * x * p.data + p, 1.0)
    assert replay(2.0) == 4.0
    p.data = 3.0
    assert isinstance(replay(2.0), Miss)


def test_a_look_is_guarded_once() -> None:
    def function(x: Any) -> Value:
        return cr.sum([w * float(x) for _ in range(10)])  # type: ignore[no-any-return]

    assert len(trace(function, (1.0,), {}).guards) == 1


def test_the_line_is_the_persons_own() -> None:
    def function(xs: Any) -> Value:
        return cr.losses.cross_entropy([[w, w * 2]], [np.argmax(xs)])

    (guard,) = trace(function, (np.array([1.0, 2.0]),), {}).guards
    assert guard.function == "function"
    assert "np.argmax(xs)" in guard.text


@pytest.mark.parametrize("number", [0.0, -0.0, math.inf, math.nan])
def test_exact_guards_of_special_numbers(number: float) -> None:
    replay = Replay(lambda x: (w, float(x * 1.0)), number)
    assert alike(replay(number), (0.5, number))
    for other in (1.0, -number, 1e-13, -math.inf):
        if not alike(other, number) or math.copysign(1.0, other) != math.copysign(1.0, number):
            assert isinstance(replay(other), Miss) or math.isnan(number)


def test_whether_values_are_the_same() -> None:
    a, b = Value(1.0), Value(2.0)
    replay = Replay(lambda x, y: x * y * len({x, y}), a, b)
    assert replay(b, a) == 4.0
    assert isinstance(replay(a, a), Miss)
    with pytest.raises(cr.errors.NotTraceable, match="same"):
        trace(lambda x, y: x * y * len({x, y}), (a, a), {})
    with pytest.raises(cr.errors.NotTraceable, match="same"):
        trace(lambda x: x * 2 if x == a else x, (a,), {})
    assert Replay(lambda x: x * 2 if x == a else x, b)(b) == 2.0


def test_what_is_the_same_by_itself_is_no_question() -> None:
    replay = Replay(lambda x: x * 2 if x == x else x, Value(1.0))
    assert not replay.trace.distinct


def test_one_guard_of_a_truth_serves_its_opposite() -> None:
    def function(x: Any) -> Any:
        return w * (1 if x > 0 else 2) * (1 if not x > 0 else 2)

    replay = Replay(function, 1.0)
    assert replay(2.0) == 1.0
    assert isinstance(replay(-2.0), Miss)
