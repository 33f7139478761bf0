"""What a program may do in the middle of the engine's work: change lists, run finalizers, collect, exit."""

from __future__ import annotations

import copy
import gc
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from tests.programs import run_python

SHRINKING = """
import gc
from numbers import Real
import chainrule as cr
from chainrule import Value

class Shrinking:
    def __init__(self, home):
        self.home = home

    def __float__(self):
        self.home.clear()
        gc.collect(0)
        return 1.0

Real.register(Shrinking)
for size in (1, 2, 100):
    for place in (0, size):
        xs = [Value(float(i)) for i in range(size)]
        xs.insert(place, Shrinking(xs))
        try:
            result = OPERATION
        except (TypeError, ValueError, RuntimeError, IndexError):
            continue  # a clear refusal is fine; a crash or an operand that was never set is not
        result.backward()
        assert all(isinstance(operand, Value) for operand in result._prev)
print("alive")
"""


@pytest.mark.parametrize(
    "operation",
    [
        "cr.dot(xs, [Value(1.0)] * len(xs))",
        "cr.dot([Value(1.0)] * len(xs), xs, 2.0)",
        "cr.dot(xs, xs)",
        "cr.sum(xs)",
        "cr.logsumexp(xs)",
        "cr.mean(xs)",
    ],
)
def test_a_list_that_shrinks_while_it_is_read(operation: str) -> None:
    """In a process of its own: what is looked for is a crash."""
    done = run_python(SHRINKING.replace("OPERATION", operation))
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


@pytest.mark.parametrize(
    "op",
    [
        lambda v: cr.dot([v, "a"], [1.0, 2.0]),
        lambda v: cr.dot([v, v], [v, None]),
        lambda v: cr.dot([v], [v], "start"),
        lambda v: cr.dot([v], [v, v]),
        lambda v: cr.sum([v, v, "x"]),
        lambda v: cr.where(v, v, "x"),
        lambda v: cr.logsumexp([v, [1.0]]),
        lambda v: cr.maximum(v, "x"),
        lambda v: Value(1.0, (v, 3.0), "mine"),
        lambda v: v + "x",
        lambda v: v ** [2],
    ],
)
def test_a_refused_operand_leaves_no_reference_behind(op: Callable[[Value], Any]) -> None:
    v = Value(1.0)
    before = sys.getrefcount(v)
    for _ in range(50):
        with pytest.raises((TypeError, ValueError)):
            op(v)
    gc.collect()
    assert sys.getrefcount(v) == before
    (v * 2.0).backward()
    assert v.grad == 2.0


class Finalizer:
    """Lets other threads run, makes and drops nodes, and collects, while the engine frees a graph."""

    def __init__(self, ended: list[int]) -> None:
        self.ended = ended

    def __del__(self) -> None:
        self.ended.append(1)
        time.sleep(0)
        node = Value(1.0)
        for _ in range(5):
            node = cr.sum([node * 2.0, node, 1.0])
        node.backward()
        if len(self.ended) % 50 == 0:
            gc.collect()


@pytest.mark.usefixtures("quick_collector")
def test_finalizers_that_use_the_engine() -> None:
    ended: list[int] = []

    def work() -> None:
        for _ in range(30):
            x = Value(1.0)
            x.end = Finalizer(ended)
            y = x
            for _ in range(30):
                y = y + 1.0
            middle = cr.dot([y, x], [x, y])
            middle.end = Finalizer(ended)
            (middle * x).backward()
            assert x.grad != 0.0

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    gc.collect()
    assert len(ended) == 4 * 30 * 2


class Node(Value):
    """A subclass among the others."""


def churn(steps: int, seed: int) -> None:
    """Make nodes of every kind from a pool of others, and forget them in any order."""
    rng = random.Random(seed)
    pool: list[Value] = [Value(1.0)]

    def user_op(a: Value, b: Value) -> Value:
        out = Node(a.data, (a, b, a), "mine")
        out._backward = lambda: setattr(b, "grad", out.grad + 1.0)
        return out

    def attached(a: Value, b: Value) -> Value:
        a.seen = [b]
        node: Value = a + 1.0
        node.back = a
        return node

    def looked_at(a: Value, b: Value) -> Value:
        node: Value = a * 0.5 if b.data > 0 else 2.0 - b
        assert len(node._prev) == 2
        return node

    def copied(a: Value, _b: Value) -> Value:
        try:
            return copy.copy(a)
        except TypeError:  # a closure
            return a.detach()

    makers: list[Callable[[Value, Value], Value]] = [
        lambda a, b: (a * b).tanh(),
        lambda a, b: a - b,
        lambda a, b: cr.dot([a, b, 1.0], [b, 2.0, a], a).sin(),
        lambda a, _: cr.sum([a] * rng.randrange(1, 150)).sigmoid(),
        lambda a, _: Node(rng.random(), (a,), "s"),
        lambda a, _: a.detach(),
        user_op,
        attached,
        looked_at,
        copied,
    ]
    for step in range(steps):
        node = rng.choice(makers)(rng.choice(pool), rng.choice(pool))
        if len(pool) < 200:
            pool.append(node)
        else:
            pool[rng.randrange(200)] = node
        if step % 50 == 0:
            node.backward()
        if step % 3000 == 2999:
            del pool[1:]
            gc.collect()
    assert all(repr(each).startswith("Value(data=") for each in pool)


@pytest.mark.filterwarnings("ignore::chainrule.StaleGradientWarning")
@pytest.mark.usefixtures("quick_collector")
@pytest.mark.parametrize("seed", range(3))
def test_churn(seed: int) -> None:
    churn(6000, seed)
    gc.collect()


def test_graphs_that_live_until_the_interpreter_ends() -> None:
    program = """
import atexit, sys, threading
import chainrule as cr
from chainrule import Value

class Node(Value):
    def __del__(self):
        (Value(1.0) * self.data).backward()

root = cr.dot([Node(2.0)] * 3, [(Value(1.0) * Node(2.0)).tanh()] * 3)
root.me = root
out = Value(1.0, (root,), "mine")
out._backward = lambda: (out, root)
sys.modules["keeps"] = out
atexit.register(lambda: (out * root).backward())
worker = threading.Thread(target=lambda: [root * 2.0 for _ in range(1000)])
worker.start()
chain = out
for _ in range(100000):
    chain = chain + 1.0
print("end")
"""
    done = run_python(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
