"""A model whose loss is compiled again and again, as by one process after another."""

from __future__ import annotations

from typing import Any

import chainrule as cr
from chainrule import Value
from chainrule.compiler import storing
from chainrule.compiler.native.machine import host
from chainrule.compiler.program import Program

NOTE = "the machine code was found on the disk"
ROWS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-2.0, 1.0, 0.125], [0.0, 3.0, 1.0]]


class Compiling:
    """A small model with its loss, compiled anew: like another process that runs the same program."""

    def __init__(self, factor: float = 1.5) -> None:
        self.weights = [Value(0.1 * number - 0.3) for number in range(8)]
        self.factors = [factor, 2.0 * factor, 0.5 * factor, -factor]
        self.function: Any = cr.compile(self.loss, executor="native")

    def loss(self, rows: list[list[float]]) -> Value:
        total = Value(0.0)
        for factor, row in zip(self.factors, rows, strict=True):
            hidden = [cr.tanh(cr.dot(self.weights[3 * place : 3 * place + 3], row)) for place in range(2)]
            total += cr.exp(factor * hidden[0] + self.weights[6] * hidden[1] + self.weights[7])
        return total

    def bits(self) -> list[str]:
        """The result and the gradients."""
        result = self.function(ROWS)
        for each in self.weights:
            each.grad = 0.0
        result.backward()
        return [number.hex() for number in (result.data, *(each.grad for each in self.weights))]

    def made(self) -> Any:
        [made] = self.function.report().specialisations
        return made

    def passes(self) -> list[str]:
        return [each.name for each in self.made().passes]

    def found(self) -> bool:
        """Whether no pass ran."""
        return self.passes() == ["trace", "cache"]

    def program(self) -> Program:
        program: Program = self.function._latest().traced.program
        return program

    def key(self) -> str:
        key = storing.key_of(self.program(), host())
        assert key is not None
        return key


def compiled() -> Compiling:
    made = Compiling()
    made.bits()
    return made
