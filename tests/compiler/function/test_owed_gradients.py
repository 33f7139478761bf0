"""backward() of compiled results gives thousands of leaves their shares together; to the bit as one by one."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.engine import deferring

pytestmark = pytest.mark.skipif(not engine.compiled, reason="uncompiled, backward() gives every share at once")
TURNS = 20


class Parts:
    """A loss of three leaves, taken for one part of a batch after the other."""

    def __init__(self) -> None:
        self.w = [Value(0.5), Value(-0.75), Value(0.25)]
        self.x = Value(1.5)
        self.f = cr.compile(lambda x: (self.w[0] * x - self.w[1]).tanh() * self.w[2], executor="tape")
        self.other = cr.compile(lambda x: self.w[0] * x, executor="tape")

    def all(self) -> list[Value]:
        return [*self.w, self.x]


def bits(parts: Parts) -> list[str]:
    return [each.grad.hex() for each in parts.all()]


def argument(turn: int) -> float:
    return 0.1 + 0.3 * turn


@pytest.mark.parametrize("results", range(TURNS))
def test_the_sums_have_the_same_bits(results: int) -> None:
    together, one_by_one = Parts(), Parts()
    for turn in range(results):
        one_by_one.f(argument(turn)).backward()
        bits(one_by_one)
    for turn in range(results):
        together.f(argument(turn)).backward()
        assert deferring() is (turn > 0)
    assert bits(together) == bits(one_by_one)
    assert not deferring()


def stale(parts: Parts) -> None:
    """The classic mistake, which is told at the backward() that adds to old gradients."""
    parts.w[1].data += 0.5
    with pytest.warns(cr.StaleGradientWarning, match="1 parameter "):
        parts.f(2.0).backward()


def own_function(parts: Parts) -> None:
    """A leaf that asks to be told of its gradient."""
    seen: list[float] = []
    parts.w[0]._backward = lambda: seen.append(parts.w[0].grad)
    parts.f(2.0).backward()
    assert len(seen) == 1
    parts.w[2].grad += seen[0]


def made_of_others(parts: Parts) -> None:
    """A leaf that is one no longer."""
    Value.__init__(parts.w[0], 0.5, (parts.x,), "own")
    parts.f(2.0).backward()


def updated(parts: Parts) -> None:
    cr.optim.SGD(parts.w, lr=1e-3).step()
    engine.zero_grad(parts.w)


def twice(parts: Parts) -> None:
    result = parts.f(2.0)
    result.backward()
    result.backward()
    parts.w[0].grad += result.grad


def given_a_shared_one(parts: Parts) -> None:
    parts.f(parts.w[0]).backward()
    parts.f(parts.w[0]).backward()


def given(parts: Parts) -> None:
    for _ in range(3):
        parts.f(parts.x).backward()


def in_a_step(parts: Parts) -> None:
    step = cr.compile(lambda x: parts.w[0] * x + parts.w[2] ** 2, optimizer=cr.optim.SGD(parts.w, lr=0.1))
    parts.f(1.0).backward()
    step(2.0)
    parts.f(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cr.StaleGradientWarning)
        parts.f(1.0).backward()
        parts.f(1.0).backward()
    step(2.0)


def in_a_function_of_the_persons(parts: Parts) -> None:
    """backward() inside backward(), and a gradient that is read there."""
    a = parts.x * 1.0
    node = Value(2.0, (a,), "own")

    def give() -> None:
        parts.f(1.0).backward()
        a.grad += parts.w[0].grad * node.grad

    node._backward = give
    node.backward()


CHANGES: dict[str, Callable[[Parts], Any]] = {
    "nothing": lambda _: None,
    "another function": lambda p: p.other(2.0).backward(),
    "functions in turns": lambda p: [f(2.0).backward() for f in (p.other, p.other, p.f, p.other)],
    "eager code": lambda p: (p.w[0] * p.w[1] * p.x).backward(),
    "eager code behind it": lambda p: (p.f(0.3) * p.w[0]).backward(),
    "one _backward call": lambda p: (p.w[0] * p.w[1])._backward(),
    "a gradient assigned": lambda p: setattr(p.w[0], "grad", 3.0),
    "a gradient added to": lambda p: setattr(p.w[0], "grad", p.w[0].grad + 1e-3),
    "zero_grad": lambda p: engine.zero_grad(p.w),
    "zero_grad, forgotten for one": lambda p: engine.zero_grad(p.w[:1]),
    "write_grad": lambda p: engine.write_grad(p.w, np.array([1.0, 2.0, 3.0])),
    "an optimizer": updated,
    "stale": stale,
    "a _backward function of a leaf": own_function,
    "operands of a leaf": made_of_others,
    "the same result twice": twice,
    "a leaf as an argument": given,
    "a shared leaf as an argument": given_a_shared_one,
    "a compiled step": in_a_step,
    "a function of the person's": in_a_function_of_the_persons,
    "repr": lambda p: setattr(p.w[1], "grad", float(repr(p.w[0]).partition("grad=")[2][:-1])),
    "read_grad": lambda p: setattr(p.w[1], "grad", float(engine.read_grad(p.w)[0])),
    "no_grad": lambda p: cr.no_grad(p.f)(2.0),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("before", [2, 3, 9, 10])
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_what_happens_in_between_finds_all_gradients(name: str, before: int) -> None:
    found = []
    for look in (True, False):
        parts = Parts()
        parts.f(1.0)
        for turn in range(before):
            parts.f(argument(turn)).backward()
            if look:
                bits(parts)
        assert deferring() is not look
        CHANGES[name](parts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cr.StaleGradientWarning)
            for turn in range(5):
                parts.f(argument(turn)).backward()
                if look:
                    bits(parts)
        found.append([*bits(parts), *[each.data.hex() for each in parts.all()]])
    assert found[0] == found[1]


def test_a_warning_comes_where_it_belongs() -> None:
    """Also when the update happened while gradients were owed."""
    parts = Parts()
    for turn in range(3):
        parts.f(argument(turn)).backward()
    assert deferring()
    parts.w[0].data = 0.25
    with pytest.warns(cr.StaleGradientWarning, match="1 parameter "):
        parts.f(1.0).backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts.f(1.0).backward()
        parts.f(1.0).backward()


class Looker:
    """Garbage that looks at a gradient when it is collected, and may have another function's gradients owed."""

    def __init__(self, parts: Parts, own: bool) -> None:
        self.me, self.parts, self.own = self, parts, own

    def __del__(self) -> None:
        if self.own:
            for turn in range(2):
                self.parts.other(argument(turn)).backward()
        assert self.parts.w[0].grad is not None


@pytest.mark.parametrize("own", [False, True])
def test_garbage_that_looks_while_gradients_are_given(own: bool) -> None:
    """The collector may run at any of the lists that are made, and shares count once."""
    expected = Parts()
    for turn in range(4):
        expected.f(argument(turn)).backward()
    if own:
        for turn in range(2):
            expected.other(argument(turn)).backward()
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()  # each collection looks at this test's own objects only
    try:
        for threshold in range(1, 40):
            parts = Parts()
            parts.other(1.0)
            results = [parts.f(argument(turn)) for turn in range(4)]
            for result in results[:3]:
                result.backward()
            gc.collect()
            gc.disable()
            Looker(parts, own)
            gc.set_threshold(threshold)
            gc.enable()
            results[3].backward()
            found = [each.grad for each in parts.all()]
            gc.set_threshold(*usual)
            gc.collect()
            found = [each.grad for each in parts.all()] if own else found
            assert found == pytest.approx([each.grad for each in expected.all()], rel=1e-12)
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
