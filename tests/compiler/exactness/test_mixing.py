"""Eager code around compiled results: each scenario is run once with plain functions and once with compiled ones."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value


@dataclass
class Parts:
    """Four parameters, a function of one result and one of two."""

    w: list[Value]
    one: Any
    two: Any


def parts(compiled: bool, executor: str) -> Parts:
    w = [Value(0.5), Value(-1.25), Value(2.0), Value(0.3)]

    def one(x: Any) -> Any:
        return cr.tanh(w[0] * x + w[1]) * w[2]

    def two(v: Any, x: Any) -> Any:
        return [v * w[3] + x, v * v * w[0]]

    if not compiled:
        return Parts(w, one, two)
    return Parts(w, cr.compile(one, executor=executor), cr.compile(two, executor=executor))


def cube(x: Value) -> Value:
    """An op of one's own."""
    out = Value(x.data**3, (x,), "cube")

    def backward() -> None:
        x.grad += 3 * x.data**2 * out.grad

    out._backward = backward
    return out


def own_ops(p: Parts) -> list[Any]:
    a = p.one(0.7)
    b, c = p.two(a, 0.2)
    total = cube(b) * c + cube(a)
    total.backward()
    return [total, a, b, c]


def repeated(p: Parts) -> list[Any]:
    a = p.one(0.7)
    a.backward()
    a.backward()
    b = a * 2.0
    b.backward()
    return [a, b]


def shared_over_two_passes(p: Parts) -> list[Any]:
    a, b = p.one(0.7), p.one(0.1)
    (a + b + p.w[0]).backward()
    c = a * b
    c.backward()
    return [a, b, c]


def results_one_after_another(p: Parts) -> list[Any]:
    b, c = p.two(p.w[2], 0.3)
    (b * c).backward()
    (b + c).backward()
    c.backward()
    return [b, c]


def data_set_on_a_result(p: Parts) -> list[Any]:
    a = p.one(0.7)
    a.data = 5.0
    total = a * a
    total.backward()
    return [total, a]


def one_result_dropped(p: Parts) -> list[Any]:
    results = p.two(p.w[2], 0.3)
    last = results.pop()
    del results
    gc.collect()
    last.backward()
    return [last]


def many_calls(p: Parts) -> list[Any]:
    results = [p.one(0.1 * k) for k in range(200)]
    total = cr.sum([each * each for each in results])
    total.backward()
    return [total, results[7]]


def a_long_chain(p: Parts) -> list[Any]:
    state: Any = p.w[1]
    for _ in range(300):
        state = cr.tanh(p.two(state, 0.01)[0])
    state.backward()
    return [state]


def eager_between(p: Parts) -> list[Any]:
    x = p.w[0] * p.w[1]
    y = p.one(0.5) + x
    b, c = p.two(y, 1.0)
    total = cr.where(b > 0, b, c) * cr.maximum(b, c) + cr.dot([b, c, x], [c, b, y], b)
    total.backward()
    return [total, x, y, b, c]


def compiled_of_compiled(p: Parts) -> list[Any]:
    b, c = p.two(p.one(0.2), 0.3)
    b2, c2 = p.two(b, 1.0)
    b3, _ = p.two(c2, 0.1)
    (b3 * b2 * c).backward()
    return [b, c, b3]


def an_error_on_the_way_back(p: Parts) -> list[Any]:
    a = p.one(0.7)
    bad = Value(1.0, (a,), "bad")

    def fail() -> None:
        raise ValueError

    bad._backward = fail
    with suppress(ValueError):
        (bad * a).backward()
    for each in p.w:
        each.grad = 0
    a.backward()
    return [a]


def parameters_changed_before_backward(p: Parts) -> list[Any]:
    a = p.one(0.7)
    p.w[0].data = 9.0
    p.w[2].data = -9.0
    a.backward()
    return [a]


def copies(p: Parts) -> list[Any]:
    a = p.one(0.7)
    twin = copy.deepcopy(a)
    twin.backward()
    a.backward()
    return [a, twin]


SCENARIOS: list[Callable[[Parts], list[Any]]] = [
    own_ops,
    repeated,
    shared_over_two_passes,
    results_one_after_another,
    data_set_on_a_result,
    one_result_dropped,
    many_calls,
    a_long_chain,
    eager_between,
    compiled_of_compiled,
    an_error_on_the_way_back,
    parameters_changed_before_backward,
    copies,
]


@pytest.mark.parametrize("executor", ["native", "tape"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario(scenario: Callable[[Parts], list[Any]], executor: str) -> None:
    seen = []
    for compiled in (False, True):
        made = parts(compiled, executor)
        values = scenario(made)
        seen.append([x for each in (*values, *made.w) for x in (each.data, each.grad)])
        if compiled:
            for function in (made.one, made.two):
                assert function.report().eager_calls == 0
    assert seen[1] == pytest.approx(seen[0], rel=1e-11, abs=1e-13)
    assert any(seen[0][-7::2])
