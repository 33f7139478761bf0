"""Traces for tests, made without the tracer: the function runs on Values in place of the numbers given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import Value
from chainrule.compiler.program import Program
from chainrule.engine import Entry, Tape
from tests.compiler.calling.programs import program_of


@dataclass
class Guard:
    """What a guard compares."""

    kind: str
    expected: float
    tolerance: float = 0.0


@dataclass
class Outside:
    """Variables outside of the function: none, unless a test says so."""

    names: tuple[Any, ...] = ()
    objects: tuple[Any, ...] = ()

    def changed(self) -> str | None:
        """Return what is different."""
        return "something"


@dataclass
class Trace:
    """What an Entry asks of a trace."""

    program: Program
    live: tuple[Value, ...]
    pattern: Any
    template: Any
    guards: tuple[Guard, ...] = ()
    outside: Outside = field(default_factory=Outside)
    distinct: bool = False

    @staticmethod
    def same_static(expected: Any, given: Any) -> bool:
        """Tell whether one object may stand for another."""
        return type(expected) is type(given) and bool(expected == given)


class Flattening:
    """Replaces numbers and Values by fresh Values, and writes down the pattern."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.values: list[Value] = []
        self.groups = [0]

    def copy(self, given: Any) -> tuple[Any, Any]:
        """Return what the function is to get, and the pattern."""
        if isinstance(given, Value):
            self.values.append(Value(given.data))
            return self.values[-1], ("value",)
        if isinstance(given, (float, int)) and not isinstance(given, bool):
            self.inputs.append(Value(float(given)))
            return self.inputs[-1], ("number", None)
        if isinstance(given, np.ndarray):
            return self.copy_array(given)
        if isinstance(given, (dict, list, tuple)):
            return self.copy_items(given)
        return given, ("static", given)

    def copy_array(self, given: Any) -> tuple[Any, Any]:
        """Return an array of Values, and its pattern."""
        pattern: tuple[Any, ...] = ("array", given.shape, given.dtype.str)
        if given.dtype.kind in "fiu":
            self.end_group()
            made = [Value(number) for number in given.astype(float).ravel().tolist()]
            self.inputs += made
            self.end_group()
        else:
            pairs = [self.copy(each) for each in given.ravel().tolist()]
            made = [each for each, _ in pairs]
            pattern = ("objects", given.shape, tuple(part for _, part in pairs))
        filled = np.empty(len(made), object)
        filled[:] = made
        return filled.reshape(given.shape), pattern

    def copy_items(self, given: Any) -> tuple[Any, Any]:
        """Return a container of Values, and its pattern."""
        pairs = [self.copy(each) for each in (given.values() if isinstance(given, dict) else given)]
        made = [each for each, _ in pairs]
        parts = tuple(part for _, part in pairs)
        if isinstance(given, dict):
            return dict(zip(given, made, strict=True)), ("dict", tuple(given), parts)
        if hasattr(given, "_fields"):
            return type(given)(*made), ("namedtuple", type(given), parts)
        return type(given)(made), ("list" if isinstance(given, list) else "tuple", parts)

    def end_group(self) -> None:
        """Begin a group of numbers."""
        if len(self.inputs) > self.groups[-1]:
            self.groups.append(len(self.inputs))


def template_of(result: Any, found: list[Value]) -> Any:
    """Return how a result is put together of the Values in it, which are collected in `found`."""
    if isinstance(result, Value):
        if not any(each is result for each in found):
            found.append(result)
        return ("output", next(i for i, each in enumerate(found) if each is result))
    if isinstance(result, dict):
        return ("dict", tuple(result), tuple(template_of(each, found) for each in result.values()))
    if isinstance(result, (list, tuple)):
        parts = tuple(template_of(each, found) for each in result)
        if hasattr(result, "_fields"):
            return ("namedtuple", type(result), parts)
        return ("list" if isinstance(result, list) else "tuple", parts)
    return ("static", result)


def trace(
    fn: Callable[..., Any],
    *arguments: Any,
    live: Sequence[Value] = (),
    guards: Callable[..., Sequence[tuple[Guard, Value]]] | None = None,
    **keywords: Any,
) -> Trace:
    """Trace a function of Values and numbers; `guards`, called like it, gives guards and what they look at."""
    flattening = Flattening()
    pairs = []
    for each in (*arguments, *keywords.values()):
        pairs.append(flattening.copy(each))
        flattening.end_group()
    made = [each for each, _ in pairs]
    patterns = tuple(part for _, part in pairs)
    count = len(arguments)
    named = dict(zip(keywords, made[count:], strict=True))
    found: list[Value] = []
    template = template_of(fn(*made[:count], **named), found)
    looked = guards(*made[:count], **named) if guards else []
    values = [*live, *flattening.values]
    program = program_of(found, values, flattening.inputs, [each for _, each in looked], flattening.groups)
    pattern = ("call", patterns[:count], tuple(keywords), patterns[count:])
    return Trace(program, tuple(live), pattern, template, tuple(guard for guard, _ in looked))


def entry_of(fn: Callable[..., Any], *arguments: Any, live: Sequence[Value] = (), **keywords: Any) -> Entry:
    """Return a function as an entry that runs on the tape."""
    traced = trace(fn, *arguments, live=live, **keywords)
    return Entry(Tape(traced.program), traced)
