"""Small models and data for the tests of training, the same on every run."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from chainrule.nn import MLP

PLANE = np.random.default_rng(0).normal(size=(40, 2))
SIGNS = np.where(PLANE[:, 0] + PLANE[:, 1] > 0, 1.0, -1.0)
LINE = PLANE @ np.array([2.0, -1.0]) + 0.5
THIRDS = (PLANE[:, 0] > 0).astype(int) + (PLANE[:, 1] > 0)


def mlp(*sizes: int, **options: Any) -> MLP:
    """An MLP whose weights do not depend on what ran before."""
    state = random.getstate()
    random.seed(7)
    model = MLP(sizes[0], list(sizes[1:]), **options)
    random.setstate(state)
    return model
