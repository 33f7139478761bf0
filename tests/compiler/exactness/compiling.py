"""A compiled function called again and again with other numbers, each time beside a fresh eager execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.agreement import Count, Draw, Execution, check, check_bits, compare


class Calls:
    """One compiled function and the draws that it is called with.

    Args:
        make: gives the draw of each call, always new objects; all have the parameters of the first.
        options: for `cr.compile`.
    """

    def __init__(self, make: Callable[[int], Draw], **options: Any) -> None:
        self.make = make
        self.first = make(0)
        self.compiled: Any = cr.compile(self.first.function, **options)

    def draw(self, call: int) -> Draw:
        """A call's draw over the parameters of the compiled function, which take over its numbers."""
        drawn = self.make(call)
        known: dict[int, Any] = {}
        for mine, theirs in zip(self.first.leaves, drawn.leaves, strict=True):
            mine.data = theirs.data
            known[id(theirs)] = mine
        arguments = [_rebound(each, known) for each in drawn.arguments]
        return Draw(self.compiled, arguments, self.first.leaves)

    def check(self, call: int, count: Count | None = None) -> None:
        """Raise unless compiled and eager agree on a call."""
        check(self.compiled, self.draw(call), self.make(call), count)

    def check_bits(self, call: int, gradients: bool = True) -> None:
        """Raise unless compiled and eager give the same bits on a call; without `gradients`, those agree as always."""
        mine = self.draw(call)
        eager, found = Execution(self.make(call)), Execution(mine).outcome
        if not gradients:
            compare(eager, found)
            found.gradients = eager.outcome.gradients
        check_bits(eager.outcome, found)


def _rebound(argument: Any, known: dict[int, Any]) -> Any:
    """The argument with Values in place of those of the same name elsewhere; what is shared stays shared."""
    if id(argument) in known:
        return known[id(argument)]
    if isinstance(argument, Mapping):
        made: Any = {key: _rebound(each, known) for key, each in argument.items()}
    elif isinstance(argument, (list, tuple)):
        made = type(argument)([_rebound(each, known) for each in argument])
    else:
        made = argument
    known[id(argument)] = made
    return made


def agree(compiled: Any, function: Callable[..., Any], arguments: Sequence[Any], leaves: Sequence[Value]) -> None:
    """Raise unless a compiled function agrees at this moment with the function that it was made of."""
    draw = Draw(function, arguments, leaves)
    check(compiled, draw, draw)


def agree_to_the_bit(
    compiled: Any, function: Callable[..., Any], arguments: Sequence[Any], leaves: Sequence[Value]
) -> None:
    """Raise unless both give the same bits at this moment."""
    draw = Draw(function, arguments, leaves)
    check_bits(Execution(draw).outcome, Execution(draw, compiled).outcome)


def nothing_ran_eagerly(compiled: Any, native: int | None = None, interpreted: int | None = None) -> None:
    """Raise if calls that should have been compiled were not: an eager fallback agrees with eager all too well."""
    report = compiled.report()
    assert report.eager_calls == 0, report
    assert native is None or report.native_calls == native, report
    assert interpreted is None or report.interpreted_calls == interpreted, report
