"""What leaves a trace in a way of its own: numbers kept aside, caches, copies of the compiled function, interrupts."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import inspect
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import tracing
from tests.compiler.exactness.compiling import agree

w = [Value(0.5), Value(-1.25), Value(2.0)]
pytestmark = pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")


class Model:
    """Keeps what it has seen, as people do to look at it later."""

    def __init__(self) -> None:
        self.p = Value(0.5)
        self.seen: Any = None
        self.hidden: Any = None

    def loss(self, x: Any) -> Any:
        self.seen = x
        self.hidden = self.p * x
        return self.hidden * 2.0


def test_numbers_and_values_kept_in_attributes() -> None:
    """They are those of some call of the function, and usable."""
    model = Model()
    compiled = cr.compile(model.loss)
    for x in (1.5, 2.5, 3.5):
        assert compiled(x).data == x
    assert model.seen + 1 in (2.5, 3.5, 4.5)
    assert isinstance(model.seen, float)
    assert model.hidden.data in (0.75, 1.25, 1.75)
    model.hidden.backward()
    assert model.p.grad in (1.5, 2.5, 3.5)
    agree(cr.compile(lambda y: model.hidden * y), lambda y: model.hidden * y, (2.0,), [model.p])


@functools.cache
def angle(position: float) -> Any:
    return position**0.5


def test_a_helper_with_a_cache() -> None:
    """Eager code that shares the cache is not disturbed by what a trace has put there."""

    def f(x: Any, n: Any) -> Any:
        return w[0] * x * angle(n)

    angle.cache_clear()
    compiled = cr.compile(f)
    for x, n in ((1.0, 4.0), (2.0, 4.0), (3.0, 9.0), (1.0, 4.0)):
        assert compiled(x, n).data == 0.5 * x * n**0.5
        assert angle(n) == n**0.5
        assert angle(4.0) * 2 == 4.0
        agree(compiled, f, (x, n), w)
    angle.cache_clear()


def test_a_cache_of_values() -> None:
    """A Value that one call has made and a later one uses again."""
    cache: dict[str, Value] = {}

    def f(x: Any) -> Any:
        if "square" not in cache:
            cache["square"] = w[0] * w[0]
        return cache["square"] * x

    compiled = cr.compile(f)
    for x in (1.0, 2.0, 3.0):
        agree(compiled, f, (x,), w)
    gc.collect()
    agree(compiled, f, (4.0,), w)


def test_an_interrupt_leaves_nothing_behind() -> None:
    """Ctrl-C while the function is traced: the next call traces anew, and eager code records its graph as before."""
    alarms = iter([True])  # the interpreter's own: a variable would be put back as it was

    def f(x: Any) -> Any:
        with cr.no_grad():
            shift = w[1] * x
            if next(alarms, False):
                raise KeyboardInterrupt
        return w[0] * x + shift

    compiled = cr.compile(f)
    with pytest.raises(KeyboardInterrupt):
        compiled(1.0)
    assert not tracing()
    assert (w[0] * 2.0)._prev != ()
    agree(compiled, f, (2.0,), w)
    assert compiled.report().traces >= 1


def test_the_function_shows_through() -> None:
    def loss(xs: list[float], *, scale: float = 1.0) -> Any:
        """Say what it is."""
        return cr.dot(w, xs) * scale

    compiled = cr.compile(loss)
    assert (compiled.__name__, compiled.__doc__, compiled.__wrapped__) == ("loss", "Say what it is.", loss)
    assert inspect.signature(compiled) == inspect.signature(loss)
    assert callable(compiled)


def module_level(x: Any) -> Any:
    return w[0] * x


compiled_module_level = cr.compile(module_level)


def test_copies_and_pickles_of_a_compiled_function() -> None:
    """A copy compiles for itself; a deep copy of a model has a loss over its own parameters."""
    compiled = compiled_module_level
    compiled(1.0)
    for twin in (copy.copy(compiled), copy.deepcopy(compiled)):
        assert twin(3.0).data == 1.5
    model = Model()
    model.seen = cr.compile(model.loss)
    model.seen(1.0)
    twin_model = copy.deepcopy(model)
    twin_model.p.data = 10.0
    assert twin_model.loss(1.0).data == 20.0
    assert pickle.loads(pickle.dumps(w[0] * 2.0)).data == 1.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process() -> None:
    compiled = cr.compile(module_level, executor="native")
    compiled(1.0)
    child = os.fork()
    if child == 0:  # the test's process: nothing of pytest may run in it
        try:
            right = compiled(3.0).data == 1.5 and compiled([2.0][0]).data == 1.0
        finally:
            sys.stdout.flush()
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_coroutines() -> None:
    compiled = cr.compile(module_level)

    async def one(x: float) -> float:
        await asyncio.sleep(0)
        return float(compiled(x).data)

    async def several() -> list[float]:
        return await asyncio.gather(*[one(float(k)) for k in range(5)])

    with ThreadPoolExecutor(1) as thread:  # the tests of pages may keep an event loop of their own in this one
        assert thread.submit(lambda: asyncio.run(several())).result() == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_functions_of_the_library_itself() -> None:
    a, b = Value(0.75), Value(2.0)
    for function, arguments in (
        (cr.tanh, (a,)),
        (cr.sum, ([a, b],)),
        (cr.dot, ([a, b], [b, 1.0])),
        (cr.logsumexp, ([a, b],)),
        (cr.losses.mse, ([a, b], [1.0, 0.0])),
        (cr.losses.hinge, ([a, b], [1, -1])),
        (cr.losses.cross_entropy, ([[a, b], [b, a]], [0, 1])),
        (cr.losses.binary_cross_entropy, ([a, b], [1, 0])),
        (abs, (a,)),
        (max, ([a, b],)),
    ):
        compiled = cr.compile(function)
        for _ in range(2):
            agree(compiled, function, arguments, [a, b])


def test_targets_are_checked_in_every_call() -> None:
    """A loss refuses a target that is no class, also when it was traced with one that is."""
    p = [Value(0.5), Value(1.5)]
    cases: list[tuple[Any, list[Any], list[Any]]] = [
        (lambda y: cr.losses.hinge(p, y), [1, -1], [0, 2]),
        (lambda y: cr.losses.mse(p, y), [1.0, 2.0], [float("nan"), 1.0]),
        (lambda y: cr.losses.binary_cross_entropy(p, y), [1, 0], [2.0, 0]),
        (lambda y: cr.losses.cross_entropy([p, p], y), [1, 0], [2, 0]),
    ]
    for loss, good, bad in cases:
        compiled = cr.compile(loss)
        for _ in range(2):
            agree(compiled, loss, (good,), p)
            with pytest.raises(ValueError, match="CR"):
                compiled(bad)
