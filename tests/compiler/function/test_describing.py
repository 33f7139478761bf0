"""Patterns and guards in words: short, and with the names that the function gives its arguments."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.compiler.describing import LONGEST, argument_names, describe, describe_call, describe_guard

NUMBER, VALUE = ("number", None), ("value",)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (NUMBER, "number"),
        (("number", float), "number"),
        (VALUE, "Value"),
        (("list", (NUMBER,) * 3), "list of 3 numbers"),
        (("list", (("tuple", (VALUE, VALUE)),) * 4), "list of 4 tuples of 2 Values"),
        (("list", (("list", (NUMBER,)),)), "list of list of number"),
        (("list", ()), "list, empty"),
        (("list", (NUMBER, VALUE)), "list of 2"),
        (("namedtuple", namedtuple("Pair", "x y"), (NUMBER, NUMBER)), "namedtuple of 2 numbers"),
        (("dict", ("a", 2), (NUMBER, VALUE)), "dict with 'a', 2"),
        (("array", (3, 2), "<f8"), "array of shape (3, 2)"),
        (("objects", (2,), (VALUE, VALUE)), "array of shape (2,)"),
        (("static", None), "None"),
        (("static", "a" * 1000), "'" + "a" * 39),
    ],
)
def test_words(pattern: Any, words: str) -> None:
    assert describe(pattern) == words


def test_calls_name_their_arguments() -> None:
    call = ("call", (NUMBER, VALUE, NUMBER), ("scale",), (("static", True),))
    assert describe_call(call, ["x", "w"]) == "x: number, w: Value, argument 3: number, scale: True"
    assert describe_call(("call", (), (), ()), ["x"]) == "no arguments"


def test_calls_are_bounded() -> None:
    assert len(describe_call(("call", (NUMBER,) * 1000, (), ()))) == LONGEST


def test_names_of_arguments() -> None:
    class Model:
        def loss(self, X: Any, *rest: Any, y: Any = 0) -> None: ...

    assert argument_names(Model().loss) == ["X"]
    assert argument_names(max) == []
    assert argument_names(lambda a, b=1, /, c=2: a + b + c) == ["a", "b", "c"]


def test_the_report_of_a_function_reads_well() -> None:
    f = cr.compile(lambda X, y, w: w * X[0][0] if y[0] > 0 else w, executor="tape")
    f([[1.0, 2.0]], np.array([1.0, 2.0]), w=Value(2.0))
    [found] = f.report().specialisations
    assert found.structure == "X: list of list of 2 numbers, y: array of shape (2,), w: Value"
    assert any("if y[0] > 0" in guard for guard in found.guards)


def test_guards_without_source_name_what_they_can() -> None:
    names: dict[str, Any] = {}
    exec(compile("def f(x):\n    return x if x.data > 0 else -x\n", "<nowhere>", "exec"), names)
    f = cr.compile(names["f"], executor="tape")
    f(Value(1.0))
    assert all(guard.startswith("<nowhere>:2: ") for guard in f.report().guards)
    assert describe_guard(f.structures[0].traces[0].traced.guards[0]) == f.report().guards[0]
