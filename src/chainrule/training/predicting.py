"""Using a trained model: its outputs for a table of numbers, and how good they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine import no_grad
from chainrule.errors import ArgumentError
from chainrule.training.batches import side_by_side
from chainrule.training.fitting import ends_in_sigmoid, probe
from chainrule.training.inputs import Floats, as_rows, as_targets
from chainrule.training.loop import numbers_of
from chainrule.training.objective import Loss, choose


def predict(model: Any, X: Any) -> Floats:
    """Return the model's outputs: shape (rows,) for one output, else (rows, outputs).

    They are what the model computes (for a classifier usually logits); no graph is recorded.

    Raises:
        ArityError: X is empty, or its rows are not as wide as the model takes.
        NumberError: X holds something that is not a number.
        DataError: X holds nan or infinity.
    """
    rows = as_rows(X)
    forward, outputs = probe(model, rows)
    with no_grad():
        return numbers_of(side_by_side([forward(row) for row in rows.tolist()]), outputs)


def score(model: Any, X: Any, y: Any, loss: str | Loss | None = None) -> float:
    """Return the share of right answers of a classifier (0 to 1), or R² of a regressor (1 is perfect).

    Which of the two, the targets say as they do in `fit`; loss='mse' asks for R² whatever they are. R² is
    1 − Σ(y − prediction)² / Σ(y − mean of y)², averaged over outputs where there are several.

    Raises:
        ArityError, NumberError, DataError: as `predict`, for X and y.
        ArgumentError: R² of targets that are all equal.
    """
    rows = as_rows(X)
    targets = as_targets(y, len(rows))
    outputs = predict(model, rows)
    width = outputs.shape[1] if outputs.ndim == 2 else 1
    objective = choose(loss, targets, width, ends_in_sigmoid(model))
    if objective.metric == "accuracy":
        return objective.total(outputs, targets) / len(rows)
    return r2(targets, outputs)


def r2(targets: Floats, outputs: Floats) -> float:
    """Return the share of the targets' variance that the outputs explain; averaged over columns.

    Raises:
        ArgumentError: a column of targets has no variance.
    """
    residual = np.square(targets - outputs).sum(axis=0)
    spread = np.square(targets - targets.mean(axis=0)).sum(axis=0)
    if not np.all(spread > 0):
        raise ArgumentError("R² needs targets that differ, and these are all equal: score on other rows")
    return float(np.mean(1 - residual / spread))
