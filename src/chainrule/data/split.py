"""Splitting rows into training, validation and test parts, repeatably, with every class in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each sorted; no row is in two of them."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    rows: Rows, classes: npt.NDArray[np.int64] | None, seed: int, test: float = 0.2, validation: float = 0.16
) -> Split:
    """Split `rows` by chance; with `classes` (one per entry of `rows`) class by class.

    `test` and `validation` are shares of all rows. A class of two rows gives one to training and one to
    testing; from three on each part has one. The same seed gives the same split.
    """
    generator = np.random.default_rng(seed)
    groups = [rows] if classes is None else [rows[classes == label] for label in np.unique(classes)]
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for group in groups:
        shuffled = generator.permutation(group)
        tested = min(max(1, round(test * len(group))), len(group) - 1)
        validated = min(max(1, round(validation * len(group))), len(group) - tested - 1)
        parts[2].append(shuffled[:tested])
        parts[1].append(shuffled[tested : tested + validated])
        parts[0].append(shuffled[tested + validated :])
    return Split(*(np.sort(np.concatenate(part)) for part in parts))
