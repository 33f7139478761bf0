"""A trace run again with other arguments through the definitions: read, evaluate, compare the guards, build."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Value
from chainrule.compiler.evaluating import evaluate, verify
from chainrule.compiler.tracing import Trace, build_result, read_arguments, trace


@dataclass(frozen=True)
class Miss:
    """Why a trace does not serve a call."""

    reason: str


class Replay:
    """A traced function; calling it gives what a compiled call would return, Values as floats, or a Miss."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        self.trace: Trace = trace(function, arguments, keywords)
        verify(self.trace.program)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        found = read_arguments(self.trace.pattern, arguments, keywords)
        if found is None:
            return Miss("structure")
        changed = self.trace.outside.changed()
        if changed is not None:
            return Miss(changed)
        numbers, given = found
        values = [value.data for value in (*self.trace.live, *given)]
        if self.trace.distinct and len(set(map(id, given)) - set(map(id, self.trace.live))) < len(given):
            return Miss("the same Value twice")
        outputs, _ = evaluate(self.trace.program, values, numbers)
        for output, guard in zip(outputs[self.trace.program.results :], self.trace.guards, strict=True):
            if not same(output, guard.expected, guard.tolerance):
                return Miss(guard.sentence)
        return build_result(self.trace.template, lambda _, k, kind: kind(outputs[k]) if kind else outputs[k])


def same(found: float, expected: float, tolerance: float = 0.0) -> bool:
    """Tell whether a guard holds."""
    if found != found or expected != expected:
        return found != found and expected != expected
    if found == expected:
        return math.copysign(1.0, found) == math.copysign(1.0, expected) or tolerance > 0.0
    return abs(found - expected) <= tolerance


def plain(result: Any) -> Any:
    """A result of eager code with the data of its Values in place of them."""
    if isinstance(result, Value):
        return result.data
    if isinstance(result, dict):
        return {key: plain(each) for key, each in result.items()}
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*map(plain, result))
    if isinstance(result, (list, tuple)):
        return type(result)(map(plain, result))
    if isinstance(result, np.ndarray) and result.dtype == object:
        return plain([*result.flat])
    return result


def alike(one: Any, other: Any) -> bool:
    """Tell whether two results are the same, numbers to 1e-12, with the same types."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return alike([*one.flat], [*other.flat])
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-12 * max(1.0, abs(one)) or (one != one and other != other)
    return bool(one == other)
