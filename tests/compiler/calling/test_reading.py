"""Arguments: which structures fit a trace, and that every number and Value of them arrives."""

from __future__ import annotations

import gc
import random
import weakref
from collections import namedtuple
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chainrule import Value, engine
from chainrule.engine import MISS, Entry, Tape
from tests.compiler.calling.traces import entry_of, trace

Point = namedtuple("Point", "x y")


STRUCTURES: dict[str, tuple[Any, Any]] = {
    "list": ([1.0, 2, 3.5], [4.0, 5, 6]),
    "tuple": ((1.0, 2.0), (3, 4.0)),
    "nested": ([[1.0, 2.0], [3.0, 4.0]], [[1.0, -2.0], [0, 4.0]]),
    "ragged": ([[1.0], [], [2.0, (3.0,)]], [[5.0], [], [6.0, (7.0,)]]),
    "dict": ({"a": 1.0, "b": [2.0]}, {"a": 5.0, "b": [6.0]}),
    "named tuple": (Point(1.0, [2.0]), Point(3.0, [4.0])),
    "values": ([Value(1.0), 2.0], [Value(5.0), 6.0]),
    "array": (np.array([1.0, 2.0]), np.array([3.0, 4.0])),
    "matrix": (np.ones((2, 3)), np.arange(6.0).reshape(2, 3)),
    "strided": (np.ones((2, 3)), np.arange(12.0).reshape(2, 6)[:, ::2]),
    "Fortran's order": (np.ones((2, 3)), np.arange(6.0).reshape(3, 2).T),
    "float32": (np.ones(3, np.float32), np.array([0.5, 1.5, 2.5], np.float32)),
    "integers": (np.ones(3, np.int64), np.array([1, -2, 3])),
    "small integers": (np.ones(3, np.uint8), np.array([1, 2, 255], np.uint8)),
    "big-endian": (np.ones(3, ">f8"), np.array([1.0, 2.0, 3.0], ">f8")),
    "read-only": (np.ones(3), np.broadcast_to(np.float64(2.0), 3)),
    "no axes": (np.array(1.0), np.array(2.5)),
    "objects": (np.array([1.0, Value(2.0)], object), np.array([3.0, Value(4.0)], object)),
    "empty": ([[], np.zeros((0, 2)), 1.0], [[], np.zeros((0, 2)), 3.0]),
    "between arrays": ([1.0, np.ones(2), 2.0, [3.0, np.ones(1)]], [4.0, np.zeros(2), 5.0, [6.0, np.ones(1)]]),
    "numpy scalars": ([1.0, 2.0], [np.float64(3.0), np.int64(4)]),
    "static": ([1.0, "text", None, True, Fraction(1, 3)], [2.0, "text", None, True, Fraction(1, 3)]),
}


def everything(argument: Any) -> list[Any]:
    """All numbers and Values in a structure, in order."""
    if isinstance(argument, np.ndarray):
        return [each for item in argument.ravel().tolist() for each in everything(item)]
    if isinstance(argument, dict):
        return [each for item in argument.values() for each in everything(item)]
    if isinstance(argument, (list, tuple)):
        return [each for item in argument for each in everything(item)]
    return [argument] if isinstance(argument, (float, int, np.int64, Value)) and not isinstance(argument, bool) else []


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_are_read(name: str) -> None:
    w = Value(2.0)

    def fn(argument: Any) -> Any:
        return engine.sum([(i + 1) * each for i, each in enumerate(everything(argument))], w * 0.0)

    first, later = STRUCTURES[name]
    entry = entry_of(fn, first, live=[w])
    for argument in (later, first, later):
        assert entry.call((argument,)).data == pytest.approx(fn(argument).data)
    named = entry_of(lambda *, x: fn(x), live=[w], x=first)
    assert named.call((), {"x": later}).data == pytest.approx(fn(later).data)
    assert named.call((), {"y": later}) is MISS
    assert named.call((later,)) is MISS


class Real(float):
    """A float of another class."""


MISMATCHES: dict[str, tuple[Any, Any]] = {
    "shorter": ([1.0, 2.0], [1.0]),
    "longer": ([1.0, 2.0], [1.0, 2.0, 3.0]),
    "tuple for list": ([1.0, 2.0], (1.0, 2.0)),
    "list for tuple": ((1.0, 2.0), [1.0, 2.0]),
    "bool for number": (1.0, True),
    "text for number": ([1.0], ["1.0"]),
    "None for number": ([1.0], [None]),
    "Value for number": ([1.0, 2.0], [1.0, Value(2.0)]),
    "number for Value": (Value(1.0), 1.0),
    "subclass of Value": (Value(1.0), type("Special", (Value,), {})(1.0)),
    "subclass of float": (1.0, Real(1.0)),
    "great integer": (1.0, 2**53 + 1),
    "very great integer": ([1.0], [-(2**70)]),
    "great integers": (np.ones(2, np.int64), np.array([1, 2**60])),
    "shape": (np.ones((2, 3)), np.ones((3, 2))),
    "axes": (np.ones((2, 3)), np.ones(6)),
    "dtype": (np.ones(2), np.ones(2, np.float32)),
    "dtype of the same size": (np.ones(2), np.ones(2, np.int64)),
    "list for array": (np.ones(2), [1.0, 1.0]),
    "array for list": ([1.0, 1.0], np.ones(2)),
    "matrix class": (np.ones(2), np.ma.array(np.ones(2))),
    "objects for numbers": (np.ones(2), np.array([1.0, 1.0], object)),
    "keys": ({"a": 1.0}, {"b": 1.0}),
    "order of keys": ({"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 2.0}),
    "key of another type": ({1: 1.0}, {True: 1.0}),
    "more keys": ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
    "another text": ("a", "b"),
    "another truth": (True, False),
    "truth for one": (True, 1),
    "another class": (Point(1.0, 2.0), (1.0, 2.0)),
    "deep inside": ([[1.0, [2.0]]], [[1.0, [2.0, 3.0]]]),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_another_structure_misses_and_changes_nothing(name: str) -> None:
    w = Value(2.0)
    first, other = MISMATCHES[name]
    entry = entry_of(lambda _: w * 3.0, first, live=[w])
    assert entry.call((other,)) is MISS
    assert entry.failed == "structure"
    assert not entry.matches((other,))
    assert entry.matches((first,))
    assert entry.call((first,)).data == 6.0
    assert (entry.failed, entry.calls) == (None, 1)


def test_numbers_of_one_class() -> None:
    w = Value(2.0)
    traced = trace(lambda x: w * x, 3.0, live=[w])
    for kind, good, bad in (
        (float, 2.5, 2),
        (int, 2, 2.5),
        (np.float32, np.float32(0.5), 0.5),
        (np.int8, np.int8(3), 3),
    ):
        traced.pattern = ("call", (("number", kind),), (), ())
        entry = Entry(Tape(traced.program), traced)
        assert entry.call((good,)).data == 2.0 * float(good)
        assert entry.call((bad,)) is MISS


def test_arguments_are_read_at_every_call() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x[0] + x[1][0], [1.0, np.ones(1)], live=[w])
    rows: list[Any] = [1.0, np.ones(1)]
    assert entry.call((rows,)).data == 3.0
    rows[0] = 10.0
    rows[1][0] = 5.0
    assert entry.call((rows,)).data == 25.0


def test_arrays_are_let_go() -> None:
    w, array = Value(2.0), np.ones(4)
    entry = entry_of(lambda x: w * x[0], array, live=[w])
    result = entry.call((array,))
    array.resize(8, refcheck=True)  # refuses while someone holds its memory
    held = weakref.ref(array)
    del array
    assert held() is None
    assert result.data == 2.0


def test_values_among_the_arguments_are_let_go() -> None:
    class Special:
        pass

    w, y = Value(2.0), Value(3.0)
    y.owner = owner = Special()
    entry = entry_of(lambda x: w * x, Value(1.0), live=[w])
    entry.call((y,))
    seen = weakref.ref(owner)
    del y, owner
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("change", [lambda rows: rows.clear(), lambda rows: rows.append(1.0)])
def test_a_list_that_changes_while_it_is_read(change: Callable[[list[Any]], None]) -> None:
    w = Value(2.0)
    rows: list[Any] = []

    class Nosy:
        def __eq__(self, other: object) -> bool:
            change(rows)
            return True

        __hash__ = None  # type: ignore[assignment]

    entry = entry_of(lambda x: w * x[1], [Nosy(), 1.0, 2.0], live=[w])
    rows += [Nosy(), 3.0, 4.0]
    result = entry.call((rows,))
    assert result is MISS or result.data == 6.0


def test_random_structures_read_as_written() -> None:
    draw = random.Random(3)

    def drawn(depth: int) -> Any:
        kind = draw.random()
        if depth == 0 or kind < 0.4:
            return draw.choice([draw.uniform(-1, 1), draw.randint(-5, 5), Value(draw.uniform(-1, 1))])
        size = draw.randint(0, 4)
        if kind < 0.5:
            return np.array([draw.uniform(-1, 1) for _ in range(size)])
        if kind < 0.8:
            return [drawn(depth - 1) for _ in range(size)]
        if kind < 0.9:
            return tuple(drawn(depth - 1) for _ in range(size))
        return {i: drawn(depth - 1) for i in range(size)}

    def fn(argument: Any) -> Any:
        return engine.sum([(i + 1.5) * each for i, each in enumerate(everything(argument))], Value(0.0))

    for _ in range(100):
        argument = drawn(4)
        assert entry_of(fn, argument).call((argument,)).data == pytest.approx(fn(argument).data)


def test_a_list_that_a_comparison_takes_away_is_read_to_its_end() -> None:
    argument: list[Any] = []
    kept: list[Any] = []

    class Key:
        def __eq__(self, other: object) -> bool:
            argument.clear()
            kept.extend([None, 100.0] for _ in range(5))  # in the memory of the list that went
            return True

        def __hash__(self) -> int:
            return 1

    entry = entry_of(lambda a: a[0][0][next(iter(a[0][0]))] * a[0][1] * Value(1.0), [[{Key(): 2.0}, 3.0]])
    argument.append([{Key(): 5.0}, 7.0])
    assert entry.call((argument,)).data == 35.0
    assert not argument
