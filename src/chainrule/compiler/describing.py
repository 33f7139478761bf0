"""Patterns and guards of a trace in words, for reports."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

# Beyond so many characters nobody reads on.
LONGEST = 200


def describe_call(pattern: Any, names: Sequence[str] = ()) -> str:
    """Return what arguments a trace is for: 'X: list of 100 lists of 2 numbers, y: list of 100 numbers'.

    Args:
        pattern: of the whole call, see `chainrule.compiler.tracing.arguments`.
        names: of the positional arguments, as far as they are known.
    """
    _, positional, keywords, named = pattern
    titles = [*names[: len(positional)], *(f"argument {i + 1}" for i in range(len(names), len(positional)))]
    parts = zip([*titles, *keywords], [*positional, *named], strict=True)
    text = ", ".join(f"{name}: {describe(each)}" for name, each in parts) or "no arguments"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def describe(pattern: Any) -> str:
    """Return one argument's pattern in words."""
    return _counted(pattern, 1)


def _counted(pattern: Any, count: int) -> str:
    """Return so many arguments of one pattern in words: '3 numbers', '2 lists of 5 Values', or without the 1."""
    kind = pattern[0]
    head = "" if count == 1 else f"{count} "
    plural = "" if count == 1 else "s"
    if kind == "number":
        return f"{head}number{plural}"
    if kind == "value":
        return f"{head}Value{plural}"
    if kind in {"array", "objects"}:
        return f"{head}array{plural} of shape {pattern[1]}"
    if kind == "dict":
        return f"{head}dict{plural} with {', '.join(map(repr, pattern[1]))}"
    if kind == "static":
        return f"{head}{pattern[1]!r:.40}"
    parts = [_without_types(part) for part in pattern[-1]]
    alike = parts.count(parts[0]) == len(parts) if parts else False
    inside = f" of {_counted(parts[0], len(parts)) if alike else len(parts)}"
    return f"{head}{kind}{plural}{inside if parts else ', empty'}"


def _without_types(pattern: Any) -> Any:
    """Return a pattern in which every number is like every other, whatever type was asked for."""
    if pattern[0] == "number":
        return ("number", None)
    if pattern[0] in {"list", "tuple", "namedtuple", "dict", "objects"}:
        return (*pattern[:-1], tuple(map(_without_types, pattern[-1])))
    return pattern


def describe_guard(guard: Any) -> str:
    """Return what Python looked at, and in which line."""
    text = f" `{guard.place.text}`" if guard.place.text else ""
    return f"{guard.place}{text}: {guard.what}"


def argument_names(fn: Callable[..., Any]) -> list[str]:
    """Return the names of a function's positional arguments, as far as it tells them."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    wanted = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in wanted]
