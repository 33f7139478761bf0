"""StaleGradientWarning: the forgotten zero_grad() is told, once for each backward(), and nothing else is."""

from __future__ import annotations

import inspect
import threading
import warnings

import pytest

import chainrule as cr
from chainrule import StaleGradientWarning, Value
from chainrule.engine import read_data, read_grad, write_data, write_grad, zero_grad


def step(parameters: list[Value], rate: float = 0.1) -> None:
    for p in parameters:
        p.data += -rate * p.grad


def loss_of(parameters: list[Value]) -> Value:
    total = Value(0.0)
    for p in parameters:
        total = total + (p - 3.0) ** 2
    return total


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_warning_says_how_many_parameters(count: int) -> None:
    parameters = [Value(i + 0.5) for i in range(count)]
    loss_of(parameters).backward()
    step(parameters)
    loss = loss_of(parameters)
    with pytest.warns(StaleGradientWarning, match=rf"\b{count} parameters?\b.*zero_grad\(\)") as caught:
        loss.backward()
    assert len(caught) == 1
    assert ("parameters" in str(caught[0].message)) == (count > 1)


def test_it_is_a_user_warning_and_a_public_name() -> None:
    assert issubclass(cr.StaleGradientWarning, UserWarning)


def test_it_points_at_the_line_that_called_backward() -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    p.data = 5.0
    with pytest.warns(StaleGradientWarning) as caught:
        (p * 2.0).backward()
    line = inspect.getsourcelines(test_it_points_at_the_line_that_called_backward)[1] + 5
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_each_step_of_a_loop_without_zero_grad_warns_again() -> None:
    parameters = [Value(1.0), Value(2.0)]
    told = 0
    for _ in range(4):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loss_of(parameters).backward()
        told += len(caught)
        step(parameters)
    assert told == 3


def test_the_default_filter_tells_a_loop_once() -> None:
    parameters = [Value(1.0)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            loss_of(parameters).backward()
            step(parameters)
    assert len(caught) == 1


def test_the_gradient_is_added_all_the_same() -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    p.data = 5.0
    with pytest.warns(StaleGradientWarning):
        (p * 3.0).backward()
    assert p.grad == 5.0


def test_no_warning_without_an_update() -> None:
    p, q = Value(1.0), Value(2.0)
    for _ in range(3):
        (p * q).backward()
    assert (p.grad, q.grad) == (6.0, 3.0)


@pytest.mark.parametrize(
    "zero",
    [
        lambda p: setattr(p, "grad", 0),
        lambda p: setattr(p, "grad", 0.0),
        lambda p: setattr(p, "grad", p.grad * 0.0),
        lambda p: setattr(p, "grad", p.grad - p.grad),
        lambda p: zero_grad([p]),
        lambda p: write_grad([p], read_grad([p]) * 0.0),
    ],
)
@pytest.mark.parametrize("when", ["before the update", "after the update"])
def test_zeroing_prevents_it(zero: object, when: str) -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    if when == "before the update":
        zero(p)  # type: ignore[operator]
        p.data = 5.0
    else:
        p.data = 5.0
        zero(p)  # type: ignore[operator]
    (p * 2.0).backward()
    assert p.grad == 2.0


def test_clipping_in_place_is_neither_zeroing_nor_an_update() -> None:
    p = Value(1.0)
    (p * 20.0).backward()
    p.grad = min(p.grad, 1.0)
    p.grad *= 0.5
    (p * 2.0).backward()
    assert p.grad == 2.5
    p.data -= 0.1 * p.grad
    p.grad *= 0.5
    with pytest.warns(StaleGradientWarning):
        (p * 2.0).backward()


def test_assigning_the_same_data_is_no_update() -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    p.data = 1.0
    write_data([p], read_data([p]))
    (p * 2.0).backward()
    assert p.grad == 4.0


def test_an_update_by_write_data_counts() -> None:
    parameters = [Value(1.0), Value(2.0), Value(4.0)]
    (parameters[0] * parameters[1]).backward()
    write_data(parameters, read_data(parameters) - 0.1)
    with pytest.warns(StaleGradientWarning, match="2 parameters"):
        cr.sum(parameters).backward()


def test_a_gradient_that_no_backward_left_is_not_stale() -> None:
    p = Value(1.0)
    p.grad = 7.0
    p.data = 2.0
    (p * 2.0).backward()
    assert p.grad == 9.0
    q = Value(1.0)
    root = q * 3.0
    root.grad = 1.0
    root._backward()  # a manual walk is not backward()
    q.data = 4.0
    (q * 3.0).backward()
    assert q.grad == 6.0


def test_interior_nodes_are_never_stale() -> None:
    a = Value(1.0)
    m = a * 2.0
    root = m * 3.0
    root.backward()
    m.data = 100.0
    root.backward()
    assert a.grad == 12.0


def test_only_parameters_of_this_graph_count() -> None:
    p, q = Value(1.0), Value(2.0)
    (p * q).backward()
    p.data, q.data = 5.0, 6.0
    with pytest.warns(StaleGradientWarning, match="1 parameter "):
        (p * 2.0).backward()
    with pytest.warns(StaleGradientWarning, match="1 parameter "):
        (p * q).backward()


def test_a_parameter_used_many_times_counts_once() -> None:
    p = Value(1.0)
    (p * p + p).backward()
    p.data = 2.0
    with pytest.warns(StaleGradientWarning, match="1 parameter "):
        (cr.dot([p, p], [p, 1.0], p) + p * p).backward()


def test_it_reaches_through_user_ops() -> None:
    def double(x: Value) -> Value:
        out = Value(2 * x.data, (x, x), "double")

        def share() -> None:
            x.grad += 2 * out.grad

        out._backward = share
        return out

    p = Value(1.0)
    double(p).backward()
    p.data = 2.0
    with pytest.warns(StaleGradientWarning, match="1 parameter "):
        double(p).backward()
    assert p.grad == 4.0


def test_as_an_error_it_leaves_a_consistent_state() -> None:
    p, q = Value(1.0), Value(2.0)
    (p * q).backward()
    p.data = 10.0
    loss = p * q + p
    with warnings.catch_warnings():
        warnings.simplefilter("error", StaleGradientWarning)
        with pytest.raises(StaleGradientWarning):
            loss.backward()
        assert (loss.grad, p.grad, q.grad) == (1.0, 2.0 + 3.0, 1.0 + 10.0)
        p.grad = q.grad = 0.0
        loss.backward()
    assert (p.grad, q.grad) == (3.0, 10.0)
    # and the lock is free
    worker = threading.Thread(target=loss.backward)
    worker.start()
    worker.join(10)
    assert not worker.is_alive()
    assert p.grad == 6.0


def test_filters_silence_it() -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    p.data = 10.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaleGradientWarning)
        (p * 2.0).backward()
    assert p.grad == 4.0


def test_nan_updates_count() -> None:
    p = Value(1.0)
    (p * 2.0).backward()
    p.data = float("nan")
    with pytest.warns(StaleGradientWarning):
        (p * 2.0).backward()
