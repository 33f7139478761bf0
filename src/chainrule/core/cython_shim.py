"""Stands in for the `cython` module where Cython is not installed: its decorators and types do nothing."""

from __future__ import annotations

from typing import Any

compiled = False
NULL = None


def _unchanged(item: Any) -> Any:
    return item


cclass = cfunc = inline = final = no_gc = _unchanged


def exceptval(*_arguments: Any, **_keywords: Any) -> Any:
    """Return a decorator that changes nothing."""
    return _unchanged


def declare(_type: Any, value: Any = None, visibility: str = "private") -> Any:  # noqa: ARG001 - C's, not Python's
    """Return the value that a C variable starts with."""
    return value


def cast(_type: Any, value: Any) -> Any:
    """Return the value as it is."""
    return value


def __getattr__(_name: str) -> Any:
    """Return something for every C type."""
    return None
