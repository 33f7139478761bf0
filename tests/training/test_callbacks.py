"""Callbacks and early stopping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from chainrule.errors import ArgumentError
from chainrule.training import Callback, EarlyStopping, fit
from tests.training.models import LINE, PLANE, SIGNS, mlp


def test_functions_and_objects_hear_every_epoch_with_its_figures() -> None:
    heard: list[tuple[int, dict[str, float]]] = []

    class Listener(Callback):
        begun: tuple[Any, ...] = ()

        def on_train_begin(self, model: Any, optimizer: Any, recorded: tuple[str, ...]) -> None:
            self.begun = (model, optimizer, recorded)

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            heard.append((epoch, dict(logs)))

    listener, model = Listener(), mlp(2, 1)
    history = fit(
        model,
        PLANE,
        LINE,
        3,
        callbacks=[listener, lambda epoch, logs: heard.append((epoch, dict(logs)))],
        verbose=0,
        validation_data=(PLANE, LINE),
    )
    assert [epoch for epoch, _ in heard] == [1, 1, 2, 2, 3, 3]
    assert [logs["loss"] for _, logs in heard[::2]] == history.loss
    assert listener.begun[0] is model
    assert listener.begun[2] == tuple(heard[0][1])


def test_true_stops_and_nothing_else_does() -> None:
    def stop_at_two(epoch: int, logs: Any) -> bool:
        del logs
        return epoch == 2

    history = fit(mlp(2, 1), PLANE, LINE, 9, callbacks=[stop_at_two, lambda *_: None], verbose=0)
    assert len(history) == 2
    assert history.stopped == "stop_at_two asked to"
    assert not fit(mlp(2, 1), PLANE, LINE, 2, callbacks=[stop_at_two], verbose=0).stopped


def told(stopper: EarlyStopping, figures: Sequence[float]) -> int:
    """Tell a callback figures until it asks to stop; return the epoch."""
    stopper.on_train_begin(mlp(2, 1), None, (stopper.monitor,))
    for epoch, figure in enumerate(figures, 1):
        if stopper.on_epoch_end(epoch, {stopper.monitor: figure}):
            return epoch
    return 0


NAN = math.nan


@pytest.mark.parametrize(
    ("monitor", "figures", "options", "stop", "best"),
    [
        ("val_loss", [3, 2, 1, 1, 1, 1], {"patience": 2}, 5, 3),
        ("val_loss", [3, 2, 1, 1, 0.5, 1, 1], {"patience": 2}, 7, 5),
        ("val_loss", [3, 2, 1], {"patience": 2}, 0, 3),
        ("val_accuracy", [0.1, 0.5, 0.4, 0.5], {"patience": 2}, 4, 2),
        ("loss", [3, 2.9, 2.8, 2.7], {"patience": 3, "min_delta": 1.0}, 4, 1),
        ("loss", [NAN, 2, NAN, NAN], {"patience": 2}, 4, 2),
        ("loss", [NAN, NAN, NAN], {"patience": 3}, 3, 0),
        ("loss", [math.inf, math.inf, 5], {"patience": 2}, 0, 3),
    ],
)
def test_when_it_stops(monitor: str, figures: list[float], options: dict[str, Any], stop: int, best: int) -> None:
    stopper = EarlyStopping(monitor, **options)
    assert told(stopper, figures) == stop
    assert stopper.best_epoch == best


@pytest.mark.parametrize("restore", [True, False])
def test_the_best_weights_are_restored_if_wanted(restore: bool) -> None:
    model = mlp(2, 8, 1)
    weights: list[Any] = []
    stopper = EarlyStopping("val_accuracy", patience=3, restore_best=restore)
    history = fit(
        model,
        PLANE[:20],
        SIGNS[:20],
        60,
        callbacks=[stopper, lambda *_: weights.append(model.state_dict())],
        validation_data=(PLANE[20:], SIGNS[20:]),
        verbose=0,
    )
    assert len(history) == stopper.best_epoch + 3
    assert f"since epoch {stopper.best_epoch}" in history.stopped
    assert model.state_dict() == weights[stopper.best_epoch - 1 if restore else -1]


def test_a_monitor_that_is_not_recorded_is_refused_before_anything_changes() -> None:
    model = mlp(2, 1)
    before = model.state_dict()
    with pytest.raises(ArgumentError, match=r"watches 'val_loss'.*: pass validation_data"):
        fit(model, PLANE, LINE, callbacks=[EarlyStopping()], verbose=0)
    with pytest.raises(ArgumentError, match=r"'accuracy'.* records loss, rmse, rate, seconds"):
        fit(model, PLANE, LINE, callbacks=[EarlyStopping("accuracy")], verbose=0)
    assert model.state_dict() == before


@pytest.mark.parametrize("options", [{"patience": 0}, {"min_delta": -1.0}, {"min_delta": NAN}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="EarlyStopping"):
        EarlyStopping(**options)


def test_an_epoch_method_must_be_written() -> None:
    with pytest.raises(TypeError, match="on_epoch_end"):
        Callback()  # type: ignore[abstract]


def test_an_error_in_a_callback_reaches_the_person_and_the_model_is_whole() -> None:
    def broken(*_: object) -> None:
        raise LookupError("mine")

    model, twin = mlp(2, 1), mlp(2, 1)
    with pytest.raises(LookupError, match="mine"):
        fit(model, PLANE, LINE, 5, callbacks=[broken], verbose=0)
    fit(twin, PLANE, LINE, 1, verbose=0)
    assert model.state_dict() == twin.state_dict()
