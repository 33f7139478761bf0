"""predict and score, against scikit-learn and against what the model says itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.errors import ArgumentError, ArityError, DataError
from chainrule.training import predict, score
from tests.training.models import LINE, PLANE, SIGNS, THIRDS, mlp


@pytest.mark.parametrize("outputs", [1, 3])
def test_predictions_are_the_models_outputs(outputs: int) -> None:
    model = mlp(2, 4, outputs)
    predicted = predict(model, PLANE)
    assert predicted.shape == ((40,) if outputs == 1 else (40, 3))
    assert predicted.dtype == np.float64
    one = model(PLANE[5].tolist())
    assert predicted[5].tolist() == (one.data if outputs == 1 else [value.data for value in one])


def test_nothing_is_recorded() -> None:
    model = mlp(2, 4, 1)
    before = [p.grad for p in model.parameters()]
    predict(model, PLANE)
    assert [p.grad for p in model.parameters()] == before


def test_r2_equals_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")
    one, two = mlp(2, 1), mlp(2, 2)
    targets = np.column_stack([LINE, LINE**2])
    assert score(one, PLANE, LINE) == pytest.approx(metrics.r2_score(LINE, predict(one, PLANE)))
    assert score(two, PLANE, targets) == pytest.approx(metrics.r2_score(targets, predict(two, PLANE)))


@pytest.mark.parametrize(
    ("outputs", "y", "options", "right"),
    [
        (1, SIGNS, {}, lambda out, y: (out > 0) == (y > 0)),
        (1, (SIGNS + 1) / 2, {}, lambda out, y: (out > 0) == (y > 0.5)),
        (1, (SIGNS + 1) / 2, {"output_activation": "sigmoid"}, lambda out, y: (out > 0.5) == (y > 0.5)),
        (3, THIRDS, {}, lambda out, y: out.argmax(axis=1) == y),
    ],
)
def test_accuracy_by_definition(outputs: int, y: Any, options: dict[str, Any], right: Any) -> None:
    model = mlp(2, 4, outputs, **options)
    assert score(model, PLANE, y) == np.mean(right(predict(model, PLANE), y))


def test_mse_asks_for_r2_whatever_the_targets_are() -> None:
    model = mlp(2, 1)
    residual = np.square(SIGNS - predict(model, PLANE)).sum()
    spread = np.square(SIGNS - SIGNS.mean()).sum()
    assert score(model, PLANE, SIGNS, loss="mse") == pytest.approx(1 - residual / spread)


def test_errors() -> None:
    model = mlp(2, 1)
    with pytest.raises(ArityError, match="a row of X has 3 columns"):
        predict(model, np.zeros((4, 3)))
    with pytest.raises(DataError, match=r"X\[1\]\[0\] is nan"):
        predict(model, [[1, 2], [float("nan"), 1]])
    with pytest.raises(ArityError, match="X is empty"):
        predict(model, [])
    with pytest.raises(ArgumentError, match="all equal"):
        score(model, PLANE, np.full(40, 2.5))
