"""What a function names outside of itself is part of what a trace holds for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule import Value
from chainrule.compiler.tracing import Trace, trace

w = Value(0.5)
rate = 0.1
name = "a"
rows = [1.0, 2.0]
deep = 3.0


def helper(x: Any) -> Any:
    """Names a number and another helper."""
    return x * rate + further(x)


def further(x: Any) -> Any:
    """Names a number too."""
    return x * deep


def direct(x: Any) -> Any:
    return w * x * rate * len(name) * rows[0]


def by_helpers(x: Any) -> Value:
    return w * helper(x)  # type: ignore[no-any-return]


def inner(x: Any) -> list[Value]:
    return [w * each * rate for each in [x]]


def traced(function: Callable[..., Any], *arguments: Any) -> Trace:
    """A trace that holds for now."""
    made = trace(function, arguments or (1.0,), {})
    assert made.outside.changed() is None
    return made


@pytest.mark.parametrize("function", [direct, by_helpers, inner])
def test_a_number_outside(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = traced(function)
    monkeypatch.setitem(globals(), "rate", 0.1 + 0.0)
    assert made.outside.changed() is None
    monkeypatch.setitem(globals(), "rate", 0.2)
    assert made.outside.changed() == "the global 'rate' was 0.1 and is 0.2"


def test_a_number_that_a_helper_of_a_helper_names(monkeypatch: pytest.MonkeyPatch) -> None:
    made = traced(by_helpers)
    monkeypatch.setitem(globals(), "deep", 4.0)
    assert "'deep' was 3.0" in str(made.outside.changed())


@pytest.mark.parametrize("change", [("name", "b"), ("rows", [3.0]), ("w", Value(0.5))])
def test_other_objects_outside(change: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = traced(direct)
    monkeypatch.setitem(globals(), *change)
    assert f"'{change[0]}'" in str(made.outside.changed())


def test_a_helper_that_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = traced(by_helpers)
    monkeypatch.setitem(globals(), "helper", lambda x: x)
    assert "'helper'" in str(made.outside.changed())


def test_an_int_is_no_float(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "rate", 2.0)
    made = traced(direct)
    monkeypatch.setitem(globals(), "rate", 2)
    assert made.outside.changed() is not None


def test_closures() -> None:
    factor = 2.0

    def function(x: Any) -> Any:
        return w * x * factor

    made = traced(function)
    factor = 3.0
    assert made.outside.changed() == "the closure variable 'factor' was 2.0 and is 3.0"


def test_defaults() -> None:
    def function(x: Any, shift: float = 1.0, *, scale: float = 2.0) -> Any:
        return w * x * scale + shift

    made = traced(function)
    function.__kwdefaults__ = {"scale": 2.0}
    assert made.outside.changed() is None
    function.__kwdefaults__ = {"scale": 3.0}
    assert made.outside.changed() == "the default 'scale' was 2.0 and is 3.0"
    made = traced(function)
    function.__defaults__ = (5.0,)
    assert "default" in str(made.outside.changed())


class Trainer:
    """Has a number that its method reads."""

    def __init__(self) -> None:
        self.decay = 0.1
        self.unused = 0

    def loss(self, x: Any) -> Any:
        return w * x * self.decay

    def __call__(self, x: Any) -> Any:
        return self.loss(x) * self.decay


def test_numbers_of_a_methods_own_object() -> None:
    trainer = Trainer()
    for function in (trainer.loss, trainer):
        made = traced(function)
        trainer.unused += 1
        assert made.outside.changed() is None
        trainer.decay += 0.5
        assert "attribute 'decay'" in str(made.outside.changed())


def test_partial_applications() -> None:
    made = traced(functools.partial(lambda k, x: w * x * k * rate, 2.0))
    assert any(each.name == "rate" for each in made.outside.names)


def test_functions_without_python_code() -> None:
    made = traced(np.sum, np.array([w, 1.0], dtype=object))
    assert made.outside.names == ()
