"""What a person is told when a compiled function runs as ordinary Python, or slower than it could."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainrule.errors import ChainruleError


class CompileWarning(UserWarning):
    """A compiled function does not run as fast as it could; the sentence says why, where, and what helps."""


def warn(sentence: str) -> None:
    """Say a sentence at the line outside of this package that called the compiled function."""
    package = str(Path(__file__).parents[1])
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, CompileWarning, stacklevel=level)


@functools.cache
def hint(sentence: str) -> None:
    """Say what this computer lacks, once in a process: it is the same for every function."""
    warn(f"compiled code {sentence}")


def name_of(fn: Callable[..., Any]) -> str:
    """Return a function's name; an object that is called has that of its class."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def place_of(fn: Callable[..., Any]) -> str:
    """Return a function's name and where it is written, as 'loss (train.py:12)'."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    code = getattr(fn, "__code__", None) or getattr(vars(type(fn)).get("__call__"), "__code__", None)
    where = f" ({Path(code.co_filename).name}:{code.co_firstlineno})" if code else ""
    return name_of(fn) + where


def not_traced(place: str, refusal: ChainruleError) -> str:
    """Return the sentence about a function that cannot be traced."""
    return f"{place} runs eagerly: {Exception.__str__(refusal)}"


def too_many_traces(place: str, times: int, why: str) -> str:
    """Return the sentence about a structure whose guards never hold for long."""
    return f"{place} runs eagerly for arguments like these, after {times} traces none of which fits: {why}"


def compiler_failed(place: str, failure: str) -> str:
    """Return the sentence about a program of which no machine code could be made, by a mistake of ours."""
    return (
        f"{place} runs on the tape interpreter: the compiler failed ({failure:.200}). "
        "This is a mistake in chainrule: please report it; executor='tape' says nothing of it"
    )


def trace_failed(error: Exception) -> str:
    """Return why a function is not traceable when it is the tracer that is at fault."""
    return (
        f"its trace failed ({type(error).__name__}: {error!s:.200}); this is a mistake in chainrule: please report it"
    )
