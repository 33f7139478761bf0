"""cr.compile: results and gradients of eager code, traces kept by structure, and sentences where it cannot."""

from __future__ import annotations

import copy
import pickle
import random
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler import function
from chainrule.compiler.function import CompiledFunction
from chainrule.compiler.sentences import CompileWarning
from chainrule.errors import ArgumentError, StaleTraceError
from chainrule.nn import MLP

ROWS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]]
TARGETS = [1.0, -1.0, 0.5]


@pytest.fixture(params=["native", "tape"])
def executor(request: pytest.FixtureRequest) -> str:
    """Each executor in turn; where llvmlite is missing, the native one is the tape."""
    if request.param == "native":
        pytest.importorskip("llvmlite")
    name: str = request.param
    return name


def mlp() -> MLP:
    state = random.getstate()
    random.seed(3)
    model = MLP(2, [4, 1], activation="tanh")
    random.setstate(state)
    return model


def mse_of(model: MLP) -> Callable[[Any, Any], Value]:
    def loss(X: Any, y: Any) -> Value:
        return cr.losses.mse([model(row) for row in X], y)

    return loss


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_value_and_gradients_are_those_of_eager_code(executor: str) -> None:
    eager, model = mlp(), mlp()
    expected = mse_of(eager)(ROWS, TARGETS)
    expected.backward()
    f = cr.compile(mse_of(model), executor=executor)
    for _ in range(3):
        for p in model.parameters():
            p.grad = 0.0
        found = f(ROWS, TARGETS)
        found.backward()
        close(found.data, expected.data)
        close([p.grad for p in model.parameters()], [p.grad for p in eager.parameters()])
    report = f.report()
    assert (report.traces, report.eager_calls) == (1, 0)
    assert (report.native_calls, report.interpreted_calls) == ((3, 0) if executor == "native" else (0, 3))
    assert report.executor == executor


def test_other_numbers_and_parameters_are_read_anew(executor: str) -> None:
    model = mlp()
    f, g = cr.compile(mse_of(model), executor=executor), mse_of(model)
    f(ROWS, TARGETS)
    model.parameters()[0].data = 7.0
    other = [[-x for x in row] for row in ROWS]
    close(f(other, TARGETS[::-1]).data, g(other, TARGETS[::-1]).data)
    assert f.report().traces == 1


def test_decorator_keeps_the_name_and_the_doc() -> None:
    @cr.compile
    def loss(x: Any) -> Any:
        """Squares."""
        return x * x

    @cr.compile(strict=True)
    def cube(x: Any) -> Any:
        return x * x * x

    assert (loss.__name__, loss.__doc__) == ("loss", "Squares.")
    assert loss(Value(3.0)).data == 9.0
    assert cube(Value(3.0)).data == 27.0
    assert cube.report().executor == "tape"


def test_methods_can_be_compiled() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = Value(2.0)

        @cr.compile
        def loss(self, x: float) -> Any:
            return self.w * x

    model = Model()
    model.loss(3.0).backward()
    assert (model.loss(4.0).data, model.w.grad) == (8.0, 3.0)


def test_every_structure_has_a_trace_of_its_own() -> None:
    f = cr.compile(lambda xs, scale=1.0: cr.sum([x * x for x in xs]) * scale)
    for length in (2, 3, 4, 3, 2):
        assert f([Value(2.0)] * length).data == 4.0 * length
    assert f([Value(2.0)], scale=3.0).data == 12.0
    report = f.report()
    assert (report.traces, report.eager_calls, len(report.specialisations)) == (4, 0, 4)
    assert sum(each.calls for each in report.specialisations) == 6


def test_a_branch_is_guarded_and_both_sides_are_kept() -> None:
    f = cr.compile(lambda x: 2.0 * x if x > 0 else -x)
    for number in (1.0, -1.0, 2.0, -2.0):
        x = Value(number)
        y = f(x)
        y.backward()
        assert (y.data, x.grad) == ((2.0 * number, 2.0) if number > 0 else (-number, -1.0))
    report = f.report()
    assert (report.traces, report.eager_calls) == (2, 0)
    assert "test_function.py" in report.guards[0]


def test_a_number_that_always_differs_falls_back_once_and_says_where() -> None:
    w = Value(1.0)

    def loss_and_accuracy(y: float) -> Any:
        score = w * y
        return score * score, score.data > 0  # the line to be named

    f = cr.compile(loss_and_accuracy, max_traces=3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for k in range(8):
            w.data = 1.0 + k
            loss, right = f(2.0)
            assert (loss.data, right) == (4.0 * w.data**2, True)
    [warning] = said
    assert warning.category is CompileWarning
    assert warning.filename == __file__
    for part in ("loss_and_accuracy", "test_function.py:", ".data", "4 traces"):
        assert part in str(warning.message)
    report = f.report()
    assert report.traces == 4
    assert report.eager_calls == 4
    assert report.notes == (str(warning.message),)


def test_one_structure_given_up_leaves_the_others_compiled() -> None:
    w = Value(1.0)
    f = cr.compile(lambda xs: w * w.data if len(xs) == 1 else w * xs[0], max_traces=0, executor="tape")
    f([1.0, 2.0])
    f([1.0])
    w.data = 2.0
    with pytest.warns(CompileWarning):
        assert f([1.0]).data == 4.0
    w.data = 3.0
    assert (f([1.0]).data, f([5.0, 6.0]).data) == (9.0, 15.0)
    assert f.report().eager_calls == 2


def test_what_cannot_be_traced_runs_eagerly_and_says_so_once() -> None:
    def own_op(x: Value) -> Value:
        out = Value(x.data**2, (x,), "square")

        def give() -> None:
            x.grad += 2.0 * x.data * out.grad

        out._backward = give
        return out

    f = cr.compile(own_op)
    with pytest.warns(CompileWarning, match="own_op") as said:
        first = f(Value(3.0))
    assert len(said) == 1
    x = Value(5.0)
    second = f(x)
    second.backward()
    assert (first.data, second.data, x.grad) == (9.0, 25.0, 10.0)
    report = f.report()
    assert (report.eager_calls, report.executor, len(report.notes)) == (2, "eager", 1)


def test_errors_of_the_function_are_its_own_and_remembered_by_nobody() -> None:
    def picky(x: Any, fail: bool) -> Any:
        if fail:
            raise LookupError("as eager code says it")
        return x * x

    f = cr.compile(picky)
    for _ in range(2):
        with pytest.raises(LookupError, match="as eager code says it"):
            f(Value(2.0), True)
    assert f(Value(2.0), False).data == 4.0
    assert f.report().eager_calls == 2


def test_a_first_call_without_gradients_does_not_take_them_from_later_ones() -> None:
    w = Value(3.0)
    f = cr.compile(lambda x: w * w * x)
    with cr.no_grad(), cr.no_grad():
        assert f(2.0)._prev == ()
        assert (w * w)._prev == ()
    assert (w * w)._prev == (w, w)
    f(2.0).backward()
    assert w.grad == 12.0
    assert f.report().traces == 1


def test_random_numbers_are_not_frozen() -> None:
    f = cr.compile(lambda x: x * random.random())
    with pytest.warns(CompileWarning, match="random"):
        numbers = {f(Value(1.0)).data for _ in range(5)}
    assert len(numbers) == 5


class Settings:
    factor = 2.0


def test_check_every_finds_what_no_trace_can_see() -> None:
    settings = Settings()
    f = cr.compile(lambda x: x * settings.factor, check_every=3)
    assert [f(Value(1.0)).data for _ in range(3)] == [2.0, 2.0, 2.0]
    settings.factor = 5.0
    assert [f(Value(1.0)).data for _ in range(2)] == [2.0, 2.0]  # nobody has looked
    with pytest.raises(StaleTraceError, match=r"the result is 2\.0, and 5\.0 eagerly"):
        f(Value(1.0))
    assert f(Value(1.0)).data == 5.0


def test_nested_compiled_functions_become_one_program() -> None:
    inner = cr.compile(lambda x: x * x)
    inner(Value(1.0))
    outer = cr.compile(lambda x: inner(x) + 1.0)
    for number in (2.0, 3.0):
        x = Value(number)
        y = outer(x)
        y.backward()
        assert (y.data, x.grad) == (number * number + 1.0, 2.0 * number)
    assert inner.report().traces == 1


def test_program_and_source_are_those_of_the_last_call() -> None:
    f = cr.compile(lambda x: x * x + 3.0)
    with pytest.raises(ArgumentError, match="has no program: call it once"):
        f.program()
    f(Value(2.0))
    assert "multiply" in f.program() or "*" in f.program()
    assert f.source()
    assert cr.compile(lambda x: x * x, executor="tape")(Value(2.0)).data == 4.0


def test_threads_share_a_compiled_function() -> None:
    model = mlp()
    f, expected = cr.compile(mse_of(model), executor="tape"), mse_of(model)(ROWS, TARGETS).data
    found: list[float] = []

    def work() -> None:
        found.extend(f(ROWS, TARGETS).data for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close(found, [expected] * 200)
    report = f.report()
    assert report.interpreted_calls + report.eager_calls == 200


def test_forget_traces_anew() -> None:
    f = cr.compile(lambda x: x * x, executor="tape")
    f(Value(2.0))
    f.forget()
    f(Value(2.0))
    report = f.report()
    assert (report.traces, report.interpreted_calls, len(report.specialisations)) == (2, 2, 1)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (3, {}, "give it a function"),
        (MLP, {}, "give it a function"),
        (abs, {"executor": "gpu"}, "executor='gpu' is not known: choose one of auto, native, tape"),
        (abs, {"strict": True, "executor": "native"}, "strict=True keeps to the order"),
        (abs, {"max_traces": -1}, "max_traces=-1: give a whole number from 0 on"),
        (abs, {"check_every": 0}, "check_every=0: give a whole number from 1 on"),
        (abs, {"check_every": True}, "check_every=True"),
        (abs, {"optimizer": cr.optim.SGD}, "pass an object such as optim.SGD"),
        (abs, {"optimizer": 0.1}, "pass an object such as optim.SGD"),
    ],
)
def test_bad_arguments(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        cr.compile(given, **options)
    assert message in str(raised.value)


def test_compiled_twice_is_a_mistake() -> None:
    with pytest.raises(ArgumentError, match="compiled already"):
        cr.compile(cr.compile(abs))


@cr.compile
def decorated(x: Any) -> Any:
    return x * x


class Holder(cr.nn.Module):
    """A model that holds its own compiled loss."""

    def __init__(self) -> None:
        self.inner = mlp()
        self.loss = cr.compile(self.eager)

    def eager(self, X: Any, y: Any) -> Value:
        return cr.losses.mse([self.inner(row) for row in X], y)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies_are_made_of_the_function_and_not_of_its_traces(copied: Callable[[Any], Any]) -> None:
    decorated(Value(1.0))
    assert copied(decorated) is decorated
    f = cr.compile(plain, max_traces=3)
    f(Value(2.0))
    g = copied(f)
    assert (g(Value(3.0)).data, g.report().traces, g.options) == (9.0, 1, f.options)


def plain(x: Any) -> Any:
    return x * x


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copied_model_has_a_compiled_loss_of_its_own(copied: Callable[[Any], Any]) -> None:
    model = Holder()
    model.loss(ROWS, TARGETS)
    twin = copied(model)
    for p in model.parameters():
        p.data = 0.0
    close(twin.loss(ROWS, TARGETS).data, twin.eager(ROWS, TARGETS).data)
    twin.loss(ROWS, TARGETS).backward()
    assert any(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())


def test_repr_names_the_function() -> None:
    f = cr.compile(mse_of(mlp()))
    assert repr(f).startswith("<compiled mse_of.<locals>.loss (test_function.py:")
    assert isinstance(f, CompiledFunction)


def broken(*_: object) -> Any:
    """A pass with a mistake in it."""
    raise LookupError("planted")


def test_a_mistake_in_the_compiler_leaves_the_tape_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("CHAINRULE_CACHE", "")  # what is found there has been through the compiler
    monkeypatch.setattr("chainrule.compiler.raising.raise_program", broken)
    f = cr.compile(lambda x: x * x)
    with pytest.warns(CompileWarning, match=r"the compiler failed \(LookupError: planted\).*please report it") as said:
        assert [f(Value(3.0)).data, f(Value(4.0)).data] == [9.0, 16.0]
    assert len(said) == 1
    assert f.report().executor == "tape"


def test_a_mistake_in_the_tracer_leaves_eager_code_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "trace", broken)
    f = cr.compile(lambda x: x * x)
    with pytest.warns(CompileWarning, match=r"its trace failed \(LookupError: planted\).*please report it") as said:
        assert [f(Value(3.0)).data, f(Value(4.0)).data] == [9.0, 16.0]
    assert (len(said), f.report().executor) == (1, "eager")
