"""Arguments and results: which structures fit a trace, and how results are put together."""

from __future__ import annotations

import dataclasses
import pickle
from collections import namedtuple
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.tracing import read_arguments, same_static, trace
from chainrule.errors import NotTraceable
from chainrule.nn import MLP
from tests.compiler.tracing.replay import Miss, Replay, alike, plain

w = Value(0.5)
Point = namedtuple("Point", ["x", "y"])
model = MLP(1, [1])


def total(*arguments: Any, **keywords: Any) -> Value:
    """The sum of every number in some arguments, times a parameter."""
    found: list[Any] = []

    def visit(part: Any) -> None:
        if isinstance(part, dict):
            part = list(part.values())
        if isinstance(part, (list, tuple)):
            for each in part:
                visit(each)
        elif isinstance(part, np.ndarray):
            found.extend(part.ravel())
        elif isinstance(part, (Value, float, int)) and not isinstance(part, bool):
            found.append(part)

    visit([arguments, keywords])
    return w * cr.sum(found)  # type: ignore[no-any-return]


# Arguments for a trace, others of the same structure, and some of another.
STRUCTURES: list[tuple[tuple[Any, ...], list[tuple[Any, ...]], list[tuple[Any, ...]]]] = [
    ((1.0,), [(2.0,)], [(1.0, 2.0), (), ([1.0],), (Value(1.0),), (None,), ("1",), (True,), (np.ones(()),)]),
    (([1.0, 2.0],), [([3.0, 4.0],)], [([1.0],), ((1.0, 2.0),), (np.ones(2),), ([[1.0, 2.0]],), ([1.0, Value(2.0)],)]),
    (((1.0, [2.0]),), [((3.0, [4.0]),)], [((1.0, (2.0,)),), ([1.0, [2.0]],)]),
    (({"a": 1.0, "b": 2.0},), [({"a": 3.0, "b": 1.0},)], [
        ({"b": 1.0, "a": 2.0},), ({"a": 1.0},), ({"a": 1.0, 2: 2.0},),
    ]),
    ((Point(1.0, 2.0),), [(Point(3.0, 4.0),)], [((1.0, 2.0),)]),
    ((np.ones((2, 3)),), [(np.zeros((2, 3)),), (np.ones((3, 2)).T,), (np.ones((2, 6))[:, ::2],)], [
        (np.ones((3, 2)),), (np.ones(6),), (np.ones((2, 3), np.float32),), (np.ones((2, 3), int),), ([[1.0] * 3] * 2,),
    ]),
    ((np.array(2.0),), [(np.array(3.0),)], [(2.0,)]),
    ((np.array([Value(1.0), 2.0], dtype=object),), [(np.array([Value(3.0), 4.0], dtype=object),)], [
        (np.array([1.0, 2.0], dtype=object),),
    ]),
    ((Value(1.0), 2.0), [(Value(3.0), 4.0), (w, 1.0)], [(1.0, 2.0), (Value(1.0), Value(2.0))]),
    ((1.0, "mean", None, True), [(2.0, "mean", None, True)], [(1.0, "sum", None, True), (1.0, "mean", None, 1)]),
    ((1.0, Fraction(1, 2), b"x"), [(2.0, Fraction(1, 2), b"x")], [(1.0, Fraction(1, 3), b"x")]),
    ((1.0, model), [(2.0, model)], [(1.0, MLP(1, [1]))]),
    ((1.0, np.array([True, False])), [(2.0, np.array([True, False]))], [(1.0, np.array([True, True]))]),
    (([],), [([],)], [([1.0],)]),
]  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: str(case[0])[:40])
def test_structures(case: Any) -> None:
    first, same, others = case

    def function(*arguments: Any) -> Value:
        return total(*arguments)

    replay = Replay(function, *first)
    for call in [first, *same]:
        assert alike(replay(*call), function(*call).data), call
    for call in others:
        assert isinstance(replay(*call), Miss), call


def test_keywords_belong_to_the_structure() -> None:
    replay = Replay(total, 1.0, rate=2.0, mode="a")
    assert replay(2.0, rate=3.0, mode="a") == 2.5
    for keywords in ({"mode": "a", "rate": 2.0}, {"rate": 2.0}, {"rate": 2.0, "mode": "b"}):
        assert isinstance(replay(1.0, **keywords), Miss)


def test_the_callers_arguments_stay_what_they_are() -> None:
    rows, array, values = [[1.0, 2.0]], np.ones(2), [Value(3.0, label="v")]
    replay = Replay(lambda r, a, v: total(r, a, v) + (1.0 if v[0].label == "v" else 0.0), rows, array, values)
    assert (rows, array.tolist(), array.dtype) == ([[1.0, 2.0]], [1.0, 1.0], np.float64)
    assert replay(rows, array, values) == 5.0


def test_aliases_are_places_of_their_own() -> None:
    row = [1.0, 2.0]
    replay = Replay(total, [row, row], w, w)
    assert replay([[1.0, 2.0], [3.0, 4.0]], Value(1.0), Value(2.0)) == 6.5


def test_an_argument_that_contains_itself() -> None:
    endless: list[Any] = [1.0]
    endless.append(endless)
    with pytest.raises(NotTraceable, match="contains itself"):
        trace(total, (endless,), {})


class Special(Value):
    """A subclass."""


def test_subclasses_of_value_are_refused() -> None:
    with pytest.raises(NotTraceable, match="subclass"):
        trace(total, (Special(1.0),), {})


def test_objects_that_only_look_like_numbers() -> None:
    @dataclasses.dataclass
    class Reading:
        number: float

    reading = Reading(2.0)
    replay = Replay(lambda r, x: w * r.number * x, reading, 1.0)
    assert replay(reading, 3.0) == 3.0
    assert isinstance(replay(Reading(2.0), 3.0), Miss)


@pytest.mark.parametrize(
    ("expected", "given", "same"),
    [(1, True, False), ("a", "a", True), (None, 0, False), (Fraction(1), 1, False), (range(3), range(3), True)],
)
def test_same_static(expected: Any, given: Any, same: bool) -> None:
    assert same_static(expected, given) is same


def test_reading_is_refused_for_another_number_of_arguments() -> None:
    pattern = trace(total, (1.0, 2.0), {}).pattern
    assert read_arguments(pattern, (1.0,), {}) is None
    assert read_arguments(pattern, (1.0, 2.0), {}) == ([1.0, 2.0], [])


RESULTS: list[Any] = [
    lambda x: w * x,
    lambda x: [w * x, (w, x * 2), {"a": w + x, "b": None, "c": "text"}],
    lambda x: Point(w * x, x),
    lambda x: np.array([[w * x, w], [x, 2.0]]),
    lambda _: (w, np.ones(3), np.float64(2.0)),
    lambda x: [w * x] * 3,
    lambda x: (w, x > 0, x + 1, True, 3, 2.5),
    lambda _: w,
    lambda _: (w, [], (), {}),
]


@pytest.mark.parametrize("function", RESULTS)
@pytest.mark.parametrize("given", [2.0, 3])
def test_results_are_those_of_eager_code(function: Any, given: Any) -> None:
    replay = Replay(function, given)
    for other in (given, given + 1):
        found, expected = replay(other), plain(function(other))
        if isinstance(found, np.ndarray) and found.dtype == object:
            found = [*found.flat]
        assert alike(found, expected)


def test_a_numpy_result_is_a_fresh_copy() -> None:
    replay = Replay(lambda x: (w * x, np.ones(2)), 1.0)
    replay(1.0)[1][0] = 7.0
    assert replay(1.0)[1].tolist() == [1.0, 1.0]


def test_an_argument_that_is_returned() -> None:
    replay = Replay(lambda v, x: [v, x, v], Value(3.0), 2.0)
    assert replay(Value(4.0), 5.0) == [4.0, 5.0, 4.0]


def test_the_error_survives_pickling() -> None:
    with pytest.raises(NotTraceable) as caught:
        trace(lambda x: x, (1.0,), {})
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.reason == caught.value.reason
