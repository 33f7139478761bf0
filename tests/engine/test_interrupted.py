"""A backward() that ends in an error leaves nothing behind: the next one is right."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import compiled


def with_a_fuse(error: type[BaseException]) -> tuple[list[Value], Value, list[int]]:
    """A graph with shared nodes and a closure in its middle that raises while the fuse holds a number."""
    a, b = Value(0.5), Value(-1.5)
    left = (a * b + a).tanh()
    right = cr.dot([a, left], [b, 2.0], left)
    fuse: list[int] = []
    out = Value(left.data + right.data, (left, right, left), "fuse")

    def share() -> None:
        if fuse:
            fuse.pop()
            raise error
        left.grad += 2 * out.grad
        right.grad += out.grad

    out._backward = share
    loss = out * left + (right * out).exp() + a
    return [a, b], loss, fuse


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError, SystemExit, StopIteration])
def test_a_closure_that_raises_leaves_the_graph_as_it_was(error: type[BaseException]) -> None:
    leaves, loss, fuse = with_a_fuse(error)
    loss.backward()
    expected = [leaf.grad for leaf in leaves]
    for _ in range(3):
        fuse.append(1)
        with pytest.raises(error):
            loss.backward()
    for leaf in leaves:
        leaf.grad = 0.0
    loss.backward()
    assert [leaf.grad for leaf in leaves] == expected


def test_after_an_error_another_graph_over_the_same_nodes_is_right() -> None:
    leaves, loss, fuse = with_a_fuse(ValueError)
    (loss * 2.0).backward()
    expected = [leaf.grad for leaf in leaves]
    fuse.append(1)
    with pytest.raises(ValueError, match=r"^$"):
        loss.backward()
    for leaf in leaves:
        leaf.grad = 0.0
    (loss * 2.0).backward()
    assert [leaf.grad for leaf in leaves] == expected


def test_an_error_in_a_nested_backward_leaves_both_graphs_clean() -> None:
    inner_leaves, inner, fuse = with_a_fuse(ZeroDivisionError)
    a = Value(2.0)
    m = a * 3.0
    out = Value(1.0, (m,), "outer")

    def share() -> None:
        inner.backward()
        m.grad += out.grad

    out._backward = share
    loss = out * m
    fuse.append(1)
    with pytest.raises(ZeroDivisionError):
        loss.backward()
    a.grad = 0.0
    for leaf in inner_leaves:
        leaf.grad = 0.0
    loss.backward()
    assert a.grad == 21.0
    assert all(leaf.grad != 0.0 for leaf in inner_leaves)


def test_a_closure_may_catch_the_error_of_its_own_nested_backward() -> None:
    _, inner, fuse = with_a_fuse(ValueError)
    a = Value(2.0)
    out = Value(1.0, (a,), "outer")

    def share() -> None:
        try:
            inner.backward()
        except ValueError:
            a.grad += 5 * out.grad

    out._backward = share
    fuse.append(1)
    (out * 3.0).backward()
    assert a.grad == 15.0


class AlarmError(BaseException):
    """Stands for Ctrl-C at any moment."""


@pytest.fixture
def alarm() -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        pytest.skip("needs signal.setitimer in the main thread")

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("closures", [False, True])
@pytest.mark.usefixtures("alarm")
def test_an_interrupt_at_any_moment_leaves_the_next_backward_right(closures: bool) -> None:
    a = Value(1.0)
    node = a
    for i in range(1000):
        if closures and i % 5 == 0:
            out = Value(node.data, (node,), "same")

            def share(node: Value = node, out: Value = out) -> None:
                node.grad += out.grad

            out._backward = share
            node = out
        node = -node if i % 2 else node + node * 0.0
    node.backward()
    expected = a.grad
    hits = 0
    for trial in range(40):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + trial * (1e-5 if compiled else 2e-4))
            node.backward()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except AlarmError:
            hits += 1
        a.grad = 0.0
        node.backward()
        assert a.grad == expected
        a.grad = 0.0
    assert hits > 0 or (compiled and not closures)
