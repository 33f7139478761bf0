"""The functions made of ops: mean and softmax, against torch and by their own laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import Value
from chainrule.errors import ArityError, NumberError

NUMBERS = st.lists(st.floats(-50, 50), min_size=1, max_size=8)


@given(NUMBERS)
def test_mean_as_torch(numbers: list[float]) -> None:
    torch = pytest.importorskip("torch", reason="torch is the reference")
    values = [Value(number) for number in numbers]
    tensor = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    average = cr.mean(values)
    average.backward()
    tensor.mean().backward()
    assert average.data == pytest.approx(tensor.mean().item(), rel=1e-13, abs=1e-13)
    assert [v.grad for v in values] == pytest.approx(tensor.grad.tolist(), rel=1e-15)


@given(NUMBERS, st.data())
def test_softmax_as_torch(numbers: list[float], data: st.DataObject) -> None:
    torch = pytest.importorskip("torch", reason="torch is the reference")
    chosen = data.draw(st.integers(0, len(numbers) - 1))
    values = [Value(number) for number in numbers]
    tensor = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    shares = cr.softmax(values)
    shares[chosen].backward()
    expected = torch.softmax(tensor, 0)
    expected[chosen].backward()
    assert [share.data for share in shares] == pytest.approx(expected.tolist(), rel=1e-12)
    assert [v.grad for v in values] == pytest.approx(tensor.grad.tolist(), rel=1e-10, abs=1e-15)


@given(NUMBERS, st.floats(-700, 700))
def test_softmax_is_a_distribution_that_a_shift_does_not_change(numbers: list[float], shift: float) -> None:
    shares = cr.softmax(numbers)
    assert math.fsum(shares) == pytest.approx(1.0, rel=1e-14)
    assert cr.softmax([number + shift for number in numbers]) == pytest.approx(shares, rel=1e-10)


def test_softmax_of_the_lecture() -> None:
    """The exercise's logits (0, 3, −2, 1) with target 3: loss and gradients."""
    logits = [Value(0.0), Value(3.0), Value(-2.0), Value(1.0)]
    loss = -cr.softmax(logits)[3].log()
    loss.backward()
    assert loss.data == pytest.approx(2.1755153626167147, rel=1e-9)
    assert [v.grad for v in logits] == pytest.approx(
        [0.041772570515350445, 0.8390245074625319, 0.005653302662216329, -0.8864503806400986], rel=1e-9
    )


@pytest.mark.parametrize("function", [cr.mean, cr.softmax])
def test_nothing_and_no_numbers_are_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ArityError, match="at least one value"):
        function([])
    with pytest.raises(NumberError, match="'a' of type 'str'"):
        function(["a", 1.0])
