"""Expressions as nodes of one graph: what a nest computes, with its rules opened into the emitter's own vocabulary.

A row of the op table is run on `Symbol`s, so the text that serves floats and Values gives the code as well. What a rule
compares becomes a `where`; a row's value, which may use `if`, is run once for each way through it; what is known while
compiling (a constant exponent) is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any, TypeAlias

from chainrule.compiler.classes import Rule
from chainrule.errors import NotCompilableError, NumberError
from chainrule.ops import TABLE, ieee
from chainrule.ops.elementary import LARGE, SMALL
from chainrule.ops.row import BY_CODE, Op

# Rows that `elementary.py` has vector code for; every other row is put together from these and the C library
PRIMITIVES = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative", "absolute", "sqrt"),
        *("maximum", "minimum", "where", "less", "less_equal", "equal", "relu", "leaky_relu"),
        *("exp", "log", "log1p", "expm1", "exp_difference", "tanh", "sigmoid", "softplus", "silu", "erf"),
    )
)
# What a value's text calls functions of the C library by that are rows themselves
LIBRARY_ROWS = {"fabs": "absolute", "divide": "divide", "pow": "power"} | {
    name: name for name in ("exp", "log", "log1p", "expm1", "tanh", "sqrt")
}
VECTORS = frozenset(("erf", "erfc"))  # functions of the C library that `elementary.py` has, rows or not
MOST_WAYS = 64  # through one row's value
WHOLE_POWERS = 64  # powers up to this are products: at most 12 of them, and so 12 roundings


@dataclass(eq=False, slots=True)
class Node:
    """One value.

    Attributes:
        op: `load`, `number`, `reduce`, `sum` (of any number of operands), `call`, or a primitive's name.
        operands: what it is computed from; of a `reduce` its body and, if it has one, what the sum starts with.
        dims: a bit for each dimension that the value depends on.
        detail: of a load its place, of a number the float, of a reduce its dimensions, of a call the C function's name.
        number: its place in the order of making, operands first.
    """

    op: str
    operands: tuple[Node, ...]
    dims: int
    detail: Any
    number: int


class Graph:
    """Makes nodes, each only once, and simplifies what costs nothing to simplify."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self.decided: dict[int, bool] | None = None

    def node(self, op: str, operands: tuple[Node, ...] = (), detail: Any = None, dims: int | None = None) -> Node:
        """Return the node with these parts."""
        key = (op, detail, *[each.number for each in operands])
        found = self._known.get(key)
        if found is None:
            if dims is None:
                dims = 0
                for each in operands:
                    dims |= each.dims
            found = self._known[key] = Node(op, operands, dims, detail, len(self._known))
        return found

    def constant(self, number: float) -> Node:
        """Return the node of a number; -0 and 0 are two."""
        number = float(number)
        return self.node("number", (), (number, str(number)))

    def sum(self, terms: Sequence[Node]) -> Node:
        """Return the sum of some terms, those of sums among them one by one."""
        flat: list[Node] = []
        for term in terms:
            flat.extend(term.operands if term.op == "sum" else (term,))
        numbers = [float_of(term) for term in flat if term.op == "number"]
        flat = [term for term in flat if term.op != "number"]
        if numbers and (sum(numbers) != 0.0 or not flat):
            flat.append(self.constant(sum(numbers)))
        if len(flat) == 1:
            return flat[0]
        return self.node("sum", tuple(sorted(flat, key=lambda term: term.number)))

    def apply(self, rule: Rule, operands: tuple[Node, ...]) -> Node:
        """Return the node of a rule's result.

        Raises:
            NotCompilableError: no code can be made for the row.
        """
        row = BY_CODE[rule.code]
        if rule.slope is None:
            return self.value(row, operands)
        symbols = [Symbol(self, each) for each in operands]
        if row.arity is not None:
            return self._explored(row.derivatives[rule.slope], symbols, row)
        place = rule.slope
        return self._explored(lambda *each: row.derivatives[0](each[:-1], each[-1])[place], symbols, row)

    def value(self, row: Op, operands: tuple[Node, ...]) -> Node:
        """Return the node of a row's value."""
        if row.arity is not None and all(each.op == "number" for each in operands):
            return self.constant(float(row.value(*[float_of(each) for each in operands])))
        simpler = getattr(self, f"_{row.name}", None)
        if simpler is not None:
            found: Node = simpler(*operands)
            return found
        if row.name in PRIMITIVES:
            return self.node(row.name, operands)
        return self._explored(_with_symbolic_library(row.value), [Symbol(self, each) for each in operands], row)

    def _explored(self, function: Callable[..., Any], symbols: Sequence[Symbol], row: Op) -> Node:
        """Return what a row's function computes, all ways through it joined by `where`."""
        ways = 0

        def way(decided: dict[int, bool]) -> Node:
            nonlocal ways
            ways += 1
            if ways > MOST_WAYS:
                raise UndecidedError("there are too many ways through it")
            before, self.decided = self.decided, decided
            try:
                return self.lift(function(*symbols))
            except _ForkError as fork:
                condition = fork.condition
            finally:
                self.decided = before
            yes, no = (way({**decided, condition.number: choice}) for choice in (True, False))
            return self._where(condition, yes, no)

        try:
            return way({})
        except (TypeError, ValueError, AttributeError, NumberError) as error:
            raise NotCompilableError(
                f"no native code can be made for the op '{row.name}' ({error}): write it with the ops of the table"
            ) from error

    def negated(self, condition: Node) -> Node:
        """Return a condition's contrary."""
        return self.node("where", (condition, self.constant(0.0), self.constant(1.0)))

    def lift(self, x: Any) -> Node:
        """Return the node of a symbol, number or truth."""
        return x.node if isinstance(x, Symbol) else self.constant(x)

    # One method for each row that has cheaper forms; the names are those of the rows

    def _add(self, a: Node, b: Node) -> Node:
        return b if is_number(a, 0.0) else a if is_number(b, 0.0) else self.node("add", (a, b))

    def _subtract(self, a: Node, b: Node) -> Node:
        return a if is_number(b, 0.0) else self.node("subtract", (a, b))

    def _multiply(self, a: Node, b: Node) -> Node:
        for x, y in ((a, b), (b, a)):
            if is_number(x, 1.0):
                return y
            if is_number(x, -1.0):
                return self._negative(y)
        if a.op == b.op == "negative":
            return self._multiply(a.operands[0], b.operands[0])
        return self.node("multiply", (a, b) if a.number <= b.number else (b, a))

    def _divide(self, a: Node, b: Node) -> Node:
        if b.op == "number" and SMALL < abs(float_of(b)) < LARGE and a.op != "number":
            return self._multiply(a, self.constant(1.0 / float_of(b)))
        return self.node("divide", (a, b))

    def _negative(self, a: Node) -> Node:
        return a.operands[0] if a.op == "negative" else self.node("negative", (a,))

    def _detached(self, a: Node) -> Node:
        return a

    def _where(self, a: Node, b: Node, c: Node) -> Node:
        if a.op == "number":
            return b if float_of(a) != 0.0 else c
        if _asks_for_lost_digits(a):
            return c
        if a.op == "where" and is_number(a.operands[1], 0.0) and is_number(a.operands[2], 1.0):  # not
            return self._where(a.operands[0], c, b)
        return b if b is c else self.node("where", (a, b, c))

    def _power(self, a: Node, b: Node) -> Node:
        if b.op == "number" and abs(float_of(b)) <= WHOLE_POWERS and 2.0 * float_of(b) == int(2.0 * float_of(b)):
            product = self._half_power(a, abs(float_of(b)))
            return product if float_of(b) >= 0.0 else self._divide(self.constant(1.0), product)
        if b.op == "number" and math.isfinite(float_of(b)) and not float_of(b).is_integer():
            return self.node("exp", (self._multiply(b, self.node("log", (a,))),))
        if a.op == "number" and float_of(a) > 0.0:
            return self.node("exp", (self._multiply(b, self.constant(math.log(float_of(a)))),))
        return self.node("call", (a, b), "pow")

    def _half_power(self, a: Node, exponent: float) -> Node:
        """Return a to a power that is a whole number of halves, from 0 on."""
        product = self._whole_power(a, int(exponent))
        return product if exponent == int(exponent) else self._multiply(product, self.node("sqrt", (a,)))

    def _whole_power(self, a: Node, exponent: int) -> Node:
        if exponent == 0:
            return self.constant(1.0)
        half = self._whole_power(a, exponent // 2)
        square = self._multiply(half, half)
        return self._multiply(square, a) if exponent % 2 else square


def float_of(node: Node) -> float:
    """Return the number of a number node."""
    number: float = node.detail[0]
    return number


def is_number(node: Node, number: float) -> bool:
    """Say whether a node is this number, which is not -0."""
    return node.op == "number" and node.detail == (number, str(number))


def _asks_for_lost_digits(condition: Node) -> bool:
    """Say whether a condition is |x| < 1e-290 or so.

    With it rules choose a form for numbers that have lost digits on the way to zero; native code promises 1e-12 beside
    1, so it does without.
    """
    if condition.op != "less" or condition.operands[0].op != "absolute" or condition.operands[1].op != "number":
        return False
    return 0.0 < float_of(condition.operands[1]) <= SMALL


class _SymbolicLibrary:
    """What stands for `chainrule.ops.ieee`, or `math`, when a row's value is run on symbols."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        on_floats: Callable[..., Any] = getattr(ieee, name)  # nothing else is surely in the C library

        def call(*operands: Operand) -> Any:
            graph = next((each.graph for each in operands if isinstance(each, Symbol)), None)
            if graph is None:
                return on_floats(*operands)
            nodes = tuple(graph.lift(each) for each in operands)
            if name in LIBRARY_ROWS:
                return Symbol(graph, graph.value(TABLE[LIBRARY_ROWS[name]], nodes))
            if name in VECTORS:
                return Symbol(graph, graph.node(name, nodes))
            return Symbol(graph, graph.node("call", nodes, name))

        return call


def _with_symbolic_library(value: Callable[..., Any]) -> Callable[..., Any]:
    """Return a row's value with the C library's functions replaced by those on symbols."""
    if not isinstance(value, FunctionType):
        return value

    def symbolic(part: Any) -> Any:
        return _SymbolicLibrary() if part is ieee or part is math else part

    names = {name: symbolic(part) for name, part in value.__globals__.items()}
    cells = tuple(CellType(symbolic(cell.cell_contents)) for cell in value.__closure__ or ())
    return FunctionType(value.__code__, names, value.__name__, value.__defaults__, cells)


class _ForkError(Exception):
    """A row's text asked for the truth of a condition for the first time."""

    def __init__(self, condition: Node) -> None:
        super().__init__()
        self.condition = condition


class UndecidedError(TypeError):
    """A rule asked for the truth of something that is not known while compiling."""


Operand: TypeAlias = "Symbol | float"


class Symbol:
    """A node with the operators that rules are written with."""

    __slots__ = ("graph", "node")

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node

    def __chainrule_apply__(self, row: Op, operands: Sequence[Operand]) -> Symbol:
        """Apply an op of the table, see `chainrule.ops.row.Op`."""
        return Symbol(self.graph, self.graph.value(row, tuple(self.graph.lift(each) for each in operands)))

    def _row(self, name: str, *operands: Operand) -> Symbol:
        return self.__chainrule_apply__(TABLE[name], operands)

    def __add__(self, other: Operand) -> Symbol:
        return self._row("add", self, other)

    def __radd__(self, other: Operand) -> Symbol:
        return self._row("add", other, self)

    def __sub__(self, other: Operand) -> Symbol:
        return self._row("subtract", self, other)

    def __rsub__(self, other: Operand) -> Symbol:
        return self._row("subtract", other, self)

    def __mul__(self, other: Operand) -> Symbol:
        return self._row("multiply", self, other)

    def __rmul__(self, other: Operand) -> Symbol:
        return self._row("multiply", other, self)

    def __truediv__(self, other: Operand) -> Symbol:
        return self._row("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Symbol:
        return self._row("divide", other, self)

    def __pow__(self, other: Operand) -> Symbol:
        return self._row("power", self, other)

    def __rpow__(self, other: Operand) -> Symbol:
        return self._row("power", other, self)

    def __neg__(self) -> Symbol:
        return self._row("negative", self)

    def __abs__(self) -> Symbol:
        return self._row("absolute", self)

    def _compare(self, name: str, a: Operand, b: Operand) -> Any:
        """Return the truth where both are known numbers, else the condition."""
        left, right = self.graph.lift(a), self.graph.lift(b)
        if left.op == right.op == "number":
            x, y = float_of(left), float_of(right)
            return {"less": x < y, "less_equal": x <= y, "equal": x == y}[name]
        return Symbol(self.graph, self.graph.node(name, (left, right)))

    def __lt__(self, other: Operand) -> Any:
        return self._compare("less", self, other)

    def __le__(self, other: Operand) -> Any:
        return self._compare("less_equal", self, other)

    def __gt__(self, other: Operand) -> Any:
        return self._compare("less", other, self)

    def __ge__(self, other: Operand) -> Any:
        return self._compare("less_equal", other, self)

    def __eq__(self, other: object) -> Any:
        return self._compare("equal", self, other)  # type: ignore[arg-type]  # a number, as rules are written

    def __ne__(self, other: object) -> Any:
        same = self == other
        return not same if isinstance(same, bool) else Symbol(self.graph, self.graph.negated(same.node))

    __hash__ = None  # type: ignore[assignment]  # equality is a condition

    def __bool__(self) -> bool:
        decided = self.graph.decided
        if decided is None:
            raise UndecidedError("what it compares is not known while compiling")
        if self.node.number not in decided:
            raise _ForkError(self.node)
        return decided[self.node.number]

    def __float__(self) -> float:
        raise UndecidedError("a rule's operand is not known while compiling")
