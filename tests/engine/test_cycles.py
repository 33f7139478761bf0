"""Reference cycles through nodes are collected, and nothing else needs Python's collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value


def cube(a: Value) -> Value:
    """a³, in the way of the lecture."""
    out = Value(a.data**3, (a,), "cube")

    def _backward() -> None:
        a.grad += 3 * a.data**2 * out.grad

    out._backward = _backward
    return out


class Marked(Value):
    """A Value with a dictionary of its own."""


class Sentinel:
    """Something to watch die."""


def hold(*_things: object) -> None:
    """Do nothing: the function that calls this one holds its arguments."""


def kinds_of_cycles() -> dict[str, Callable[[Sentinel], Any]]:
    """Ways to make a reference cycle through nodes, each holding the sentinel."""

    def over_itself(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        out = Value(2.0, (a,), "mine")
        out._backward = lambda: hold(out, sentinel, a)
        return out

    def over_a_later_node(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        out = Value(2.0, (a,), "mine")
        later: list[Value] = []
        out._backward = lambda: hold(later, sentinel)
        later.append((out * 2.0 + 1.0).tanh())
        return out

    def over_a_later_variable(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        out = Value(2.0, (a,), "mine")

        def share() -> None:
            hold(sentinel)
            a.grad += later.grad

        out._backward = share
        later: Value = cr.dot([out, a], [out, 2.0])
        return later

    def chain_of_closures(sentinel: Sentinel) -> Value:
        node = Value(1.0)
        node.mark = sentinel
        for _ in range(20):
            node = cube(node * 0.5) + 1.0
        return node

    def attribute_that_is_a_later_node(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        loss: Value = cr.sum([a * 2.0, a + 1.0, 3.0])
        a.mark = sentinel
        a.last_loss = loss
        return loss

    def attribute_that_holds_later_nodes(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        loss: Value = (a * 2.0).exp()
        a.mark = sentinel
        a.losses = [loss]
        return loss

    def attribute_of_an_interior_node(sentinel: Sentinel) -> Value:
        m = Value(1.0) * 2.0
        loss: Value = m + 1.0
        m.mark = sentinel
        m.user = {"loss": loss}
        return loss

    def operand_that_holds_a_subclass(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        out = Marked(2.0, (a,), "mine")
        out.mark = sentinel
        a.user = out
        return out

    def itself(sentinel: Sentinel) -> Value:
        a = Value(1.0)
        a.mark = sentinel
        a.me = a
        return a

    def a_list_with_the_node(sentinel: Sentinel) -> list[Any]:
        a = Value(1.0)
        a.mark = sentinel
        inside: list[Any] = []
        a.inside = inside
        inside.append(a * 2.0)
        return inside

    return {name: make for name, make in locals().items() if callable(make)}


@pytest.mark.parametrize("name", kinds_of_cycles())
@pytest.mark.usefixtures("quick_collector")
def test_reference_cycles_are_collected(name: str) -> None:
    make = kinds_of_cycles()[name]
    gc.collect()
    watched = []
    for _ in range(20):
        sentinel = Sentinel()
        watched.append(weakref.ref(sentinel))
        graph = make(sentinel)
        del sentinel
        gc.collect(0)
        assert watched[-1]() is not None
        if isinstance(graph, Value) and name == "chain_of_closures":
            graph.backward()
        del graph
    gc.collect()
    assert [each() for each in watched] == [None] * 20


@pytest.mark.usefixtures("quick_collector")
def test_graphs_without_cycles_need_no_collector() -> None:
    gc.disable()
    try:
        watched = []
        for _ in range(20):
            sentinel = Sentinel()
            watched.append(weakref.ref(sentinel))
            a = Value(1.0)
            a.mark = sentinel
            loss = (a * 2.0 + cr.dot([a], [3.0])).tanh()
            loss.backward()
            del a, loss, sentinel
        assert [each() for each in watched] == [None] * 20
    finally:
        gc.enable()


@pytest.mark.usefixtures("quick_collector")
def test_a_collection_in_the_middle_of_backward_takes_nothing_that_is_needed() -> None:
    a = Value(0.5)
    node = a
    for i in range(50):
        out = Value(node.data + 1.0, (node,), "inc")

        def share(node: Value = node, out: Value = out) -> None:
            gc.collect()
            node.grad += out.grad

        out._backward = share
        node = out * 1.0 if i % 2 else out
    node.backward()
    assert a.grad == 1.0
