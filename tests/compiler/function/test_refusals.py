"""A function that returns no Value runs as Python: said at once, unless with other numbers it returns one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value, optim
from chainrule.compiler.sentences import CompileWarning
from chainrule.errors import ArgumentError

SAID = r"runs eagerly: the function cannot be compiled: it returns no Value; return the Value that it computes"


@pytest.mark.parametrize("forgetful", [lambda _: None, lambda xs: sum(xs) * 2, lambda xs: [len(xs), 2.0]])
def test_it_is_said_at_the_first_call_and_not_traced_again(forgetful: Callable[[Any], Any]) -> None:
    f = cr.compile(forgetful)
    with pytest.warns(CompileWarning, match=SAID) as said:
        assert f([1.0, 2.0]) == forgetful([1.0, 2.0])
    assert len(said) == 1
    for k in range(3):
        assert f([1.0, 5.0 + k]) == forgetful([1.0, 5.0 + k])
    report = f.report()
    assert (report.traces, report.eager_calls, report.interpreted_calls, report.native_calls) == (1, 4, 0, 0)
    assert (report.executor, len(report.notes)) == ("eager", 1)


def test_a_result_of_python_is_computed_by_python() -> None:
    f = cr.compile(lambda n: n * n * n)
    with pytest.warns(CompileWarning, match=SAID):
        f(2)
    assert f(2**52 + 1) == (2**52 + 1) ** 3


def test_numbers_first_do_not_take_compiling_from_values() -> None:
    f = cr.compile(lambda xs: xs[0] * xs[1])
    with pytest.warns(CompileWarning, match=SAID):
        assert f([2.0, 3.0]) == 6.0
    x = Value(2.0)
    for _ in range(2):
        f([x, 3.0]).backward()
    assert x.grad == 6.0
    assert f([2.0, 5.0]) == 10.0
    report = f.report()
    assert (report.traces, report.eager_calls) == (2, 2)


def test_a_value_for_some_numbers_has_its_chances() -> None:
    w = Value(2.0)
    f = cr.compile(lambda x: w * x if x > 0 else None)
    for _ in range(3):
        assert f(-1.0) is None
    for x in (1.0, -1.0, 2.0, 3.0):
        result = f(x)
        assert result is None if x < 0 else result.data == 2.0 * x
    report = f.report()
    assert (report.traces, report.eager_calls, report.notes) == (2, 4, ())
    assert report.native_calls + report.interpreted_calls == 3


def test_a_value_never_given_is_said_in_the_end() -> None:
    f = cr.compile(lambda x: None if x < 0 else Value(x), max_traces=3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            f(-1.0)
        assert said == []
        f(-1.0)
        f(-1.0)
    [warning] = said
    assert "it returns no Value" in str(warning.message)


def test_a_number_that_was_looked_at_and_always_differs_is_given_up() -> None:
    w = Value(1.0)
    f = cr.compile(lambda y: (w * y).data, max_traces=3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for w.data in map(float, range(8)):
            assert f(2.0) == 2.0 * w.data
    [warning] = said
    assert "it returns no Value" in str(warning.message)
    assert (f.report().traces, f.report().eager_calls) == (4, 8)


factor: Any = 2.0


def test_what_it_names_outside_changes_and_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(3.0)
    f = cr.compile(lambda x: x * factor)
    with pytest.warns(CompileWarning, match=SAID):
        assert f(2.0) == 4.0
    monkeypatch.setitem(globals(), "factor", w)
    assert f(2.0).data == 6.0
    assert f.report().eager_calls == 1


def test_a_step_of_it_is_a_mistake() -> None:
    p = Value(1.0)
    step = cr.compile(lambda: p.data, optimizer=optim.SGD([p]))
    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"returned float 1\.0, and a step needs the loss alone"):
            step()
