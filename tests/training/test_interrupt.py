"""Ctrl-C: the history so far, no half-applied update, and the signal handler as it was."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from chainrule import losses, optim
from chainrule.nn import MLP
from chainrule.training import EarlyStopping, History, fit
from chainrule.training.interrupt import Interrupts
from tests.training.models import LINE, PLANE, mlp


def press() -> None:
    """What the terminal does on Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def trained(epochs: int) -> MLP:
    model = mlp(2, 4, 1)
    fit(model, PLANE, LINE, epochs, None, shuffle=False, verbose=0)
    return model


def test_the_history_so_far_comes_back() -> None:
    model = mlp(2, 4, 1)
    calls = []

    def loss(predictions: Any, targets: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            press()
        return losses.mse(predictions, targets)

    history = fit(model, PLANE, LINE, 50, None, loss=loss, shuffle=False, verbose=0)
    assert history.interrupted
    assert history.stopped == "interrupted in epoch 4"
    assert len(history) == 3
    assert {len(numbers) for numbers in history.recorded().values()} == {3}
    assert model.state_dict() == trained(3).state_dict()
    assert all(p.grad == 0 for p in model.parameters())


def test_an_update_is_finished_first() -> None:
    class Pressed(optim.Adam):
        def step(self) -> None:
            if self.steps == 2:
                press()
            super().step()

    model = mlp(2, 4, 1)
    history = fit(
        model, PLANE, LINE, 50, None, optimizer=Pressed(model.parameters(), lr=0.01), shuffle=False, verbose=0
    )
    assert history.stopped == "interrupted in epoch 3"
    assert model.state_dict() == trained(3).state_dict()


def test_the_best_weights_come_back_all_the_same() -> None:
    model = mlp(2, 4, 1)
    best: list[Any] = []

    def watch(epoch: int, logs: Any) -> None:
        del logs
        best.append(model.state_dict())
        if epoch == 5:
            press()

    stopper = EarlyStopping("loss")
    history = fit(model, PLANE, LINE, 50, None, callbacks=[stopper, watch], verbose=0)
    assert history.interrupted
    assert len(history) == 5
    assert model.state_dict() == best[stopper.best_epoch - 1]


def test_the_handler_is_restored() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    fit(mlp(2, 1), PLANE, LINE, 1, verbose=0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_programs_own_stays_in_charge() -> None:
    heard = []
    previous = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        history = fit(mlp(2, 1), PLANE, LINE, 3, callbacks=[lambda *_: press()], verbose=0)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert len(history) == len(heard) == 3
    assert not history.interrupted


def test_training_in_another_thread() -> None:
    results: list[History] = []
    worker = threading.Thread(target=lambda: results.append(fit(mlp(2, 1), PLANE, LINE, 2, verbose=0)))
    worker.start()
    worker.join()
    assert len(results[0]) == 2


def test_held_interrupts_wait() -> None:
    with Interrupts() as interrupts:
        interrupts.hold()
        press()
        with pytest.raises(KeyboardInterrupt):
            interrupts.release()
        interrupts.release()
        with pytest.raises(KeyboardInterrupt):
            press()
