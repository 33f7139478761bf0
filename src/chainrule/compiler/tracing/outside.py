"""What a function names outside of itself: closure, defaults, globals; guarded, and put back if a trace is refused."""

from __future__ import annotations

import dis
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType
from typing import Any

_MISSING = object()


@dataclass(frozen=True)
class Name:
    """A variable outside of a function: a cell of its closure, or a key of a dictionary (globals, defaults)."""

    kind: str
    name: str
    holder: Any

    def read(self) -> Any:
        """Return the object that it names now."""
        if self.kind == "closure variable":
            try:
                return self.holder.cell_contents
            except ValueError:
                return _MISSING
        return self.holder.get(self.name, _MISSING)

    def write(self, value: Any) -> None:
        """Let it name this object."""
        if self.kind == "closure variable":
            if value is _MISSING:
                del self.holder.cell_contents
            else:
                self.holder.cell_contents = value
        elif value is _MISSING:
            self.holder.pop(self.name, None)
        else:
            self.holder[self.name] = value


@dataclass(frozen=True)
class Outside:
    """The variables that a function names, and the objects that they named when it was traced."""

    names: tuple[Name, ...]
    objects: tuple[Any, ...]

    def changed(self) -> str | None:
        """Return what is different now, as a clause, None if nothing is."""
        for name, before in zip(self.names, self.objects, strict=True):
            now = name.read()
            if now is not before and not _equal(before, now):
                return f"the {name.kind} '{name.name}' was {_short(before)} and is {_short(now)}"
        return None


def outside_of(function: Any) -> Outside:
    """Return what a function names directly: in its own code and that of functions inside it."""
    names = tuple(_names(function))
    return Outside(names, tuple([name.read() for name in names]))


def _names(function: Any) -> Iterator[Name]:
    plain = _plain_function(function)
    if plain is None:
        return
    code = plain.__code__
    for name, cell in zip(code.co_freevars, plain.__closure__ or (), strict=True):
        yield Name("closure variable", name, cell)
    for name in sorted(_globals_of(code)):
        if name in plain.__globals__:
            yield Name("global", name, plain.__globals__)
    for name in plain.__kwdefaults__ or ():
        yield Name("default", name, plain.__kwdefaults__)
    if plain.__defaults__:
        yield Name("default", "__defaults__", _Defaults(plain))


class _Defaults:
    """The positional defaults of a function, as if they were in a dictionary."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function

    def get(self, _name: str, _missing: Any) -> Any:
        return self.function.__defaults__

    def __setitem__(self, _name: str, value: Any) -> None:
        self.function.__defaults__ = value


def _plain_function(function: Any) -> FunctionType | None:
    """Return the Python function behind a method, a partial application or an object that can be called."""
    for name in ("__func__", "func"):
        function = getattr(function, name, function)
    if not isinstance(function, (FunctionType, type)):
        function = vars(type(function)).get("__call__")
    return function if isinstance(function, FunctionType) else None


def _globals_of(code: CodeType) -> set[str]:
    found = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _globals_of(constant)
    return found


def _equal(before: Any, now: Any) -> bool:
    """Tell whether two objects are the same number or text."""
    simple = (float, int, str, bytes, bool, complex)
    if type(before) is not type(now) or not isinstance(before, simple):
        return False
    return bool(before == now and repr(before) == repr(now))


def _short(x: Any) -> str:
    if x is _MISSING:
        return "not there"
    text = repr(x)
    return text if len(text) <= 40 else f"another {type(x).__name__}"


class Snapshot:
    """The state that a trace may change and that can be seen: put back where the trace is refused."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.contents = [
            (name, each, each.copy())
            for name, each in zip(outside.names, outside.objects, strict=True)
            if isinstance(each, (list, dict, set))
        ]
        self.random = [(read, write, read()) for read, write in _generators(outside.objects)]

    def difference(self) -> tuple[str, str] | None:
        """Return what the function has changed and the remedy, as clauses, None if nothing is seen."""
        for name, before in zip(self.outside.names, self.outside.objects, strict=True):
            if name.read() is not before and not _equal(before, name.read()):
                return f"it changes the {name.kind} '{name.name}'", "return what it counts"
        for name, each, before in self.contents:
            if len(each) != len(before):
                return f"it changes the {type(each).__name__} '{name.name}'", "return what it collects"
        if any(not _same_state(read(), before) for read, _, before in self.random):
            return "it draws random numbers", "draw them outside and pass them in"
        return None

    def restore(self) -> None:
        """Put everything back."""
        for name, before in zip(self.outside.names, self.outside.objects, strict=True):
            if name.read() is not before:
                name.write(before)
        for _, each, before in self.contents:
            if len(each) != len(before):
                _refill(each, before)
        for _, write, before in self.random:
            write(before)


def _refill(container: Any, before: Any) -> None:
    if isinstance(container, list):
        container[:] = before
    else:
        container.clear()
        container.update(before)


def _generators(objects: Iterable[Any]) -> Iterator[tuple[Callable[[], Any], Callable[[Any], None]]]:
    """Yield how to read and to write the state of every random generator in sight."""
    yield random.getstate, random.setstate
    if "numpy.random" in sys.modules:
        module = sys.modules["numpy.random"]
        yield module.get_state, module.set_state
    for each in objects:
        if isinstance(each, random.Random):
            yield each.getstate, each.setstate
        elif hasattr(each, "bit_generator"):
            yield partial(getattr, each.bit_generator, "state"), partial(setattr, each.bit_generator, "state")


def _same_state(one: Any, other: Any) -> bool:
    """Tell whether two states of a generator, tuples and dicts with arrays inside, are the same."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same_state(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same_state, one, other))
    return bool((one == other).all()) if hasattr(one, "all") else bool(one == other)
