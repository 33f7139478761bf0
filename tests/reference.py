"""Something dumber than the engine: a recursive Value of thirty lines and its rules, to compare with.

Nothing here is fast or general, and nothing is shared with the package: the rules are numpy's functions, the
derivatives are written down a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Naive:
    """A number, the operands it was made from, and its derivative by each of them."""

    def __init__(self, data: float, operands: Sequence[Naive] = (), slopes: Sequence[float] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.operands = list(operands)
        self.slopes = list(slopes)
        self.constant = False
        self.received = self.stale = False  # what the stale-gradient warning is about

    def order(self, seen: list[Naive] | None = None) -> list[Naive]:
        """Operands before users, each node once, self last."""
        seen = [] if seen is None else seen
        if not any(self is node for node in seen):
            for operand in self.operands:
                operand.order(seen)
            seen.append(self)
        return seen

    def backward(self) -> int:
        """The chain rule, from self back to the leaves; return how many of them were stale."""
        order = self.order()
        for node in order:
            if node.operands:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for operand, slope in zip(node.operands, node.slopes, strict=True):
                if not operand.constant:
                    operand.grad += slope * node.grad
                    operand.received = not operand.operands
        stale = [node for node in order if node.stale and node is not self]
        for node in stale:
            node.stale = False
        return len(stale)

    def update(self, data: float) -> None:
        """Give a leaf other data."""
        self.stale = self.stale or (self.received and data != self.data)
        self.data = data

    def zero(self) -> None:
        """Forget the gradient."""
        self.grad = 0.0
        self.received = self.stale = False


def constant(data: float) -> Naive:
    """A plain number among operands."""
    node = Naive(data)
    node.constant = True
    return node


# An op's value and its derivative by each operand.
Rule = Callable[..., tuple[float, list[float]]]

PI = math.pi
f64: Any = np.float64  # its arithmetic follows IEEE 754 and never raises


def erfc(x: float) -> float:
    y: float = f64(math.erfc(x))
    return y


def _power(a: float, b: float) -> tuple[float, list[float]]:
    y = np.power(a, b)
    by_a = 0.0 if b == 0 else b * np.power(a, b - 1.0)
    by_b = 0.0 if a == 0 and b >= 0 else y * np.log(a)
    return y, [by_a, by_b]


def _sigmoid(a: float) -> float:
    y: float = f64(1.0) / (1.0 + np.exp(-a)) if a >= 0 else np.exp(a) / (1.0 + np.exp(a))
    return y


def _halves(a: float, b: float, wins: bool) -> list[float]:
    if a == b:
        return [0.5, 0.5]
    return [float(wins or a != a or b != b), float(not wins or a != a or b != b)]


def _phi(a: float) -> float:
    y: float = np.exp(-0.5 * a * a) / math.sqrt(2 * PI)
    return y


UNARY: dict[str, Rule] = {
    "neg": lambda a: (-a, [-1.0]),
    "abs": lambda a: (abs(a), [float(np.sign(a))]),
    "exp": lambda a: (np.exp(a), [np.exp(a)]),
    "log": lambda a: (np.log(a), [1.0 / a]),
    "log1p": lambda a: (np.log1p(a), [1.0 / (1.0 + a)]),
    "expm1": lambda a: (np.expm1(a), [np.exp(a)]),
    "sqrt": lambda a: (np.sqrt(a), [0.5 / np.sqrt(a)]),
    "tanh": lambda a: (np.tanh(a), [1.0 / np.square(np.cosh(a))]),
    "sinh": lambda a: (np.sinh(a), [np.cosh(a)]),
    "cosh": lambda a: (np.cosh(a), [np.sinh(a)]),
    "sin": lambda a: (np.sin(a), [np.cos(a)]),
    "cos": lambda a: (np.cos(a), [-np.sin(a)]),
    "tan": lambda a: (np.tan(a), [1.0 + np.square(np.tan(a))]),
    "asin": lambda a: (np.arcsin(a), [1.0 / np.sqrt((1.0 - a) * (1.0 + a))]),
    "acos": lambda a: (np.arccos(a), [-1.0 / np.sqrt((1.0 - a) * (1.0 + a))]),
    "atan": lambda a: (np.arctan(a), [1.0 / (1.0 + a * a)]),
    "erf": lambda a: (f64(math.erf(a)), [2.0 / math.sqrt(PI) * np.exp(-a * a)]),
    "relu": lambda a: (a if a > 0 or a != a else f64(0.0), [float(not a <= 0)]),
    "leaky_relu": lambda a: (a if a > 0 else 0.01 * a, [1.0 if a > 0 else 0.01]),
    "sigmoid": lambda a: (_sigmoid(a), [_sigmoid(a) * _sigmoid(-a)]),
    "softplus": lambda a: (np.logaddexp(0.0, a), [_sigmoid(a)]),
    "silu": lambda a: (a * _sigmoid(a), [_sigmoid(a) + a * _sigmoid(a) * _sigmoid(-a)]),
    "gelu": lambda a: (0.5 * a * erfc(-a / math.sqrt(2)), [0.5 * erfc(-a / math.sqrt(2)) + a * _phi(a)]),
}

BINARY: dict[str, Rule] = {
    "+": lambda a, b: (a + b, [1.0, 1.0]),
    "-": lambda a, b: (a - b, [1.0, -1.0]),
    "*": lambda a, b: (a * b, [b, a]),
    "/": lambda a, b: (a / b, [1.0 / b, -a / b / b]),
    "**": _power,
    "maximum": lambda a, b: (np.maximum(a, b), _halves(a, b, a > b)),
    "minimum": lambda a, b: (np.minimum(a, b), _halves(a, b, a < b)),
    "atan2": lambda a, b: (
        np.arctan2(a, b),
        [b / np.hypot(a, b) / np.hypot(a, b), -a / np.hypot(a, b) / np.hypot(a, b)],
    ),
    "hypot": lambda a, b: (np.hypot(a, b), [a / np.hypot(a, b), b / np.hypot(a, b)]),
}


def _dot(*operands: float) -> tuple[float, list[float]]:
    """Operands: all a, then all b, then the start."""
    half = len(operands) // 2
    total = operands[-1]
    for a, b in zip(operands[:half], operands[half : 2 * half], strict=True):
        total = total + a * b
    return total, [*operands[half : 2 * half], *operands[:half], 1.0]


def _sum(*operands: float) -> tuple[float, list[float]]:
    total = operands[0]
    for each in operands[1:]:
        total = total + each
    return total, [1.0] * len(operands)


def _logsumexp(*operands: float) -> tuple[float, list[float]]:
    y = np.logaddexp.reduce(np.array(operands))
    return y, [np.exp(each - y) for each in operands]


SEVERAL: dict[str, Rule] = {
    "where": lambda a, b, c: (b if a != 0 else c, [0.0, float(a != 0), float(a == 0)]),
    "sum": _sum,
    "dot": _dot,
    "logsumexp": _logsumexp,
}

RULES: dict[str, Rule] = {**UNARY, **BINARY, **SEVERAL}


def apply(name: str, operands: Sequence[Naive], rules: dict[str, Rule] = RULES) -> Naive:
    """Make the node of an op."""
    with np.errstate(all="ignore"):
        data, slopes = rules[name](*[f64(operand.data) for operand in operands])
    node = Naive(float(data), operands, [float(slope) for slope in slopes])
    if name == "**" and operands[1].constant:  # a constant exponent belongs to the op
        del node.operands[1], node.slopes[1]
    return node
