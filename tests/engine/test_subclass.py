"""Classes that derive from Value: their own attributes, weak references, methods, and what ops return."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value


class Parameter(Value):
    """A Value with a name and a counter of its own."""

    def __init__(self, data: Any, name: str = "p") -> None:
        super().__init__(data, label=name)
        self.name = name
        self.updates = 0

    def update(self, rate: float) -> None:
        self.data -= rate * self.grad
        self.updates += 1

    @property
    def doubled(self) -> Value:
        result: Value = self * 2
        return result


class Plain(Value):
    """Nothing of its own."""


def test_it_is_a_value() -> None:
    p = Parameter(3.0, "w")
    assert isinstance(p, Value)
    assert (p.data, p.grad, p.label, p.name, p.updates, p._prev, p._op) == (3.0, 0.0, "w", "w", 0, (), "")
    assert repr(p) == "Value(data=3.0, grad=0.0)"
    assert p.doubled.data == 6.0


def test_ops_return_plain_values() -> None:
    p = Parameter(3.0)
    results = [p + 1, 1 + p, p * p, -p, p**2, 2**p, p.tanh(), cr.exp(p), cr.sum([p]), cr.dot([p], [p])]
    results += [abs(p), p / p, cr.maximum(p, 1.0), p.detach(), sum([p, p])]
    assert {type(result) for result in results} == {Value}


def test_it_receives_gradients_and_updates_itself() -> None:
    p = Parameter(3.0)
    ((p - 1.0) ** 2).backward()
    p.update(0.25)
    assert (p.grad, p.data, p.updates) == (4.0, 2.0, 1)


def test_weak_references() -> None:
    p = Parameter(3.0)
    gone: list[int] = []
    reference = weakref.ref(p, lambda _: gone.append(1))
    assert reference() is p
    loss = p * 2.0
    del p
    assert reference() is not None
    del loss
    assert (reference(), gone) == (None, [1])


@pytest.mark.usefixtures("quick_collector")
def test_weak_keys_and_finalizers() -> None:
    store: weakref.WeakKeyDictionary[Value, str] = weakref.WeakKeyDictionary()
    p, q = Parameter(1.0), Plain(1.0)
    store[p], store[q] = "p", "q"
    assert (store[p], store[q]) == ("p", "q")
    del p
    gc.collect()
    assert list(store.values()) == ["q"]


def test_a_finalizer_of_its_own_runs_once() -> None:
    ended: list[float] = []

    class Mortal(Value):
        def __del__(self) -> None:
            ended.append(self.data)

    for i in range(5):
        graph = (Mortal(float(i)) * 2.0).tanh()
        del graph
    assert ended == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.usefixtures("quick_collector")
def test_its_own_attributes_may_hold_cycles() -> None:
    watched = []
    for _ in range(10):
        p = Parameter(1.0)
        p.loss = (p * 2.0).exp()
        p.me = p
        watched.append(weakref.ref(p))
    del p
    gc.collect()
    assert [each() for each in watched] == [None] * 10


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_keep_class_and_attributes(how: Any) -> None:
    p = Parameter(3.0, "w")
    p.velocity = 0.5
    p._hidden = [1, 2]
    p.grad = 7.0
    twin = how(p)
    assert twin is not p
    assert type(twin) is Parameter
    assert (twin.data, twin.grad, twin.label, twin.name, twin.updates) == (3.0, 7.0, "w", "w", 0)
    assert (twin.velocity, twin._hidden) == (0.5, [1, 2])
    twin.data = 1.0
    twin.name = "other"
    assert (p.data, p.name) == (3.0, "w")


def test_it_keeps_its_class_inside_a_pickled_graph() -> None:
    p = Parameter(3.0, "w")
    loss = pickle.loads(pickle.dumps((p * 2.0).tanh()))
    (twin,) = (node for node in cr.trace(loss)[0] if node.label == "w")
    assert type(twin) is Parameter
    loss.backward()
    assert twin.grad != 0.0


def test_without_calling_value_init_it_can_be_made_later() -> None:
    class Late(Value):
        def __init__(self) -> None:
            self.ready = False

        def start(self, data: float) -> None:
            Value.__init__(self, data)
            self.ready = True

    late = Late()
    late.start(2.0)
    (late * 3.0).backward()
    assert (late.data, late.grad, late.ready) == (2.0, 3.0, True)


def test_overridden_operators_are_used_on_both_sides() -> None:
    class Louder(Value):
        def __add__(self, other: Any) -> Any:
            return ("add", other)

        def __radd__(self, other: Any) -> Any:
            return ("radd", other)

    loud, v = Louder(1.0), Value(2.0)
    assert loud + v == ("add", v)
    assert v + loud == ("radd", v)
    assert 3 + loud == ("radd", 3)
    assert (loud * v).data == 2.0


def test_a_user_op_may_be_of_a_subclass() -> None:
    class Node(Value):
        def __init__(self, data: float, operands: tuple[Value, ...], note: str) -> None:
            super().__init__(data, operands, "node")
            self.note = note

    a = Value(3.0)
    node = Node(9.0, (a, a), "square")

    def share() -> None:
        a.grad += 2 * a.data * node.grad

    node._backward = share
    (node * 2.0).backward()
    assert (a.grad, node.grad, node.note, node._op, node._prev) == (12.0, 2.0, "square", "node", (a, a))


def test_slots() -> None:
    class Slotted(Value):
        __slots__ = ("extra",)

    s = Slotted(2.0)
    s.extra = 5
    (s * 3.0).backward()
    assert (s.data, s.grad, s.extra) == (2.0, 3.0, 5)


def test_several_bases() -> None:
    class Named:
        name = "n"

        def shout(self) -> str:
            return self.name.upper()

    class Both(Named, Value):
        pass

    b = Both(2.0)
    assert (b.shout(), (b * 2).data) == ("N", 4.0)


@pytest.mark.usefixtures("quick_collector")
def test_a_deep_chain_of_subclass_nodes_is_freed() -> None:
    node: Value = Plain(1.0)
    for _ in range(50_000):
        node = Plain(1.0, (node,), "same")
    del node
    gc.collect()
