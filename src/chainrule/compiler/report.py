"""What a compiled function tells about itself: who ran its calls, what was traced, which passes took how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# How many structures a printed report describes, and how many guards of each; `specialisations` has all of them.
MOST_STRUCTURES = 8
MOST_GUARDS = 5


@dataclass(frozen=True)
class Pass:
    """One step on the way from a function to machine code."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Specialisation:
    """One trace of a function: for arguments of one structure, under its guards.

    Attributes:
        structure: the arguments' structure in words.
        executor: 'native' (machine code) or 'tape' (the interpreter in C).
        calls: how many calls it has served.
        sizes: how many there are of 'nodes traced', 'scalars with gradients', 'classes', 'nests' and so on, in the
            order of the passes.
        passes: what was done, with the seconds that each step took; where 'cache' found the program, no pass followed.
        guards: what Python looked at while the function was traced, and in which line; each is checked at every call.
        note: why it is not native, where it is not; or that its code was found on the disk.
    """

    structure: str
    executor: str
    calls: int
    sizes: Mapping[str, int] = field(default_factory=dict)
    passes: tuple[Pass, ...] = ()
    guards: tuple[str, ...] = ()
    note: str = ""

    @property
    def seconds(self) -> float:
        """How long all passes took together."""
        return sum(each.seconds for each in self.passes)


@dataclass(frozen=True)
class Report:
    """A compiled function's past, as it is at the moment of asking.

    Attributes:
        function: its name and where it is written.
        native_calls: calls that machine code served.
        interpreted_calls: calls that the tape interpreter served.
        eager_calls: calls that ran as ordinary Python, among them those for which nothing could be traced.
        traces: how often the function was traced.
        specialisations: what is kept of these traces, the last used first.
        notes: why calls were eager, and what else was said.
    """

    function: str
    native_calls: int = 0
    interpreted_calls: int = 0
    eager_calls: int = 0
    traces: int = 0
    specialisations: tuple[Specialisation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def executor(self) -> str:
        """Who serves the calls: 'native', 'tape' or 'eager', or several of them, the most used first."""
        counts = {"native": self.native_calls, "tape": self.interpreted_calls, "eager": self.eager_calls}
        used = sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name])
        ready = dict.fromkeys(each.executor for each in self.specialisations)
        return ", ".join(used or ready) or "none yet"

    @property
    def guards(self) -> tuple[str, ...]:
        """What Python looked at, over all specialisations, each once."""
        return tuple(dict.fromkeys(guard for each in self.specialisations for guard in each.guards))

    def __str__(self) -> str:
        counts = (
            f"{self.native_calls:,} native, {self.interpreted_calls:,} interpreted, {self.eager_calls:,} eager calls"
        )
        lines = [f"{self.function}: {counts}; {counted(self.traces, 'trace')}"]
        for each in self.specialisations[:MOST_STRUCTURES]:
            lines += _lines(each)
        left_out = len(self.specialisations) - MOST_STRUCTURES
        if left_out > 0:
            lines.append(f"  … and {counted(left_out, 'more specialisation')}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from chainrule.views.notebooks.reports import report_html

        return report_html(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from chainrule.views.notebooks.reports import report_bundle

        del include, exclude  # the caller chooses among all of these
        return report_bundle(self)


def counted(number: int, noun: str) -> str:
    """Return '1 trace', '2 traces'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a length of time of which three digits say enough."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _lines(each: Specialisation) -> list[str]:
    """Return one specialisation as lines of a printed report."""
    lines = [f"  {each.structure}: {each.executor}, {counted(each.calls, 'call')}"]
    if each.sizes:
        lines.append("    " + " → ".join(f"{number:,} {name}" for name, number in each.sizes.items()))
    if each.passes:
        steps = ", ".join(f"{step.name} {duration(step.seconds)}" for step in each.passes)
        lines.append(f"    {steps}; {duration(each.seconds)} in all")
    if each.note:
        lines.append(f"    {each.note}")
    lines += [f"    guard: {guard}" for guard in each.guards[:MOST_GUARDS]]
    left_out = len(each.guards) - MOST_GUARDS
    if left_out > 0:
        lines.append(f"    … and {counted(left_out, 'more guard')}")
    return lines
