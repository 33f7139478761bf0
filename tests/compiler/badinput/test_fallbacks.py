"""What cannot be compiled runs as the Python that it is, is right, and is said once with the line and the remedy."""

from __future__ import annotations

import io
import random
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import CompileWarning, Value
from tests.compiler.exactness.compiling import agree

w = [Value(0.5), Value(-1.25), Value(2.0)]
log: list[float] = []
calls = 0


def said(action: Callable[[], Any]) -> list[str]:
    """The sentences of all calls in an action, each as often as it was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    assert {each.category for each in caught} <= {CompileWarning}
    return [str(each.message) for each in caught]


def cube(x: Value) -> Value:
    """An op of one's own, in the lecture's way."""
    out = Value(x.data**3, (x,), "cube")

    def _backward() -> None:
        x.grad += 3 * x.data**2 * out.grad

    out._backward = _backward
    return out


def with_own_op(x: float) -> Any:
    return cube(w[0] * x) + w[1]


def with_grad_read(x: float) -> Any:
    return w[0] * x + w[1].grad


def with_backward_inside(x: float) -> Any:
    y = w[0] * w[0] * x
    w[0].grad = 0
    y.backward()
    slope = w[0].grad
    w[0].grad = 0
    return w[1] * slope


def with_data_assigned(x: float) -> Any:
    y = w[0] * x
    y.data = 3.0
    return y * w[1]


def with_random_numbers(x: float) -> Any:
    return w[0] * x * random.random()


def with_numpy_random_numbers(x: float) -> Any:
    return w[0] * x * np.random.default_rng(3).normal() + np.random.normal() * w[1] * 0.0


def with_printing(x: float) -> Any:
    print("loss of", x)  # noqa: T201 - what is tested
    return w[0] * x


def with_a_log(x: float) -> Any:
    log.append(2.0)
    return w[0] * x + len(log) * 0.0


def with_a_counter(x: float) -> Any:
    global calls  # noqa: PLW0603 - what is tested
    calls += 1
    return w[0] * x * calls


class Special(Value):
    """A person's own kind of Value."""


def with_a_subclass(x: float) -> Any:
    return Special(2.0) * w[0] * x


FALLBACKS = [with_own_op, with_grad_read, with_backward_inside, with_data_assigned]


@pytest.mark.parametrize("function", FALLBACKS)
def test_it_runs_eagerly_and_says_so_once(function: Callable[[float], Any]) -> None:
    compiled = cr.compile(function)

    def use() -> None:
        for x in (1.5, -0.5, 2.0):
            agree(compiled, function, (x,), w)

    sentences = said(use)
    assert len(sentences) == 1, sentences
    assert function.__name__ in sentences[0]
    assert "test_fallbacks.py:" in sentences[0]
    assert "eager" in sentences[0]
    report = compiled.report()
    assert report.native_calls == 0
    assert report.eager_calls == 3
    assert sentences[0] in report.notes or any(sentences[0] in each or each in sentences[0] for each in report.notes)


@pytest.mark.parametrize(
    ("function", "word"),
    [(with_own_op, "op of its own"), (with_grad_read, "grad"), (with_backward_inside, "backward"),
     (with_data_assigned, "data")],
)  # fmt: skip
def test_the_sentence_names_the_cause(function: Callable[[float], Any], word: str) -> None:
    (sentence,) = said(lambda: cr.compile(function)(1.5))
    assert word in sentence


@pytest.mark.parametrize("function", [with_random_numbers, with_numpy_random_numbers])
def test_random_numbers_are_drawn_anew_in_every_call(function: Callable[[float], Any]) -> None:
    """The same numbers as without compiling, from the same state of the generator."""
    sequences = []
    compiled = cr.compile(function)
    for each in (function, compiled):
        random.seed(7)
        np.random.seed(7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            sequences.append([each(1.5).data for _ in range(4)])
    assert sequences[0] == sequences[1]


def test_printing_is_seen_or_said() -> None:
    """Every call prints, or the first one says that later ones will not."""
    compiled = cr.compile(with_printing)
    printed = io.StringIO()
    with redirect_stdout(printed):
        sentences = said(lambda: [compiled(1.5), compiled(2.5), compiled(3.5)])
    times = printed.getvalue().count("loss of")
    notes = " ".join([*sentences, *compiled.report().notes])
    assert times == 3 or "print" in notes, (times, notes)
    assert "loss of 1.5\n" in printed.getvalue()


def test_a_list_that_grows_grows_once_a_call() -> None:
    """Or the trace is refused and what it did is taken back; never twice in one call."""
    log.clear()
    compiled = cr.compile(with_a_log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for k in range(4):
            agree_value = compiled(1.5)
            assert agree_value.data == 0.75
            assert len(log) == k + 1


def test_a_counter_among_the_globals_counts() -> None:
    global calls  # noqa: PLW0603 - what is tested
    compiled = cr.compile(with_a_counter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        calls = 0
        assert [compiled(2.0).data for _ in range(12)] == [float(k) for k in range(1, 13)]
    assert calls == 12


def test_a_counter_in_the_closure_counts() -> None:
    count = 0

    def f(x: float) -> Any:
        nonlocal count
        count += 1
        return w[0] * x * count

    compiled = cr.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        assert [compiled(2.0).data for _ in range(12)] == [float(k) for k in range(1, 13)]
    assert count == 12


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_subclasses_of_value() -> None:
    parameter = Special(1.5)

    def f(x: float) -> Any:
        return parameter * x + with_a_subclass(x)

    compiled = cr.compile(f)
    for x in (1.0, -2.0):
        agree(compiled, f, (x,), [*w, parameter])
    agree(cr.compile(lambda v: v * w[0]), lambda v: v * w[0], (parameter,), [*w, parameter])


def stepwise(x: float) -> Any:
    total = w[0] * x
    if x > 10.0:
        total = total * 3.0
    for _ in range(int(x)):  # the look
        total = total * 0.5 + w[1]
    return total


def test_too_many_traces_name_the_line_and_the_remedy() -> None:
    compiled = cr.compile(stepwise, max_traces=4)

    def use() -> None:
        for x in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 8, 1):
            agree(compiled, stepwise, (float(x),), w)

    sentences = said(use)
    assert len(sentences) == 1, sentences
    line = stepwise.__code__.co_firstlineno + 4
    assert f"test_fallbacks.py:{line}" in sentences[0], sentences[0]
    assert "stepwise" in sentences[0]
    report = compiled.report()
    assert report.traces <= 6
    assert report.eager_calls > 0


def test_a_looked_at_value_suggests_where() -> None:
    def f(x: float) -> Any:
        y = w[0] * x
        return y * float(y) if y.data > 0.1 else y

    compiled = cr.compile(f)

    def use() -> None:
        for k in range(15):
            agree(compiled, f, (0.37 * k - 1.0,), w)

    sentences = said(use)
    assert len(sentences) == 1, sentences
    assert any(word in sentences[0] for word in ("cr.where", "outside", "return it", "detach")), sentences[0]


def test_one_bad_structure_does_not_spoil_another() -> None:
    """Giving up on lists of one length leaves those of another compiled."""

    def f(xs: Any) -> Any:
        total = cr.dot(w[: len(xs)], xs)
        return total * int(xs[0]) if len(xs) == 1 else total

    compiled = cr.compile(f, max_traces=2, executor="native")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for k in range(6):
            agree(compiled, f, ([float(k)],), w)
    before = compiled.report().native_calls
    for k in range(3):
        agree(compiled, f, ([1.0, float(k)],), w)
    assert compiled.report().native_calls == before + 3


def test_no_trace_at_all() -> None:
    compiled = cr.compile(stepwise, max_traces=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for x in (1.0, 2.0, 1.0):
            agree(compiled, stepwise, (x,), w)


def test_check_every_finds_what_no_guard_sees() -> None:
    settings = {"rate": 1.0}

    class Holder:
        rate = 2.0

    def f(x: float) -> Any:
        return w[0] * x * settings["rate"] * Holder.rate

    compiled = cr.compile(f, check_every=2)
    assert [compiled(1.0).data for _ in range(4)] == [1.0] * 4
    Holder.rate = 4.0
    assert compiled(1.0).data == 1.0  # not the call that is compared
    with pytest.raises(RuntimeError, match=r"2\.0"):
        compiled(1.0)
    assert compiled(1.0).data == 2.0


def test_nothing_is_said_about_a_function_that_compiles() -> None:
    assert said(lambda: [cr.compile(lambda x: w[0] * x + w[1])(x) for x in (1.0, 2.0)]) == []


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_recursion_deeper_than_python_allows_is_pythons_error() -> None:
    def f(x: float, n: int) -> Any:
        return w[0] * x if n == 0 else f(x, n - 1) + w[1]

    compiled = cr.compile(f)
    agree(compiled, f, (1.0, 20), w)
    with pytest.raises(RecursionError):
        compiled(1.0, sys.getrecursionlimit() * 2)
    agree(compiled, f, (1.0, 21), w)
