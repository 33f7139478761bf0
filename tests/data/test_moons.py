"""The moons equal scikit-learn's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.data import moons
from chainrule.errors import ArgumentError


@pytest.mark.parametrize("n", [2, 3, 100, 101])
@pytest.mark.parametrize("noise", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("seed", [0, 1337])
def test_equal_to_scikit_learn(n: int, noise: float, seed: int) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is the reference here")
    state = np.random.get_state()
    np.random.seed(seed)
    X, y = datasets.make_moons(n_samples=n, noise=noise or None)
    np.random.set_state(state)
    points, classes = moons(n, noise, seed)
    assert points.tobytes() == X.tobytes()
    assert classes.tolist() == y.tolist()


def test_the_global_random_numbers_are_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    moons()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]


@pytest.mark.parametrize("arguments", [{"n": 1}, {"noise": -1.0}, {"noise": float("nan")}, {"seed": -1}])
def test_bad_arguments(arguments: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match="moons"):
        moons(**arguments)  # type: ignore[arg-type]
