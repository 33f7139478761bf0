"""What a function names outside of itself: closure, defaults, globals, numbers of its own object."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import getattr_static
from types import CodeType, FunctionType
from typing import Any

MISSING = object()
PACKAGE = __name__.partition(".")[0]
# What a name of a function that is only called may hold to be guarded: a number or a text.
PLAIN = (float, int, str, bytes, complex, type(None))


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
                return MISSING
        return self.holder.get(self.name, MISSING)

    def write(self, value: Any) -> None:
        """Let it name this object."""
        if self.kind == "closure variable":
            if value is MISSING:
                del self.holder.cell_contents
            else:
                self.holder.cell_contents = value
        elif value is MISSING:
            self.holder.pop(self.name, None)
        else:
            self.holder[self.name] = value


@dataclass(frozen=True)
class Outside:
    """The variables that a function names, and the objects that they named when it was traced.

    Attributes:
        names, objects: one of the other each.
        asks_for_types: it calls `type`, to which a stand-in cannot answer as the number would.
    """

    names: tuple[Name, ...]
    objects: tuple[Any, ...]
    asks_for_types: bool = False

    def changed(self) -> str | None:
        """Return what is different now, as a clause, None if nothing is."""
        found = self.first_change()
        if found is None:
            return None
        name, before, now = found
        return f"the {name.kind} '{name.name}' was {_short(before)} and is {_short(now)}"

    def first_change(self) -> tuple[Name, Any, Any] | None:
        """Return a variable that names another object now, with the old and the new one; None if there is none."""
        for name, before in zip(self.names, self.objects, strict=True):
            now = name.read()
            if now is not before and not _same_plain(before, now):
                return name, before, now
        return None


def outside_of(function: Any) -> Outside:
    """Return what a function names in its own code, and the numbers that functions beside it name, if it calls them."""
    names: list[Name] = []
    asks = False
    for given, plain in _persons_own(function):
        names += [*_names(plain), *_attributes(given, plain)]
        helpers = _helpers(plain)
        for helper in helpers:
            names += [name for name in _names(helper) if isinstance(name.read(), PLAIN)]
        asks |= any("type" in _loaded(each.__code__) and "type" not in each.__globals__ for each in (plain, *helpers))
    return Outside(tuple(names), tuple([name.read() for name in names]), asks)


def _persons_own(function: Any) -> list[tuple[Any, FunctionType]]:
    """Return a function with its plain form; for one of this package, such as `fit` compiles, those that it wraps."""
    found: list[tuple[Any, FunctionType]] = []
    waiting = [function]
    for each in waiting:
        plain = _plain_function(each)
        if plain is None:
            continue
        if plain.__globals__.get("__name__", "").partition(".")[0] != PACKAGE:
            found.append((each, plain))
            continue
        for name in _names(plain):
            inner = name.read() if name.kind == "closure variable" else None
            if not any(inner is known for known in waiting):
                waiting.append(inner)
    return found


def _helpers(function: FunctionType) -> list[FunctionType]:
    """Return the functions of the same module that this one names, and those that they name."""
    found = [function]
    for each in found:
        for name in _names(each):
            helper = name.read()
            if isinstance(helper, FunctionType) and helper.__globals__ is function.__globals__ and helper not in found:
                found.append(helper)
    return found[1:]


def _names(function: FunctionType) -> Iterator[Name]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield Name("closure variable", name, cell)
    for name in sorted(_loaded(code)):
        if name in function.__globals__:
            yield Name("global", name, function.__globals__)
    for name in function.__kwdefaults__ or ():
        yield Name("default", name, _Defaults(function))
    if function.__defaults__:
        yield Name("default", "__defaults__", _Defaults(function))


def _attributes(function: Any, plain: FunctionType) -> Iterator[Name]:
    """Yield the numbers among the attributes of a method's own object that the method may read."""
    owner = getattr(function, "__self__", None if function is plain else function)
    attributes = getattr(owner, "__dict__", {})
    if type(attributes) is dict:
        for name in plain.__code__.co_names:
            if isinstance(attributes.get(name, MISSING), PLAIN):
                yield Name("attribute", name, attributes)


class _Defaults:
    """The defaults of a function, as if they were in one dictionary."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function

    def get(self, name: str, missing: Any) -> Any:
        """Return the default of a keyword, or the tuple of all others."""
        if name == "__defaults__":
            return self.function.__defaults__
        return (self.function.__kwdefaults__ or {}).get(name, missing)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "__defaults__":
            self.function.__defaults__ = value
        else:
            (self.function.__kwdefaults__ or {})[name] = value


def _plain_function(function: Any) -> FunctionType | None:
    """Return the Python function behind a method, a partial application or an object that can be called."""
    for name in ("__func__", "func"):
        function = getattr(function, name, function)
    if not isinstance(function, (FunctionType, type)):
        function = getattr_static(type(function), "__call__", None)
    return function if isinstance(function, FunctionType) else None


@lru_cache(256)
def _loaded(code: CodeType) -> frozenset[str]:
    """Return the names that code and the functions inside it look up beyond themselves."""
    found = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _loaded(constant)
    return frozenset(found)


def _same_plain(before: Any, now: Any) -> bool:
    """Tell whether two objects are the same number or text."""
    if type(before) is not type(now) or not isinstance(before, PLAIN):
        return False
    return bool(before == now and repr(before) == repr(now))


def _short(x: Any) -> str:
    if x is MISSING:
        return "not there"
    text = repr(x)
    return text if len(text) <= 40 else f"another {type(x).__name__}"
