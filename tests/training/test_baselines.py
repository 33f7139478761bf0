"""The baselines are as good as the libraries that people would compare with."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.training.baselines import least_squares, linear, logistic
from chainrule.training.inputs import Floats
from tests.training.models import LINE, PLANE, THIRDS


def test_least_squares_finds_the_line() -> None:
    assert np.allclose(least_squares(PLANE, LINE), [2.0, -1.0, 0.5])


def test_least_squares_with_collinear_columns() -> None:
    inputs = np.column_stack([PLANE[:, 0] > 0, PLANE[:, 0] <= 0]).astype(float)
    weights = least_squares(inputs, LINE)
    for side in (0, 1):
        rows = inputs[:, side] == 1
        assert np.allclose(linear(inputs, weights)[rows], LINE[rows].mean())


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_logistic_is_no_worse_than_scikit_learns(scale: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the reference here")
    inputs = np.column_stack([scale * PLANE, np.sin(PLANE[:, 0])])
    theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=10_000).fit(inputs, THIRDS)

    def objective(weights: Floats) -> float:
        logits = linear(inputs, weights)
        entropy = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(40), THIRDS]
        return float(entropy.mean() + np.square(weights[:-1]).sum() / 80)

    reference = objective(np.vstack([theirs.coef_.T, theirs.intercept_]))
    assert objective(logistic(inputs, THIRDS, 3)) == pytest.approx(reference, rel=1e-4 if scale > 1 else 1e-9)


def test_logistic_on_classes_that_a_line_parts() -> None:
    classes = (PLANE[:, 0] > 0).astype(np.int64)
    weights = logistic(PLANE, classes, 2)
    assert np.isfinite(weights).all()
    assert np.mean(linear(PLANE, weights).argmax(axis=1) == classes) > 0.95
