"""What a network is measured against: the commonest answer, and a linear model on the same inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.training.inputs import Floats


def least_squares(X: Floats, y: Floats) -> Floats:
    """Return the weights, and as the last entry the intercept, that minimise Σ(y − Xw − b)².

    Collinear columns (all categories of one-hot) get the shortest weights.
    """
    weights: Floats = np.linalg.lstsq(_with_ones(X), y, rcond=None)[0]
    return weights


def linear(X: Floats, weights: Floats) -> Floats:
    """Return the outputs of a linear model: shape (rows,) or (rows, classes)."""
    outputs: Floats = _with_ones(X) @ weights
    return outputs


def logistic(X: Floats, classes: npt.NDArray[np.int64], count: int, steps: int = 2000) -> Floats:
    """Return weights of shape (columns + 1, count): multinomial logistic regression, last row intercepts.

    Minimises the mean cross entropy + Σw²/(2·rows) (intercepts are free), as scikit-learn does by default,
    by Nesterov's accelerated gradient descent (Beck and Teboulle 2009) at the step 1/L: the Hessian of the
    cross entropy is at most half of XᵀX/rows.
    """
    inputs, rows = _with_ones(X), len(X)
    wanted = np.eye(count)[classes]
    decay = np.full((inputs.shape[1], 1), 1.0 / rows)
    decay[-1] = 0.0
    step = 1.0 / (0.5 * np.linalg.norm(inputs, 2) ** 2 / rows + 1.0 / rows)
    weights: Floats = np.zeros((inputs.shape[1], count))
    ahead = weights
    momentum = 1.0
    for _ in range(steps):
        gradient = inputs.T @ (_softmax(inputs @ ahead) - wanted) / rows + decay * ahead
        new: Floats = ahead - step * gradient
        if np.abs(new - weights).max() < 1e-7:
            break
        faster = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        # Momentum that points uphill is dropped (O'Donoghue and Candès 2015); it would only oscillate.
        if np.sum(gradient * (new - weights)) > 0:
            faster, ahead = 1.0, new
        else:
            ahead = new + (momentum - 1) / faster * (new - weights)
        weights, momentum = new, faster
    return weights


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _with_ones(X: Floats) -> Any:
    return np.column_stack([X, np.ones(len(X))])
