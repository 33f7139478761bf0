"""Expressions typed by people: parsed with a whitelist, never evaluated as Python.

An expression becomes a list of steps in the order in which they are computed, so that nothing here recurses
with its depth, and every number goes through the op table, where no power takes longer than another.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.engine import Value
from chainrule.functions import dot, logsumexp, mean, sum
from chainrule.ops import TABLE, real_number

LONGEST = 1000

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.USub: "negative",
}
# Each takes one list, or its numbers one by one.
_OF_A_LIST: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "mean": mean, "logsumexp": logsumexp}
_OTHER_NAMES = {"abs": "absolute", "max": "maximum", "min": "minimum", "ln": "log"}
# The exact integers of a float; a larger one is as good as a float.
_LARGEST_INTEGER = 2**53


class ExpressionError(ValueError):
    """An expression cannot be used.

    Attributes:
        column: the character, from 0, where the mistake is; None where it is nowhere in particular.
    """

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class _Step:
    """One step: push a number or a name's value, or replace the last `count` values by a function of them."""

    push: int | float | str = 0.0
    function: Callable[[list[Any]], Any] | None = None
    count: int = 0
    column: int = 0


class Expression:
    """A formula of named numbers.

    Attributes:
        names: the names in it, in the order of their first appearance, with the column of that.
    """

    def __init__(self, text: str) -> None:
        """Parse.

        Raises:
            ExpressionError: it is not an expression, or holds what is not allowed.
        """
        self._text = text.strip()  # Python would take space at the beginning for a block
        self._steps = self._flatten(_parse(self._text))
        self.names = {step.push: step.column for step in reversed(self._steps) if isinstance(step.push, str)}
        self.names = dict(sorted(self.names.items(), key=lambda item: item[1]))

    def evaluate(self, values: Mapping[str, Value]) -> Value:
        """Compute the graph with a Value for every name.

        Raises:
            ExpressionError: a function was given what it cannot work with.
        """
        stack: list[Any] = []
        for step in self._steps:
            if step.function is None:
                stack.append(values[step.push] if isinstance(step.push, str) else step.push)
                continue
            start = len(stack) - step.count
            arguments = stack[start:]
            del stack[start:]
            try:
                stack.append(step.function(arguments))
            except (TypeError, ValueError) as error:
                raise ExpressionError(str(error), step.column) from None
        result = stack[0]
        if isinstance(result, list):
            raise ExpressionError("the expression gives a list, not a number", 0)
        return result if isinstance(result, Value) else Value(result)

    def _flatten(self, tree: ast.expr) -> list[_Step]:
        """Return the steps of a tree: each node's function after the steps of its parts."""
        steps: list[_Step] = []
        waiting: list[ast.expr] = [tree]
        while waiting:
            node = waiting.pop()
            step, parts = self._step(node)
            steps.append(step)
            waiting += parts
        # last part first was visited, each before its parts: turned round, parts come first and in order
        return steps[::-1]

    def _step(self, node: ast.expr) -> tuple[_Step, list[ast.expr]]:
        """Return what one node of the tree does, and its parts."""
        column = self._column(node)
        if isinstance(node, ast.Constant):
            return _Step(_number(node.value, column), column=column), []
        if isinstance(node, ast.Name):
            return _Step(node.id, column=column), []
        if isinstance(node, ast.Call):
            return self._call(node, column)
        function, parts = _operation(node)
        if function is None:
            raise ExpressionError(_refusal(node), column)
        return _Step(function=function, count=len(parts), column=column), parts

    def _call(self, node: ast.Call, column: int) -> tuple[_Step, list[ast.expr]]:
        if isinstance(node.func, ast.Attribute):
            raise ExpressionError(f"write {node.func.attr}(x), not x.{node.func.attr}()", column)
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise ExpressionError("a function is called by its name, with numbers only", column)
        return _Step(function=_function(node.func.id, column), count=len(node.args), column=column), node.args

    def _column(self, node: ast.expr) -> int:
        """Return the character where a node begins; Python counts bytes."""
        return len(self._text.encode()[: node.col_offset].decode(errors="ignore"))


def _operation(node: ast.expr) -> tuple[Callable[[list[Any]], Any] | None, list[ast.expr]]:
    """Return the function that an operator or a list in brackets stands for, None where none is allowed."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return list, node.elts
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        return lambda operands: operands[0], [node.operand]
    if isinstance(node, (ast.UnaryOp, ast.BinOp)) and type(node.op) in _OPERATORS:
        parts = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
        return _row(_OPERATORS[type(node.op)]), parts
    return None, []


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text):,} characters, and at most {LONGEST:,} are read")
    if not text.strip():
        raise ExpressionError("the expression is empty")
    strange = [
        character for character in text if character == "#" or not (character.isprintable() or character.isspace())
    ]
    if strange:
        raise ExpressionError(f"{strange[0]!a} is not part of an expression", text.index(strange[0]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python finds odd in a program is no matter here
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = min((error.offset or 1) - 1, len(text)) if error.lineno == 1 else len(text)
        raise ExpressionError(f"this is not an expression: {error.msg}", max(column, 0)) from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression has too many levels") from None


def _number(value: object, column: int) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _LARGEST_INTEGER else real_number(value, "an expression")
    if isinstance(value, float):
        return value
    raise ExpressionError(f"{value!r:.40} is not a number", column)


def _row(name: str) -> Callable[[list[Any]], Any]:
    """Return a row of the table as a function of a list of its operands."""
    row = TABLE[name]

    def apply(operands: list[Any]) -> Any:
        if any(isinstance(operand, list) for operand in operands):
            raise ExpressionError(f"{name} takes numbers, not lists")
        if name == "power" and isinstance(operands[0], Value):
            return operands[0] ** operands[1]  # keeps an integer exponent as it was typed: x**2, not x**2.0
        return row(*operands)

    return apply


def _function(name: str, column: int) -> Callable[[list[Any]], Any]:
    """Return a function that people may call, as a function of the list of its arguments."""
    if name in _OF_A_LIST:
        function = _OF_A_LIST[name]
        return lambda given: function(given[0] if len(given) == 1 and isinstance(given[0], list) else given)
    if name == "dot":
        return _dot
    known = {row.name for row in TABLE.values() if row.public}
    if name in known or name in _OTHER_NAMES:
        return _row(_OTHER_NAMES.get(name, name))
    names = ", ".join(sorted({*known, *_OF_A_LIST, *_OTHER_NAMES, "dot"}))
    raise ExpressionError(f"there is no function {name!r}: choose one of {names}", column)


def _dot(given: list[Any]) -> Any:
    lists = [isinstance(argument, list) for argument in given]
    if lists not in ([True, True], [True, True, False]):
        raise ExpressionError("dot takes two lists and, if wanted, a start: dot([w1, w2], [x1, x2], b)")
    return dot(*given)


def _refusal(node: ast.expr) -> str:
    """Return why a part of Python is not part of an expression, and what to write instead."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        return "a power is written **, not ^"
    if isinstance(node, ast.Attribute):
        return "an expression holds numbers, names, + - * / ** and functions, no attributes"
    if isinstance(node, ast.Compare):
        return "comparisons are not part of an expression; maximum, minimum and relu choose by size"
    return "only numbers, names, + - * / **, brackets and functions are part of an expression"
