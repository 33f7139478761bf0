"""Two interleaving half circles: the data of micrograd's demo, equal to scikit-learn's to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chainrule.errors import ArgumentError


def moons(n: int = 100, noise: float = 0.1, seed: int = 1337) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return `n` points of shape (n, 2) and their classes 0 and 1 of shape (n,).

    The points lie on an upper and a lower half circle of radius 1, shuffled, plus normal noise of the
    given standard deviation. The same numbers as scikit-learn's `make_moons(n, noise=noise)` right after
    `np.random.seed(seed)`: the order of the draws below (one shuffle, then one block of normals) is what
    makes them equal. The global random state is left alone.

    Raises:
        ArgumentError: fewer than two points, a negative noise, or a seed outside 0 … 2**32 − 1.
    """
    if n < 2:
        raise ArgumentError(f"moons(n={n!r}): two half circles need at least 2 points: pass n=2 or more")
    if not (noise >= 0 and np.isfinite(noise)):
        raise ArgumentError(f"moons(noise={noise!r}): noise is a standard deviation: pass 0.0 or more")
    if not 0 <= seed < 2**32:
        raise ArgumentError(f"moons(seed={seed!r}): pass a whole number from 0 to 2**32 - 1")
    upper, lower = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    points = np.concatenate(
        [
            np.column_stack([np.cos(upper), np.sin(upper)]),
            np.column_stack([1 - np.cos(lower), 1 - np.sin(lower) - 0.5]),
        ]
    )
    classes = np.repeat(np.array([0, 1], dtype=np.int64), [len(upper), len(lower)])
    generator = np.random.RandomState(seed)
    order = np.arange(n)
    generator.shuffle(order)
    points, classes = points[order], classes[order]
    if noise > 0:
        points += generator.normal(scale=noise, size=points.shape)
    return points, classes
