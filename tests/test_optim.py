"""Optimizers against torch.optim, and their rules on other operands than arrays."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import optim
from chainrule.engine import Value
from chainrule.errors import ArgumentError, NumberError
from chainrule.nn import MLP
from chainrule.optim import SGD, Adam, AdamW

OPTIMIZERS: list[Any] = [SGD, Adam, AdamW]
SETTINGS: list[tuple[Any, dict[str, Any]]] = [
    (SGD, {}),
    (SGD, {"lr": 0.3}),
    (SGD, {"lr": 0.1, "momentum": 0.9}),
    (SGD, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2}),
    (SGD, {"weight_decay": 0.1}),
    (Adam, {}),
    (Adam, {"lr": 0.01, "betas": (0.85, 0.99), "eps": 1e-8}),
    (Adam, {"lr": 0.1, "betas": (0.0, 0.5), "weight_decay": 0.3}),
    (Adam, {"betas": (0.3, 0.0), "eps": 1e-3}),
    (AdamW, {}),
    (AdamW, {"lr": 0.1, "weight_decay": 0.5}),
    (AdamW, {"lr": 0.1, "weight_decay": 0.0}),
]
IDS = [f"{kind.__name__} {arguments}" for kind, arguments in SETTINGS]


def values(numbers: list[float]) -> list[Value]:
    """Parameters of these numbers."""
    return [Value(number) for number in numbers]


def set_grads(parameters: list[Value], numbers: list[float]) -> None:
    """Give the parameters gradients."""
    for p, number in zip(parameters, numbers, strict=True):
        p.grad = number


def torch_twin(kind: Any, start: list[float], arguments: dict[str, Any]) -> tuple[Any, Any]:
    """The parameters as one float64 tensor of torch, and its optimizer."""
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    tensor = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    made = {**arguments}
    if kind is SGD:
        made.setdefault("lr", 0.01)  # our default; torch's is 0.001
    return tensor, getattr(torch.optim, kind.__name__)([tensor], **made)


# Agreement with torch


@pytest.mark.parametrize(("kind", "arguments"), SETTINGS, ids=IDS)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_200_random_steps(kind: Any, arguments: dict[str, Any], seed: int, scale: float) -> None:
    """The rounding of 200 steps: far below 1e-12 of the largest number that took part."""
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    draw = random.Random(seed)
    start = [draw.gauss(0, 1) for _ in range(5)]
    ours = values(start)
    theirs, reference = torch_twin(kind, start, arguments)
    optimizer = kind(ours, **arguments)
    largest = [abs(number) for number in start]
    for _ in range(200):
        grads = [draw.gauss(0, scale) if draw.random() > 0.1 else 0.0 for _ in ours]
        set_grads(ours, grads)
        theirs.grad = torch.tensor(grads, dtype=torch.float64)
        optimizer.step()
        reference.step()
        largest = [max(a, abs(p.data)) for a, p in zip(largest, ours, strict=True)]
    errors = [abs(p.data - other) / size for p, other, size in zip(ours, theirs.tolist(), largest, strict=True)]
    assert max(errors) < 200 * 1e-15


@pytest.mark.parametrize(("kind", "arguments"), SETTINGS, ids=IDS)
@given(
    start=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8),
    data=st.data(),
)
@settings(max_examples=30)
def test_single_steps(kind: Any, arguments: dict[str, Any], start: list[float], data: st.DataObject) -> None:
    """Three steps of any gradients: within 1e-15 of what the step moves and stands on."""
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    ours = values(start)
    theirs, reference = torch_twin(kind, start, arguments)
    optimizer = kind(ours, **arguments)
    largest = [abs(number) for number in start]
    for _ in range(3):
        grads = data.draw(st.lists(st.floats(-1e6, 1e6), min_size=len(start), max_size=len(start)))
        set_grads(ours, grads)
        theirs.grad = torch.tensor(grads, dtype=torch.float64)
        optimizer.step()
        reference.step()
        largest = [max(size, abs(p.data)) for size, p in zip(largest, ours, strict=True)]
        for p, other, size in zip(ours, theirs.tolist(), largest, strict=True):
            assert abs(p.data - other) <= 3e-15 * size


SPECIAL = [0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308, -1e200]


@pytest.mark.parametrize(("kind", "arguments"), SETTINGS, ids=IDS)
def test_special_numbers_as_torch(kind: Any, arguments: dict[str, Any]) -> None:
    """Nan and inf, in parameters and gradients, come out where torch has them; no warning, no exception."""
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    pairs = [(p, g) for p in SPECIAL for g in SPECIAL]
    ours = values([p for p, _ in pairs])
    theirs, reference = torch_twin(kind, [p for p, _ in pairs], arguments)
    optimizer = kind(ours, **arguments)
    set_grads(ours, [g for _, g in pairs])
    theirs.grad = torch.tensor([g for _, g in pairs], dtype=torch.float64)
    for _ in range(3):
        optimizer.step()
        reference.step()
        assert [p.data for p in ours] == pytest.approx(theirs.tolist(), rel=1e-14, nan_ok=True)


def test_a_changed_rate_acts_at_once_as_in_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    for kind in OPTIMIZERS:
        ours = values([1.0])
        theirs, reference = torch_twin(kind, [1.0], {})
        optimizer = kind(ours)
        for step in range(20):
            optimizer.lr = reference.param_groups[0]["lr"] = 0.1 / (1 + step)
            ours[0].grad = math.cos(step)
            theirs.grad = torch.tensor([math.cos(step)], dtype=torch.float64)
            optimizer.step()
            reference.step()
        assert ours[0].data == pytest.approx(theirs.item(), rel=1e-14)


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam with the bias correction of another step fails the comparison."""
    right = optim.adam

    def wrong(*operands: Any, t: Any, **rest: Any) -> Any:
        return right(*operands, t=t + 1.0, **rest)

    monkeypatch.setattr(optim, "adam", wrong)
    ours = values([1.0])
    theirs, reference = torch_twin(Adam, [1.0], {})
    torch = pytest.importorskip("torch", reason="torch.optim is the reference")
    ours[0].grad = 1.0
    theirs.grad = torch.tensor([1.0], dtype=torch.float64)
    Adam(ours).step()
    reference.step()
    assert ours[0].data != pytest.approx(theirs.item(), rel=1e-6)


# The rules are pure: the same text on floats, on arrays and on Values

RULES: list[tuple[Callable[..., Any], int, dict[str, float]]] = [
    (optim.sgd, 2, {"lr": 0.1}),
    (optim.momentum_sgd, 3, {"lr": 0.1, "momentum": 0.9}),
    (optim.adam, 4, {"t": 3.0, "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}),
    (
        optim.adamw,
        4,
        {"t": 3.0, "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1},
    ),
    (optim.decayed(optim.sgd), 2, {"lr": 0.1, "weight_decay": 0.5}),
]


@pytest.mark.parametrize(("rule", "operands", "numbers"), RULES)
def test_a_rule_on_floats_arrays_and_values(rule: Callable[..., Any], operands: int, numbers: dict[str, float]) -> None:
    columns = [[0.5, -2.0, 3.0], [0.25, 1.5, -4.0], [0.1, -0.2, 0.3], [0.01, 0.2, 0.3]][:operands]
    arrays = [np.array(column) for column in columns]
    on_arrays = rule(*arrays, **numbers)
    assert [each.tolist() for each in arrays] == columns, "operands are left alone"
    for i in range(3):
        row = [column[i] for column in columns]
        on_floats = rule(*row, **numbers)
        assert list(on_floats) == pytest.approx([each[i] for each in on_arrays], rel=1e-15)
        on_values = rule(*map(Value, row), **{name: Value(number) for name, number in numbers.items()})
        assert [each.data for each in on_values] == pytest.approx(list(on_floats), rel=1e-14)


# The runner


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_it_minimises(kind: Any) -> None:
    p, q = values([3.0, -2.0])
    optimizer = kind([p, q], lr=0.1)
    for _ in range(300):
        loss = (p - 1) ** 2 + (q + p) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert p.data == pytest.approx(1, abs=0.05)
    assert q.data == pytest.approx(-1, abs=0.05)


def test_zero_grad() -> None:
    p = Value(1.0)
    p.grad = 5.0
    SGD([p]).zero_grad()
    assert p.grad == 0.0


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_parameters_may_be_generated(kind: Any) -> None:
    model = MLP(2, [2, 1])
    for parameters in (model.parameters(), iter(model.parameters()), tuple(model.parameters())):
        assert kind(parameters).parameters == model.parameters()
    assert kind(dict.fromkeys(model.parameters())).parameters == model.parameters()


def test_a_step_without_gradients_changes_nothing() -> None:
    p = Value(1.5)
    for kind in (SGD, Adam):
        kind([p]).step()
    assert p.data == 1.5


def test_a_nan_gradient_reaches_only_its_parameter() -> None:
    for kind in OPTIMIZERS:
        p, q = values([1.0, 2.0])
        set_grads([p, q], [math.nan, 1.0])
        kind([p, q]).step()
        assert math.isnan(p.data)
        assert math.isfinite(q.data)


def test_momentum_may_be_switched_on_later() -> None:
    p = Value(1.0)
    p.grad = 1.0
    optimizer = SGD([p], lr=0.1)
    optimizer.step()
    optimizer.momentum = 0.5
    optimizer.step()
    optimizer.step()
    assert p.data == pytest.approx(1 - 0.1 - 0.1 - 0.15)


def test_repr() -> None:
    assert repr(SGD([Value(1.0)])) == "SGD(1 parameters, lr=0.01, momentum=0.0, weight_decay=0.0)"
    assert "betas=(0.9, 0.999)" in repr(Adam([Value(1.0)]))


# State


@pytest.mark.parametrize(("kind", "arguments"), SETTINGS, ids=IDS)
def test_a_run_goes_on_from_its_state(kind: Any, arguments: dict[str, Any]) -> None:
    """Through JSON, bit for bit."""
    draw = random.Random(1)
    grads = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(20)]
    whole = values([1.0, 2.0, 3.0])
    optimizer = kind(whole, **arguments)
    for each in grads:
        set_grads(whole, each)
        optimizer.step()
    halves = values([1.0, 2.0, 3.0])
    first = kind(halves, **arguments)
    for each in grads[:10]:
        set_grads(halves, each)
        first.step()
    second = kind(halves, lr=99.0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    for each in grads[10:]:
        set_grads(halves, each)
        second.step()
    assert [p.data for p in halves] == [p.data for p in whole]


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda state: state.pop(key)


DAMAGE: list[Callable[[dict[str, Any]], object]] = [
    *map(_without, ("optimizer", "steps", "hyperparameters", "state")),
    lambda state: state.update(optimizer="SGD"),
    lambda state: state.update(steps="many"),
    lambda state: state.update(steps=-1),
    lambda state: state.update(state=[1.0]),
    lambda state: state["state"].update(m=[1.0, 2.0, 3.0]),
    lambda state: state["state"].update(m=["a", "b"]),
    lambda state: state["state"].update(velocity=[1.0, 2.0]),
    lambda state: state["state"].pop("v"),
    lambda state: state["hyperparameters"].update(momentum=0.9),
    lambda state: state["hyperparameters"].update(lr=-1.0),
    lambda state: state["hyperparameters"].pop("betas"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_changes_nothing(damage: Callable[[dict[str, Any]], object]) -> None:
    parameters = values([1.0, 2.0])
    set_grads(parameters, [1.0, -1.0])
    optimizer = Adam(parameters)
    optimizer.step()
    before = optimizer.state_dict()
    state = json.loads(json.dumps(before))
    damage(state)
    with pytest.raises(ArgumentError):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


# Bad input


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_no_parameters(kind: Any) -> None:
    with pytest.raises(ArgumentError, match="no parameters"):
        kind([])


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_parameter_twice(kind: Any) -> None:
    p, q = values([1.0, 2.0])
    with pytest.raises(ArgumentError, match="parameter 2 is the same Value as parameter 0"):
        kind([p, q, p])


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("wrong", [[1.0], [Value(1.0), None], 3, None, Value(1.0), MLP(1, [1]), "ab", {"params": []}])
def test_parameters_that_are_not_values(kind: Any, wrong: Any) -> None:
    with pytest.raises(NumberError):
        kind(wrong)


def test_a_result_is_no_parameter() -> None:
    p = Value(1.0)
    with pytest.raises(ArgumentError, match=r"'\*'"):
        SGD([p * 2])


HYPERPARAMETERS = [(SGD, "lr"), (SGD, "momentum"), (SGD, "weight_decay")] + [
    (kind, name) for kind in (Adam, AdamW) for name in ("lr", "beta1", "beta2", "eps", "weight_decay")
]


@pytest.mark.parametrize(("kind", "name"), HYPERPARAMETERS)
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, -math.inf])
def test_hyperparameters_out_of_range(kind: Any, name: str, wrong: float) -> None:
    p = Value(1.0)
    optimizer = kind([p])
    before = getattr(optimizer, name)
    with pytest.raises(ArgumentError, match=rf"{kind.__name__}: {name} is"):
        setattr(optimizer, name, wrong)
    assert getattr(optimizer, name) == before
    if not name.startswith("beta"):
        with pytest.raises(ArgumentError, match=name):
            kind([p], **{name: wrong})


@pytest.mark.parametrize("wrong", [(0.9,), (0.9, 0.99, 0.999), 0.9, None, (0.9, 1.0), (-0.1, 0.9)])
def test_betas(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="beta"):
        Adam([Value(1.0)], betas=wrong)


def test_hyperparameters_that_are_not_numbers() -> None:
    for wrong in ("0.1", None, [0.1]):
        with pytest.raises(NumberError, match="SGD: lr"):
            SGD([Value(1.0)], lr=wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert SGD([Value(1.0)], lr=Fraction(1, 4)).lr == 0.25  # type: ignore[arg-type]  # any real number
