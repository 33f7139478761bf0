"""step = cr.compile(loss, optimizer=…): the loop of zero_grad, backward and step, number for number."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, optim
from chainrule.compiler.sentences import CompileWarning
from chainrule.errors import ArgumentError, GraphError, StaleTraceError
from chainrule.nn import MLP

ROWS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]]
TARGETS = [1.0, -1.0, 0.5]

OPTIMIZERS: dict[str, Callable[[list[Value]], optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "decay": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1),
}


@pytest.fixture(params=["native", "tape"])
def executor(request: pytest.FixtureRequest) -> str:
    """Each executor in turn."""
    if request.param == "native":
        pytest.importorskip("llvmlite")
    name: str = request.param
    return name


class Training:
    """A model, its optimizer and its loss; the same numbers each time."""

    def __init__(self, optimizer: str = "sgd") -> None:
        state = random.getstate()
        random.seed(3)
        self.model = MLP(2, [4, 1], activation="tanh")
        random.setstate(state)
        self.unused = Value(0.5)
        self.parameters = [*self.model.parameters(), self.unused]
        self.optimizer = OPTIMIZERS[optimizer](self.parameters)

    def loss(self, X: Any, y: Any) -> Value:
        return cr.losses.mse([self.model(row) for row in X], y)

    def step(self, X: Any = ROWS, y: Any = TARGETS) -> float:
        """A step as anybody writes it."""
        loss = self.loss(X, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.data

    def numbers(self) -> list[float]:
        """Everything that a step changes."""
        state = [self.optimizer.state[name] for name in sorted(self.optimizer.state)]
        return [x for p in self.parameters for x in (p.data, p.grad)] + [float(x) for array in state for x in array]


def same(a: Training, b: Training) -> None:
    np.testing.assert_allclose(a.numbers(), b.numbers(), rtol=1e-10, atol=1e-12)
    assert a.optimizer.steps == b.optimizer.steps
    assert a.optimizer.state_dict().keys() == b.optimizer.state_dict().keys()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_loop(name: str, executor: str) -> None:
    ours, theirs = Training(name), Training(name)
    step = cr.compile(ours.loss, optimizer=ours.optimizer, executor=executor)
    for _ in range(4):
        assert step(ROWS, TARGETS) == pytest.approx(theirs.step(), rel=1e-12)
        same(ours, theirs)
    last = [theirs.step() for _ in range(10)][-1]
    assert step.run(10, ROWS, TARGETS) == pytest.approx(last, rel=1e-10)
    same(ours, theirs)
    report = step.report()
    assert (report.eager_calls, report.traces) == (0, 1)


def test_strict_has_the_bits_of_the_loop() -> None:
    ours, theirs = Training("adam"), Training("adam")
    step = cr.compile(ours.loss, optimizer=ours.optimizer, strict=True)
    for _ in range(3):
        assert step(ROWS, TARGETS) == theirs.step()
    assert ours.numbers() == theirs.numbers()


def test_hyperparameters_count_from_the_next_call(executor: str) -> None:
    ours, theirs = Training("momentum"), Training("momentum")
    step = cr.compile(ours.loss, optimizer=ours.optimizer, executor=executor)
    for rate, momentum in [(0.1, 0.9), (0.05, 0.9), (0.05, 0.0), (0.05, 0.5)]:
        for each in (ours, theirs):
            each.optimizer.lr = rate
            each.optimizer.momentum = momentum  # type: ignore[attr-defined]
        for _ in range(2):
            assert step(ROWS, TARGETS) == pytest.approx(theirs.step(), rel=1e-10)
        same(ours, theirs)


def test_compiled_and_eager_steps_mix(executor: str) -> None:
    ours, theirs = Training("adam"), Training("adam")
    step = cr.compile(ours.loss, optimizer=ours.optimizer, executor=executor)
    step(ROWS, TARGETS)
    ours.step()
    step.run(2, ROWS, TARGETS)
    saved = ours.optimizer.state_dict()
    step(ROWS, TARGETS)
    for _ in range(5):
        theirs.step()
    same(ours, theirs)
    assert saved["steps"] == 4
    assert saved["state"]["m"] != ours.optimizer.state_dict()["state"]["m"]


def test_a_loaded_state_counts(executor: str) -> None:
    ours, theirs = Training("adam"), Training("adam")
    for _ in range(3):
        theirs.step()
    step = cr.compile(ours.loss, optimizer=ours.optimizer, executor=executor)
    step(ROWS, TARGETS)
    ours.optimizer.load_state_dict(theirs.optimizer.state_dict())
    for mine, his in zip(ours.parameters, theirs.parameters, strict=True):
        mine.data = his.data
    step(ROWS, TARGETS)
    theirs.step()
    same(ours, theirs)


def test_other_batches_and_other_lengths() -> None:
    ours, theirs = Training("adam"), Training("adam")
    step = cr.compile(ours.loss, optimizer=ours.optimizer)
    for rows in (3, 2, 3, 1, 2):
        X, y = [[-x for x in row] for row in ROWS[:rows]], TARGETS[:rows]
        assert step(X, y) == pytest.approx(theirs.step(X, y), rel=1e-10)
    same(ours, theirs)
    assert step.report().traces == 3


def test_a_guard_that_fails_within_a_run_goes_on_another_way() -> None:
    def loss_of(p: Value) -> Callable[[], Value]:
        return lambda: p * p if p > 1.0 else 3.0 * p

    ours, theirs = Value(3.0), Value(3.0)
    optimizers = [optim.SGD([p], lr=0.1) for p in (ours, theirs)]
    step = cr.compile(loss_of(ours), optimizer=optimizers[0])
    for _ in range(12):
        loss = loss_of(theirs)()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
    assert step.run(12) == pytest.approx(loss.data)
    assert (ours.data, ours.grad, optimizers[0].steps) == (pytest.approx(theirs.data), theirs.grad, 12)
    assert step.report().traces == 2


class Halving(optim.Optimizer):
    """An optimizer whose step is its own."""

    lr = optim.Hyperparameter(0.0)
    hyperparameters = ("lr",)

    def __init__(self, parameters: list[Value]) -> None:
        super().__init__(parameters)
        self.lr = 0.5

    def step(self) -> None:
        for p in self.parameters:
            p.data -= self.lr * p.grad / 2.0
        self.steps += 1


def test_an_unknown_optimizer_takes_its_own_step() -> None:
    p = Value(4.0)
    step = cr.compile(lambda: p * p, optimizer=Halving([p]))
    assert [step(), step.run(2)] == [16.0, 1.0]
    assert (p.data, step.report().eager_calls) == (0.5, 0)


class Cooling(optim.SGD):
    """An optimizer whose rule is known and whose rate falls with every step."""

    def update(self) -> optim.Update:
        return optim.Update(optim.sgd, (), {"lr": self.lr / (1.0 + self.steps)})


def test_a_rate_that_changes_with_the_steps() -> None:
    p, q = Value(4.0), Value(4.0)
    step = cr.compile(lambda: p * p, optimizer=Cooling([p], lr=0.25))
    other = Cooling([q], lr=0.25)
    for _ in range(5):
        other.zero_grad()
        (q * q).backward()
        other.step()
    step.run(3)
    step()
    step()
    assert p.data == pytest.approx(q.data, rel=1e-12)


def test_a_loss_that_cannot_be_traced_trains_eagerly() -> None:
    ours, theirs = Training("adam"), Training("adam")

    def loss(X: Any, y: Any) -> Any:
        return ours.loss(X, y) + 0.0 * ours.unused.grad

    step = cr.compile(loss, optimizer=ours.optimizer)
    with pytest.warns(CompileWarning, match="loss"):
        step.run(3, ROWS, TARGETS)
    for _ in range(3):
        theirs.step()
    same(ours, theirs)
    assert step.report().eager_calls == 3


def test_a_value_that_was_computed_before_passes_its_gradient_on(executor: str) -> None:
    def training() -> tuple[Value, Any, optim.Optimizer]:
        w = Value(2.0)
        doubled = w * 2.0
        return w, lambda: doubled * w, optim.SGD([w], lr=0.1)

    (ours, loss, optimizer), (theirs, other, by_hand) = training(), training()
    step = cr.compile(loss, optimizer=optimizer, executor=executor)
    losses = [step(), step.run(2)]
    seen = []
    for _ in range(3):
        by_hand.zero_grad()
        value = other()
        value.backward()
        by_hand.step()
        seen.append(value.data)
    assert losses == pytest.approx([seen[0], seen[2]])
    assert (ours.data, ours.grad) == pytest.approx((theirs.data, theirs.grad))
    assert step.report().traces == 1


def test_the_state_that_somebody_looks_at_and_changes_counts(executor: str) -> None:
    ours, theirs = Training("momentum"), Training("momentum")
    step = cr.compile(ours.loss, optimizer=ours.optimizer, executor=executor)
    for _ in range(2):
        step.run(2, ROWS, TARGETS)
        step(ROWS[:2], TARGETS[:2])
        for _ in range(2):
            theirs.step()
        theirs.step(ROWS[:2], TARGETS[:2])
        same(ours, theirs)
        for each in (ours, theirs):
            each.optimizer.state["velocity"][:] *= 0.5
    ours.optimizer.state = {}
    theirs.optimizer.state = {}
    step(ROWS, TARGETS)
    theirs.step()
    same(ours, theirs)


def test_two_steps_share_an_optimizer(executor: str) -> None:
    def losses_of(training: Training) -> list[Callable[[Any, Any], Value]]:
        return [training.loss, lambda X, y: 0.5 * training.loss(X, y)]

    ours, theirs = Training("adam"), Training("adam")
    steps = [cr.compile(loss, optimizer=ours.optimizer, executor=executor) for loss in losses_of(ours)]
    eager = losses_of(theirs)
    for which in (0, 1, 1, 0, 0, 1):
        steps[which](ROWS, TARGETS)
        loss = eager[which](ROWS, TARGETS)
        theirs.optimizer.zero_grad()
        loss.backward()
        theirs.optimizer.step()
    same(ours, theirs)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copied_optimizer_has_the_state_and_keeps_it(copied: Callable[[Any], Any], executor: str) -> None:
    training = Training("adam")
    step = cr.compile(training.loss, optimizer=training.optimizer, executor=executor)
    step.run(3, ROWS, TARGETS)
    twin, state = copied(training.optimizer), training.optimizer.state_dict()
    step.run(3, ROWS, TARGETS)
    assert twin.state_dict() == state
    assert training.optimizer.state_dict()["state"] != state["state"]
    twin.step()
    assert twin.steps == 4


@pytest.mark.parametrize("returned", [lambda x: [x], lambda x: (x, x)])
def test_a_loss_is_one_value(returned: Any) -> None:
    p = Value(1.0)
    step = cr.compile(lambda: returned(p * p), optimizer=optim.SGD([p]))
    with pytest.raises(ArgumentError, match="a step needs the loss alone: return one Value"):
        step()
    assert (p.data, p.grad) == (1.0, 0.0)


@pytest.mark.parametrize("n", [0, -1, True, 10**30, 1.5, "x", [[0.0, 1.0]], np.zeros((2, 2))])
def test_run_takes_a_number_of_steps(n: Any) -> None:
    p = Value(1.0)
    step = cr.compile(lambda: p * p, optimizer=optim.SGD([p]))
    with pytest.raises(ArgumentError, match="give first how many steps to take, a whole number from 1 on"):
        step.run(n)


class Disturbed(optim.SGD):
    """An optimizer whose rule does something else on the way, as a signal's handler does."""

    def update(self) -> optim.Update:
        return optim.Update(self.rule, (), {"lr": self.lr})

    def rule(self, p: Any, g: Any, lr: float) -> Any:
        self.disturb()
        return (p - lr * g,)

    def disturb(self) -> None:
        """Do nothing yet."""


def test_a_call_during_a_run_is_refused_and_its_steps_are_counted_once() -> None:
    weight, refused = Value(1.0), []
    optimizer = Disturbed([weight], lr=0.5)
    step = cr.compile(lambda: 3.0 * weight, optimizer=optimizer, executor="tape")

    def call_again() -> None:
        with pytest.raises(GraphError, match="while it ran"):
            step.run(5)
        refused.append(optimizer.steps)

    step.run(3)
    optimizer.disturb = call_again  # type: ignore[method-assign]
    step.run(4)
    assert refused == [3, 3, 3, 3]
    assert optimizer.steps == step.report().interpreted_calls == 7
    assert weight.data == 1.0 - 7 * 1.5


def test_an_error_that_ends_a_run_leaves_the_steps_before_it() -> None:
    weight = Value(1.0)
    optimizer = Disturbed([weight], lr=0.5)
    step = cr.compile(lambda: 3.0 * weight, optimizer=optimizer, executor="tape")

    def call_again_at_the_third() -> None:
        if step.step.done == 2:
            step.run(5)

    step.run(1)
    optimizer.disturb = call_again_at_the_third  # type: ignore[method-assign]
    with pytest.raises(GraphError, match="while it ran"):
        step.run(4)
    assert (optimizer.steps, weight.data) == (3, 1.0 - 3 * 1.5)


class Settings:
    factor = 1.0


def test_check_every_looks_before_the_update() -> None:
    settings, p = Settings(), Value(3.0)
    step = cr.compile(lambda: p * p * settings.factor, optimizer=optim.SGD([p], lr=0.1), check_every=2)
    step()
    step()
    settings.factor = 2.0
    step()
    with pytest.raises(StaleTraceError):
        step()


def test_program_report_and_repr() -> None:
    training = Training()
    step = cr.compile(training.loss, optimizer=training.optimizer)
    step(ROWS, TARGETS)
    assert step.program()
    assert step.source()
    assert "Training.loss" in repr(step)
    assert "SGD(18 parameters" in repr(step)
