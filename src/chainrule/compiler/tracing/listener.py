"""The listener: what Python looks at during a trace becomes a guard, what cannot be compiled ends the trace."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import NoReturn

from chainrule.compiler.tracing.places import Place, place_of_caller
from chainrule.compiler.tracing.refusing import refusal
from chainrule.engine import Value, place_of_input
from chainrule.errors import NotTraceable

# What a computed number may differ by from executor to executor, relative to its size.
ROUNDING = 1e-12
# What Python gets by these it mostly computes with; by all others it decides.
SMOOTH = ("float()", "float() of a Value", ".data of a Value")
OUTSIDE = "return it and look at it outside"
REMEDIES = {
    "the truth of a comparison": "choose by cr.where(condition, a, b), cr.maximum or cr.minimum",
    "whether a number is 0": "choose by cr.where(x, a, b)",
    "float()": "use cr.exp, cr.log … in place of the functions of math",
    "an index": "pass one-hot rows and multiply, or keep the indices outside",
    "a divisor, whether it is 0": "leave such numbers out",
    "a power, whether it is finite": "leave such numbers out",
    "a hash": "keep dictionaries and sets of numbers outside",
}


@dataclass(frozen=True)
class Guard:
    """Something Python looked at: the trace is that of other arguments only if it is the same for them.

    Attributes:
        kind: 'truth', whose number is 0 or 1, or 'exact'.
        expected: the number during the trace.
        tolerance: how far from it the output may lie; with 0 it has the same bits.
        place: the line that looked.
        what: what it looked at: 'the truth of a comparison', '.data of a Value' …
        remedy: how to write it so that nothing is looked at.
    """

    kind: str
    expected: float
    tolerance: float
    place: Place
    what: str
    remedy: str

    @property
    def file(self) -> str:
        """The file of the line."""
        return self.place.file

    @property
    def line(self) -> int:
        """Its number."""
        return self.place.line

    @property
    def function(self) -> str:
        """The function that it stands in."""
        return self.place.function

    @property
    def text(self) -> str:
        """The line itself, '' where nobody has it any more."""
        return self.place.text

    @property
    def sentence(self) -> str:
        """What was looked at, where, and what to do instead."""
        line = f"`{self.text}` ({self.place})" if self.text else str(self.place)
        return f"{line} looks at {self.what}; {self.remedy}"

    def __str__(self) -> str:
        return self.sentence


class Listener:
    """Collects what the engine tells of a trace under way.

    Attributes:
        nodes, guards: the nodes that were looked at, each once, and what about them.
        kinds: the places of numbers whose class was looked at.
        distinct: whether Python asked if two Values are the same.
        compared: Values from before the trace of which it asked that.
        refusal: why the trace ended; kept, since the function may swallow the exception.
    """

    def __init__(self) -> None:
        self.nodes: list[Value] = []
        self.guards: list[Guard] = []
        self.kinds: set[int] = set()
        self.distinct = False
        self.compared: list[Value] = []
        self.refusal: NotTraceable | None = None
        self._guarded: set[tuple[int, str]] = set()
        self._of_known_kind: set[int] = set()

    def exact(self, node: Value, number: float, what: str) -> None:
        """Guard a number that Python was given."""
        leaf = not node._prev
        exactly = leaf or what not in SMOOTH or number == 0.0 or not isfinite(number)
        tolerance = 0.0 if exactly else ROUNDING * max(1.0, abs(number))
        self._guard(node, "exact", number, tolerance, what)

    def truth(self, node: Value, truth: bool, what: str) -> None:
        """Guard a truth that Python was given; the node's number is 0 or 1."""
        self._guard(node, "truth", float(truth), 0.0, what)

    def kind(self, node: Value) -> None:
        """Note that the class of a number was looked at: that of all numbers among the arguments that it is made of."""
        found = [node]
        while found:
            node = found.pop()
            if id(node) not in self._of_known_kind:  # the trace keeps every node, so that ids stay
                self._of_known_kind.add(id(node))
                place = place_of_input(node)
                if place is not None:
                    self.kinds.add(place)
                found.extend(node._prev)

    def identity(self, value: Value | None) -> None:
        """Note that Python asked whether a Value, None for one that the trace has made, is the same as another."""
        self.distinct = True
        if value is not None:
            self.compared.append(value)

    def refuse(self, reason: str, remedy: str, depends_on_data: bool) -> NoReturn:
        """End the trace."""
        self.refusal = refusal(reason, remedy, place_of_caller(), depends_on_data=depends_on_data)
        raise self.refusal

    def _guard(self, node: Value, kind: str, expected: float, tolerance: float, what: str) -> None:
        if (id(node), kind) in self._guarded:
            return
        self._guarded.add((id(node), kind))
        self.nodes.append(node)
        remedy = REMEDIES.get(what, OUTSIDE)
        self.guards.append(Guard(kind, expected, tolerance, place_of_caller(), what, remedy))
