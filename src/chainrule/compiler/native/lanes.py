"""A number, or several side by side, in generated code, with the operators that formulas are written with.

No operation carries a licence of fast arithmetic: where products and sums are fused, the formula says `fused`, and
where terms may be added in another order, the emitter has done it. So nan and infinities come out as IEEE 754 has them.
"""

from __future__ import annotations

from typing import TypeAlias

from chainrule.compiler.native.text import Writer, constant, vector_type

ORDERED = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}
Number: TypeAlias = "Lanes | float"


class Lanes:
    """A value of the code being written.

    Attributes:
        writer: where its operations are written.
        text: its name or literal.
        lanes: how many numbers it has; 1 stands for the same in every lane.
        scalar: the type of one of them: `double`, `i1` or `i64`.
        number: the float that it is, where that is known.
    """

    __slots__ = ("lanes", "number", "scalar", "text", "writer")

    def __init__(
        self, writer: Writer, text: str, lanes: int = 1, scalar: str = "double", number: float | None = None
    ) -> None:
        self.writer = writer
        self.text = text
        self.lanes = lanes
        self.scalar = scalar
        self.number = number

    @property
    def type(self) -> str:
        """Its type."""
        return vector_type(self.lanes, self.scalar)

    def lift(self, other: Number) -> Lanes:
        """Return a Python float as a value of the code."""
        if isinstance(other, Lanes):
            return other
        return Lanes(self.writer, constant(other, 1), 1, "double", float(other))

    def spread(self, lanes: int) -> Lanes:
        """Return the same number in this many lanes."""
        if self.lanes == lanes:
            return self
        if self.number is not None:
            return Lanes(self.writer, constant(self.number, lanes), lanes, "double", self.number)
        kind = vector_type(lanes, self.scalar)
        first = self.writer.pure(f"insertelement {kind} poison, {self.scalar} {self.text}, i64 0")
        text = self.writer.pure(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")
        return Lanes(self.writer, text, lanes, self.scalar)

    def _together(self, *others: Number) -> list[Lanes]:
        """Return self and others with the same number of lanes."""
        all_of_them = [self, *[self.lift(each) for each in others]]
        lanes = max(each.lanes for each in all_of_them)
        return [each.spread(lanes) for each in all_of_them]

    def _binary(self, operation: str, a: Number, b: Number) -> Lanes:
        x, y = self.lift(a)._together(b)
        text = self.writer.pure(f"{operation} {x.type} {x.text}, {y.text}")
        return Lanes(self.writer, text, x.lanes, x.scalar)

    def intrinsic(self, name: str, *others: Number) -> Lanes:
        """Return an intrinsic function of self and others, e.g. `fabs`."""
        operands = self._together(*others)
        x = operands[0]
        suffix = "f64" if x.lanes == 1 else f"v{x.lanes}f64"
        function = f"@llvm.{name}.{suffix}"
        self.writer.declare(f"declare {x.type} {function}({', '.join([x.type] * len(operands))})")
        arguments = ", ".join(f"{x.type} {each.text}" for each in operands)
        return Lanes(self.writer, self.writer.pure(f"call {x.type} {function}({arguments})"), x.lanes)

    def __add__(self, other: Number) -> Lanes:
        return self._binary("fadd", self, other)

    def __radd__(self, other: Number) -> Lanes:
        return self._binary("fadd", other, self)

    def __sub__(self, other: Number) -> Lanes:
        return self._binary("fsub", self, other)

    def __rsub__(self, other: Number) -> Lanes:
        return self._binary("fsub", other, self)

    def __mul__(self, other: Number) -> Lanes:
        return self._binary("fmul", self, other)

    def __rmul__(self, other: Number) -> Lanes:
        return self._binary("fmul", other, self)

    def __truediv__(self, other: Number) -> Lanes:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: Number) -> Lanes:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Lanes:
        if self.number is not None:
            return self.lift(-self.number).spread(self.lanes)
        return Lanes(self.writer, self.writer.pure(f"fneg {self.type} {self.text}"), self.lanes)

    def __abs__(self) -> Lanes:
        return self.intrinsic("fabs")

    def fused(self, factor: Number, addend: Number) -> Lanes:
        """Return self · factor + addend, with one rounding where the machine can."""
        return self.intrinsic("fmuladd", factor, addend)

    def compared(self, relation: str, other: Number) -> Lanes:
        """Return whether `self relation other`; with nan all but != are false."""
        x, y = self._together(other)
        text = self.writer.pure(f"fcmp {ORDERED[relation]} {x.type} {x.text}, {y.text}")
        return Lanes(self.writer, text, x.lanes, "i1")

    def __lt__(self, other: Number) -> Lanes:
        return self.compared("<", other)

    def __le__(self, other: Number) -> Lanes:
        return self.compared("<=", other)

    def __gt__(self, other: Number) -> Lanes:
        return self.compared(">", other)

    def __ge__(self, other: Number) -> Lanes:
        return self.compared(">=", other)

    def choose(self, a: Number, b: Number) -> Lanes:
        """Return, where self (a truth) holds, a, else b."""
        x = a if isinstance(a, Lanes) else b if isinstance(b, Lanes) else Lanes(self.writer, "")
        x, y = x.lift(a)._together(b)
        lanes = max(self.lanes, x.lanes)
        x, y = x.spread(lanes), y.spread(lanes)
        condition = self if self.lanes == 1 else self.spread(lanes)
        text = f"select {condition.type} {condition.text}, {x.type} {x.text}, {y.type} {y.text}"
        return Lanes(self.writer, self.writer.pure(text), lanes)

    def truth(self) -> Lanes:
        """Return self as a condition: whether it is not 0."""
        return self if self.scalar == "i1" else self.compared("!=", 0.0)

    def as_number(self) -> Lanes:
        """Return a condition as 1 or 0, a number as it is."""
        return self.choose(1.0, 0.0) if self.scalar == "i1" else self

    # Bits, for the elementary functions

    def bits(self) -> Lanes:
        """Return the bits of the numbers as 64-bit integers."""
        kind = vector_type(self.lanes, "i64")
        text = self.writer.pure(f"bitcast {self.type} {self.text} to {kind}")
        return Lanes(self.writer, text, self.lanes, "i64")

    def as_float(self) -> Lanes:
        """Return 64-bit integers as the numbers whose bits they are."""
        kind = vector_type(self.lanes)
        return Lanes(self.writer, self.writer.pure(f"bitcast {self.type} {self.text} to {kind}"), self.lanes)

    def integer(self, operation: str, number: int) -> Lanes:
        """Return `self operation number` of 64-bit integers, e.g. `add`, `shl`, `and`."""
        text = str(number) if self.lanes == 1 else f"<{', '.join([f'i64 {number}'] * self.lanes)}>"
        return Lanes(self.writer, self.writer.pure(f"{operation} {self.type} {self.text}, {text}"), self.lanes, "i64")
