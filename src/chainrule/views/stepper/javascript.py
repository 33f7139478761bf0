"""The op table in JavaScript: each row's own Python text, translated, so that a page computes by the same rules.

Only the vocabulary of `chainrule.ops` is translated. A row that uses anything else, or whose source is not
there, is left out, and a page shows such an op without recomputing it. Rows of any number of operands are
written by hand in `stepper/reductions.js`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from functools import cache
from typing import Any

from chainrule.ops import TABLE, Op, pick

BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "===", ast.NotEq: "!=="}
OPERANDS = "abcdefgh"


class UntranslatableError(ValueError):
    """A rule uses a construct outside the vocabulary of the op table."""


def op_table_text() -> str:
    """Return JavaScript that defines `OPS`: for each row of fixed arity its value and its slopes.

    `OPS.tanh.value(a)` is the value, `OPS.tanh.slopes(a, y)` the array of ∂y/∂operand. The text expects an
    object `ieee` with the functions of `chainrule.ops.ieee`.
    """
    return _text_of(tuple(row for row in TABLE.values() if row.arity is not None))


@cache
def _text_of(rows: tuple[Op, ...]) -> str:
    translated: dict[str, _Row] = {}
    for row in rows:
        try:
            translated[row.name] = _Row(row)
        except (UntranslatableError, OSError, TypeError):  # the latter two: there is no source
            continue
    while missing := [name for name, row in translated.items() if not row.uses <= translated.keys()]:
        for name in missing:
            del translated[name]
    functions = [text for row in translated.values() for text in row.functions]
    entries = "".join(row.entry for row in translated.values())
    return "\n".join([*functions, f"const OPS = {{\n{entries}}};\n"])


class _Row:
    """One row: its functions as text, its entry in `OPS`, and the names of the rows that it calls."""

    def __init__(self, row: Op) -> None:
        self.uses: set[str] = set()
        slopes = [f"op_{row.name}_{place}" for place in range(len(row.derivatives))]
        rules = zip([f"op_{row.name}", *slopes], [row.value, *row.derivatives], strict=True)
        self.functions = [_Function(rule, self.uses).text(name) for name, rule in rules]
        given = ", ".join(OPERANDS[: row.arity])
        listed = ", ".join(f"{slope}({given}, y)" for slope in slopes)
        self.entry = f"  {row.name}: {{ value: op_{row.name}, slopes: ({given}, y) => [{listed}] }},\n"


class _Function:
    """Translates one Python function; what a name stands for is looked up where the function would find it."""

    def __init__(self, function: Any, uses: set[str]) -> None:
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        if not isinstance(definition, ast.FunctionDef):
            raise UntranslatableError(f"{function!r} is no function with a body")
        self.definition = definition
        self.globals: dict[str, Any] = {**vars(builtins), **function.__globals__}
        self.arguments = [argument.arg for argument in definition.args.args]
        self.locals = set(self.arguments)
        self.uses = uses

    def text(self, name: str) -> str:
        """Return the function in JavaScript, under this name."""
        docstring = ast.get_docstring(self.definition) is not None
        lines = [line for statement in self.definition.body[docstring:] for line in self._statement(statement)]
        own = sorted(self.locals - set(self.arguments))
        declared = [f"let {', '.join(own)};"] if own else []
        body = "".join(f"  {line}\n" for line in [*declared, *lines])
        return f"function {name}({', '.join(self.arguments)}) {{\n{body}}}"

    def _statement(self, node: ast.stmt) -> list[str]:
        match node:
            case ast.Return(value=ast.expr() as value):
                return [f"return {self._number(value)};"]
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                text = f"{name} = {self._number(value)};"
                self.locals.add(name)
                return [text]
            case ast.If(test=test, body=body, orelse=orelse):
                inner = [f"  {line}" for statement in body for line in self._statement(statement)]
                other = [f"  {line}" for statement in orelse for line in self._statement(statement)]
                return [f"if ({self._condition(test)}) {{", *inner, *(["} else {", *other] if other else []), "}"]
        raise self._refuse(node)

    def _number(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=float(value)):
                return _literal(value)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self._number(operand)})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return f"({self._number(left)} {BINARY[type(op)]} {self._number(right)})"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse)
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self._call(function, arguments)
            case _:
                raise self._refuse(node)

    def _name(self, node: ast.expr, name: str) -> str:
        if name in self.locals:
            return name
        if isinstance(self.globals.get(name), float):
            return _literal(self.globals[name])
        raise self._refuse(node)

    def _call(self, function: ast.expr, arguments: list[ast.expr]) -> str:
        match function:
            case ast.Name(id=name) if self.globals.get(name) is pick and len(arguments) == 3:
                return self._choice(*arguments)
            case ast.Name(id=name) if isinstance(self.globals.get(name), Op):
                row = self.globals[name].name
                self.uses.add(row)
                called = f"op_{row}"
            case ast.Name(id="abs"):
                called = "Math.abs"
            case ast.Attribute(value=ast.Name(id="ieee"), attr=name):
                called = f"ieee.{name}"
            case _:
                raise self._refuse(function)
        return f"{called}({', '.join(self._number(argument) for argument in arguments)})"

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> str:
        return f"({self._condition(test)} ? {self._number(body)} : {self._number(orelse)})"

    def _condition(self, node: ast.expr) -> str:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                return f"{self._number(left)} {COMPARISONS[type(op)]} {self._number(right)}"
            case ast.BoolOp(op=op, values=values):
                join = " && " if isinstance(op, ast.And) else " || "
                return join.join(f"({self._condition(value)})" for value in values)
        raise self._refuse(node)

    def _refuse(self, node: ast.stmt | ast.expr) -> UntranslatableError:
        return UntranslatableError(f"{self.definition.name}: {ast.unparse(node)} is outside the op vocabulary")


def _literal(number: float) -> str:
    """Return a float as JavaScript reads it; Python's shortest form gives the same bits there."""
    if number != number:
        return "NaN"
    if number in {float("inf"), -float("inf")}:
        return "Infinity" if number > 0 else "(-Infinity)"
    return repr(number) if number >= 0 else f"({number!r})"
