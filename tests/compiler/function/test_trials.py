"""Traces that guards ask for run on the tape until they have shown their use; then they get machine code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value, optim
from chainrule.compiler import building
from chainrule.compiler.building import TRIAL, Built
from chainrule.compiler.sentences import CompileWarning
from chainrule.compiler.specialising import Trial

pytest.importorskip("llvmlite")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Have a list of the programs of which machine code is made."""
    made: list[object] = []
    real = building._native

    def counting(program: Any, built: Built) -> None:
        made.append(program)
        real(program, built)

    monkeypatch.setattr(building, "_native", counting)
    return made


def branching(w: Value) -> Callable[[Any], Value]:
    return lambda x: w * x * 2.0 if x > 0 else cr.exp(w) * x


def test_a_number_that_always_differs_is_compiled_once(compiled: list[object]) -> None:
    w = Value(1.0)
    f = cr.compile(lambda x: (w * x, w.data > 0))

    def count() -> None:
        for k in range(12):
            w.data = 1.0 + k
            assert f(2.0)[0].data == 2.0 + 2.0 * k

    with pytest.warns(CompileWarning, match="after 9 traces none of which fits"):
        count()
    report = f.report()
    assert len(compiled) == 1
    assert (report.native_calls, report.interpreted_calls, report.eager_calls, report.traces) == (1, 8, 3, 9)


def test_branches_that_alternate_are_both_native_in_the_end(compiled: list[object]) -> None:
    w, v = Value(0.5), Value(0.5)
    f, eager = cr.compile(branching(w)), branching(v)
    for k in range(3 * TRIAL):
        for x in (1.0 + k, -1.0 - k):
            found, expected = f(x), eager(x)
            found.backward()
            expected.backward()
            assert found.data == pytest.approx(expected.data, rel=1e-12)
            assert w.grad == pytest.approx(v.grad, rel=1e-12)
    report = f.report()
    assert len(compiled) == 2
    assert (report.native_calls, report.interpreted_calls, report.eager_calls) == (5 * TRIAL, TRIAL, 0)
    assert [(each.executor, each.calls) for each in report.specialisations] == [("native", 3 * TRIAL)] * 2
    assert report.specialisations[0].note != f"runs on the tape until it has served {TRIAL} calls"
    assert [each.name for each in report.specialisations[0].passes][:3] == ["trace", "tape", "cache"]


def test_the_report_tells_of_a_trial() -> None:
    f = cr.compile(branching(Value(0.5)))
    f(1.0)
    f(-1.0)
    report = f.report()
    assert (report.native_calls, report.interpreted_calls) == (1, 1)
    assert [each.executor for each in report.specialisations] == ["tape", "native"]
    assert report.specialisations[0].note == f"runs on the tape until it has served {TRIAL} calls"
    assert "exp" in f.program()
    f(1.0)
    assert "exp" not in f.program()


@pytest.mark.parametrize(("executor", "made"), [("native", 2), ("tape", 0)])
def test_an_executor_that_was_asked_for_serves_at_once(executor: str, made: int, compiled: list[object]) -> None:
    f = cr.compile(branching(Value(0.5)), executor=executor)
    for x in (1.0, -1.0, -2.0):
        f(x)
    assert len(compiled) == made
    assert {each.executor for each in f.report().specialisations} == {executor}


def test_where_nothing_can_be_compiled_a_later_trace_is_an_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.compiler.native.machine.available", lambda: "there is no llvmlite")
    monkeypatch.setattr("chainrule.compiler.function.hint", lambda _: None)  # said once in a process
    f = cr.compile(branching(Value(0.5)))
    for x in (1.0, -1.0):
        f(x)
    assert not any(isinstance(entry, Trial) for entry in f.entries)
    assert {each.note for each in f.report().specialisations} == {
        "runs on the tape interpreter, not as machine code: there is no llvmlite"
    }


def test_results_from_before_keep_their_gradients() -> None:
    w = Value(0.5)

    def two(x: Any) -> Any:
        return (w * x, w * w) if x > 0 else (cr.sin(w), w * x)

    f = cr.compile(two)
    f(1.0)
    kept = [f(-2.0) for _ in range(TRIAL + 2)]
    assert f.report().executor == "tape, native"
    for sine, product in (kept[0], kept[-1]):
        w.grad = 0.0
        sine.backward()
        product.backward()
        assert w.grad == pytest.approx(np.cos(0.5) - 2.0, rel=1e-12)


def test_threads_share_a_trial() -> None:
    w = Value(0.5)
    f = cr.compile(branching(w))
    f(1.0)
    found: list[float] = []

    def work() -> None:
        found.extend(f(-2.0).data for _ in range(3 * TRIAL))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(found, -2.0 * np.exp(0.5), rtol=1e-12)
    report = f.report()
    assert [each.executor for each in report.specialisations] == ["native", "native"]
    assert len(f.entries) == 2


OPTIMIZERS: list[Callable[[Value], optim.Optimizer]] = [
    lambda p: optim.SGD([p], lr=0.01, momentum=0.9),
    lambda p: optim.Adam([p], lr=0.01),
]


@pytest.mark.parametrize("optimizer_of", OPTIMIZERS)
@pytest.mark.parametrize("at_once", [1, 7])
def test_a_step_keeps_its_state_when_its_trace_gets_machine_code(
    optimizer_of: Callable[[Value], optim.Optimizer], at_once: int, compiled: list[object]
) -> None:
    ours, theirs = Value(0.5), Value(0.5)
    optimizers = [optimizer_of(p) for p in (ours, theirs)]
    loss, eager = branching(ours), branching(theirs)
    step = cr.compile(loss, optimizer=optimizers[0])
    for k in range(2 * TRIAL):
        x = (1.0, -1.0)[k % 2]
        found = step.run(at_once, x)
        for _ in range(at_once):
            expected = eager(x)
            optimizers[1].zero_grad()
            expected.backward()
            optimizers[1].step()
        assert found == pytest.approx(expected.data, rel=1e-10)
        assert (ours.data, ours.grad) == pytest.approx((theirs.data, theirs.grad), rel=1e-10)
        assert optimizers[0].steps == optimizers[1].steps
    for name, array in optimizers[1].state.items():
        np.testing.assert_allclose(optimizers[0].state[name], array, rtol=1e-10)
    report = step.report()
    assert len(compiled) == 2
    assert [each.executor for each in report.specialisations] == ["native", "native"]
    assert (report.interpreted_calls, report.native_calls) == (TRIAL, 2 * TRIAL * at_once - TRIAL)


def test_a_long_run_is_not_left_to_the_tape() -> None:
    p = Value(3.0)
    step = cr.compile(lambda: p * p if p > 1.0 else 3.0 * p, optimizer=optim.SGD([p], lr=0.001))
    step.run(2000)
    report = step.report()
    assert (report.interpreted_calls, report.traces) == (TRIAL, 2)
    assert report.interpreted_calls + report.native_calls == 2000


def test_calls_of_one_step_end_on_machine_code_and_on_the_fast_path() -> None:
    p = Value(0.5)
    step = cr.compile(branching(p), optimizer=optim.SGD([p], lr=0.001))
    step(1.0)
    for _ in range(TRIAL + 2):
        step(-1.0)
    taken, calls = step.step, step.calls
    step(-1.0)
    assert (step.step, step.calls) == (taken, calls)
    assert step.report().specialisations[0].executor == "native"
