"""A compiled step writes its numbers to the parameters only when somebody looks; nobody can tell."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, engine
from chainrule.engine import deferring
from chainrule.ops.row import BY_CODE

pytest.importorskip("llvmlite")

STEPS = 3
OPTIMIZERS: dict[str, Callable[[Sequence[Value]], Any]] = {
    "SGD": lambda parameters: cr.optim.SGD(parameters, lr=0.1, momentum=0.5),
    "Adam": lambda parameters: cr.optim.Adam(parameters, lr=0.05),
}


class Training:
    """Three parameters, of which the loss uses two, after some steps; and a graph from before."""

    def __init__(self, compiled: bool) -> None:
        self.w = [Value(0.5), Value(-0.75), Value(0.25)]
        self.before = (self.w[0] * self.w[1] + self.w[2]).tanh()
        self.optimizer = cr.optim.AdamW(self.w, lr=0.1, weight_decay=0.1)
        self.step: Any = cr.compile(self.loss, optimizer=self.optimizer) if compiled else self.eager_step
        for _ in range(STEPS):
            self.step(1.5)

    def loss(self, x: Any) -> Value:
        loss: Value = (self.w[0] * x - self.w[1] * self.w[1]) ** 2 + self.w[0]
        return loss

    def eager_step(self, x: float) -> float:
        loss = self.loss(x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.data


def numbers(*values: Any) -> list[float]:
    return [float(number) for each in values for number in (each.data, each.grad)]


def through(change: Callable[[Training], Any]) -> Callable[[Training], list[float]]:
    """Do something to a training, and look at everything and at a step more afterwards."""

    def look(training: Training) -> list[float]:
        change(training)
        seen = numbers(*training.w)
        return [*seen, float(training.step(0.5)), *numbers(*training.w)]

    return look


def backward_of_an_old_graph(training: Training) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cr.StaleGradientWarning)
        training.before.backward()


def own_backward(training: Training) -> None:
    """A function of the person's that runs a compiled step in the middle of backward()."""
    a = training.w[0] * 1.0
    node = Value(2.0, (a,), "own")

    def give() -> None:
        training.step(0.25)
        a.grad += 3.0 * node.grad

    node._backward = give
    training.optimizer.zero_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cr.StaleGradientWarning)
        node.backward()


def assign(training: Training) -> None:
    training.w[0].data = 4.0
    training.w[1].data += 1.0


def written(write: Callable[[list[Value], Any], None]) -> Callable[[Training], None]:
    return lambda training: write(training.w, np.array([1.0, 2.0, 3.0]))


def a_wrong_argument(training: Training) -> None:
    with pytest.raises((TypeError, cr.errors.ChainruleError)):
        training.step("x")


def another_thread(training: Training) -> list[float]:
    seen: list[float] = []
    thread = threading.Thread(target=lambda: seen.extend(numbers(*training.w)))
    thread.start()
    thread.join()
    return seen


def another_step(training: Training) -> None:
    """With another rule, on the same parameters."""
    other = cr.optim.SGD(training.w, lr=0.5)
    cr.compile(training.loss, optimizer=other)(1.0)


def eager_sgd(training: Training) -> None:
    other = cr.optim.SGD(training.w, lr=0.5)
    loss = training.loss(1.0)
    other.zero_grad()
    loss.backward()
    other.step()


def a_child(training: Training) -> list[float]:
    """A copy by pickle of the optimizer's parameters."""
    return numbers(*pickle.loads(pickle.dumps(training.optimizer.parameters)))


LOOKS: dict[str, Callable[[Training], Any]] = {
    "data": lambda t: [p.data for p in t.w],
    "grad": lambda t: [p.grad for p in t.w],
    "float": lambda t: [float(p) for p in t.w],
    "int": lambda t: [int(p * 1e6) for p in t.w],
    "round": lambda t: [round(p, 6) for p in t.w],
    "repr": lambda t: [float(part) for p in t.w for part in repr(p)[:-1].replace("Value(data=", "").split(", grad=")],
    "format": lambda t: [float(f"{p:.9f}") for p in t.w],
    "bool": lambda t: [bool(p) for p in t.w],
    "comparison": lambda t: [[p < limit, limit < p] for p in t.w for limit in np.arange(-1.0, 1.0, 0.01)],
    "comparison of two": lambda t: [t.w[0] < t.w[1], t.w[1] <= t.w[2], max(t.w).data],
    "sum of Python's": lambda t: numbers(sum(t.w)),
    "sum": lambda t: numbers(cr.sum(t.w)),
    "dot": lambda t: [cr.dot(t.w, [1.0, 2.0, 3.0]).data, cr.dot([1.0, 2.0, 3.0], t.w, t.w[0]).data],
    "logsumexp": lambda t: numbers(cr.logsumexp(t.w)),
    "softmax": lambda t: numbers(*cr.softmax(t.w)),
    "mean": lambda t: numbers(cr.mean(t.w)),
    "array": lambda t: [each.data for each in np.array([1.0, 2.0]) * t.w[0]],
    "read_data": lambda t: list(engine.read_data(t.w)),
    "read_grad": lambda t: list(engine.read_grad(t.w)),
    "slopes": lambda t: list(engine.local_derivatives(t.w[0] * t.w[1])),
    "detach": lambda t: numbers(*[p.detach() for p in t.w]),
    "no_grad": lambda t: numbers(*[cr.no_grad(lambda p: p * 2.0)(p) for p in t.w]),
    "copy": lambda t: numbers(*map(copy.copy, t.w)),
    "deepcopy": lambda t: numbers(*copy.deepcopy(t.w)),
    "pickle": a_child,
    "a thread": another_thread,
    "explain": lambda t: list(map(ord, str(cr.explain(t.w[0] * t.w[1], wrt=t.w[0])))),
    "a compiled function": lambda t: numbers(cr.compile(t.loss)(2.0)),
    "a function that captures": lambda t: [cr.compile(lambda x: t.w[0] * x + t.w[2])(2.0).data],
    "a function that is given": lambda t: [cr.compile(lambda p, x: p * x)(t.w[0], 2.0).data],
    "its own loss": lambda t: [cr.compile(t.loss)(2.0).data, t.loss(2.0).data],
    "the optimizer's state": lambda t: next(iter(t.optimizer.state_dict()["state"].values())),
    "nothing": through(lambda _: None),
    "assignment": through(assign),
    "grad assigned": through(lambda t: setattr(t.w[0], "grad", 7.0)),
    "zero_grad": through(lambda t: t.optimizer.zero_grad()),
    "zero_grad of a list": through(lambda t: engine.zero_grad(t.w)),
    "write_data": through(written(engine.write_data)),
    "write_grad": through(written(engine.write_grad)),
    "an optimizer's step": through(lambda t: t.optimizer.step()),
    "another optimizer": through(eager_sgd),
    "another compiled step": through(another_step),
    "__init__": through(lambda t: Value.__init__(t.w[1], 0.125)),
    "backward of an old graph": through(backward_of_an_old_graph),
    "a _backward function": through(own_backward),
    "one _backward call": through(lambda t: (t.w[0] * t.w[1])._backward()),
    "a long run": through(lambda t: [t.step(1.0) for _ in range(40)]),
    "another argument": through(lambda t: [t.step(x) for x in (1.0, 2.0, 3.0)]),
    "an error": through(a_wrong_argument),
    "a learning rate": through(lambda t: setattr(t.optimizer, "lr", 0.5)),
}


@pytest.mark.parametrize("name", LOOKS)
def test_looking_after_steps(name: str) -> None:
    """Whatever is done next finds what zero_grad(), backward() and step() would have left."""
    expected = LOOKS[name](Training(False))
    training = Training(True)
    assert deferring() is engine.compiled
    found = LOOKS[name](training)
    assert np.asarray(found, float) == pytest.approx(np.asarray(expected, float), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("op", BY_CODE[1:], ids=lambda op: op.name)
def test_every_row_reads_anew(op: Any) -> None:
    """As the first, the last, and the only operand."""
    for place in range(op.arity or 3):
        results = []
        for compiled in (True, False):
            training = Training(compiled)
            operands: list[Any] = [2.0] * (op.arity or 3)
            operands[place] = training.w[0]
            assert deferring() is (engine.compiled and compiled)
            result = engine.apply(op, operands)
            results.append([result.data, *engine.local_derivatives(result)])
        assert results[0] == pytest.approx(results[1], rel=1e-9, nan_ok=True)


def test_a_step_that_is_dropped_leaves_its_numbers() -> None:
    for collect in (False, True):
        expected = numbers(*Training(False).w)
        training = Training(True)
        assert deferring() is engine.compiled
        if not collect:
            training.step = None  # it holds the step, whose function holds it
        w = training.w
        del training
        gc.collect()
        assert not deferring()
        assert numbers(*w) == pytest.approx(expected, rel=1e-9)


def test_numbers_wait_only_where_nobody_can_look_in_between() -> None:
    training = Training(True)
    training.step.run(2, 1.0)
    assert not deferring()
    w, optimizer = training.w, training.optimizer
    guarded = cr.compile(lambda x: w[0] * (1.0 if w[0] > -99.0 else 2.0) * x, optimizer=optimizer)
    guarded(1.0)
    assert not deferring()
    other = Value(2.0)
    with_other = cr.compile(lambda x: w[0] * other * x, optimizer=optimizer)
    with_other(1.0)
    assert not deferring()
    assert other.grad != 0.0


def test_a_step_that_warns_as_eager_ones_do() -> None:
    """backward() after an update and without zero_grad() is the classic mistake, also behind a compiled step."""
    training = Training(True)
    with pytest.warns(cr.StaleGradientWarning, match="2 parameters"):
        training.loss(1.0).backward()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_that_are_arguments(name: str) -> None:
    """Rows of a table go in as arguments, others at every call, some twice, some also captured; lengths change."""
    results = []
    for compiled in (True, False):
        chance = random.Random(1)
        table = [[Value(chance.gauss(0.0, 1.0)) for _ in range(2)] for _ in range(5)]
        weights = [Value(chance.gauss(0.0, 1.0)) for _ in range(2)]
        frozen = Value(0.5)
        optimizer = OPTIMIZERS[name]([*weights, *(p for row in table for p in row)])

        def loss(rows: Any, target: Any, table: Any = table, weights: Any = weights) -> Value:
            scores = [cr.dot(weights, row).tanh() for row in rows]
            total: Value = (cr.sum(scores) + table[0][0] - target) ** 2
            return total

        def by_hand(*arguments: Any, loss: Any = loss, optimizer: Any = optimizer) -> float:
            value = loss(*arguments)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return float(value.data)

        step: Any = cr.compile(loss, optimizer=optimizer) if compiled else by_hand
        seen: list[float] = []
        for number in range(40):
            rows = [chance.choice(table) for _ in range(chance.choice((2, 2, 2, 3)))]
            if number % 7 == 3:
                rows[0] = [frozen, rows[0][1]]
            if number % 11 == 5 and compiled:
                seen.append(step.run(1, rows, 0.5))
            else:
                seen.append(step(rows, 0.5))
            if number % 5 == 0:
                seen += numbers(frozen, *optimizer.parameters)
        seen += numbers(frozen, *optimizer.parameters)
        seen += [float(each) for kept in optimizer.state.values() for each in kept]
        results.append(seen)
    assert results[0] == pytest.approx(results[1], rel=1e-9, abs=1e-12)


def test_a_model_saved_after_steps() -> None:
    model = cr.nn.MLP(2, [3, 1], activation="tanh")
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    step = cr.compile(lambda x: model(x) ** 2, optimizer=optimizer)
    step([1.0, 2.0])
    before = model.state_dict()
    step([1.0, 2.0])
    assert deferring() is engine.compiled
    after = model.state_dict()
    assert before != after
    assert io.StringIO(repr(after)).read() == repr(model.state_dict())


class Key:
    """A key of a dictionary that does something when it is compared."""

    todo: ClassVar[list[Callable[[], Any]]] = []

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        if Key.todo:
            Key.todo.pop()()
        return isinstance(other, Key)


def test_a_step_taken_while_arguments_are_read() -> None:
    """By a comparison of the person's own, a finalizer or another thread: the call reads what it has left."""
    training = Training(True)
    w = training.w
    function = cr.compile(lambda given: w[0] * given[Key()] + w[1])
    for _ in range(3):
        function({Key(): 2.0})
    training.step(1.5)
    Key.todo.append(lambda: training.step(1.5))
    during = function({Key(): 2.0}).data
    assert not Key.todo
    assert during == function({Key(): 2.0}).data == pytest.approx(w[0].data * 2.0 + w[1].data, rel=1e-12)


def test_a_backward_while_a_step_reads_its_arguments() -> None:
    """Its shares go with the gradients of before, which the step begins by zeroing."""
    w = [Value(0.5), Value(-0.75)]
    loss = cr.compile(lambda x: w[0] * x + w[1])
    step = cr.compile(lambda given: w[0] * given[Key()] + w[1] * w[1], optimizer=cr.optim.SGD(w, lr=0.0))
    for _ in range(3):
        step({Key(): 2.0})
    Key.todo.append(lambda: [loss(1.0).backward() for _ in range(3)])
    step({Key(): 2.0})
    assert not Key.todo
    assert [p.grad for p in w] == [2.0, -1.5]


FINALIZER = """
import gc, sys
import chainrule as cr

class Caller:
    def __init__(self):
        self.me = self
    def __del__(self):
        for _ in range(3):
            self.call()
        saved.append(self.call) if resurrect else None

before, kind, resurrect = sys.argv[1] == "before", sys.argv[2], sys.argv[3] == "resurrected"
saved = []
w = [cr.Value(0.01 * i) for i in range(100)]
def make():
    optimizer = cr.optim.SGD(w, lr=0.1)
    def loss():
        return cr.sum([p * p for p in w]) + 0 * len(optimizer.__dict__)
    return optimizer, cr.compile(loss, optimizer=optimizer if kind == "step" else None)
caller = Caller() if before else None
optimizer, call = make()
for _ in range(4):
    call()
caller = caller or Caller()
caller.call, optimizer.caller = call, caller
call()
del caller, call, optimizer
gc.collect()
rest = [bytes(size) for size in range(16, 4000)]
print(w[3].data < 0.03, w[3].grad)
for call in saved:
    call()
    print(w[3].data)
"""


@pytest.mark.parametrize("resurrected", ["dead", "resurrected"])
@pytest.mark.parametrize("kind", ["step", "function"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_finalizer_of_the_same_cycle_calls_once_more(order: str, kind: str, resurrected: str) -> None:
    """The collector ends what is in a cycle in any order; machine code and waiting numbers are there to the end."""
    call = [sys.executable, "-c", FINALIZER, order, kind, resurrected]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith(str(kind == "step"))
