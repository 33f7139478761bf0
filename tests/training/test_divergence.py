"""When numbers run away: the training stops, says so, and the model keeps its last finite weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chainrule import Value, losses, optim
from chainrule.nn import MLP
from chainrule.training import Callback, DivergenceWarning, History, fit
from tests.training.models import LINE, PLANE, mlp


def diverging(model: MLP, rate: float = 1e30, **options: Any) -> History:
    optimizer = optim.SGD(model.parameters(), lr=rate)
    with pytest.warns(DivergenceWarning) as caught:
        history = fit(model, PLANE, LINE, optimizer=optimizer, verbose=0, **options)
    assert len(caught) == 1
    assert "smaller rate" in str(caught[0].message)
    assert str(caught[0].message).startswith(history.stopped)
    return history


def finite(model: MLP) -> bool:
    return all(math.isfinite(p.data) for p in model.parameters())


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("rate", [1e3, 1e30, 1e307])
def test_it_stops_names_the_epoch_and_keeps_finite_weights(rate: float, batch_size: int | None) -> None:
    model = mlp(2, 8, 8, 1)
    history = diverging(model, rate, epochs=200, batch_size=batch_size)
    assert history.diverged
    assert len(history) < 200
    assert f"in epoch {len(history) + 1}" in history.stopped
    assert all(map(math.isfinite, history.loss))
    assert finite(model)
    loss = losses.mse([model(row.tolist()) for row in PLANE[:1]], LINE[:1].tolist())
    assert math.isfinite(loss.data)


def test_the_weights_are_those_of_the_last_finite_loss() -> None:
    model, twin = mlp(2, 1), mlp(2, 1)
    calls: list[list[float]] = []

    def nan_at_the_third(predictions: Any, targets: Any) -> Value:
        calls.append([p.data for p in model.parameters()])
        loss = losses.mse(predictions, targets)
        return loss if len(calls) < 3 else loss * float("nan")

    optimizer = optim.SGD(model.parameters(), lr=0.01)
    with pytest.warns(DivergenceWarning, match="the loss became nan in epoch 3"):
        history = fit(model, PLANE, LINE, 9, None, loss=nan_at_the_third, optimizer=optimizer, verbose=0)
    assert len(history) == 2
    assert [p.data for p in model.parameters()] == calls[1]
    fit(twin, PLANE, LINE, 1, None, optimizer=optim.SGD(twin.parameters(), lr=0.01), verbose=0)
    assert twin.state_dict() == pytest.approx(model.state_dict())


def test_a_gradient_that_is_not_finite_is_not_applied() -> None:
    model = mlp(2, 1)
    before = model.state_dict()

    def steep(predictions: Any, targets: Any) -> Value:
        total: Value = losses.mse(predictions, targets) + (model.parameters()[0] * 0) ** 0.5
        return total

    with pytest.warns(DivergenceWarning, match="a gradient became nan or infinite in epoch 1"):
        fit(model, PLANE, LINE, 3, loss=steep, verbose=0)
    assert model.state_dict() == before


def test_the_last_update_of_all_is_checked_too() -> None:
    model = mlp(2, 1)
    before = model.state_dict()
    with pytest.warns(DivergenceWarning, match="a weight became nan or infinite in epoch 1"):
        fit(model, 1e3 * PLANE, 1e5 * LINE, 1, None, optimizer=optim.SGD(model.parameters(), lr=1e305), verbose=0)
    assert model.state_dict() == before


def test_unscaled_inputs_are_the_likelier_fix() -> None:
    model = mlp(2, 8, 1)
    with pytest.warns(DivergenceWarning, match="scale the inputs"):
        fit(model, 1e6 * PLANE, LINE, optimizer=optim.SGD(model.parameters(), lr=0.1), verbose=0)


def test_callbacks_hear_of_the_end_and_the_history_says_why() -> None:
    class Listener(Callback):
        ended = False

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            assert np.isfinite(list(logs.values())).all(), epoch

        def on_train_end(self) -> None:
            self.ended = True

    listener = Listener()
    history = diverging(mlp(2, 8, 1), epochs=50, callbacks=[listener])
    assert listener.ended
    assert history.stopped in repr(history)


def test_an_optimizer_that_fails_halfway_changes_nothing() -> None:
    class Torn(optim.SGD):
        def step(self) -> None:
            self.parameters[0].data = 99.0
            raise ZeroDivisionError

    model = mlp(2, 1)
    before = model.state_dict()
    with pytest.raises(ZeroDivisionError):
        fit(model, PLANE, LINE, optimizer=Torn(model.parameters()), verbose=0)
    assert model.state_dict() == before
