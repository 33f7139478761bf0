"""Fused steps do what zero_grad, backward and step of an optimizer do, parameter by parameter."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from chainrule import Value, engine, optim
from chainrule.engine import Entry, StaleGradientWarning, Step, Steps, Tape
from chainrule.errors import GraphError
from tests.compiler.calling.programs import eager_gradients
from tests.compiler.calling.traces import Guard, Trace, entry_of, trace

OPTIMIZERS: dict[str, Callable[[Sequence[Value]], optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.05),
    "Adam without eps": lambda p: optim.Adam(p, lr=0.05, eps=0.0),
    "AdamW": lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1),
}


class Fused:
    """An optimizer as a Step wants it."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        rule, names, operands = optimizer.update()
        self.optimizer = optimizer
        self.state = [np.zeros(len(optimizer.parameters)) for _ in names]
        self.hyper = np.array(list(operands.values()))
        self.counter = list(operands).index("t") if "t" in operands else -1

        def update(p: Any, g: Any, *rest: Any) -> Any:
            *state, hyper = rest
            with np.errstate(all="ignore"):
                return rule(p, g, *state, **dict(zip(operands, hyper, strict=True)))

        self.update: Any = update

    def step(self, entry: Entry) -> Step:
        return Step(entry, self.optimizer.parameters, self.update, self.state, self.hyper, self.counter)


def numbers_of(parameters: Sequence[Value]) -> list[float]:
    return [number for each in parameters for number in (each.data, each.grad)]


def eagerly(fn: Callable[..., Value], optimizer: optim.Optimizer, n: int, *arguments: Any) -> float:
    """Train without compiling; return the last loss."""
    loss = Value(math.nan)
    for _ in range(n):
        loss = fn(*arguments)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.data


def problem(count: int = 3) -> tuple[list[Value], Callable[[Any], Value]]:
    """Parameters and a loss of them and of a list of two numbers."""
    parameters = [Value(0.5 * i - 0.7) for i in range(count)]

    def loss(x: Any) -> Value:
        total: Value = engine.dot(parameters[:2], x, parameters[-1]).tanh() + parameters[0] ** 2
        return total

    return parameters, loss


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("calls", [[1], [1, 1, 1], [5], [2, 3]])
def test_training(name: str, calls: list[int]) -> None:
    """The third parameter of four is used nowhere, and is moved all the same by some optimizers."""
    compiled, fn = problem(4)
    plain, eager_fn = problem(4)
    fused = Fused(OPTIMIZERS[name](compiled))
    optimizer = OPTIMIZERS[name](plain)
    step = fused.step(entry_of(fn, [1.0, 2.0], live=[compiled[0], compiled[1], compiled[3]]))
    for n in calls:
        done, loss = step.run(n, ([0.3, -0.8],))
        assert (done, step.done) == (n, n)
        assert loss == pytest.approx(eagerly(eager_fn, optimizer, n, [0.3, -0.8]), rel=1e-12)
        assert numbers_of(compiled) == pytest.approx(numbers_of(plain), rel=1e-12, nan_ok=True)
    step.export_state()
    for array, kept in zip(fused.state, optimizer.state.values(), strict=True):
        assert array == pytest.approx(kept, rel=1e-12, abs=1e-300, nan_ok=True)
    if fused.counter >= 0:
        assert fused.hyper[fused.counter] == optimizer.steps + 1


def test_parameters_that_are_arguments() -> None:
    """Each of them may be an argument, several times, and used by the function besides."""
    for given in ("w", "ww", "wv", "vw"):
        both = []
        for compiled in (True, False):
            w, v, other = Value(0.5), Value(-0.3), Value(2.0)

            def fn(x: Any, y: Any, w: Value = w) -> Any:
                return (w * x * x).tanh() + y * w * 0.5 + x

            arguments = [w if letter == "w" else v for letter in given] + [other] * (2 - len(given))
            optimizer = optim.SGD([w, v], lr=0.1, momentum=0.5)
            if compiled:
                entry = entry_of(fn, Value(1.0), Value(1.0), live=[w])
                assert Fused(optimizer).step(entry).run(4, tuple(arguments))[0] == 4
            else:
                eagerly(fn, optimizer, 4, *arguments)
            both.append(numbers_of([w, v, other]))
        assert both[0] == pytest.approx(both[1], rel=1e-12)


def test_only_arguments() -> None:
    """Another Value as an argument: another parameter, or none."""
    w, v, other = Value(0.5), Value(-0.3), Value(2.0)
    entry = entry_of(lambda x: x * x, Value(1.0))
    step = Fused(optim.SGD([w, v], lr=0.25)).step(entry)
    for given in (w, v, other, w):
        before = [w.data, v.data, other.data]
        assert step.run(1, (given,)) == (1, given.data**2 if given is other else pytest.approx(before[given is v] ** 2))
        for value, old in zip((w, v), before, strict=False):
            assert value.data == (old * 0.5 if value is given else old)
            assert value.grad == (2 * old if value is given else 0.0)
    assert (other.data, other.grad) == (2.0, 4.0)


def test_values_that_are_no_parameters_stay_and_collect_gradients() -> None:
    w, frozen = Value(0.5), Value(3.0)
    both = []
    for compiled in (True, False):
        w.data, frozen.grad = 0.5, 1.0
        fn = lambda x: (w * frozen - x) ** 2  # noqa: E731 - as people write it
        optimizer = optim.SGD([w], lr=0.01)
        if compiled:
            Fused(optimizer).step(entry_of(fn, 1.0, live=[frozen, w])).run(3, (2.0,))
        else:
            eagerly(fn, optimizer, 3, 2.0)
        both.append(numbers_of([w, frozen]))
    assert both[0] == pytest.approx(both[1], rel=1e-12)
    assert both[0][2] == 3.0


def test_a_live_value_that_was_computed_needs_backward() -> None:
    w = Value(0.5)
    hidden = w * 2.0
    step = Fused(optim.SGD([w], lr=0.1)).step(entry_of(lambda x: hidden * x, 1.0, live=[hidden]))
    assert step.run(1, (1.0,))[0] == 0
    assert step.by_hand
    assert w.data == 0.5


def test_arguments_that_do_not_fit() -> None:
    parameters, fn = problem()
    step = Fused(optim.SGD(parameters)).step(entry_of(fn, [1.0, 2.0], live=parameters))
    before = numbers_of(parameters)
    done, loss = step.run(5, ([1.0],))
    assert (done, step.by_hand) == (0, False)
    assert math.isnan(loss)
    assert numbers_of(parameters) == before


def until(limit: float) -> tuple[Value, Trace]:
    """A loss whose parameter falls by 1 a step, guarded to lie above a limit."""
    w = Value(5.0)
    return w, trace(lambda x: w * x, 1.0, live=[w], guards=lambda _: [(Guard("truth", 1.0), (w - limit).relu())])


def test_a_guard_ends_a_run_before_its_update() -> None:
    w, traced = until(2.5)
    fused = Fused(optim.SGD([w], lr=1.0, momentum=0.0))
    entry = Entry(Tape(traced.program), traced)
    step = fused.step(entry)
    assert step.run(100, (1.0,)) == (3, 3.0)
    assert (w.data, w.grad, entry.failed, step.done) == (2.0, 1.0, 0, 3)
    assert step.run(100, (1.0,))[0] == 0
    assert (w.data, w.grad) == (2.0, 1.0)


def test_gradients_of_a_step_that_did_not_happen_are_not_seen() -> None:
    w = Value(4.0)
    traced = trace(lambda x: w * w * x, 1.0, live=[w], guards=lambda _: [(Guard("truth", 1.0), (w - 1.5).relu())])
    step = Fused(optim.SGD([w], lr=0.25)).step(Entry(Tape(traced.program), traced))
    assert step.run(9, (1.0,)) == (2, 4.0)
    assert (w.data, w.grad) == (1.0, 4.0)


def test_flags_are_those_of_zero_backward_step() -> None:
    """The step's own updates warn nobody; backward() after it without zero_grad() is the classic mistake."""
    parameters, fn = problem()
    step = Fused(optim.SGD(parameters)).step(entry_of(fn, [1.0, 2.0], live=parameters))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step.run(2, ([1.0, 2.0],))
        step.run(1, ([1.0, 2.0],))
    with pytest.warns(StaleGradientWarning, match="3 parameters"):
        fn([1.0, 2.0]).backward()
    step.run(1, ([1.0, 2.0],))
    engine.zero_grad(parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fn([1.0, 2.0]).backward()


def test_eager_changes_between_runs_are_seen() -> None:
    parameters, fn = problem()
    fused = Fused(optim.SGD(parameters, lr=0.1, momentum=0.9))
    step = fused.step(entry_of(fn, [1.0, 2.0], live=parameters))
    step.run(2, ([1.0, 2.0],))
    parameters[0].data = 0.25
    step.export_state()
    assert fused.state[0].all()
    fused.state[0][:] = 0.0
    fused.hyper[0] = 0.0  # the learning rate
    step.run(1, ([1.0, 2.0],))
    assert parameters[0].data == 0.25
    step.export_state()
    assert fused.state[0] == pytest.approx(eager_gradients([fn([1.0, 2.0])], [1.0], parameters))


def set_by_init(value: Value) -> None:
    Value.__init__(value, 0.75)


def optimize_by_hand(value: Value) -> None:
    value.grad = value.data - 0.75
    optim.SGD([value], lr=1.0).step()


CHANGES: dict[str, Callable[[Value], Any]] = {
    "data": lambda value: setattr(value, "data", 0.75),
    "write_data": lambda value: engine.write_data([value], np.array([0.75])),
    "__init__": set_by_init,
    "an optimizer": optimize_by_hand,
    "another step": lambda value: Step(
        entry_of(lambda x: value * x, 1.0, live=[value]), [value], lambda p, *_: (p * 0.0 + 0.75,), [], np.zeros(0)
    ).run(1, (1.0,)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_data_changed_between_runs_is_read_anew(name: str) -> None:
    """Otherwise a run goes on from what the last one left in its own memory."""
    w, frozen = Value(0.5), Value(3.0)
    step = Fused(optim.SGD([w], lr=0.125)).step(entry_of(lambda x: w * frozen * x, 1.0, live=[frozen, w]))
    for changed in (w, frozen):
        step.run(1, (1.0,))
        w.grad = frozen.grad = 1.0
        CHANGES[name](changed)
        assert changed.data == pytest.approx(0.75)
        expected = w.data * frozen.data
        assert step.run(1, (1.0,)) == (1, pytest.approx(expected))
        w.data, frozen.data = 0.5, 3.0


def test_a_value_that_gets_a_backward_between_runs() -> None:
    w, frozen = Value(0.5), Value(3.0)
    step = Fused(optim.SGD([w], lr=0.125)).step(entry_of(lambda x: w * frozen * x, 1.0, live=[frozen, w]))
    assert step.run(1, (1.0,))[0] == 1
    frozen._backward = lambda: None
    assert step.run(1, (1.0,))[0] == 0
    assert step.by_hand


def test_another_executor_takes_over() -> None:
    parameters, fn = problem()
    entry = entry_of(fn, [1.0, 2.0], live=parameters)
    step = Fused(optim.SGD(parameters)).step(entry)
    step.run(1, ([1.0, 2.0],))
    entry.executor = Tape(entry.trace.program)
    before = parameters[0].data
    assert step.run(2, ([1.0, 2.0],))[0] == 2
    assert parameters[0].data != before


def test_a_rule_that_raises_keeps_the_last_whole_step() -> None:
    parameters, fn = problem()
    fused = Fused(optim.SGD(parameters, lr=0.1))
    calls: list[int] = []

    def update(*numbers: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError
        return fused_update(*numbers)

    fused_update, fused.update = fused.update, update
    step = fused.step(entry_of(fn, [1.0, 2.0], live=parameters))
    with pytest.raises(ZeroDivisionError):
        step.run(5, ([1.0, 2.0],))
    assert step.done == 2
    again, eager_fn = problem()
    eagerly(eager_fn, optim.SGD(again, lr=0.1), 2, [1.0, 2.0])
    assert numbers_of(parameters) == pytest.approx(numbers_of(again), rel=1e-12)
    assert step.run(1, ([1.0, 2.0],))[0] == 1


def test_a_step_inside_itself_is_refused() -> None:
    parameters, fn = problem()
    fused = Fused(optim.SGD(parameters, lr=0.1))

    def update(*_numbers: Any) -> Any:
        return step.run(1, ([1.0, 2.0],))

    fused.update = update
    step = fused.step(entry_of(fn, [1.0, 2.0], live=parameters))
    with pytest.raises(GraphError, match="while it ran"):
        step.run(1, ([1.0, 2.0],))


@pytest.mark.skipif(not hasattr(signal, "raise_signal") or os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_between_two_steps() -> None:
    parameters, fn = problem()
    fused = Fused(optim.Adam(parameters, lr=1e-6))
    step = fused.step(entry_of(fn, [1.0, 2.0], live=parameters))
    timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            step.run(10**9, ([1.0, 2.0],))
    finally:
        timer.join()
    assert time.monotonic() - started < 30.0
    assert step.done > 0
    assert fused.hyper[fused.counter] == step.done + 1
    before = step.done
    assert step.run(1, ([1.0, 2.0],))[0] == 1
    assert fused.hyper[fused.counter] == before + 2


class Trainer(Steps):
    """Steps that remember what they could not serve."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> float:
        self.asked.append((arguments, keywords))
        return -1.0


def test_a_step_is_called_while_the_optimizer_is_as_it_was() -> None:
    parameters, fn = problem()
    optimizer = optim.SGD(parameters, lr=0.1)
    trainer = Trainer()
    assert trainer([1.0, 2.0]) == -1.0
    trainer.expect(Fused(optimizer).step(entry_of(fn, [1.0, 2.0], live=parameters)), vars(optimizer))
    expected = fn([1.0, 2.0]).data
    assert trainer([1.0, 2.0]) == pytest.approx(expected)
    assert trainer([1.0, 2.0]) < expected
    assert optimizer.steps == 2
    assert trainer([1.0]) == -1.0
    assert trainer([1.0, 2.0], name=3) == -1.0
    assert optimizer.steps == 2
    optimizer.lr = 0.2
    assert trainer([1.0, 2.0]) == -1.0
    assert trainer.asked[-1] == (([1.0, 2.0],), {})
    assert len(trainer.asked) == 4


def test_a_parameter_that_is_added_in_place_is_seen() -> None:
    parameters, fn = problem()
    optimizer = optim.SGD(parameters, lr=0.1)
    trainer = Trainer()
    trainer.expect(Fused(optimizer).step(entry_of(fn, [1.0, 2.0], live=parameters)), vars(optimizer))
    assert trainer([1.0, 2.0]) != -1.0
    optimizer.parameters.append(Value(1.0))
    assert trainer([1.0, 2.0]) == -1.0
