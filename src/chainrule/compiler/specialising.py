"""What is kept of a function's traces: who runs each of them, and how one that came later shows its use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chainrule.compiler.building import TRIAL, Built
from chainrule.compiler.describing import describe_call, describe_guard
from chainrule.compiler.report import Specialisation
from chainrule.engine import MISS, Entry
from chainrule.errors import NotTraceable

Outline: TypeAlias = tuple[object, ...]


class Trial(Entry):
    """A trace on the tape that tells when it has served as many calls as machine code is made for."""

    def __init__(self, executor: Any, traced: Any, passed: Callable[[Trial], None]) -> None:
        super().__init__(executor, traced)
        self.passed = passed

    @property
    def remaining(self) -> int:
        """How many calls it is still to serve, 1 at least."""
        left: int = TRIAL - self.calls
        return max(1, left)

    def call(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
        """Serve a call as any trace does."""
        result = super().call(arguments, keywords)
        if result is not MISS:
            self.judge()
        return result

    def judge(self) -> None:
        """Look at how many calls it has served."""
        if self.calls >= TRIAL:
            self.passed(self)


@dataclass(eq=False)
class Specialised:
    """One trace with what runs it.

    Attributes:
        entry: serves the calls; a Trial, where machine code is to come.
        traced: the trace.
        built: what was made of it.
        tried: how many calls it served on the tape, before there was machine code.
        refusal: why the calls that it fits run as Python, where they do.
    """

    entry: Any
    traced: Any
    built: Built
    tried: int = 0
    refusal: NotTraceable | None = None

    def take_over(self, built: Built) -> None:
        """Have another executor run it from now on; whoever is in a call goes on with what he began with."""
        built.passes[:0] = self.built.passes
        entry = Entry(built.executor, self.traced)
        self.entry, self.built, self.tried = entry, built, self.entry.calls

    def add_calls(self, served: dict[str, int]) -> None:
        """Add the calls that it has served to those of each executor."""
        served["tape"] += self.tried
        served[self.built.name] += self.entry.calls

    def summary(self, names: list[str]) -> Specialisation:
        """Return what a report says of it; `names` are those of the function's arguments."""
        built = self.built
        return Specialisation(
            structure=describe_call(self.traced.pattern, names),
            executor=built.name,
            calls=self.tried + self.entry.calls,
            sizes=built.sizes,
            passes=tuple(built.passes),
            guards=tuple(map(describe_guard, self.traced.guards)),
            note=built.note,
        )

    def failed(self) -> str:
        """Return in a sentence why it did not serve the last call that it was tried for."""
        changed: str | None = self.traced.outside.changed()
        if changed is None and isinstance(self.entry.failed, int):
            return str(self.traced.guards[self.entry.failed].sentence)
        return changed or "the structure of the arguments"


@dataclass(eq=False)
class Structure:
    """Arguments of one structure: its traces, the last one last, and whether it has been given up."""

    traces: list[Specialised] = field(default_factory=list)
    eager: bool = False


def outline(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Outline:
    """Return what arguments look like from afar, for calls of which no trace tells the structure."""
    return (*map(_look, arguments), *((name, _look(each)) for name, each in keywords.items()))


def _look(argument: Any) -> object:
    """Return an argument's type, with its length, or itself where it is a switch or a name."""
    if isinstance(argument, (bool, str, bytes, type(None))):
        return argument
    return type(argument), len(argument) if isinstance(argument, (list, tuple, dict)) else 0
