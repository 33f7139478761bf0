"""Functions of several results: one backward pass serves them all, and each stands for itself."""

from __future__ import annotations

import gc
import math
import pickle
import warnings
import weakref
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.engine import Entry, StaleGradientWarning, Tape, local_derivatives
from chainrule.errors import GraphError
from tests.compiler.calling.traces import entry_of, trace

Pair = namedtuple("Pair", "x y")


def shared(w: Value, b: Value) -> Callable[[Any], list[Value]]:
    """Three results over two parameters."""
    return lambda x: [w * x, (w * x).tanh() * b, b * b]


@pytest.fixture
def parameters() -> tuple[Value, Value]:
    return Value(0.5), Value(-2.0)


@pytest.fixture
def entry(parameters: tuple[Value, Value]) -> Entry:
    return entry_of(shared(*parameters), 1.0, live=parameters)


def gradients(root: Value, parameters: Sequence[Value]) -> list[float]:
    """Gradients of one backward() from zero."""
    for each in parameters:
        each.grad = 0.0
    root.backward()
    return [each.grad for each in parameters]


COMBINATIONS: dict[str, Callable[[list[Value]], Value]] = {
    "first": lambda r: r[0] * 1.0,
    "second": lambda r: r[1] * 3.0,
    "third": lambda r: r[2] + 0.0,
    "sum": lambda r: r[0] + r[1] + r[2],
    "weighted": lambda r: engine.dot(r, [0.5, -1.0, 2.0]),
    "product": lambda r: r[0] * r[1] * r[2] * r[0],
    "deep": lambda r: ((r[0] * r[1]).exp() + r[1]).tanh(),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_any_use_of_the_results(name: str, entry: Entry, parameters: tuple[Value, Value]) -> None:
    use = COMBINATIONS[name]
    expected = use(shared(*parameters)(0.7))
    found = use(entry.call((0.7,)))
    assert found.data == pytest.approx(expected.data)
    assert gradients(found, parameters) == pytest.approx(gradients(expected, parameters))
    assert gradients(found, parameters) == pytest.approx(gradients(expected, parameters))


@pytest.mark.parametrize("place", range(3))
def test_each_result_by_itself(place: int, entry: Entry, parameters: tuple[Value, Value]) -> None:
    results, expected = entry.call((0.7,)), shared(*parameters)(0.7)
    assert gradients(results[place], parameters) == pytest.approx(gradients(expected[place], parameters))
    results[place].backward()
    assert [each.grad for each in parameters] == pytest.approx([2 * g for g in gradients(expected[place], parameters)])
    assert results[place].grad == 1.0


def test_later_calls_and_updates_disturb_nothing(entry: Entry, parameters: tuple[Value, Value]) -> None:
    first = entry.call((0.7,))
    expected = gradients(engine.sum(shared(*parameters)(0.7)), parameters)
    for each in parameters:
        each.data *= 3.0
    second = entry.call((-5.0,))
    gradients(engine.sum(second), parameters)
    assert gradients(engine.sum(first), parameters) == pytest.approx(expected)


def test_arrays_among_the_arguments_are_remembered() -> None:
    w = Value(2.0)
    array = np.array([1.0, 2.0])
    entry = entry_of(lambda x: [w * x[0], w * x[1]], array, live=[w])
    results = entry.call((array,))
    array[:] = 100.0
    assert gradients(results[0] + results[1], [w]) == [3.0]


def test_only_what_a_result_is_made_of_is_touched(entry: Entry, parameters: tuple[Value, Value]) -> None:
    w, b = parameters
    results = entry.call((0.7,))
    results[0].backward()
    b.data = 5.0  # has no gradient yet: nothing is stale
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results[2].backward()
    w.data = 5.0
    with pytest.warns(StaleGradientWarning, match="1 parameter "):
        entry.call((0.7,))[0].backward()


def test_values_among_the_arguments() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: (w * x, x * x), Value(1.0), live=[w])
    x = Value(3.0) * 2.0
    first, second = entry.call((x,))
    assert gradients(first + second, [w]) == [6.0]
    assert x.grad == 14.0
    assert gradients(second, [w]) == [0.0]
    assert x.grad == 12.0


def test_looking_makes_a_result_a_node_of_its_own(entry: Entry, parameters: tuple[Value, Value]) -> None:
    results = entry.call((0.7,))
    w, b = parameters
    assert results[0]._prev == (w,)
    assert results[1]._prev == (w, b)
    assert local_derivatives(results[2]) == (-4.0,)
    assert gradients(engine.sum(results), parameters) == pytest.approx(
        gradients(engine.sum(shared(*parameters)(0.7)), parameters)
    )


def test_they_can_be_drawn_explained_and_pickled(entry: Entry, parameters: tuple[Value, Value]) -> None:
    w, _ = parameters
    w.label = "w"
    total = engine.sum(entry.call((0.7,)))
    total.label = "L"
    total.backward()
    assert cr.draw_dot(total).source.count("compiled") >= 3
    assert "w" in str(cr.explain(total, wrt=w))
    again = pickle.loads(pickle.dumps(total))
    assert again.data == total.data
    again.backward()


def test_the_manual_walk(entry: Entry, parameters: tuple[Value, Value]) -> None:
    second = entry.call((0.7,))[1]
    second.grad = 1.0
    second._backward()
    walked = [each.grad for each in parameters]
    assert walked == pytest.approx(gradients(shared(*parameters)(0.7)[1], parameters))


def test_a_backward_of_the_users_own_on_a_result(entry: Entry) -> None:
    first = entry.call((0.7,))[0]
    called: list[float] = []
    first._backward = lambda: called.append(first.grad)
    (first * 3.0).backward()
    assert called == [3.0]


def test_the_same_result_twice() -> None:
    w = Value(2.0)

    def fn(x: Any) -> Any:
        y = w * x
        return y, w + x, y

    first, _, third = entry_of(fn, 3.0, live=[w]).call((4.0,))
    assert first is third
    assert gradients(first + third, [w]) == [8.0]


def test_results_are_put_together_as_the_function_did() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: {"a": [w * x, 7], "b": Pair((w + x,), "text")}, 3.0, live=[w])
    result = entry.call((4.0,))
    assert result["a"][0].data == 8.0
    assert result["a"][1] == 7
    assert isinstance(result["b"], Pair)
    assert (result["b"].x[0].data, result["b"].y) == (6.0, "text")


def test_other_parts_of_a_template() -> None:
    w = Value(2.0)
    traced = trace(lambda x: [w * x, w + x], 3.0, live=[w])
    array = np.ones(2)
    traced.template = (
        "tuple",
        (
            ("objects", (2, 1), (("output", 0), ("output", 1))),
            ("copy", array),
            ("number", 1, int),
            ("number", 1, float),
        ),
    )
    objects, copied, whole, number = Entry(Tape(traced.program), traced).call((4.0,))
    assert objects.shape == (2, 1)
    assert objects[1, 0].data == 6.0
    assert copied is not array
    assert (copied == array).all()
    assert (whole, type(whole), number, type(number)) == (6, int, 6.0, float)


def test_an_error_leaves_the_call_clean(entry: Entry, parameters: tuple[Value, Value]) -> None:
    results = entry.call((0.7,))

    def fail() -> None:
        raise ZeroDivisionError

    broken = Value(1.0, (results[0], results[1]))
    broken._backward = fail
    with pytest.raises(ZeroDivisionError):
        (results[1] * 2.0 + broken).backward()
    assert gradients(engine.sum(results), parameters) == pytest.approx(
        gradients(engine.sum(shared(*parameters)(0.7)), parameters)
    )


def test_a_nested_backward_on_the_same_call_is_refused(entry: Entry) -> None:
    results = entry.call((0.7,))
    nosy = Value(1.0, (results[0],))
    nosy._backward = results[1].backward
    with pytest.raises(GraphError):
        (nosy + results[1]).backward()
    engine.sum(results).backward()


def test_two_calls_in_one_graph(entry: Entry, parameters: tuple[Value, Value]) -> None:
    fn = shared(*parameters)
    first, second = entry.call((0.7,)), entry.call((-1.0,))
    expected = gradients(engine.sum(fn(0.7)) * engine.sum(fn(-1.0)), parameters)
    assert gradients(engine.sum(first) * engine.sum(second), parameters) == pytest.approx(expected)


def test_results_fed_into_the_function_again(parameters: tuple[Value, Value]) -> None:
    w, b = parameters
    step = entry_of(lambda x: [w * x, x + b], Value(1.0), live=parameters)
    x = y = Value(1.0)
    for _ in range(20):
        first, second = step.call((x,))
        x = first + second
        y = w * y + (y + b)
    assert x.data == pytest.approx(y.data)
    assert gradients(x, parameters) == pytest.approx(gradients(y, parameters))


def test_constants_among_the_results() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: [w * x, Value(5.0), Value(0.0) + x], 3.0, live=[w])
    product, five, copied = entry.call((4.0,))
    assert (five.data, copied.data) == (5.0, 4.0)
    assert (five._prev, copied._prev) == ((), ())
    (product + five + copied).backward()
    assert w.grad == 4.0


def test_infinite_slopes_of_the_others_do_no_harm() -> None:
    w = Value(0.0)
    first, root = entry_of(lambda x: [w * x, w.sqrt()], 3.0, live=[w]).call((4.0,))
    assert gradients(first, [w]) == [4.0]
    assert gradients(first + root, [w]) == [math.inf]


def test_everything_is_let_go() -> None:
    class Owner:
        pass

    w = Value(2.0)
    entry = entry_of(lambda x: [w * x, x * x], Value(1.0), live=[w])
    x = Value(3.0)
    x.owner = owner = Owner()
    results = entry.call((x,))
    owner.results = results  # type: ignore[attr-defined]
    results[0].backward()
    seen = weakref.ref(owner)
    del x, owner, results
    gc.collect()
    assert seen() is None
