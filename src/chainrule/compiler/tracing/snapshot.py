"""The state in sight of a function: compared after a trace, and put back where the trace is refused."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import is_
from typing import Any

from chainrule.compiler.tracing.outside import Outside


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
        changed = self.outside.first_change()
        if changed is not None:
            return f"it changes the {changed[0].kind} '{changed[0].name}'", "return what it counts"
        for name, each, before in self.contents:
            if not _same_contents(each, before):
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
            if not _same_contents(each, before):
                _refill(each, before)
        for _, write, before in self.random:
            write(before)


def _same_contents(now: Any, before: Any) -> bool:
    """Tell whether a list, dict or set still holds the same objects."""
    if len(now) != len(before) or isinstance(now, set):
        return bool(now == before)
    if isinstance(now, dict):
        return all(map(is_, now, before)) and all(map(is_, now.values(), before.values()))
    return all(map(is_, now, before))


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
    if isinstance(one, tuple) and set(map(type, one)) != {int}:
        return len(one) == len(other) and all(map(_same_state, one, other))
    return bool((one == other).all()) if hasattr(one, "all") else bool(one == other)
