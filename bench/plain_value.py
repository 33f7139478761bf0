"""A scalar with gradient in plain Python: slots and stored local derivatives; the GPT step's yardstick."""

from __future__ import annotations

import math
from typing import Union

Operand = Union["PlainValue", int, float]


class PlainValue:
    """A number that remembers its operands and the derivative by each of them."""

    __slots__ = ("data", "grad", "operands", "slopes")

    def __init__(
        self,
        data: float,
        operands: tuple[PlainValue, ...] = (),
        slopes: tuple[float, ...] = (),
    ) -> None:
        self.data = data
        self.grad = 0.0
        self.operands = operands
        self.slopes = slopes

    def __add__(self, other: Operand) -> PlainValue:
        right = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data + right.data, (self, right), (1.0, 1.0))

    def __mul__(self, other: Operand) -> PlainValue:
        right = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data * right.data, (self, right), (right.data, self.data))

    def __pow__(self, exponent: float) -> PlainValue:
        slope = exponent * self.data ** (exponent - 1)
        return PlainValue(self.data**exponent, (self,), (slope,))

    def __neg__(self) -> PlainValue:
        return self * -1

    def __sub__(self, other: Operand) -> PlainValue:
        return self + (-other)

    def __truediv__(self, other: Operand) -> PlainValue:
        return self * other**-1

    __radd__ = __add__
    __rmul__ = __mul__

    def exp(self) -> PlainValue:
        result = math.exp(self.data)
        return PlainValue(result, (self,), (result,))

    def log(self) -> PlainValue:
        return PlainValue(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> PlainValue:
        return PlainValue(max(0.0, self.data), (self,), (float(self.data > 0),))

    def backward(self) -> None:
        """Fill `grad` on everything that this value depends on."""
        order: list[PlainValue] = []
        seen: set[PlainValue] = set()

        def visit(node: PlainValue) -> None:
            if node not in seen:
                seen.add(node)
                for operand in node.operands:
                    visit(operand)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            upstream = node.grad
            for operand, slope in zip(node.operands, node.slopes):  # noqa: B905 - a learner's loop
                operand.grad += slope * upstream
