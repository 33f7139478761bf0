"""fit: it learns, repeatably, as a loop by hand would, and says what is wrong before it changes anything."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chainrule import Value, losses, optim
from chainrule.errors import ArgumentError, ArityError, ChainruleError, DataError, NumberError
from chainrule.nn import MLP, Module
from chainrule.training import fit, score
from tests.training.models import LINE, PLANE, SIGNS, THIRDS, mlp


def quiet(*args: Any, **options: Any) -> Any:
    return fit(*args, **options | {"verbose": 0})


@pytest.mark.parametrize(
    ("outputs", "y", "metric"),
    [(1, SIGNS, "accuracy"), (1, (SIGNS + 1) / 2, "accuracy"), (3, THIRDS, "accuracy"), (1, LINE, "rmse")],
)
def test_it_learns_with_the_loss_that_the_targets_ask_for(outputs: int, y: Any, metric: str) -> None:
    model = mlp(2, 8, outputs)
    history = quiet(model, PLANE, y, epochs=100)
    assert history.loss[-1] < 0.3 * history.loss[0]
    assert set(history.recorded()) == {"loss", metric, "rate", "seconds"}
    assert score(model, PLANE, y) > 0.85


def by_hand(model: MLP, epochs: int, rate: float) -> list[float]:
    """What fit does, as anybody would write it, for one full batch."""
    optimizer = optim.SGD(model.parameters(), lr=rate)
    seen = []
    for _ in range(epochs):
        loss = losses.mse([model(row.tolist()) for row in PLANE], LINE.tolist())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.data)
    return seen


def test_equal_to_the_loop_by_hand_to_the_last_bit() -> None:
    ours, theirs = mlp(2, 4, 1), mlp(2, 4, 1)
    sgd = optim.SGD(ours.parameters(), lr=0.05)
    history = quiet(ours, PLANE, LINE, epochs=7, batch_size=None, optimizer=sgd, shuffle=False)
    assert history.loss == by_hand(theirs, 7, 0.05)
    assert ours.state_dict() == theirs.state_dict()


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000, None])
def test_every_row_is_seen_once_an_epoch(batch_size: int | None) -> None:
    seen: list[float] = []

    def loss(predictions: Any, targets: Any) -> Value:
        seen.extend(targets)
        return losses.mse(predictions, targets)

    quiet(mlp(2, 1), PLANE, LINE, epochs=2, batch_size=batch_size, loss=loss)
    assert sorted(seen[:40]) == sorted(seen[40:]) == sorted(LINE.tolist())
    assert seen[:40] != seen[40:]


def test_epoch_figures_are_means_over_rows_not_over_batches() -> None:
    model = mlp(2, 1)
    still = optim.SGD(model.parameters(), lr=0.0)
    parts = quiet(model, PLANE, LINE, epochs=1, batch_size=7, optimizer=still)
    whole = quiet(model, PLANE, LINE, epochs=1, batch_size=None, optimizer=still)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-14)
    assert parts.rmse == pytest.approx(whole.rmse, rel=1e-14)
    assert whole.rmse[0] == pytest.approx(whole.loss[0] ** 0.5)


def test_the_seed_decides() -> None:
    once, again, other = mlp(2, 4, 1), mlp(2, 4, 1), mlp(2, 4, 1)
    first = quiet(once, PLANE, LINE, epochs=3, batch_size=8, seed=1)
    assert quiet(again, PLANE, LINE, epochs=3, batch_size=8, seed=1).loss == first.loss
    assert quiet(other, PLANE, LINE, epochs=3, batch_size=8, seed=2).loss != first.loss
    assert once.state_dict() == again.state_dict() != other.state_dict()


def test_validation_is_measured_after_the_epoch_and_not_trained_on() -> None:
    alone, watched = mlp(2, 4, 1), mlp(2, 4, 1)
    quiet(alone, PLANE, LINE, epochs=3)
    history = quiet(watched, PLANE, LINE, epochs=3, validation_data=(PLANE[:5], LINE[:5]))
    assert alone.state_dict() == watched.state_dict()
    with_loss = losses.mse([watched(row.tolist()) for row in PLANE[:5]], LINE[:5].tolist())
    assert history.val_loss[-1] == with_loss.data
    assert history.val_rmse[-1] == pytest.approx(with_loss.data**0.5)


def test_gradient_norms_per_layer_against_the_definition() -> None:
    model, twin = mlp(2, 4, 1), mlp(2, 4, 1)
    history = quiet(model, PLANE, LINE, epochs=1, batch_size=None, shuffle=False)
    losses.mse([twin(row.tolist()) for row in PLANE], LINE.tolist()).backward()
    for i, layer in enumerate(twin.layers):
        norm = sum(p.grad**2 for p in layer.parameters()) ** 0.5
        assert history.gradient_norm[f"layers.{i}"] == [pytest.approx(norm)]


def test_optimizers_by_name_and_by_object() -> None:
    for given in ("sgd", "Adam", "adamw"):
        assert len(quiet(mlp(2, 1), PLANE, LINE, epochs=2, optimizer=given)) == 2
    model = mlp(2, 1)
    history = quiet(model, PLANE, LINE, epochs=2, optimizer=optim.SGD(model.parameters(), lr=0.125))
    assert history.rate == [0.125, 0.125]
    assert quiet(mlp(2, 1), PLANE, LINE, epochs=1).rate == [0.01]


def test_losses_by_name_and_by_function_are_the_same() -> None:
    for name in ("mse", "hinge"):
        by_name = quiet(mlp(2, 1), PLANE, SIGNS, epochs=2, loss=name)
        by_function = quiet(mlp(2, 1), PLANE, SIGNS, epochs=2, loss=getattr(losses, name))
        assert by_name.loss == by_function.loss
        assert by_name.recorded().keys() == by_function.recorded().keys()


def test_a_loss_of_ones_own_without_a_metric() -> None:
    def far(predictions: Any, targets: Any) -> Value:
        total: Value = losses.mse([p[0] for p in predictions], targets)
        return total

    history = quiet(mlp(2, 3), PLANE, LINE, epochs=2, loss=far, validation_data=(PLANE, LINE))
    assert set(history.recorded()) == {"loss", "val_loss", "rate", "seconds"}


def test_a_sigmoid_at_the_end_is_not_warned_about_and_learns() -> None:
    model = mlp(2, 8, 1, output_activation="sigmoid")
    history = quiet(model, PLANE, (SIGNS + 1) / 2, epochs=60)
    assert history.accuracy[-1] > 0.9


def test_several_outputs_with_mse() -> None:
    targets = np.column_stack([LINE, -LINE])
    history = quiet(mlp(2, 2), PLANE, targets, epochs=2, batch_size=None)
    assert history.rmse[0] == pytest.approx(history.loss[0] ** 0.5)


def test_plain_lists_of_rows_fractions_and_a_flat_column() -> None:
    quiet(mlp(2, 1), [[1, 2], [3, 4.5]], [1, 2], epochs=1)
    quiet(mlp(2, 1), [(Fraction(1, 3), True)], [Fraction(1, 2)], epochs=1)
    quiet(mlp(1, 1), [0.5, 1.5, 2.5], [[1.0], [2.0], [4.0]], epochs=1)


def test_models_without_names_or_with_a_list_of_one() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def __call__(self, x: list[float]) -> list[Value]:
            return [self.w * x[0]]

    history = quiet(Odd(), [[1.0], [2.0]], [2.0, 4.0], epochs=300)
    assert history.loss[-1] < 0.1 * history.loss[0]


def test_no_gradient_is_left_behind() -> None:
    model = mlp(2, 1)
    quiet(model, PLANE, LINE, epochs=1)
    assert all(p.grad == 0 for p in model.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.mse([model([1.0, 2.0])], [0.0]).backward()


class Constant(Module):
    """No model: it returns plain numbers."""

    def __init__(self) -> None:
        self.w = Value(1.0)

    def __call__(self, x: list[float]) -> float:
        return x[0]


RAGGED = [[1.0, 2.0], [3.0]]
WRONG: dict[str, tuple[type[ChainruleError], str, Callable[[Any], dict[str, Any]]]] = {
    "empty X": (ArityError, "X is empty", lambda _: {"X": [], "y": []}),
    "rows of nothing": (ArityError, r"shape \(2, 0\)", lambda _: {"X": [[], []], "y": [1, 2]}),
    "X of three dimensions": (ArityError, "shape", lambda _: {"X": np.zeros((2, 2, 2)), "y": [1, 2]}),
    "length mismatch": (ArityError, "X has 40 rows and y has 39", lambda _: {"y": LINE[:-1]}),
    "ragged X": (ArityError, "row 0 of X is 2 numbers and row 1 is 1 number", lambda _: {"X": RAGGED, "y": [1, 2]}),
    "another width": (ArityError, "a row of X has 3 columns", lambda _: {"X": np.zeros((40, 3))}),
    "text in X": (NumberError, r"X\[1\]\[0\] is 'a'", lambda _: {"X": [[1, 2], ["a", 3]], "y": [1, 2]}),
    "numbers as text": (NumberError, r"X\[0\]\[0\] is '1'", lambda _: {"X": [["1", "2"]], "y": [1]}),
    "None in X": (NumberError, r"X\[0\]\[1\] is None", lambda _: {"X": [[1, None]], "y": [1]}),
    "complex in X": (NumberError, r"X\[0\]\[1\]", lambda _: {"X": [[1, 2j]], "y": [1]}),
    "X is text": (NumberError, "X is of type str", lambda _: {"X": "abc"}),
    "X is a generator": (NumberError, "X is of type generator", lambda _: {"X": (r for r in RAGGED)}),
    "text in y": (NumberError, r"y\[0\] is 'cat'", lambda _: {"X": [[1, 2]], "y": ["cat"]}),
    "nan in X": (DataError, r"X\[0\]\[1\] is nan", lambda _: {"X": [[1, float("nan")]], "y": [1]}),
    "inf in y": (DataError, r"y\[0\] is inf", lambda _: {"X": [[1, 2]], "y": [float("inf")]}),
    "a huge integer": (DataError, r"X\[0\]\[1\] is too large", lambda _: {"X": [[1, 10**400]], "y": [1]}),
    "two columns of y": (ArityError, "1 outputs and y has 2", lambda _: {"y": np.column_stack([LINE, LINE])}),
    "unknown loss": (ArgumentError, "loss='mae' is not known", lambda _: {"loss": "mae"}),
    "loss of another kind": (ArgumentError, "loss=3", lambda _: {"loss": 3}),
    "hinge on numbers": (ArgumentError, r"y\[0\] is .* hinge takes -1 and \+1", lambda _: {"loss": "hinge"}),
    "bce on signs": (ArgumentError, "takes 0 and 1", lambda _: {"y": SIGNS, "loss": "binary_cross_entropy"}),
    "cross entropy, one output": (ArgumentError, "one output per class", lambda _: {"loss": "cross_entropy"}),
    "loss of floats": (ArgumentError, "the loss function returned float", lambda _: {"loss": lambda p, t: 1.0}),  # noqa: ARG005
    "unknown optimizer": (ArgumentError, "optimizer='lbfgs' is not known", lambda _: {"optimizer": "lbfgs"}),
    "optimizer class": (ArgumentError, "pass a name, or an object", lambda _: {"optimizer": optim.SGD}),
    "optimizer of another model": (
        ArgumentError,
        "holds none of the model's parameters",
        lambda _: {"optimizer": optim.SGD(mlp(2, 1).parameters())},
    ),
    "no epochs": (ArgumentError, "epochs=0", lambda _: {"epochs": 0}),
    "half an epoch": (ArgumentError, "epochs=0.5", lambda _: {"epochs": 0.5}),
    "no batch": (ArgumentError, "batch_size=0", lambda _: {"batch_size": 0}),
    "callback class": (ArgumentError, "is no callback", lambda _: {"callbacks": [dict]}),
    "verbose": (ArgumentError, "verbose='loud'", lambda _: {"verbose": "loud"}),
    "validation is no pair": (ArgumentError, "must be a pair", lambda _: {"validation_data": PLANE}),
    "validation of another width": (
        ArityError,
        "validation X has 3 columns and X has 2",
        lambda _: {"validation_data": (np.zeros((4, 3)), np.zeros(4))},
    ),
    "validation of another length": (
        ArityError,
        "validation y has 3",
        lambda _: {"validation_data": (np.zeros((4, 2)), np.zeros(3))},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_say_so_and_change_nothing(case: str) -> None:
    kind, words, change = WRONG[case]
    model = mlp(2, 1)
    before, state = model.state_dict(), [p.grad for p in model.parameters()]
    arguments: dict[str, Any] = {"X": PLANE, "y": LINE, "epochs": 2, "verbose": 0} | change(model)
    with pytest.raises(kind, match=words):
        fit(model, arguments.pop("X"), arguments.pop("y"), **arguments)
    assert model.state_dict() == before
    assert [p.grad for p in model.parameters()] == state


@pytest.mark.parametrize("model", [None, 3, lambda x: x, Constant()])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(ArgumentError, match=r"no model|the model returned float"):
        quiet(model, PLANE, LINE)


@pytest.mark.parametrize("label", [-1, 3, 1.5])
def test_class_numbers_must_have_an_output(label: float) -> None:
    y = THIRDS.astype(float)
    y[3] = label
    with pytest.raises(ArgumentError, match=r"y\[3\] is .* from 0 to 2"):
        quiet(mlp(2, 3), PLANE, y)


def test_the_methods_of_a_module() -> None:
    model = mlp(2, 4, 1)
    history = model.fit(PLANE, LINE, epochs=3, verbose=0)
    assert len(history) == 3
    assert model.predict(PLANE).shape == (40,)
    assert model.score(PLANE, LINE) == score(model, PLANE, LINE)
