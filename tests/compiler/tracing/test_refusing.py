"""What cannot be compiled is refused with a reason and its line, and what it has changed is put back."""

from __future__ import annotations

import functools
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.tracing import trace
from chainrule.engine import compiled
from chainrule.errors import NotTraceable
from tests.compiler.tracing.replay import Replay

w = Value(0.5)
history: list[Any] = []
settings = {"rate": 0.1}
count = 0
generator = np.random.default_rng(1)
dice = random.Random(1)


def assigns_data(x: Any) -> Any:
    w.data = 2.0
    return w * x


def assigns_grad(x: Any) -> Any:
    w.grad = 0.0
    return w * x


def an_op_by_hand(x: Any) -> Any:
    out = Value(1.0, (w,), "hand")
    out._backward = lambda: None
    return out * x


def a_backward(x: Any) -> Any:
    out = w * x
    out._backward = lambda: None
    return out


def swallows_the_refusal(x: Any) -> Any:
    try:
        return w * x + w.grad
    except Exception:  # noqa: BLE001 - as people do
        return w


def steps(x: Any) -> Any:
    cr.optim.SGD([w]).zero_grad()
    return w * x


def reads_many(x: Any) -> Value:
    return w * cr.engine.read_data([w])[0] * x  # type: ignore[no-any-return]


def counts(x: Any) -> Any:
    global count  # noqa: PLW0603 - what this test is about
    count += 1
    return w * x


def collects(x: Any) -> Any:
    history.append(x)
    return w * x


def replaces(x: Any) -> Any:
    settings["rate"] = 0.2
    return w * x


def prints(x: Any) -> Any:
    print("hello")  # noqa: T201 - what this test is about
    return w * x


def by_hand_in_threads(x: Any) -> Value:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: w * 2.0).result()
    return other * x  # type: ignore[no-any-return]


class Deep(list[Any]):
    """A list of its own class."""


REFUSED: dict[str, tuple[Callable[..., Any], Any, str]] = {
    "data": (assigns_data, 1.0, "assigns the data"),
    "grad": (assigns_grad, 1.0, "assigns the grad"),
    "reading grad": (lambda x: w * x * w.grad, 1.0, "reads a gradient"),
    "backward": (lambda x: (w * x).backward(), 1.0, "calls backward"),
    "an op by hand": (an_op_by_hand, 1.0, "op of its own"),
    "a _backward": (a_backward, 1.0, "assigns a _backward"),
    "a refusal swallowed": (swallows_the_refusal, 1.0, "reads a gradient"),
    "zero_grad": (steps, 1.0, "assigns the grad"),
    "many at once": (reads_many, 1.0, "reads many Values"),
    "a count": (counts, 1.0, "changes the global 'count'"),
    "a list": (collects, 1.0, "changes the list 'history'"),
    "a dictionary": (replaces, 1.0, "changes the dict 'settings'"),
    "print": (prints, 1.0, "it prints"),
    "print of a Value": (lambda x: (sys.stdout.write(f"{w}"), w * x)[1], 1.0, "as text"),
    "random": (lambda x: w * x * random.random(), 1.0, "random numbers"),
    "numpy's random": (lambda x: w * x * np.random.rand(), 1.0, "random numbers"),
    "a generator": (lambda x: w * x * generator.normal(), 1.0, "random numbers"),
    "a Random": (lambda x: w * x * dice.random(), 1.0, "random numbers"),
    "no Value": (lambda x: x * 2, 1.0, "returns no Value"),
    "nothing": (lambda _: None, 1.0, "returns no Value"),
    "a set": (lambda x: {w * x}, 1.0, "of type 'set'"),
    "a generator function": (lambda x: (w * each for each in [x]), 1.0, "of type 'generator'"),
    "an error": (lambda x: w * x.nothing, 1.0, "AttributeError"),
    "an argument changed": (lambda x: x.append(1.0) or w * x[0], [1.0], "changes one of its arguments"),
    "an array changed": (lambda x: x.__setitem__(0, 2.0) or w * x[0], np.ones(2), "changes one of its arguments"),
    "a dict changed": (lambda x: x.update(a=1.0) or w * x["a"], {"a": 2.0}, "changes one of its arguments"),
    "an iterator": (lambda x: w * sum(x), iter([1.0]), "argument is of type"),
    "a set argument": (lambda x: w * sum(x), {1.0}, "argument is of type 'set'"),
    "a list's subclass": (lambda x: w * sum(x), Deep([1.0]), "argument is of type 'Deep'"),
    "a large integer": (lambda x: w * x, 2**60, r"beyond 2\*\*53"),
    "type()": (lambda x: w if type(x) is float else w * 2, 1.0, "asks for the type"),
    "division by 0 of numpy": (lambda x: w * (1 / x[0]), np.zeros(1), "divides a number by 0"),
    "an infinite power": (lambda x: w * x**-1, 0.0, "not finite"),
    "another thread's Value": (by_hand_in_threads, 1.0, "another thread"),
    "local derivatives": (lambda x: w * x * cr.engine.local_derivatives(w * x)[0], 1.0, "local derivatives"),
    "float32": (lambda x: w * (x[0] * x[1]), np.ones(2, np.float32), "float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_reason(name: str) -> None:
    function, argument, reason = REFUSED[name]
    before = (w.data, w.grad, list(history), dict(settings), count, random.getstate(), dice.getstate())
    state = generator.bit_generator.state
    with pytest.raises(NotTraceable, match=reason) as caught:
        trace(function, (argument,), {})
    assert caught.value.reason in str(caught.value)
    assert caught.value.remedy in str(caught.value)
    assert (w.data, w.grad, history, settings, count, random.getstate(), dice.getstate()) == before
    assert generator.bit_generator.state == state
    assert not cr.engine.tracing()


@pytest.mark.parametrize("name", ["reading grad", "backward", "print", "data"])
def test_the_line_is_named(name: str) -> None:
    function, argument, _ = REFUSED[name]
    with pytest.raises(NotTraceable) as caught:
        trace(function, (argument,), {})
    assert caught.value.where.startswith("test_refusing.py:")
    assert caught.value.line


def test_an_error_of_the_function_is_its_cause() -> None:
    with pytest.raises(NotTraceable, match="ZeroDivisionError") as caught:
        trace(lambda x: w * (1 / x), (0.0,), {})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.temporary


def test_an_interrupt_passes_and_leaves_no_trace() -> None:
    def function(_x: Any) -> Value:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(function, (1.0,), {})
    assert not cr.engine.tracing()
    assert (w * 2.0 > 0.5) is True


@pytest.mark.skipif(not compiled, reason="only the compiled engine counts who holds a Value")
def test_a_kept_value_is_refused_with_its_place() -> None:
    class Layer:
        out: Any = None

    layer = Layer()

    def function(x: Any) -> Value:
        layer.out = w * x
        return layer.out + 1.0  # type: ignore[no-any-return]

    with pytest.raises(NotTraceable, match="attribute 'out' of Layer"):
        trace(function, (1.0,), {})


@pytest.mark.skipif(not compiled, reason="only the compiled engine counts who holds a Value")
def test_a_cached_value_is_refused() -> None:
    @functools.cache
    def helper(n: int) -> Any:
        return w * n

    with pytest.raises(NotTraceable, match="keeps a Value"):
        trace(lambda x: helper(2) * x, (1.0,), {})
    assert Replay(lambda x: helper(2) * x, 1.0)(3.0) == 3.0  # now it is one from before


def test_a_function_that_calls_itself_keeps_nothing() -> None:
    def function(x: Any) -> Value:
        def visit(v: Any, depth: int) -> Any:
            return v if depth == 0 else visit(v * 0.5, depth - 1)

        return visit(w * x, 3)  # type: ignore[no-any-return]

    assert Replay(function, 1.0)(8.0) == 0.5


def test_one_trace_at_a_time() -> None:
    problems: list[NotTraceable] = []

    def other() -> None:
        try:
            trace(lambda x: w * x, (1.0,), {})
        except NotTraceable as error:
            problems.append(error)

    def function(x: Any) -> Any:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return w * x

    assert Replay(function, 1.0)(2.0) == 1.0
    assert [problem.temporary for problem in problems] == [True]


def test_other_threads_go_on_as_always() -> None:
    found: list[Any] = []

    def other() -> None:
        a = Value(2.0)
        b = a * 3.0 + w
        b.backward()
        with cr.no_grad():
            c = a * 2.0
        found.extend([b.data, a.grad, a > 1.0, c._prev, hash(a) == hash(a), f"{b:.1f}", bool(a), int(b)])
        a.data = 7.0
        found.append(a.data)
        w.grad = 0.0

    def function(x: Any) -> Any:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return w * x

    assert Replay(function, 1.0)(2.0) == 1.0
    assert found == [6.5, 3.0, True, (), True, "6.5", True, 6, 7.0]


def test_values_of_another_thread_are_ordinary_later() -> None:
    made: list[Value] = []

    def function(x: Any) -> Any:
        thread = threading.Thread(target=lambda: made.append(Value(2.0)))
        thread.start()
        thread.join()
        return w * x

    with pytest.raises(NotTraceable, match="changes the list 'made'"):
        trace(function, (1.0,), {})
    leaf = Value(3.0)
    assert Replay(lambda x: leaf * x, 1.0)(2.0) == 6.0
