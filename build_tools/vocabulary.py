"""Refuse what a row of the op table may not contain, with its file and line, before it is translated to C.

A derivative's rule runs on floats, Values and other interpreters alike, so it may do less than a row's value,
which only ever meets floats: no `ieee` function, no `if`, no `==` (on Values that is identity).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

OPERATORS = (ast.Add, ast.Sub, ast.Mult)
ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
EQUALITIES = (ast.Eq, ast.NotEq)


class UntranslatableRuleError(SyntaxError):
    """A rule uses a construct outside the vocabulary of `chainrule.ops`."""


class Vocabulary:
    """Checks one function of a row.

    Args:
        path: the file that it stands in, for messages.
        rule: whether it is a derivative's rule, not a value.
        constants: names of float constants of the module.
        arity: rows by name with their number of operands, None where that is any.
    """

    def __init__(self, path: Path, rule: bool, constants: Iterable[str], arity: Mapping[str, int | None]) -> None:
        self.path = path
        self.rule = rule
        self.names = set(constants)
        self.operands = {name: count for name, count in arity.items() if count is not None} | {"pick": 3, "abs": 1}

    def refuse(self, node: ast.expr | ast.stmt, why: str) -> UntranslatableRuleError:
        """Return the error that names the place."""
        return UntranslatableRuleError(f"{self.path.name}:{node.lineno}: {why}: {ast.unparse(node)}")

    def check(self, function: ast.FunctionDef, body: list[ast.stmt]) -> None:
        """Check a function whose body, its docstring left out, is given.

        Raises:
            UntranslatableRuleError: it contains something outside the vocabulary.
        """
        self.names.update(argument.arg for argument in function.args.args)
        for statement in body:
            self.statement(statement)
        if not body or not isinstance(body[-1], ast.Return):
            raise self.refuse(body[-1] if body else function, "a rule ends by returning a number")

    def statement(self, node: ast.stmt) -> None:
        """Check an assignment to a name, a return, or, in a value, an if."""
        if isinstance(node, ast.Return) and node.value is not None:
            self.number(node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.number(node.value)
            self.names.add(node.targets[0].id)
        elif isinstance(node, ast.If) and not self.rule:
            self.condition(node.test)
            for inner in (*node.body, *node.orelse):
                self.statement(inner)
        else:
            raise self.refuse(node, f"{self._kind()} assigns names and returns a number, nothing else")

    def number(self, node: ast.expr) -> None:
        """Check an expression that is a number."""
        match node:
            case ast.Constant(value=float()):
                pass
            case ast.Name(id=name) if name in self.names:
                pass
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self.number(operand)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
                self.number(left)
                self.number(right)
            case ast.BinOp():
                raise self.refuse(node, "a rule divides and takes powers through `divide` and `power`")
            case ast.Call():
                self.call(node)
            case ast.IfExp(test=test, body=body, orelse=orelse) if not self.rule:
                self.condition(test)
                self.number(body)
                self.number(orelse)
            case ast.IfExp():
                raise self.refuse(node, "a derivative's rule chooses by `pick`")
            case _:
                raise self.refuse(node, f"{self._kind()} consists of operands, float literals, + - * and calls of rows")

    def call(self, node: ast.Call) -> None:
        """Check a call of a row, `pick`, `abs`, or, in a value, an `ieee` function."""
        name = ast.unparse(node.func)
        of_library = name.startswith("ieee.") and name.count(".") == 1
        if of_library and self.rule:
            raise self.refuse(node, "a derivative's rule calls rows, which Values have too, not `ieee` functions")
        if not of_library and name not in self.operands:
            raise self.refuse(node, "a rule calls only rows, `pick`, `abs` and, in values, `ieee` functions")
        if node.keywords or (not of_library and len(node.args) != self.operands[name]):
            raise self.refuse(node, f"{name} takes {self.operands.get(name, 'its')} operand(s), by place")
        if name == "pick":
            self.condition(node.args[0])
        for argument in node.args[name == "pick" :]:
            self.number(argument)

    def condition(self, node: ast.expr) -> None:
        """Check a comparison, or, in a value, several joined by `and` and `or`."""
        if isinstance(node, ast.BoolOp) and not self.rule:
            for part in node.values:
                self.condition(part)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            allowed = ORDERINGS if self.rule else ORDERINGS + EQUALITIES
            if not isinstance(node.ops[0], allowed):
                raise self.refuse(node, "a derivative's rule compares by < <= > >=, since == of Values is identity")
            self.number(node.left)
            self.number(node.comparators[0])
        else:
            raise self.refuse(node, "a condition is one comparison")

    def _kind(self) -> str:
        return "a derivative's rule" if self.rule else "a row's value"
