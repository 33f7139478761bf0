"""no_grad and detach: values without a graph, in this thread only."""

from __future__ import annotations

import threading

import pytest

import chainrule as cr
from chainrule import Value


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a + a,
        lambda a: a * 2.0,
        lambda a: 2 - a,
        lambda a: a**2,
        lambda a: 2**a,
        lambda a: -a,
        abs,
        lambda a: a.tanh(),
        cr.relu,
        lambda a: cr.maximum(a, 1.0),
        lambda a: cr.where(a, a, 0.0),
        lambda a: cr.sum([a, a]),
        lambda a: cr.dot([a], [a], a),
        lambda a: cr.logsumexp([a, 1.0]),
        lambda a: cr.mean([a, 4.0]),
        lambda a: cr.softmax([a, 1.0])[0],
        lambda a: sum([a, a]),
    ],
)
def test_nothing_is_recorded_and_the_value_is_the_same(make: object) -> None:
    a = Value(1.5)
    with cr.no_grad():
        bare = make(a)  # type: ignore[operator]
    assert (bare._prev, bare._op) == ((), "")
    assert bare.data == make(a).data  # type: ignore[operator]
    bare.backward()
    assert (bare.grad, a.grad) == (1.0, 0.0)


def test_a_user_op_records_nothing_either() -> None:
    a = Value(1.5)
    with cr.no_grad():
        out = Value(3.0, (a,), "double")
        out._backward = lambda: setattr(a, "grad", 99.0)
    assert out._prev == ()
    (out * 2.0).backward()
    assert a.grad == 0.0


def test_backward_works_inside() -> None:
    a = Value(2.0)
    loss = a * a
    with cr.no_grad():
        loss.backward()
        a.data -= 0.1 * a.grad
    assert (a.grad, a.data) == (4.0, 1.6)


def test_what_is_built_inside_is_a_leaf_of_what_is_built_outside() -> None:
    a = Value(2.0)
    with cr.no_grad():
        fixed = a * 3.0
    loss = fixed * a
    loss.backward()
    assert (a.grad, fixed.grad) == (6.0, 2.0)


def test_blocks_nest() -> None:
    a = Value(1.0)
    with cr.no_grad():
        with cr.no_grad():
            assert (a * 2)._prev == ()
        assert (a * 2)._prev == ()
    assert len((a * 2)._prev) == 2


def test_one_object_may_be_used_again_and_nested() -> None:
    a = Value(1.0)
    block = cr.no_grad()
    with block, block:
        assert (a * 2)._prev == ()
    assert len((a * 2)._prev) == 2
    with block:
        assert (a * 2)._prev == ()
    assert len((a * 2)._prev) == 2


def test_as_a_decorator() -> None:
    @cr.no_grad()
    def predict(x: Value, *, scale: float = 1.0) -> Value:
        """Scaled."""
        result: Value = x * scale
        return result

    a = Value(3.0)
    assert (predict(a, scale=2.0).data, predict(a)._prev) == (6.0, ())
    assert (predict.__name__, predict.__doc__) == ("predict", "Scaled.")
    assert len((a * 2)._prev) == 2


def test_a_decorated_function_may_call_itself() -> None:
    @cr.no_grad()
    def power(x: Value, n: int) -> Value:
        return x if n == 1 else power(x, n - 1) * x

    a = Value(2.0)
    assert (power(a, 5).data, power(a, 5)._prev) == (32.0, ())
    assert len((a * a)._prev) == 2


def test_an_exception_ends_it() -> None:
    a = Value(1.0)

    @cr.no_grad()
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    with pytest.raises(ZeroDivisionError), cr.no_grad():
        _ = 1 / 0
    assert len((a * 2)._prev) == 2


def test_other_threads_record() -> None:
    a = Value(1.0)
    inside, checked = threading.Event(), threading.Event()
    seen: list[int] = []

    def elsewhere() -> None:
        inside.wait(10)
        seen.append(len((a * 2)._prev))
        with cr.no_grad():
            seen.append(len((a * 2)._prev))
        seen.append(len((a * 2)._prev))
        checked.set()

    worker = threading.Thread(target=elsewhere)
    worker.start()
    with cr.no_grad():
        inside.set()
        assert checked.wait(10)
        assert (a * 2)._prev == ()
    worker.join()
    assert seen == [2, 0, 2]
    assert len((a * 2)._prev) == 2


def test_a_thread_started_inside_records() -> None:
    a = Value(1.0)
    seen: list[int] = []
    with cr.no_grad():
        worker = threading.Thread(target=lambda: seen.append(len((a * 2)._prev)))
        worker.start()
        worker.join()
    assert seen == [2]


def test_detach_gives_a_leaf() -> None:
    a = Value(2.0, label="a")
    m = a * 3.0
    m.label = "m"
    m.grad = 5.0
    leaf = m.detach()
    assert leaf is not m
    assert (leaf.data, leaf.grad, leaf._prev, leaf._op, leaf.label) == (6.0, 0.0, (), "", "m")
    (leaf * a).backward()
    assert (a.grad, leaf.grad, m.grad) == (6.0, 2.0, 5.0)
    leaf.data = 1.0
    assert m.data == 6.0


def test_detach_of_a_leaf_is_another_leaf() -> None:
    a = Value(2.0)
    b = a.detach()
    (a * b).backward()
    assert (a.grad, b.grad) == (2.0, 2.0)
    assert a != b
