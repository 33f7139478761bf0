"""Ops of any number of operands: sum, dot product, logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.ops import ieee
from chainrule.ops.elementary import LARGEST_FLOAT, divide, exp_difference, pick
from chainrule.ops.row import Operand, op


@op(arity=None, formula="a₁ + a₂ + …", slopes=("1",), public=False)
def sum(*operands: Operand) -> Operand:
    """Sum from left to right, one rounding a term."""
    total = operands[0]
    for operand in operands[1:]:
        total = total + operand
    return total


@sum.derivative
def sum_slopes(operands: Sequence[Operand], y: Operand) -> list[Operand]:
    return [1.0] * len(operands)


@op(arity=None, formula="a₁·b₁ + a₂·b₂ + … (+ start)", slopes=("b₁, b₂, …, a₁, a₂, …, 1",), public=False)
def dot(*operands: Operand) -> Operand:
    """Sum of products. Operands: all a, then all b, then, where their number is odd, what the sum starts with."""
    half = len(operands) // 2
    start = len(operands) % 2
    total = operands[-1] if start else operands[0] * operands[half]
    for i in range(1 - start, half):
        total = total + operands[i] * operands[half + i]
    return total


@dot.derivative
def dot_slopes(operands: Sequence[Operand], y: Operand) -> list[Operand]:
    half = len(operands) // 2
    return [*operands[half : 2 * half], *operands[:half], *[1.0] * (len(operands) % 2)]


@op(arity=None, formula="ln(e^a₁ + e^a₂ + …)", slopes=("e^a₁ / Σ e^aᵢ, …",), public=False)
def logsumexp(*operands: Operand) -> Operand:
    """Logarithm of the sum of exponentials, shifted by the largest so that nothing overflows."""
    largest = operands[0]
    for operand in operands[1:]:
        largest = operand if operand > largest or operand != operand else largest
    if ieee.fabs(largest) == float("inf") or largest != largest:
        return largest
    # the largest term is 1: log1p of the others keeps the digits that 1 + tiny would round away
    place = operands.index(largest)
    others = [ieee.exp(operand - largest) for operand in (*operands[:place], *operands[place + 1 :])]
    return largest + ieee.log1p(_pairwise_sum(others))


@logsumexp.derivative
def logsumexp_slopes(operands: Sequence[Operand], y: Operand) -> list[Operand]:
    # the shares e^aᵢ / Σ e^aⱼ of the exponentials shifted by y itself, divided by their sum, which is 1 up
    # to the rounding of y: this takes that rounding out again
    shifted = [exp_difference(operand, y) for operand in operands]
    total = _pairwise_sum(shifted)
    # an infinite operand takes every share, how much of it nobody knows: the others' are 0, its own nan
    return [pick(abs(y) <= LARGEST_FLOAT, divide(each, total), each) for each in shifted]


def _pairwise_sum(terms: Sequence[Operand]) -> Operand:
    """Return the sum by halves, whose rounding grows with the logarithm of the number of terms."""
    while len(terms) > 1:
        pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = [*pairs, terms[-1]] if len(terms) % 2 else pairs
    return terms[0] if terms else 0.0
