"""Writing one function as LLVM text: names, blocks, loops, and no computation twice where one result is in reach."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


def literal(number: float) -> str:
    """Return a float64 as LLVM reads it back, bit by bit."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', number))[0]:016X}"


def vector_type(lanes: int, scalar: str = "double") -> str:
    """Return the type of this many numbers side by side."""
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


def constant(number: float, lanes: int) -> str:
    """Return a number in every lane."""
    text = literal(number)
    return text if lanes == 1 else f"<{', '.join([f'double {text}'] * lanes)}>"


@dataclass
class Carried:
    """A value that goes from one turn of a loop to the next."""

    type: str
    start: str
    name: str = ""
    next: str = ""
    result: str = ""


@dataclass
class Loop:
    """A loop while it is written."""

    index: str
    carried: list[Carried] = field(default_factory=list)


class Writer:
    """The lines of one function, and the declarations that they need.

    Args:
        name: the function's name, without the @.
        arguments: their types and names, e.g. `ptr %regions`.
        linkage: empty, or `internal`.
        result: its type.
        scale_width: how many lanes the machine's own instruction for x · 2ⁿ takes; 0 where it has none.
        fuses: a product and a sum are rounded once.
    """

    def __init__(
        self,
        name: str,
        arguments: str,
        linkage: str = "",
        result: str = "void",
        *,
        scale_width: int = 0,
        fuses: bool = False,
    ) -> None:
        self.head = f"define {linkage} {result} @{name}({arguments}) nounwind {{"
        self.lines: list[str] = ["entry:"]
        self.declarations: set[str] = set()
        self.scale_width = scale_width
        self.fuses = fuses
        self.instructions = 0
        self._block = "entry"
        self._count = 0
        self._known: list[dict[str, str]] = [{}]

    def name(self) -> str:
        """Return a new name."""
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}")
        self.instructions += 1

    def value(self, text: str) -> str:
        """Write an instruction and return its result's name."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        self.instructions += 1
        return name

    def pure(self, text: str) -> str:
        """Write an instruction that depends on its operands alone, unless its result is at hand."""
        for known in self._known:
            name = known.get(text)
            if name is not None:
                return name
        name = self._known[-1][text] = self.value(text)
        return name

    def declare(self, text: str) -> None:
        """Note a function that is called."""
        self.declarations.add(text)

    def finish(self, result: str = "void") -> str:
        """Return the whole function."""
        return "\n".join([self.head, *self.lines, f"  ret {result}", "}"])

    def _label(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self._block = label

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget afterwards which results are at hand that were written inside."""
        self._known.append({})
        yield
        self._known.pop()

    @contextmanager
    def loop(
        self, end: int | str, step: int = 1, carried: Sequence[Carried] = (), may_be_empty: bool = False
    ) -> Iterator[Loop]:
        """Write a loop of an index from 0 by steps up to (not including) the end.

        The body is what is written inside; it gives every carried value its `next`, and after the loop each has its
        `result`. A loop whose end is 0 at run time must be marked as one that may be empty.
        """
        number = self._count = self._count + 1
        body, latch, after = f"body{number}", f"latch{number}", f"after{number}"
        before = self._block
        if may_be_empty:
            some = self.value(f"icmp sgt i64 {end}, 0")
            self.line(f"br i1 {some}, label %{body}, label %{after}")
        else:
            self.line(f"br label %{body}")
        self._label(body)
        loop = Loop(f"%i{number}", list(carried))
        following = f"%n{number}"
        self.line(f"{loop.index} = phi i64 [ 0, %{before} ], [ {following}, %{latch} ]")
        place = len(self.lines)
        for each in loop.carried:
            each.name = self.name()
        self._known.append({})
        yield loop
        self._known.pop()
        self.line(f"br label %{latch}")
        self._label(latch)
        self.lines[place:place] = [
            f"  {each.name} = phi {each.type} [ {each.start}, %{before} ], [ {each.next}, %{latch} ]"
            for each in loop.carried
        ]
        self.line(f"{following} = add nuw nsw i64 {loop.index}, {step}")
        more = self.value(f"icmp slt i64 {following}, {end}")
        self.line(f"br i1 {more}, label %{body}, label %{after}")
        self._label(after)
        for each in loop.carried:
            each.result = each.next
            if may_be_empty:
                each.result = self.value(f"phi {each.type} [ {each.start}, %{before} ], [ {each.next}, %{latch} ]")
