"""Derivatives of any order from the rules themselves: reverse mode over a graph of Values, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import Value
from chainrule.engine import op_of, parts, topological_order


def grad(output: Any, inputs: Sequence[Value]) -> list[Any]:
    """Return ∂output/∂input for each input, as Values that can be differentiated again (a constant as a float).

    The rules are evaluated on the operands themselves where `backward()` uses the numbers that they gave.
    """
    if not isinstance(output, Value):
        return [0.0 for _ in inputs]
    gradients: dict[Value, Any] = {output: 1.0}
    for node in reversed(topological_order(output, constants=False)):
        op = op_of(node)
        if op is None:
            continue
        operands, _ = parts(node)
        slopes = op.local_derivatives(tuple(operands), node)
        for operand, slope in zip(operands, slopes, strict=True):
            if isinstance(operand, Value):
                share = slope * gradients[node]
                gradients[operand] = gradients[operand] + share if operand in gradients else share
    return [gradients.get(x, 0.0) for x in inputs]


def mixed(output: Any, inputs: Sequence[Value], orders: Sequence[int]) -> float:
    """Return the partial derivative that takes each input as often as `orders` says."""
    for x, times in zip(inputs, orders, strict=True):
        for _ in range(times):
            output = grad(output, [x])[0]
    return float(output)
