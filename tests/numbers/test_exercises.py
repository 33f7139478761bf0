"""The lecture's exercises, to the published digits: a function of three inputs, and softmax with its loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule.engine import Value


def f(a: Any, b: Any, c: Any) -> Any:
    return -(a**3) + cr.sin(3 * b) - 1.0 / c + b**2.5 - a**0.5


GRADIENT = (-12.353553390593273, 10.25699027111255, 0.0625)


def test_the_function_of_numbers() -> None:
    assert f(2.0, 3.0, 4.0) == pytest.approx(6.336362190988558, rel=1e-12)


def test_the_function_of_values_and_its_gradient() -> None:
    at = [Value(2.0), Value(3.0), Value(4.0)]
    y = f(*at)
    y.backward()
    assert y.data == pytest.approx(6.336362190988558, rel=1e-12)
    assert [v.grad for v in at] == pytest.approx(GRADIENT, rel=1e-12)


@pytest.mark.parametrize("h", [1e-5, 1e-6])
def test_the_gradient_by_small_steps_on_both_sides(h: float) -> None:
    at = (2.0, 3.0, 4.0)
    for i, slope in enumerate(GRADIENT):
        above, below = [x + h * (i == j) for j, x in enumerate(at)], [x - h * (i == j) for j, x in enumerate(at)]
        assert (f(*above) - f(*below)) / (2 * h) == pytest.approx(slope, rel=1e-7)


LOGITS = (0.0, 3.0, -2.0, 1.0)
LOSS = 2.1755153626167147
LOGIT_GRADIENTS = (0.041772570515350445, 0.8390245074625319, 0.005653302662216329, -0.8864503806400986)


def exponentials(logits: list[Value]) -> Value:
    """The exercise's softmax, written out."""
    counts = [logit.exp() for logit in logits]
    denominator = sum(counts)
    loss: Value = -(counts[3] / denominator).log()
    return loss


WAYS: list[Callable[[list[Value]], Value]] = [
    exponentials,
    lambda logits: -cr.log(cr.softmax(logits)[3]),
    lambda logits: cr.logsumexp(logits) - logits[3],
]


@pytest.mark.parametrize("negative_log_likelihood", WAYS)
def test_softmax_and_negative_log_likelihood(negative_log_likelihood: Callable[[list[Value]], Value]) -> None:
    logits = [Value(x) for x in LOGITS]
    loss = negative_log_likelihood(logits)
    loss.backward()
    assert loss.data == pytest.approx(LOSS, rel=1e-12)
    assert [logit.grad for logit in logits] == pytest.approx(LOGIT_GRADIENTS, rel=1e-12)


def test_softmax_of_numbers() -> None:
    shares = cr.softmax(LOGITS)
    assert math.fsum(shares) == pytest.approx(1.0, rel=1e-15)
    assert -math.log(shares[3]) == pytest.approx(LOSS, rel=1e-12)
    assert shares[:3] == pytest.approx(LOGIT_GRADIENTS[:3], rel=1e-12)
