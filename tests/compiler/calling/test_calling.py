"""Calls: arguments are matched and read, parameters are read anew, results are Values like any other."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
import threading
import time
import weakref
from collections import namedtuple
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.engine import MISS, Entry, Tape, local_derivatives
from tests.compiler.calling.traces import Guard, Outside, entry_of, trace

Point = namedtuple("Point", "x y")


def test_a_call_is_a_value_over_the_parameters() -> None:
    w, b = Value(2.0), Value(1.0)
    entry = entry_of(lambda x: w * x + b, 3.0, live=[w, b])
    result = entry.call((5.0,))
    assert (result.data, result._op, result._prev) == (11.0, "compiled", (w, b))
    assert local_derivatives(result) == (5.0, 1.0)
    result.backward()
    assert (w.grad, b.grad) == (5.0, 1.0)


def test_parameters_are_live_and_old_results_stay_right() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * w * x, 3.0, live=[w])
    first = entry.call((1.0,))
    w.data = 10.0
    second = entry.call((2.0,))
    assert (first.data, second.data) == (4.0, 200.0)
    first.backward()
    assert w.grad == 4.0
    w.grad = 0.0
    second.backward()
    assert w.grad == 40.0


def test_leaves_accumulate_and_the_result_is_fresh() -> None:
    w = Value(2.0)
    result = entry_of(lambda x: w * x, 3.0, live=[w]).call((3.0,))
    result.backward()
    result.backward()
    assert (w.grad, result.grad) == (6.0, 1.0)


def test_mixes_with_eager_code() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    total = (entry.call((3.0,)) * w + entry.call((4.0,))).exp().log()
    total.backward()
    assert total.data == pytest.approx(20.0)
    assert w.grad == pytest.approx(2 * 2.0 * 3.0 + 4.0)


def test_values_among_the_arguments_receive_gradients() -> None:
    w, x = Value(2.0), Value(3.0)
    entry = entry_of(lambda x: w * x * x, x, live=[w])
    y = Value(5.0)
    entry.call((y,)).backward()
    assert (w.grad, y.grad, x.grad) == (25.0, 20.0, 0.0)
    inner = y * 2.0
    y.grad = 0.0
    entry.call((inner,)).backward()
    assert (y.grad, inner.grad) == (2 * 2.0 * 10.0 * 2.0, 40.0)


def test_one_value_in_several_places_adds_up() -> None:
    w = Value(3.0)
    entry = entry_of(lambda x, y: w * x * y, Value(1.0), Value(1.0), live=[w])
    entry.call((w, w)).backward()
    assert w.grad == 27.0


def test_what_does_not_matter_is_no_operand() -> None:
    w, unused = Value(2.0), Value(4.0)
    entry = entry_of(lambda x, _: w * x, 3.0, Value(1.0), live=[w, unused])
    y = Value(1.0)
    result = entry.call((3.0, y))
    assert result._prev == (w,)
    assert entry_of(lambda x: Value(0.0) + x, 1.0, live=[w]).call((2.0,))._prev == ()


def test_a_zero_slope_still_is_an_operand() -> None:
    w = Value(-2.0)
    result = entry_of(lambda x: (w * x).relu(), 1.0, live=[w]).call((1.0,))
    assert (result._prev, local_derivatives(result)) == ((w,), (0.0,))


def test_no_grad_gives_leaves() -> None:
    w = Value(2.0)
    for fn in (lambda x: w * x, lambda x: [w * x, w + x]):
        entry = entry_of(fn, 3.0, live=[w])
        with cr.no_grad():
            results = entry.call((4.0,))
        for result in results if isinstance(results, list) else [results]:
            assert (result._prev, result._op) == ((), "")


def test_a_result_that_is_a_parameter_or_an_argument_is_that_object() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: (w, x, w * x), Value(1.0), live=[w])
    y = Value(7.0)
    first, second, product = entry.call((y,))
    assert first is w
    assert second is y
    assert product.data == 14.0
    assert entry_of(lambda: w, live=[w]).call(()) is w


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


def guarded(kind: str, expected: float, tolerance: float = 0.0) -> Entry:
    w = Value(2.0)
    traced = trace(
        lambda x: w * x,
        3.0,
        live=[w],
        guards=lambda x: [(Guard("truth", 1.0), x), (Guard(kind, expected, tolerance), x)],
    )
    return Entry(Tape(traced.program), traced)


@pytest.mark.parametrize(
    ("kind", "expected", "tolerance", "number", "holds"),
    [
        ("truth", 1.0, 0.0, -3.0, True),
        ("truth", 0.0, 0.0, 3.0, False),
        ("truth", 1.0, 0.0, math.nan, True),
        ("exact", 3.0, 0.0, 3.0, True),
        ("exact", 3.0, 0.0, math.nextafter(3.0, 4.0), False),
        ("exact", 3.0, 1e-12, math.nextafter(3.0, 4.0), True),
        ("exact", 3.0, 1e-12, 3.1, False),
        ("exact", math.nan, 0.0, math.nan, True),
        ("exact", math.nan, 1e9, 3.0, False),
        ("exact", 3.0, 1e9, math.nan, False),
        ("exact", math.inf, 0.0, math.inf, True),
        ("exact", math.inf, 1e9, -math.inf, False),
        ("exact", 3.0, 1e9, math.inf, False),
    ],
)
def test_guards(kind: str, expected: float, tolerance: float, number: float, holds: bool) -> None:
    entry = guarded(kind, expected, tolerance)
    result = entry.call((number,))
    assert (result is not MISS) == holds
    assert (entry.failed, entry.calls) == ((None, 1) if holds else (1, 0))


def test_an_exact_guard_tells_zeros_apart() -> None:
    w = Value(2.0)
    traced = trace(lambda x: w * x, 3.0, live=[w], guards=lambda x: [(Guard("exact", -0.0), x)])
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((0.0,)) is MISS
    assert entry.failed == 0
    assert entry.call((-0.0,)) is not MISS


def test_names_outside_of_the_function() -> None:
    class Name:
        def __init__(self, holder: Any, name: str) -> None:
            self.holder, self.name = holder, name

    class Seen(Outside):
        def changed(self) -> str | None:
            return None if rate == 0.5 else "rate was 0.5"

    rate: Any = 0.5
    other = {"limit": 3}

    def closed() -> Any:
        return rate

    assert closed.__closure__ is not None
    w = Value(2.0)
    traced = trace(lambda x: w * x, 3.0, live=[w])
    traced.outside = Seen((Name(closed.__closure__[0], "rate"), Name(other, "limit")), (rate, 3))
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((1.0,)) is not MISS
    rate = float("0.5")
    assert entry.call((1.0,)) is not MISS
    rate = 0.25
    assert entry.call((1.0,)) is MISS
    assert entry.failed == "outside"


def test_distinct_values() -> None:
    w, x, y = Value(2.0), Value(3.0), Value(4.0)
    traced = trace(lambda x, y: w * x * y, x, y, live=[w])
    traced.distinct = True
    entry = Entry(Tape(traced.program), traced)
    assert entry.call((x, y)) is not MISS
    for given in ((x, x), (w, y), (x, w)):
        assert entry.call(given) is MISS
        assert not entry.matches(given)


def test_another_executor_takes_over() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x[0], [1.0], live=[w])
    assert entry.call(([3.0],)).data == 6.0
    entry.executor = Tape(entry.trace.program)
    assert entry.call(([4.0],)).data == 8.0
    assert entry.calls == 2


def test_a_call_inside_a_call_has_memory_of_its_own() -> None:
    w = Value(2.0)
    inner: list[float] = []

    class Nosy:
        """An argument that calls the function when it is compared."""

        def __eq__(self, other: object) -> bool:
            if not inner:
                inner.append(0.0)
                inner[0] = entry.call((100.0, Nosy())).data
            return True

        __hash__ = None  # type: ignore[assignment]

    entry = entry_of(lambda x, _: w * x, 3.0, Nosy(), live=[w])
    assert entry.call((1.0, Nosy())).data == 2.0
    assert inner == [200.0]
    assert entry.calls == 2


def test_results_copy_and_pickle() -> None:
    w = Value(2.0)
    result = entry_of(lambda x: w * x, 3.0, live=[w]).call((5.0,))
    for again in (copy.deepcopy(result), pickle.loads(pickle.dumps(result)), copy.copy(result)):
        assert (again.data, again._op, local_derivatives(again)) == (10.0, "compiled", (5.0,))
        (leaf,) = again._prev
        leaf.grad = 0.0
        again.backward()
        assert leaf.grad == 5.0


def test_results_can_be_looked_at() -> None:
    w, b = Value(2.0, label="w"), Value(1.0, label="b")
    result = entry_of(lambda x: w * x + b, 3.0, live=[w, b]).call((5.0,))
    result.label = "y"
    result.backward()
    assert "compiled" in cr.draw_dot(result).source
    assert "dy/dw" in str(cr.explain(result, wrt=w)).replace(" ", "")
    assert "compiled" in cr.to_html(result)
    assert len(cr.trace(result)[0]) == 3
    result._backward()
    assert w.grad == 10.0


def test_no_cycles_and_no_leaks() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(200):
            entry.call((1.0,)).backward()
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_a_cycle_through_a_result_is_collected() -> None:
    class Owner:
        pass

    w = Value(2.0)
    owner = Owner()
    w.owner = owner
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    owner.result = entry.call((1.0,))  # type: ignore[attr-defined]
    seen = weakref.ref(owner)
    w = Value(0.0)
    del owner, entry
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


def test_threads_share_an_entry() -> None:
    w = Value(2.0)

    class Slow:
        """An argument whose comparison lets other threads run."""

        def __eq__(self, other: object) -> bool:
            time.sleep(0.0001)
            return True

        __hash__ = None  # type: ignore[assignment]

    entry = entry_of(lambda x, _: [w * x, w + x], 1.0, Slow(), live=[w])
    wrong: list[float] = []

    def work(start: int) -> None:
        for number in range(start, start + 40):
            first, second = entry.call((float(number), Slow()))
            if (first.data, second.data, local_derivatives(first)) != (2.0 * number, 2.0 + number, (float(number),)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


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
