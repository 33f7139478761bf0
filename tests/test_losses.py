"""Losses against torch's and mpmath's, at extremes, with bad input, and the warning about probabilities."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine import Value, no_grad
from chainrule.errors import ArgumentError, ArityError, NumberError
from chainrule.functions import softmax
from chainrule.losses import (
    ProbabilitiesAsLogitsWarning,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    mse,
)
from chainrule.nn import MLP
from chainrule.ops import TABLE

LOSSES: dict[str, tuple[Callable[..., Value], Any, Any]] = {
    "mse": (mse, [0.5, -1.0, 2.0], [1.0, 0.0, 2.5]),
    "hinge": (hinge, [0.5, -1.0, 2.0], [1, 1, -1]),
    "cross_entropy": (cross_entropy, [[0.5, -1.0], [2.0, 0.0], [0.0, 3.0]], [1, 0, 1]),
    "binary_cross_entropy": (binary_cross_entropy, [0.5, -1.0, 2.0], [1, 0, 0]),
}
SCALAR_LOSSES = ["mse", "hinge", "binary_cross_entropy"]


def to_values(nested: Any) -> Any:
    """The same lists with Values for numbers."""
    return [to_values(each) for each in nested] if isinstance(nested, list) else Value(nested)


def flat(nested: Any) -> list[Value]:
    """The Values of nested lists in order."""
    return [value for each in nested for value in flat(each)] if isinstance(nested, list) else [nested]


def torch_loss(name: str, predictions: Any, targets: Any) -> tuple[float, list[float]]:
    """The loss and its gradients as torch has them."""
    torch = pytest.importorskip("torch", reason="torch is the reference")
    functional = torch.nn.functional
    p = torch.tensor(predictions, dtype=torch.float64, requires_grad=True)
    if name == "cross_entropy" and math.isinf(max(flat(predictions))):
        # torch's cross_entropy makes nan of every slope in a row with an infinite logit; its logsumexp, which
        # ours follows, leaves the other logits' slopes 0
        loss = (torch.logsumexp(p, 1) - p[range(len(targets)), targets]).mean()
    elif name == "cross_entropy":
        loss = functional.cross_entropy(p, torch.tensor(targets))
    else:
        t = torch.tensor(targets, dtype=torch.float64)
        loss = {
            "mse": lambda: functional.mse_loss(p, t),
            "hinge": lambda: functional.relu(1 - t * p).mean(),
            "binary_cross_entropy": lambda: functional.binary_cross_entropy_with_logits(p, t),
        }[name]()
    loss.backward()
    return loss.item(), p.grad.flatten().tolist()


def agrees_with_torch(name: str, predictions: Any, targets: Any, rel: float = 1e-13, abs_: float = 1e-15) -> None:
    """Check value and gradients; the warning about probabilities has its own tests."""
    values = to_values(predictions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProbabilitiesAsLogitsWarning)
        loss = LOSSES[name][0](values, targets)
    loss.backward()
    expected, gradients = torch_loss(name, predictions, targets)
    assert loss.data == pytest.approx(expected, rel=rel, abs=abs_, nan_ok=True)
    assert [v.grad for v in flat(values)] == pytest.approx(gradients, rel=rel, abs=abs_, nan_ok=True)


# Agreement

NUMBERS = st.floats(-50, 50)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_mse(pairs: list[tuple[float, float]]) -> None:
    agrees_with_torch("mse", [p for p, _ in pairs], [t for _, t in pairs])


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([-1, 1])), min_size=1, max_size=8))
def test_hinge(pairs: list[tuple[float, int]]) -> None:
    agrees_with_torch("hinge", [p for p, _ in pairs], [t for _, t in pairs])


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([0, 1]) | st.floats(0, 1)), min_size=1, max_size=8))
def test_binary_cross_entropy(pairs: list[tuple[float, float]]) -> None:
    # softplus(x) − t·x cancels for sure predictions, in torch as here
    agrees_with_torch("binary_cross_entropy", [p for p, _ in pairs], [t for _, t in pairs], abs_=1e-13)


@given(
    st.integers(2, 6).flatmap(
        lambda classes: st.lists(
            st.tuples(st.lists(NUMBERS, min_size=classes, max_size=classes), st.integers(0, classes - 1)),
            min_size=1,
            max_size=5,
        )
    )
)
def test_cross_entropy(samples: list[tuple[list[float], int]]) -> None:
    agrees_with_torch("cross_entropy", [row for row, _ in samples], [k for _, k in samples], abs_=1e-13)


@pytest.mark.parametrize("name", ["mse", "hinge", "binary_cross_entropy"])
def test_rows(name: str) -> None:
    targets = [[1, -1], [-1, 1]] if name == "hinge" else [[1, 0], [0, 1]]
    agrees_with_torch(name, [[0.5, -3.0], [4.0, 0.25]], targets)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1000.0, 1e300, math.inf, math.nan])
def test_extremes_as_torch(name: str, size: float) -> None:
    if name == "cross_entropy":
        agrees_with_torch(name, [[size, 0.0], [-size, 1.0], [0.0, -1.0]], [0, 1, 1])
        return
    targets = [1, -1, 1, -1] if name == "hinge" else [1, 0, 0, 1]
    agrees_with_torch(name, [size, -size, 0.5, 2.0], targets)


def test_stable_far_out() -> None:
    """Sure and right costs nothing, sure and wrong costs the logit, and no gradient is nan."""
    for logit, target, expected, slope in [(1000, 1, 0, 0), (-1000, 0, 0, 0), (1000, 0, 1000, 1), (-1000, 1, 1000, -1)]:
        x = Value(logit)
        loss = binary_cross_entropy([x], [target])
        loss.backward()
        assert (loss.data, x.grad) == (expected, slope)
    for row, target, cost in [([1000, -1000], 0, 0.0), ([1000, -1000], 1, 2000.0)]:
        logits = to_values(row)
        loss = cross_entropy([logits], [target])
        loss.backward()
        assert loss.data == cost
        assert [each.grad for each in logits] == ([0.0, 0.0] if target == 0 else [1.0, -1.0])


@given(st.floats(-700, 700), st.sampled_from([0.0, 0.25, 1.0]))
def test_binary_cross_entropy_against_mpmath(x: float, t: float) -> None:
    """Within 4 ulp of the terms' sizes."""
    with mpmath.workdps(400):
        true = mpmath.log(1 + mpmath.exp(mpmath.mpf(x))) - mpmath.mpf(t) * mpmath.mpf(x)
        size = abs(true) + 2 * abs(mpmath.mpf(t) * mpmath.mpf(x))
    error = abs(mpmath.mpf(binary_cross_entropy([Value(x)], [t]).data) - true)
    assert error <= 4 * 2.0**-52 * size + 5e-324


# The lecture's exercises


def test_the_lectures_negative_log_likelihood() -> None:
    logits = to_values([0.0, 3.0, -2.0, 1.0])
    loss = cross_entropy(logits, 3)
    loss.backward()
    assert loss.data == pytest.approx(2.1755153626167147, rel=1e-14)
    assert [each.grad for each in logits] == pytest.approx(
        [0.041772570515350445, 0.8390245074625319, 0.005653302662216329, -0.8864503806400986], rel=1e-13
    )


def test_the_lectures_squared_error() -> None:
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    model = MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform")
    predictions = [model(x) for x in xs]
    by_hand = sum((out - y) ** 2 for out, y in zip(predictions, ys, strict=True))
    assert 4 * mse(predictions, ys).data == pytest.approx(by_hand.data, rel=1e-14)


# What may be given


@pytest.mark.parametrize("name", LOSSES)
def test_containers(name: str) -> None:
    loss, predictions, targets = LOSSES[name]
    expected = loss(to_values(predictions), targets).data
    forms: list[Callable[[Any], Any]] = [
        list,
        tuple,
        np.array,
        iter,
        lambda x: np.array(x, dtype=np.float32),
        lambda x: np.array(x, dtype=object),
    ]
    for form in forms:
        assert loss(to_values(predictions), form(targets)).data == expected
        result = loss(form(predictions), targets)
        assert isinstance(result, Value), "a Value even of plain numbers"
        assert result.data == expected
    assert loss(np.array(to_values(predictions), dtype=object), targets).data == expected


@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_one_sample_by_itself(name: str) -> None:
    loss, predictions, targets = LOSSES[name]
    assert loss(Value(predictions[0]), targets[0]).data == loss([Value(predictions[0])], [targets[0]]).data


def test_mse_differentiates_through_targets() -> None:
    target = Value(3.0)
    mse([Value(1.0)], [target]).backward()
    assert target.grad == 4.0


def test_truth_values_and_whole_floats_are_classes() -> None:
    rows = [[0.5, -1.0], [2.0, 0.0]]
    expected = cross_entropy(to_values(rows), [1, 0]).data
    for targets in ([True, False], [1.0, 0.0], np.array([1, 0], dtype=np.uint8), [np.int64(1), np.float32(0)]):
        assert cross_entropy(to_values(rows), targets).data == expected
    assert binary_cross_entropy([Value(2.0)], [True]).data == binary_cross_entropy([Value(2.0)], [1]).data


@pytest.mark.parametrize("name", LOSSES)
def test_without_a_graph(name: str) -> None:
    loss, predictions, targets = LOSSES[name]
    with no_grad():
        result = loss(to_values(predictions), targets)
    assert result.data == loss(predictions, targets).data
    assert result._prev == ()


# Bad input


@pytest.mark.parametrize("name", LOSSES)
def test_empty_batch(name: str) -> None:
    with pytest.raises(ArityError, match=f"{name} was given an empty batch"):
        LOSSES[name][0]([], [])


@pytest.mark.parametrize("name", LOSSES)
def test_lengths_differ(name: str) -> None:
    loss, predictions, targets = LOSSES[name]
    with pytest.raises(ArityError, match=rf"{name} was given 3 predictions and 2 targets"):
        loss(to_values(predictions), targets[:2])
    with pytest.raises(ArityError, match=rf"{name} was given 2 predictions and 3 targets"):
        loss(to_values(predictions[:2]), targets)


@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_shapes_differ(name: str) -> None:
    """A column of targets is no list of targets: broadcasting would compare each with each."""
    loss, predictions, targets = LOSSES[name]
    with pytest.raises(ArityError, match="target 0 is a row of 1"):
        loss(to_values(predictions), np.array(targets).reshape(3, 1))
    with pytest.raises(ArityError, match="prediction 0 is a row of 1"):
        loss([[Value(each)] for each in predictions], targets)
    with pytest.raises(ArityError, match="in row 1"):
        loss([[Value(0.5)], [Value(0.5)]], [[1], [1, 1]])
    with pytest.raises(ArityError):
        loss(Value(1.0), [1])
    with pytest.raises(ArityError):
        loss([Value(1.0)], 1)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_targets_that_are_no_data(name: str, wrong: float) -> None:
    loss, predictions, targets = LOSSES[name]
    with pytest.raises(ArgumentError, match=rf"{name}: target 1 is {wrong}"):
        loss(to_values(predictions), [targets[0], wrong, targets[2]])


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("wrong", [None, "1", 1j, {}])
def test_things_that_are_no_numbers(name: str, wrong: Any) -> None:
    loss, predictions, targets = LOSSES[name]
    with pytest.raises(NumberError, match="1"):
        loss(to_values(predictions), [targets[0], wrong, targets[2]])
    bad = [[wrong, 1.0]] * 3 if name == "cross_entropy" else [0.5, wrong, 1.0]
    with pytest.raises(NumberError):
        loss(bad, targets)


@pytest.mark.parametrize("wrong", ["abc", 3, None, {"a": 1}])
def test_batches_that_are_no_lists(wrong: Any) -> None:
    for loss, predictions, targets in LOSSES.values():
        with pytest.raises((ArityError, NumberError, ArgumentError)):
            loss(wrong, targets)
        with pytest.raises((ArityError, NumberError, ArgumentError)):
            loss(to_values(predictions), wrong)


def test_hinge_names_the_fix() -> None:
    with pytest.raises(ArgumentError, match=r"target 1 is 0.*2\*y - 1"):
        hinge([Value(1.0), Value(2.0)], [1, 0])
    with pytest.raises(ArgumentError, match="target 0 is 2"):
        hinge([Value(1.0)], [2])


def test_binary_cross_entropy_names_the_fix() -> None:
    with pytest.raises(ArgumentError, match=r"target 0 is -1.*\(y \+ 1\) / 2"):
        binary_cross_entropy([Value(1.0)], [-1])
    with pytest.raises(ArgumentError, match="target 0 is 2"):
        binary_cross_entropy([Value(1.0)], [2])


@pytest.mark.parametrize("wrong", [-1, 2, 10**30, 0.5, [0, 1]])
def test_classes_that_are_none(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="cross_entropy") as caught:
        cross_entropy(to_values([[1.0, 2.0], [3.0, 4.0]]), [0, wrong])
    assert "target 1" in str(caught.value)


def test_single_values_are_no_logits() -> None:
    with pytest.raises(ArgumentError, match="binary_cross_entropy"):
        cross_entropy(to_values([1.0, 2.0]), [0, 1])


def test_rows_of_logits_have_one_length() -> None:
    with pytest.raises(ArityError, match="row 1 has 3 logits"):
        cross_entropy(to_values([[1.0, 2.0], [1.0, 2.0, 3.0]]), [0, 0])
    for row in ([Value(1.0)], []):
        with pytest.raises(ArityError, match="at least 2"):
            cross_entropy([row], [0])


# Probabilities given as logits


def quiet(loss: Callable[..., Value], *arguments: Any) -> None:
    """Check that nothing warns; warnings are errors in this suite."""
    loss(*arguments)


def warned(loss: Callable[..., Value], *arguments: Any) -> str:
    """Check that it warns, at this file's line; return the text."""
    with pytest.warns(ProbabilitiesAsLogitsWarning) as caught:
        loss(*arguments)
    (only,) = caught
    assert only.filename == __file__
    return str(only.message)


def test_softmax_before_cross_entropy() -> None:
    rows = [softmax(to_values(row)) for row in ([1.0, 2.0, 0.5], [0.1, -4.0, 9.0])]
    assert "leave the softmax out" in warned(cross_entropy, rows, [0, 2])
    warned(cross_entropy, rows[0], 1)
    warned(cross_entropy, [[each.data for each in row] for row in rows], [0, 2])
    warned(cross_entropy, np.array([[0.2, 0.8], [0.6, 0.4]], dtype=np.float32), [0, 1])
    warned(cross_entropy, [[Value(0.2).sigmoid(), Value(3.0).sigmoid()]], [0])


def test_sigmoid_before_binary_cross_entropy() -> None:
    assert "leave the sigmoid out" in warned(binary_cross_entropy, [Value(1.0).sigmoid()], [1])
    model = MLP(2, [3, 1], output_activation="sigmoid")
    warned(binary_cross_entropy, [model([1.0, 2.0]), model([0.0, 1.0])], [1, 0])
    by_hand = [1 / (1 + (-Value(x)).exp()) for x in (1.0, -2.0)]
    warned(binary_cross_entropy, by_hand, [1, 0])
    warned(binary_cross_entropy, [(1 + (-Value(x)).exp()) ** -1 for x in (1.0, -2.0)], [1, 0])
    warned(
        binary_cross_entropy,
        [row[0] for row in (softmax(to_values([1.0, 2.0])), softmax(to_values([3.0, 1.0])))],
        [1, 0],
    )
    warned(binary_cross_entropy, [TABLE["maximum"](each, 1e-9) for each in by_hand], [1, 0])
    warned(binary_cross_entropy, [each.data for each in by_hand], [1, 0])
    warned(binary_cross_entropy, [each.detach() for each in by_hand], [1, 0])


def test_logits_do_not_warn() -> None:
    quiet(cross_entropy, to_values([[0.2, 0.7], [0.6, 0.4]]), [0, 1])
    quiet(cross_entropy, to_values([[0.2, 0.8], [0.6, 0.5]]), [0, 1])
    quiet(cross_entropy, to_values([[2.0, -1.0]]), [0])
    quiet(cross_entropy, to_values([[0.0, 0.0]] * 4), [0, 1, 0, 1])
    quiet(binary_cross_entropy, [Value(0.5)], [1])
    quiet(binary_cross_entropy, [0.5, 1.5], [1, 0])
    quiet(binary_cross_entropy, [Value(0.5).tanh(), Value(0.25).tanh()], [1, 0])
    quiet(binary_cross_entropy, [math.nan, 0.5], [1, 0])
    quiet(cross_entropy, [[math.nan, 0.5]], [1])


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6))
def test_a_networks_logits_may_lie_between_0_and_1(numbers: list[float]) -> None:
    """What comes out of a linear or ReLU layer is a logit, wherever it happens to lie."""
    model = MLP(1, [1])
    model.load_state_dict({"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.b": 0.0})
    for out in (model, MLP(1, [1], output_activation="relu")):
        quiet(binary_cross_entropy, [out([number]) for number in numbers], [0] * len(numbers))
    quiet(binary_cross_entropy, [Value(number) * 1.0 + 0.0 for number in numbers], [0] * len(numbers))


@pytest.mark.parametrize("seed", range(40))
def test_fresh_networks_raise_no_false_alarm(seed: int) -> None:
    import random

    random.seed(seed)
    inputs = [[random.gauss(0, 0.3), random.gauss(0, 0.3)] for _ in range(4)]
    binary, several = MLP(2, [4, 1]), MLP(2, [4, 3])
    quiet(binary_cross_entropy, [binary(x) for x in inputs], [0, 1, 0, 1])
    quiet(cross_entropy, [several(x) for x in inputs], [0, 1, 2, 1])
