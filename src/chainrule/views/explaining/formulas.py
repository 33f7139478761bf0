"""Formulas for people: what a node is in terms of its operands' names, with the brackets it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from chainrule.views.drawing.picture import legible

LONGEST_SYMBOL = 24
# How tightly a text holds together: what stands in something that binds more tightly gets brackets.
_LOOSE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(6)
_INFIX = {"add": (" + ", _SUM), "subtract": (" - ", _SUM), "multiply": ("*", _PRODUCT), "divide": ("/", _PRODUCT)}
_NAME = re.compile(r"[\w.#']+(\[[\w.']*\])*|[\d.]+e-?\d+")


def formula(op: str, symbol: str, operands: Sequence[str]) -> str:
    """Return what an op makes of its operands, e.g. `a*b` or `tanh(a + b)`; "" for a leaf.

    Args:
        op: the name of the row, "custom" for an op of the user's, "" for a leaf.
        symbol: what the node's `_op` shows; of a power with a plain exponent, it holds the exponent.
        operands: the operands' names or formulas.
    """
    if not op or not operands:
        return ""
    if op in _INFIX:
        return _infix(op, *operands)
    if op == "negative":
        return f"-{_within(_UNARY, operands[0])}"
    if op == "power":
        exponent = _within(_POWER, operands[1]) if len(operands) == 2 else symbol.removeprefix("**")
        return f"{_within(_ATOM, operands[0])}**{exponent}"
    if op in _SUMS:
        return _added(_SUMS[op](operands))
    called = legible(symbol, LONGEST_SYMBOL) or op if op == "custom" else op
    return f"{called}({', '.join(operands)})"


def _infix(op: str, left: str, right: str) -> str:
    symbol, binds = _INFIX[op]
    # a - (b + c) keeps its brackets, a + (b + c) needs none
    return f"{_within(binds, left)}{symbol}{_within(binds + (op in {'subtract', 'divide'}), right)}"


def products(operands: Sequence[str]) -> list[str]:
    """Return the terms of a dot product, whose operands are all left factors, all right ones, maybe a start."""
    count = len(operands) // 2
    pairs = zip(operands[:count], operands[count : 2 * count], strict=True)
    return [_infix("multiply", left, right) for left, right in pairs] + list(operands[2 * count :])


_SUMS: dict[str, Callable[[Sequence[str]], list[str]]] = {"sum": list, "dot": products}


def _added(terms: Sequence[str]) -> str:
    return " + ".join(_within(_SUM, term) for term in terms)


def _within(binds: int, text: str) -> str:
    return text if _binding(text) >= binds else f"({text})"


def _binding(text: str) -> int:
    """Return how tightly a text holds together, by its operators outside of brackets."""
    if _NAME.fullmatch(text):
        return _ATOM
    depth = 0
    loosest = _ATOM
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            return _LOOSE
        if depth == 0 and not (character.isalnum() or character in "_.#')]"):
            loosest = min(loosest, _operator(text, place))
    return loosest if depth == 0 else _LOOSE


def _operator(text: str, place: int) -> int:
    """Return how tightly the operator at a place binds, _ATOM for a space around one."""
    character = text[place]
    if character == " ":
        return _ATOM
    if character == "*":
        return _POWER if "**" in text[max(place - 1, 0) : place + 2] else _PRODUCT
    if character == "-" and place == 0:
        return _UNARY
    return {"+": _SUM, "-": _SUM, "/": _PRODUCT, "·": _PRODUCT}.get(character, _LOOSE)
