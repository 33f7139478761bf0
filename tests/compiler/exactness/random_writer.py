"""Writes random scalar Python, statement by statement, as people write it: what `random_programs` is made of.

Operands are brought into an op's domain by the expression itself, and a bound on every variable's size keeps numbers
moderate: what a compiled program computes wrongly must not hide behind nan or an ill-conditioned sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from chainrule.ops import Op, rows

Choice = TypeVar("Choice")
DrawFunction = Callable[[st.SearchStrategy[Any]], Any]

LARGE = 12.0  # an expression beyond this bound is tamed
NUMBERS = ("0.5", "2.0", "-1.0", "3", "0.1", "1.0", "-0.7", "1e-3", "1", "0.25")
POWERS = ("2", "3", "2.0", "0.5", "-1", "1.7", "0", "-0.5", "1")
EXPRESSIONS = ("name", "+", "*", "unary", "-", "several", "unary", "number", "/", "+", "**", "*", "neg", "abs", "if")
UNARY: list[Op] = [row for row in rows(public=True) if row.arity == 1]
SEVERAL: list[Op] = [row for row in rows(public=True) if row.arity in (2, 3)]


@dataclass(frozen=True)
class Term:
    """An expression: its text, a bound on its size, and whether it is a Value (or a plain number)."""

    text: str
    bound: float
    value: bool = True


@dataclass(frozen=True)
class Row:
    """A list in scope: the length that it shares with others, and what holds for its elements."""

    name: str
    length: str
    bound: float
    value: bool = True


@dataclass
class Scope:
    """The variables that a statement may use."""

    terms: list[Term]
    rows: list[Row]

    def inner(self) -> Scope:
        """A block's own: what it defines is not seen outside."""
        return Scope(list(self.terms), list(self.rows))


@dataclass
class Writer:
    """Writes one program, drawing every choice."""

    draw: DrawFunction
    lines: list[str] = field(default_factory=list)
    indent: int = 2
    names: int = 0

    def choose(self, choices: list[Choice] | tuple[Choice, ...]) -> Choice:
        chosen: Choice = self.draw(st.sampled_from(choices))
        return chosen

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def one_of(self, count: int) -> bool:
        """True once in so many times."""
        return bool(self.draw(st.integers(0, count - 1)) == count - 1)

    def write(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def fresh(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    # Expressions

    def expression(self, scope: Scope, depth: int = 2) -> Term:
        """Something of the variables in scope, of moderate size."""
        kind = self.choose(EXPRESSIONS)
        if depth == 0 or kind == "name":
            return self.choose(scope.terms)
        a = self.expression(scope, depth - 1)
        if kind in ("unary", "neg", "abs", "**", "number"):
            return tamed(self.of_one(kind, a))
        b = Term(self.choose(NUMBERS), 3.0, False) if self.one_of(4) else self.expression(scope, depth - 1)
        a, b = (b, a) if self.one_of(4) else (a, b)
        if kind == "if":
            return self.choice(scope, a, b)
        return tamed(self.of_two(kind, a, b))

    def of_one(self, kind: str, a: Term) -> Term:
        if kind == "unary":
            return self.unary(self.choose(UNARY), a)
        if kind == "**":
            return self.power(a)
        if kind == "number":
            number = self.choose(NUMBERS)
            text = f"{number} * ({a.text})" if self.chance() else f"({a.text}) + {number}"
            return Term(text, a.bound * 3.0 + 3.0, a.value)
        return Term(f"-({a.text})" if kind == "neg" else f"abs({a.text})", a.bound, a.value)

    def of_two(self, kind: str, a: Term, b: Term) -> Term:
        value = a.value or b.value
        if kind == "several":
            row = self.choose(SEVERAL)
            operands = f"{a.text}, {b.text}" if row.arity == 2 else f"{a.text}, {b.text}, {a.text}"
            return Term(f"cr.{row.name}({operands})", max(a.bound + b.bound, 4.0), value)
        if kind == "/":
            return Term(f"({a.text}) / (abs({b.text}) + 0.5)", 2.0 * a.bound, value)
        bound = a.bound * b.bound if kind == "*" else a.bound + b.bound
        return Term(f"({a.text}) {kind} ({b.text})", bound, value)

    def unary(self, row: Op, a: Term) -> Term:
        """A row of one operand, which is squeezed into its domain."""
        low, high = row.domain[0]
        text = f"{row.name}({squeezed(a, low, high)})"
        largest = max(abs(row.value(x)) for x in inside(low, high))
        return Term(f"cr.{text}", min(largest, 1e3), a.value)

    def power(self, a: Term) -> Term:
        exponent = self.choose(POWERS)
        if exponent in ("2", "3", "2.0"):
            return tamed(Term(f"({a.text}) ** {exponent}", a.bound ** float(exponent), a.value))
        if self.chance():
            return tamed(Term(f"2 ** cr.tanh({a.text})", 2.0, a.value))
        return tamed(Term(f"(abs({a.text}) + 0.3) ** {exponent}", max((a.bound + 0.3) ** 1.7, 4.0), a.value))

    def choice(self, scope: Scope, a: Term, b: Term) -> Term:
        """A condition that is part of the graph, or one that Python looks at."""
        c = self.choose([each for each in scope.terms if each.bound < LARGE])
        bound, value = max(a.bound, b.bound), a.value or b.value
        if self.chance():
            condition = f"{c.text} > 0.25" if not c.value else c.text
            return Term(f"cr.where({condition}, {a.text}, {b.text})", bound, value or c.value)
        return Term(f"(({a.text}) if {c.text} > 0.25 else ({b.text}))", bound, a.value and b.value)

    # Statements

    def block(self, scope: Scope, count: int, depth: int) -> None:
        """A few statements; each adds what it defines to the scope."""
        kinds: list[Callable[[Scope], None]] = [
            self.assign,
            self.listed,
            self.reduced,
            self.neurons,
            self.ragged,
            self.recurrent,
            self.shares,
            self.detached,
            self.repeated,
            self.columns,
        ]
        for _ in range(count):
            if depth and self.chance():
                self.samples(scope)
            else:
                self.choose(kinds)(scope)

    def assign(self, scope: Scope) -> None:
        term = self.expression(scope, 3)
        name = self.fresh("t")
        self.write(f"{name} = {term.text}")
        scope.terms.append(Term(name, term.bound, term.value))

    def listed(self, scope: Scope) -> None:
        """An expression for each element of one list, or of two side by side."""
        row = self.choose(scope.rows)
        others = [each for each in scope.rows if each.length == row.length]
        other = self.choose(others)
        inner = scope.inner()
        inner.terms = [Term("e", row.bound, row.value), Term("g", other.bound, other.value), *scope.terms[-3:]]
        term = self.expression(inner)
        name = self.fresh("u")
        self.write(f"{name} = [{term.text} for e, g in zip({row.name}, {other.name})]")
        scope.rows.append(Row(name, row.length, term.bound, term.value))

    def reduced(self, scope: Scope) -> None:
        """A sum, a mean or the like over a list."""
        row = self.choose(scope.rows)
        other = self.choose([each for each in scope.rows if each.length == row.length])
        name = self.fresh("r")
        r, o = row.name, other.name
        ways = [f"sum({r})", f"cr.sum({r})", f"cr.mean({r})", f"cr.logsumexp({r})", f"cr.dot({r}, {o})",
                f"sum(e * g for e, g in zip({r}, {o}))", f"sum([e * g for e, g in zip({r}, {o})], p0)",
                f"cr.dot({r}, {o}, p1)", f"tree({r})", f"largest({r})", f"sum(e * g for e in {r} for g in {o})",
                f"sum({r}[i] * {o}[j] for i in range(len({r})) for j in range(i + 1))"]  # fmt: skip
        way = self.choose(ways)
        self.write(f"{name} = {way}")
        value = row.value or "p0" in way or "p1" in way or (other.value and o in way)
        term = tamed(Term(name, 16.0 * max(1.0, row.bound) * max(1.0, other.bound), value))
        scope.terms.append(term)

    def neurons(self, scope: Scope) -> None:
        """A layer: for each neuron the weighted sum of a list of features, and an activation."""
        row = self.choose([each for each in scope.rows if each.length == "n"])
        activation = self.choose([each for each in UNARY if each.domain[0][0] == -float("inf")])
        name = self.fresh("h")
        weighted = self.choose(
            (
                "sum(w * e for w, e in zip(W[j], {0})) + B[j]",
                "sum((w * e for w, e in zip(W[j], {0})), B[j])",
                "cr.dot(W[j], {0}, B[j])",
                "B[j] + sum([e * w for w, e in zip(W[j], {0})])",
            )
        ).format(row.name)
        self.write(f"{name} = [cr.{activation.name}(0.2 * ({weighted})) for j in range(len(B))]")
        scope.rows.append(Row(name, "m", LARGE))

    def ragged(self, scope: Scope) -> None:
        """Sums of different lengths, as in causal attention."""
        row = self.choose(scope.rows)
        name = self.fresh("c")
        r = row.name
        way = self.choose(
            (
                f"sum({r}[: i + 1])",
                f"cr.sum({r}[i:])",
                f"sum(e * {r}[i] for e in {r}[: i + 1])",
                f"cr.dot({r}[: i + 1], {r}[: i + 1][::-1])",
                f"p0 + sum({r}[:i])",
                f"cr.logsumexp({r}[: i + 1])",
            )
        )
        self.write(f"{name} = [0.3 * ({way}) for i in range(len({r}))]")
        scope.rows.append(Row(name, row.length, 2.0 * max(row.bound, row.bound**2), row.value or "p0" in way))

    def recurrent(self, scope: Scope) -> None:
        """A state that goes through a loop, step by step."""
        row = self.choose(scope.rows)
        start = self.choose(("p0", "0.0", "v"))
        inner = scope.inner()
        name = self.fresh("z")
        inner.terms = [Term(name, 1.5), Term("e", row.bound, row.value), *inner.terms[-2:]]
        self.write(f"{name} = {start}")
        self.write(f"for e in {row.name}:")
        self.write(f"    {name} = cr.tanh({self.expression(inner).text} + {name} * p1)")
        scope.terms.append(Term(name, 1.5))

    def repeated(self, scope: Scope) -> None:
        """As many times as an argument says, or until a Value is large: Python looks."""
        inner = scope.inner()
        name = self.fresh("m")
        inner.terms = [Term(name, 3.0), *inner.terms[-3:]]
        self.write(f"{name} = {self.choose(('p1', 'q', 'v * p0'))}")
        self.write("for i in range(K):")
        self.write(f"    {name} = 3.0 * cr.tanh({self.expression(inner).text} + {name})")
        if self.one_of(3):
            self.write(f"    if {name} > 1.25:")
            self.write("        break")
        scope.terms.append(Term(name, 3.0))

    def columns(self, scope: Scope) -> None:
        """A layer feature by feature, each neuron's sum growing in a list; or one neuron by its number."""
        row = self.choose([each for each in scope.rows if each.length == "n"])
        name = self.fresh("n")
        if self.one_of(3):
            self.write(f"{name} = W[K % len(W)][-1] * {row.name}[K % len({row.name})]")
            scope.terms.append(tamed(Term(name, 1.5 * row.bound)))
        else:
            self.write(f"{name} = [cr.sin(each) for each in by_columns(W, {row.name})]")
            scope.rows.append(Row(name, "m", 1.0))

    def shares(self, scope: Scope) -> None:
        row = self.choose(scope.rows)
        name = self.fresh("k")
        self.write(f"{name} = cr.softmax({row.name})")
        scope.rows.append(Row(name, row.length, 1.0, row.value))

    def detached(self, scope: Scope) -> None:
        """Values that gradients do not flow through, and constants made on the way."""
        name = self.fresh("d")
        term = self.choose([each for each in scope.terms if each.value])
        if self.chance():
            self.write(f"{name} = ({term.text}).detach() + 0.5 * p2")
        elif self.chance():
            self.write("with cr.no_grad():")
            self.write(f"    {name} = ({term.text}) * 0.5 + p2")
        else:
            self.write(f"{name} = Value(0.75) * ({term.text}) + Value(x)")
        scope.terms.append(Term(name, 2.0 * term.bound + 2.0))

    def samples(self, scope: Scope) -> None:
        """A loop over the samples, which collects a number of each and adds up another."""
        inner = scope.inner()
        inner.rows = [Row("row", "n", 1.5, False), *(each for each in scope.rows if each.length == "n")]
        inner.terms = [Term("y", 1.5, False), *scope.terms[-4:]]
        total, kept = self.fresh("s"), self.fresh("o")
        self.write(f"{total}, {kept} = 0, []")
        self.write("for row, y in zip(rows(X), Y):")
        self.indent += 1
        self.block(inner, self.choose((1, 2)), 0)
        term = self.expression(inner)
        self.write(f"{kept}.append({term.text} + 0.1 * p0)")
        self.write(f"{total} {self.choose(('+=', '-='))} {self.expression(inner).text} + 0.1 * p1")
        self.indent -= 1
        scope.rows.append(Row(kept, "s", term.bound + 1.0))
        scope.terms.append(tamed(Term(total, 60.0)))

    def result(self, scope: Scope) -> None:
        """Give back what nearly everything above goes into, so that little of it is dead."""
        sums = [f"cr.sum({each.name})" for each in scope.rows[6:] if each.value]
        terms = [each.text for each in scope.terms[6:] if each.value]
        weighted = [f"{0.25 + 0.125 * i} * {each}" for i, each in enumerate([*sums, *terms])]
        text = " + ".join([*weighted, f"({self.expression(scope).text})", "0.0625 * p0"])
        others = [each.name for each in scope.rows if each.value]
        way = self.choose(("one", "one", "one", "list", "dict"))
        if way == "list":
            text = f"[{text}, {self.choose([each.text for each in scope.terms if each.value])}]"
        if way == "dict":
            text = f"{{'loss': {text}, 'parts': ({self.choose(others)}, q)}}"
        self.write(f"return {text}")


def tamed(term: Term) -> Term:
    """The same while it is of moderate size, else squeezed."""
    if term.bound <= LARGE:
        return term
    return Term(f"3.0 * cr.tanh(0.1 * ({term.text}))", 3.0, term.value)


def squeezed(a: Term, low: float, high: float) -> str:
    """The text of something made of `a` that lies inside an interval."""
    if low == -float("inf") and high == float("inf"):
        return a.text if a.bound <= 3.0 else f"2.5 * cr.sin({a.text})"
    if high == float("inf"):
        return f"abs({a.text}) + {low + 0.25!r}"
    return f"{0.45 * (high - low)!r} * cr.tanh({a.text}) + {0.5 * (low + high)!r}"


def inside(low: float, high: float) -> list[float]:
    """Numbers of the interval that `squeezed` makes of moderate ones."""
    low, high = max(low + 0.05, -3.0), min(high - 0.05, 3.0)
    return [low + (high - low) * k / 16 for k in range(17)]
