"""What a compiled function returns are ordinary Values with a backward of their own, mixed with eager code at will."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import StaleGradientWarning, Value
from tests.compiler.exactness.compiling import agree

THREADS = 6


@pytest.fixture
def w() -> list[Value]:
    return [Value(0.5, label="a"), Value(-1.25, label="b"), Value(2.0, label="c")]


@pytest.fixture(params=["native", "tape"])
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(w: list[Value], executor: str) -> tuple[Any, Any]:
    """A function of two results, and the compiled one."""

    def f(x: Any) -> Any:
        y = cr.tanh(w[0] * x + w[1]) * w[2]
        return {"loss": y * y, "y": y}

    return f, cr.compile(f, executor=executor)


def gradients(w: list[Value]) -> list[float]:
    found = [each.grad for each in w]
    for each in w:
        each.grad = 0
    return found


def in_threads(work: Callable[[int], object]) -> None:
    """Run work(0), work(1) … at the same time, switching as often as Python can; raise what one of them raised."""
    start = threading.Barrier(THREADS)
    errors: list[BaseException] = []

    def run(k: int) -> None:
        try:
            start.wait(10)
            work(k)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
    finally:
        sys.setswitchinterval(before)
    assert not any(each.is_alive() for each in threads)
    if errors:
        raise errors[0]


def test_each_result_differentiates_what_it_was_made_from(w: list[Value], executor: str) -> None:
    """Later calls, other inputs, updated parameters and other traces in between change nothing."""
    f, compiled = make(w, executor)
    expected, kept = [], []
    for k, x in enumerate((0.3, -2.0, 1.5, 0.25)):
        kept.append(compiled(x))
        f(x)["loss"].backward()
        first = gradients(w)
        f(x)["y"].backward()
        expected.append((first, gradients(w)))
        for each in w:
            each.data += 0.1 * (k + 1)
    compiled([1.0][0])
    for result, (of_loss, of_y) in reversed(list(zip(kept, expected, strict=True))):
        result["loss"].backward()
        assert gradients(w) == pytest.approx(of_loss, rel=1e-12)
        result["y"].backward()
        assert gradients(w) == pytest.approx(of_y, rel=1e-12)


@pytest.mark.parametrize("results", [1, 2])
def test_arguments_may_change_before_backward(w: list[Value], executor: str, results: int) -> None:
    """Lists, arrays, Values and parameters, also where the gradient is computed only when it is asked for."""

    def f(xs: Any, X: Any, v: Value) -> Any:
        total = cr.sum([a * x * v * y for a, x, y in zip(w, xs, X, strict=True)])
        return total if results == 1 else [total, total * v]

    compiled = cr.compile(f, executor=executor)
    for _ in range(2):
        xs, X, v = [1.0, 2.0, 3.0], np.array([1.0, 0.5, 2.0]), Value(4.0)
        found = compiled(xs, X, v)
        xs[:] = [9.0, 9.0, 9.0]
        X[:] = -7.0
        v.data = 100.0
        for each in w:
            each.data += 5.0
        compiled(xs, X, v)
        (found if results == 1 else found[0]).backward()
        for each in w:
            each.data -= 5.0
        assert v.grad == pytest.approx(0.5 - 1.25 + 12.0)
        assert gradients(w) == [4.0, 4.0, 24.0]


def test_backward_twice_doubles_the_leaves_and_no_more(w: list[Value], executor: str) -> None:
    _, compiled = make(w, executor)
    loss = compiled(0.7)["loss"]
    loss.backward()
    once = [each.grad for each in w]
    loss.backward()
    loss.backward()
    assert [each.grad for each in w] == pytest.approx([3.0 * x for x in once], rel=1e-14)
    assert loss.grad == 1.0


def test_gradients_accumulate_over_calls(w: list[Value], executor: str) -> None:
    f, compiled = make(w, executor)
    for x in (0.1, 0.2, 0.3):
        f(x)["loss"].backward()
    expected = gradients(w)
    for x in (0.1, 0.2, 0.3):
        compiled(x)["loss"].backward()
    assert gradients(w) == pytest.approx(expected, rel=1e-12)


def test_mixed_with_eager_code_on_both_sides(w: list[Value], executor: str) -> None:
    """Eager into compiled into eager into compiled, over the same parameters, a result used several times."""

    def inner(v: Any, x: Any) -> Any:
        return [cr.sin(v * w[0]) + x, v * v * w[1]]

    compiled = cr.compile(inner, executor=executor)
    for part in (inner, compiled):
        assert part(Value(1.0), 1.0)[0].data == pytest.approx(1.479425538604203, rel=1e-12)

    def whole(part: Any) -> Any:
        def f(x: Any) -> Any:
            first, second = part(w[2] * 0.5 + w[0], x)
            third, fourth = part(first * second, x)
            return (third + fourth) * first + cr.exp(second * 0.1) * part(third, 2.0)[1] + w[1]

        return f

    for x in (0.5, -1.0):
        agree(whole(compiled), whole(inner), (x,), w)


def test_one_compiled_function_inside_another(w: list[Value], executor: str) -> None:
    inner = cr.compile(lambda v: cr.tanh(v * w[0]) + w[1], executor=executor)

    def f(x: float) -> Any:
        return inner(w[2] * x) * inner(inner(w[0]))

    outer = cr.compile(f, executor=executor)
    agree(outer, f, (0.5,), w)
    w[0].data = 0.25
    agree(outer, f, (1.5,), w)
    inner(Value(3.0)).backward()
    assert outer.report().eager_calls == 0


def test_a_function_that_calls_itself(w: list[Value], executor: str) -> None:
    def itself(v: Any, n: Any) -> Any:
        return v if n == 1 else v * power(v, n - 1) + w[0]

    power: Any = cr.compile(executor=executor)(itself)

    def plain(v: Any, n: int) -> Any:
        return v if n == 1 else v * plain(v, n - 1) + w[0]

    for n in (1, 4, 2, 4):
        agree(power, plain, (w[2], n), w)


@pytest.mark.parametrize("how", ["traced inside", "called inside", "both"])
def test_no_grad(w: list[Value], executor: str, how: str) -> None:
    f, compiled = make(w, executor)
    if how == "called inside":
        compiled(0.4)
    with cr.no_grad():
        found = compiled(0.7)["loss"]
    assert found._prev == ()
    assert found.data == pytest.approx(f(0.7)["loss"].data, rel=1e-13)
    found.backward()
    assert gradients(w) == [0.0, 0.0, 0.0]
    agree(compiled, f, (0.7,), w)
    if how == "both":
        with cr.no_grad():
            assert compiled(0.9)["y"]._prev == ()
        agree(compiled, f, (0.9,), w)


def test_results_are_ordinary_values(w: list[Value], executor: str) -> None:
    _, compiled = make(w, executor)
    result = compiled(0.7)
    loss = result["loss"]
    assert type(loss) is Value
    assert repr(loss) == f"Value(data={loss.data}, grad=0.0)"
    loss.label = "loss"
    loss.velocity = 3.0
    assert (loss.label, loss.velocity) == ("loss", 3.0)
    assert float(loss) == loss.data > 0
    assert loss.detach()._prev == ()
    assert (loss * 2 + 1).data == 2 * loss.data + 1
    assert isinstance(loss._op, str)
    assert all(isinstance(each, Value) for each in loss._prev)


def test_the_manual_walk(w: list[Value], executor: str) -> None:
    """The lecture's: set the root's gradient and call _backward in the order of the graph."""
    _, compiled = make(w, executor)
    loss = compiled(0.7)["loss"]
    loss.backward()
    expected = gradients(w)
    order: list[Value] = []

    def visit(node: Value) -> None:
        if not any(node is each for each in order):
            for operand in node._prev:
                visit(operand)
            order.append(node)

    visit(loss)
    for node in order:
        node.grad = 0
    loss.grad = 1.0
    for node in reversed(order):
        node._backward()
    assert gradients(w) == pytest.approx(expected, rel=1e-14)


def test_results_are_drawn_and_explained(w: list[Value], executor: str) -> None:
    _, compiled = make(w, executor)
    loss = compiled(0.7)["loss"] + w[0]
    loss.backward()
    assert "digraph" in cr.draw_dot(loss).source
    nodes, _ = cr.trace(loss)
    assert set(w) <= nodes
    assert str(cr.explain(loss))
    assert "<html" in cr.to_html(loss).lower()


def test_copies_and_pickles(w: list[Value], executor: str) -> None:
    _, compiled = make(w, executor)
    loss = compiled(0.7)["loss"]
    loss.backward()
    expected = gradients(w)
    for twin in (copy.deepcopy((loss, w)), pickle.loads(pickle.dumps((loss, w)))):
        copied, parameters = twin
        copied.backward()
        assert [each.grad for each in parameters] == pytest.approx(expected, rel=1e-14)
        assert gradients(w) == [0.0, 0.0, 0.0]


def test_nothing_is_kept_alive(w: list[Value], executor: str) -> None:
    class Watched(list[float]):
        pass

    f, compiled = make(w, executor)
    result = compiled(0.5)
    parameter = Value(1.0)
    local = cr.compile(lambda x: parameter * x)
    local(2.0).backward()
    watched = weakref.ref(f)
    del f, compiled
    gc.collect()
    result["loss"].backward()
    assert any(gradients(w))
    del result
    gc.collect()
    assert watched() is None


def test_the_stale_gradient_warning_is_eagers(w: list[Value], executor: str) -> None:
    f, compiled = make(w, executor)
    told = []
    for function in (f, compiled):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                function(0.5)["loss"].backward()
                w[0].data += 0.125
            function(0.5)["loss"].backward()
        told.append([(each.category, str(each.message)) for each in caught])
        w[0].data -= 0.25
        gradients(w)
    assert told[0] == told[1]
    assert {category for category, _ in told[0]} == {StaleGradientWarning}


def test_threads_call_and_differentiate_at_the_same_time(w: list[Value], executor: str) -> None:
    f, compiled = make(w, executor)
    inputs = [[0.1 * k + 0.01 * i for i in range(40)] for k in range(THREADS)]
    expected = [[f(x)["loss"].data for x in row] for row in inputs]
    for row in inputs:
        for x in row:
            f(x)["loss"].backward()
    total = gradients(w)
    found: list[list[float]] = [[] for _ in inputs]

    def work(k: int) -> None:
        for x in inputs[k]:
            loss = compiled(x)["loss"]
            found[k].append(loss.data)
            loss.backward()

    in_threads(work)
    for got, wanted in zip(found, expected, strict=True):
        assert got == pytest.approx(wanted, rel=1e-12)
    assert gradients(w) == pytest.approx(total, rel=1e-11)


def test_threads_of_other_structures_and_without_a_graph(executor: str) -> None:
    """Traces and retraces in one thread while others call; no_grad holds for its own thread alone."""
    w = [Value(0.5), Value(-1.25), Value(2.0)]

    def f(xs: Any) -> Any:
        total = cr.sum([cr.tanh(w[0] * x + w[1]) * w[2] for x in xs])
        return total * 2.0 if total > 0.5 else total

    compiled = cr.compile(f, executor=executor)

    def work(k: int) -> None:
        chance = random.Random(k)
        for _ in range(40):
            xs = [chance.uniform(-2.0, 2.0) for _ in range(chance.randint(1, 4))]
            if chance.random() < 0.3:
                with cr.no_grad():
                    found = compiled(xs)
                assert found._prev == ()
            else:
                found = compiled(xs)
                found.backward()
                assert found._prev != ()
            assert found.data == pytest.approx(f(xs).data, rel=1e-12)

    in_threads(work)


def test_results_of_every_shape(w: list[Value], executor: str) -> None:
    """A parameter, a constant, one Value twice, the argument itself."""

    def f(x: Any, v: Any) -> Any:
        y = w[0] * x
        return [y, w[1], (y, v), {"k": Value(3.0), "x": Value(x)}, y * 0.0 + 1.0]

    compiled = cr.compile(f, executor=executor)
    v = Value(0.75)
    for x in (0.5, -2.0):
        agree(compiled, f, (x, v), [*w, v])


def test_a_parameter_returned_is_the_parameter(w: list[Value], executor: str) -> None:
    compiled = cr.compile(lambda x: [w[0] * x, w[1]], executor=executor)
    for x in (1.0, 2.0):
        _, same = compiled(x)
        same.backward()
        assert w[1].grad == 1.0
        gradients(w)


def test_fifty_results_share_one_graph(w: list[Value], executor: str) -> None:
    def f(xs: Any) -> Any:
        hidden = [cr.tanh(w[0] * x + w[1]) for x in xs]
        return [h * w[2] + hidden[0] for h in hidden]

    compiled = cr.compile(f, executor=executor)
    xs = [0.05 * k for k in range(50)]
    agree(compiled, f, (xs,), w)
    results = compiled(xs)
    for k in (49, 0, 25):
        f(xs)[k].backward()
        expected = gradients(w)
        results[k].backward()
        assert gradients(w) == pytest.approx(expected, rel=1e-12)
