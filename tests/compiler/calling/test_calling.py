"""Calls: parameters are read anew, results are Values like any other, nothing is kept longer than needed."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import time
import weakref

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import Tape, local_derivatives
from tests.compiler.calling.traces import entry_of


def test_a_call_is_a_value_over_the_parameters() -> None:
    w, b = Value(2.0), Value(1.0)
    entry = entry_of(lambda x: w * x + b, 3.0, live=[w, b])
    result = entry.call((5.0,))
    assert (result.data, result._op, result._prev) == (11.0, "compiled", (w, b))
    assert local_derivatives(result) == (5.0, 1.0)
    result.backward()
    assert (w.grad, b.grad) == (5.0, 1.0)


def test_parameters_are_live_and_old_results_stay_right() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * w * x, 3.0, live=[w])
    first = entry.call((1.0,))
    w.data = 10.0
    second = entry.call((2.0,))
    assert (first.data, second.data) == (4.0, 200.0)
    first.backward()
    assert w.grad == 4.0
    w.grad = 0.0
    second.backward()
    assert w.grad == 40.0


def test_leaves_accumulate_and_the_result_is_fresh() -> None:
    w = Value(2.0)
    result = entry_of(lambda x: w * x, 3.0, live=[w]).call((3.0,))
    result.backward()
    result.backward()
    assert (w.grad, result.grad) == (6.0, 1.0)


def test_mixes_with_eager_code() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    total = (entry.call((3.0,)) * w + entry.call((4.0,))).exp().log()
    total.backward()
    assert total.data == pytest.approx(20.0)
    assert w.grad == pytest.approx(2 * 2.0 * 3.0 + 4.0)


def test_values_among_the_arguments_receive_gradients() -> None:
    w, x = Value(2.0), Value(3.0)
    entry = entry_of(lambda x: w * x * x, x, live=[w])
    y = Value(5.0)
    entry.call((y,)).backward()
    assert (w.grad, y.grad, x.grad) == (25.0, 20.0, 0.0)
    inner = y * 2.0
    y.grad = 0.0
    entry.call((inner,)).backward()
    assert (y.grad, inner.grad) == (2 * 2.0 * 10.0 * 2.0, 40.0)


def test_one_value_in_several_places_adds_up() -> None:
    w = Value(3.0)
    entry = entry_of(lambda x, y: w * x * y, Value(1.0), Value(1.0), live=[w])
    entry.call((w, w)).backward()
    assert w.grad == 27.0


def test_what_does_not_matter_is_no_operand() -> None:
    w, unused = Value(2.0), Value(4.0)
    entry = entry_of(lambda x, _: w * x, 3.0, Value(1.0), live=[w, unused])
    y = Value(1.0)
    result = entry.call((3.0, y))
    assert result._prev == (w,)
    assert entry_of(lambda x: Value(0.0) + x, 1.0, live=[w]).call((2.0,))._prev == ()


def test_a_zero_slope_still_is_an_operand() -> None:
    w = Value(-2.0)
    result = entry_of(lambda x: (w * x).relu(), 1.0, live=[w]).call((1.0,))
    assert (result._prev, local_derivatives(result)) == ((w,), (0.0,))


def test_no_grad_gives_leaves() -> None:
    w = Value(2.0)
    for fn in (lambda x: w * x, lambda x: [w * x, w + x]):
        entry = entry_of(fn, 3.0, live=[w])
        with cr.no_grad():
            results = entry.call((4.0,))
        for result in results if isinstance(results, list) else [results]:
            assert (result._prev, result._op) == ((), "")


def test_a_result_that_is_a_parameter_or_an_argument_is_that_object() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: (w, x, w * x), Value(1.0), live=[w])
    y = Value(7.0)
    first, second, product = entry.call((y,))
    assert first is w
    assert second is y
    assert product.data == 14.0
    assert entry_of(lambda: w, live=[w]).call(()) is w


def test_another_executor_takes_over() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x[0], [1.0], live=[w])
    assert entry.call(([3.0],)).data == 6.0
    entry.executor = Tape(entry.trace.program)
    assert entry.call(([4.0],)).data == 8.0
    assert entry.calls == 2


def test_a_call_inside_a_call_has_memory_of_its_own() -> None:
    w = Value(2.0)
    inner: list[float] = []

    class Nosy:
        """An argument that calls the function when it is compared."""

        def __eq__(self, other: object) -> bool:
            if not inner:
                inner.append(0.0)
                inner[0] = entry.call((100.0, Nosy())).data
            return True

        __hash__ = None  # type: ignore[assignment]

    entry = entry_of(lambda x, _: w * x, 3.0, Nosy(), live=[w])
    assert entry.call((1.0, Nosy())).data == 2.0
    assert inner == [200.0]
    assert entry.calls == 2


def test_results_copy_and_pickle() -> None:
    w = Value(2.0)
    result = entry_of(lambda x: w * x, 3.0, live=[w]).call((5.0,))
    for again in (copy.deepcopy(result), pickle.loads(pickle.dumps(result)), copy.copy(result)):
        assert (again.data, again._op, local_derivatives(again)) == (10.0, "compiled", (5.0,))
        (leaf,) = again._prev
        leaf.grad = 0.0
        again.backward()
        assert leaf.grad == 5.0


def test_results_can_be_looked_at() -> None:
    w, b = Value(2.0, label="w"), Value(1.0, label="b")
    result = entry_of(lambda x: w * x + b, 3.0, live=[w, b]).call((5.0,))
    result.label = "y"
    result.backward()
    assert "compiled" in cr.draw_dot(result).source
    assert "dy/dw" in str(cr.explain(result, wrt=w)).replace(" ", "")
    assert "compiled" in cr.to_html(result)
    assert len(cr.trace(result)[0]) == 3
    result._backward()
    assert w.grad == 10.0


def test_no_cycles_and_no_leaks() -> None:
    w = Value(2.0)
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(200):
            entry.call((1.0,)).backward()
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_a_cycle_through_a_result_is_collected() -> None:
    class Owner:
        pass

    w = Value(2.0)
    owner = Owner()
    w.owner = owner
    entry = entry_of(lambda x: w * x, 3.0, live=[w])
    owner.result = entry.call((1.0,))  # type: ignore[attr-defined]
    seen = weakref.ref(owner)
    w = Value(0.0)
    del owner, entry
    gc.collect()
    assert seen() is None


def test_threads_share_an_entry() -> None:
    w = Value(2.0)

    class Slow:
        """An argument whose comparison lets other threads run."""

        def __eq__(self, other: object) -> bool:
            time.sleep(0.0001)
            return True

        __hash__ = None  # type: ignore[assignment]

    entry = entry_of(lambda x, _: [w * x, w + x], 1.0, Slow(), live=[w])
    wrong: list[float] = []

    def work(start: int) -> None:
        for number in range(start, start + 40):
            first, second = entry.call((float(number), Slow()))
            if (first.data, second.data, local_derivatives(first)) != (2.0 * number, 2.0 + number, (float(number),)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
