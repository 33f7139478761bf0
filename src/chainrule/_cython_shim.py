"""Stands in for the `cython` module where Cython is not installed: every decorator and type does nothing."""

from __future__ import annotations

from typing import Any

compiled = False


def _unchanged(item: Any) -> Any:
    return item


def _option(*_arguments: Any, **_keywords: Any) -> Any:
    return _unchanged


cclass = cfunc = inline = final = _unchanged
freelist = exceptval = locals = _option


def declare(_type: Any, value: Any = None) -> Any:
    """Return the value that a C variable starts with."""
    return value


def cast(_type: Any, value: Any) -> Any:
    """Return the value as it is."""
    return value


# The C types, which in Python say nothing; `int` is C's, and nothing below this line needs Python's.
Py_ssize_t = bint = double = int = p_char = p_double = p_void = short = void = None
NULL = None
