"""Threads build and differentiate at the same time, over graphs of their own and over shared parameters."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

import chainrule as cr
from chainrule import Value
from tests.programs import run_python

THREADS = 8


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Switch threads as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[int], object]) -> None:
    """Run work(0) … work(THREADS - 1) at the same time; raise what one of them raised."""
    start = threading.Barrier(THREADS)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait(10)
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    if errors:
        raise errors[0]


def polynomial(a: Value, b: Value, n: int) -> Value:
    node = a
    for i in range(n):
        node = node * b + a if i % 3 else cr.dot([node, a], [b, 0.5], a).tanh()
    return node


def test_separate_graphs() -> None:
    reference = []
    for number in range(THREADS):
        a, b = Value(0.1 * number), Value(0.5)
        polynomial(a, b, 60).backward()
        reference.append((a.grad, b.grad))

    def work(number: int) -> None:
        for _ in range(20):
            a, b = Value(0.1 * number), Value(0.5)
            polynomial(a, b, 60).backward()
            assert (a.grad, b.grad) == reference[number]

    together(work)


def test_shared_parameters_get_every_share() -> None:
    w, v = Value(1.0), Value(0.5)

    def work(number: int) -> None:
        for _ in range(200):
            (w * float(number + 1) + w * v).backward()

    together(work)
    rounds = 200 * THREADS
    assert w.grad == 200 * sum(range(1, THREADS + 1)) + 0.5 * rounds
    assert v.grad == rounds


def test_shared_parameters_through_closures() -> None:
    w = Value(2.0)

    def square(x: Value) -> Value:
        out = Value(x.data**2, (x,), "square")

        def share() -> None:
            x.grad += 2 * x.data * out.grad

        out._backward = share
        return out

    def work(_number: int) -> None:
        for _ in range(100):
            (square(w) + w).backward()

    together(work)
    assert w.grad == 5.0 * 100 * THREADS


def test_one_graph_differentiated_by_all() -> None:
    a = Value(2.0)
    root = (a * a + a).relu() * 0.5

    together(lambda _number: [root.backward() for _ in range(50)])
    assert a.grad == 2.5 * 50 * THREADS
    assert root.grad == 1.0


def test_overlapping_graphs_differentiated_by_all() -> None:
    a = Value(2.0)
    shared = a
    for _ in range(30):
        shared = shared * 1.0 + 0.0
    roots = [shared * float(number + 1) for number in range(THREADS)]

    def work(number: int) -> None:
        for _ in range(30):
            roots[number].backward()

    together(work)
    assert a.grad == 30 * sum(range(1, THREADS + 1))


def test_an_error_in_one_thread_does_not_hold_up_the_others() -> None:
    w = Value(1.0)

    def work(number: int) -> None:
        for i in range(50):
            out = Value(1.0, (w,), "maybe")

            def share(out: Value = out, i: int = i) -> None:
                if number % 2 and i % 2:
                    raise ValueError
                w.grad += out.grad

            out._backward = share
            try:
                (out * 2.0).backward()
            except ValueError:
                assert number % 2

    together(work)
    assert w.grad == 2.0 * (THREADS // 2) * (50 + 25)


def test_no_grad_in_half_of_the_threads() -> None:
    a = Value(1.0)

    def work(number: int) -> None:
        for _ in range(200):
            if number % 2:
                with cr.no_grad():
                    assert (a * 2.0)._prev == ()
            else:
                assert len((a * 2.0)._prev) == 2

    together(work)
    assert len((a * 2.0)._prev) == 2


def test_a_constant_is_one_object_for_all_threads() -> None:
    for _ in range(50):
        node = Value(1.0) * 3.0
        seen: list[Value] = []

        def work(_number: int, node: Value = node, seen: list[Value] = seen) -> None:
            seen.append(node._prev[1])

        together(work)
        assert len(set(seen)) == 1


def test_stale_gradients_are_counted_once_over_all_threads() -> None:
    w = Value(1.0)
    (w * 2.0).backward()
    w.data = 3.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        together(lambda _number: (w * 2.0).backward())
    assert len(caught) == 1
    assert w.grad == 2.0 * (THREADS + 1)


def test_building_and_freeing_in_all_threads() -> None:
    def work(number: int) -> None:
        kept: list[Value] = []
        for i in range(300):
            node = Value(float(number))
            for _ in range(20):
                node = node + 1.0
            kept.append(node)
            if i % 7 == 0:
                kept.clear()
        assert all(node.data == number + 20.0 for node in kept)

    together(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_differentiates_while_another_thread_did() -> None:
    """The child has only the forking thread: a lock held by another would hold for good."""
    program = """
        import os, threading, time
        from chainrule import Value

        a = Value(2.0)
        out = Value(1.0, (a,), "slow")
        started = threading.Event()

        def wait():
            started.set()
            time.sleep(0.5)

        out._backward = wait
        thread = threading.Thread(target=out.backward)
        thread.start()
        started.wait()
        child = os.fork()
        if child == 0:
            b = Value(3.0)
            (b * b).backward()
            os._exit(0 if b.grad == 6.0 else 1)
        print(os.waitpid(child, 0)[1])
        thread.join()
    """
    assert run_python(textwrap.dedent(program)).stdout == "0\n"
