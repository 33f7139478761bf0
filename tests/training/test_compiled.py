"""fit(compile=…): the same history and weights as eager code, a fallback that says why, and True that insists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from chainrule import Value, losses, optim
from chainrule.compiler.building import pays
from chainrule.errors import ArgumentError
from chainrule.nn import MLP, Module
from chainrule.training import Callback, History, batches, fit
from chainrule.training.frozen import settings_of
from tests.training.models import LINE, PLANE, SIGNS, THIRDS, mlp


def trained(mode: Any, model: Any = None, y: Any = LINE, **options: Any) -> tuple[History, Any]:
    model = mlp(2, 5, 1, activation="tanh") if model is None else model
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    given: dict[str, Any] = {"epochs": 12, "batch_size": 16, "optimizer": optimizer, "verbose": 0}
    return fit(model, PLANE, y, compile=mode, **given | options), model


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models here are small; that they are compiled all the same is the point."""
    monkeypatch.setattr(batches, "WORTH", 0.0)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def same(eager: tuple[History, Any], other: tuple[History, Any]) -> None:
    for name, numbers in eager[0].recorded().items():
        if name != "seconds":
            close(numbers, other[0].recorded()[name])
    close([p.data for p in eager[1].parameters()], [p.data for p in other[1].parameters()])
    for layer, norms in eager[0].gradient_norm.items():
        close(norms, other[0].gradient_norm[layer])


@pytest.mark.parametrize("mode", ["auto", True])
@pytest.mark.parametrize(
    ("outputs", "y", "loss"),
    [
        (1, LINE, "mse"),
        (1, SIGNS, "hinge"),
        (1, (SIGNS + 1) / 2, "binary_cross_entropy"),
        (3, THIRDS, "cross_entropy"),
    ],
)
def test_compiled_training_is_eager_training(mode: Any, outputs: int, y: Any, loss: str) -> None:
    options = {"y": y, "loss": loss, "validation_data": (PLANE[:9], y[:9])}
    eager, compiled = (trained(each, mlp(2, 5, outputs), **options) for each in (False, mode))
    same(eager, compiled)
    assert eager[0].executor == "eager"
    assert "eager" not in compiled[0].executor
    assert compiled[0].fallback == ""


def test_the_last_smaller_batch_is_another_structure() -> None:
    eager, compiled = trained(False, batch_size=17), trained(True, batch_size=17)
    same(eager, compiled)


def test_a_short_training_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WORTH", 1e-3)
    monkeypatch.setattr(batches, "SECONDS", 25e-9)
    executors = [trained("auto", epochs=epochs, batch_size=None)[0].executor for epochs in (10, 60)]
    assert executors == ["eager", "tape"]  # 21 parameters, 40 rows: about 20 µs a batch


def test_machine_code_pays_where_there_is_much_to_compute() -> None:
    assert pays(100, None)
    assert not pays(1_000, 1_000)
    assert pays(1_000, 1_000_000)
    assert pays(1_000_000, 10_000)


def test_the_same_training_twice_has_the_same_bits() -> None:
    first, second = trained("auto"), trained("auto")
    assert first[0].loss == second[0].loss
    assert first[1].state_dict() == second[1].state_dict()


def test_callbacks_see_what_they_always_saw() -> None:
    class Watch(Callback):
        def __init__(self) -> None:
            self.seen: list[float] = []

        def on_train_begin(self, model: Any, optimizer: Any, recorded: tuple[str, ...]) -> None:
            del recorded
            self.model, self.optimizer = model, optimizer

        def on_epoch_end(self, epoch: int, logs: Any) -> bool:
            self.optimizer.lr = 0.02 / epoch
            self.seen += [logs["loss"], self.model.parameters()[0].data]
            return epoch == 10

    watches = [Watch(), Watch()]
    same(*(trained(mode, callbacks=[watch]) for mode, watch in zip((False, "auto"), watches, strict=True)))
    close(watches[0].seen, watches[1].seen)


class Looking(Module):
    """A model that looks at its own numbers."""

    def __init__(self) -> None:
        self.inner = mlp(2, 3, 1)

    def __call__(self, x: Any) -> Any:
        y = self.inner(x)
        return y * 1.0 if y.data > 1e9 else y + 0.0 * y.data


def test_a_model_that_looks_at_its_numbers_trains_eagerly_and_the_history_says_why() -> None:
    eager, fallen = trained(False, Looking()), trained("auto", Looking())
    same(eager, fallen)
    assert fallen[0].executor == "eager"
    assert "test_compiled.py" in fallen[0].fallback


def test_true_insists() -> None:
    def loss(predictions: Any, targets: Any) -> Any:
        return losses.mse(predictions, targets) + 0.0 * predictions[0].grad

    with pytest.raises(ArgumentError, match=r"compile=True, and the batch runs eagerly: .*gradient"):
        trained(True, loss=loss)
    history, _ = trained("auto", loss=loss)
    assert history.fallback.startswith("the batch runs eagerly: ")


def test_what_the_loss_of_a_person_names_is_guarded() -> None:
    def training(mode: Any) -> tuple[History, Any]:
        strength = 0.1

        def loss(predictions: Any, targets: Any) -> Any:
            return losses.mse(predictions, targets) * strength

        def weaken(epoch: int, logs: Any) -> None:
            nonlocal strength
            del logs
            strength = 1.0 / epoch

        return trained(mode, loss=loss, callbacks=[weaken], epochs=4)

    same(training(False), training("auto"))


def test_a_loss_that_collects_runs_eagerly_and_collects_each_batch_once() -> None:
    seen: list[float] = []

    def loss(predictions: Any, targets: Any) -> Value:
        seen.extend(targets)
        return losses.mse(predictions, targets)

    history, _ = trained("auto", loss=loss, epochs=2)
    assert sorted(seen) == sorted([*LINE, *LINE])
    assert "changes the list 'seen'" in history.fallback


class Cooling(Module):
    """A model with a setting that a callback changes."""

    def __init__(self) -> None:
        self.inner = mlp(2, 3, 1)
        self.warmth = 1.0

    def __call__(self, x: Any) -> Any:
        return self.inner(x) * self.warmth


@pytest.mark.parametrize("often", [1, 5])
def test_settings_that_change_are_never_frozen(often: int) -> None:
    def cool(model: Cooling) -> Any:
        def callback(epoch: int, logs: Any) -> None:
            del logs
            if epoch % often == 0:
                model.warmth *= 0.9

        return callback

    models = [Cooling(), Cooling()]
    eager, compiled = (
        trained(mode, model, callbacks=[cool(model)]) for mode, model in zip((False, "auto"), models, strict=True)
    )
    same(eager, compiled)
    assert ("settings" in compiled[0].fallback) == (often == 1)


class Counting(Module):
    """A model that counts its calls, and does as much the more often it was called."""

    def __init__(self) -> None:
        self.inner = mlp(2, 3, 1)
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.inner(x) * (1.0 + self.calls / 100.0)


def test_a_model_that_changes_itself_runs_eagerly() -> None:
    eager, fallen = trained(False, Counting()), trained("auto", Counting())
    # a trace calls the model as often as a batch has rows, so the count is ahead by that
    assert fallen[0].fallback
    assert fallen[1].calls >= eager[1].calls


class Ticking:
    """Something that no walk over a model's attributes meets."""

    ticks: Iterator[int] = itertools.count()


class Hidden(Module):
    """A model that computes something else every time."""

    def __init__(self) -> None:
        self.inner = mlp(2, 3, 1)

    def __call__(self, x: Any) -> Any:
        return self.inner(x) * (1.0 + next(Ticking.ticks))


def test_the_second_batch_is_compared_with_eager_code() -> None:
    history, _ = trained("auto", Hidden())
    assert history.executor == "eager"
    assert "no longer computes what was traced" in history.fallback
    with pytest.raises(ArgumentError, match="no longer computes what was traced"):
        trained(True, Hidden())


def test_settings_are_compared_by_what_the_attributes_hold() -> None:
    model = mlp(2, 3, 1)
    before = settings_of(model)
    assert settings_of(model) == before
    model.parameters()[0].data = 9.0
    assert settings_of(model) == before
    model.layers[0].neurons[0].nonlin = False
    assert settings_of(model) != before
    model.layers[0].neurons[0].nonlin = True
    assert settings_of(model) == before
    model.layers[0].neurons[0].w.append(Value(1.0))
    assert settings_of(model) != before


@pytest.mark.parametrize("held", [[1.0], {"a": 1.0}, (1.0, [2.0]), np.array([1.0, 2.0]), {1, 2}])
def test_settings_hold_what_containers_hold(held: Any) -> None:
    model: Any = mlp(2, 1)
    model.held = held
    before = settings_of(model)
    assert settings_of(model) == before
    model.held = type(held)() if not isinstance(held, np.ndarray) else held + 1.0
    assert settings_of(model) != before


def test_a_model_that_holds_itself_is_walked() -> None:
    model: Any = mlp(2, 1)
    model.again = [model]
    assert settings_of(model) == settings_of(model)


@pytest.mark.parametrize("mode", ["yes", 2, None])
def test_modes_are_three(mode: Any) -> None:
    with pytest.raises(ArgumentError, match="pass 'auto', True or False"):
        trained(mode)


def test_a_history_knows_its_executor() -> None:
    assert History().executor == "eager"
    assert isinstance(mlp(2, 1), MLP)
