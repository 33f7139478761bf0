"""The main job on tables made for the purpose: it learns what is there, and not what is not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from chainrule.data import penguins_path, read_table
from chainrule.errors import ArgumentError, DataError
from chainrule.training.tabular import Learned, Settings, calm, learn
from tests.data.tables import csv_of, table
from tests.training.models import mlp

RNG = np.random.default_rng(5)
X = RNG.normal(size=(150, 2))
RING = ["in" if x * x + y * y < 1.2 else "out" for x, y in X]
BOWL = [f"{500 + 100 * (x * x + y * y):.3f}" for x, y in X]
NOISE = [f"{v:.4f}" for v in RNG.normal(size=150)]


def learned(folder: Path, target: list[str], said: list[str] | None = None, **options: object) -> Learned:
    text = csv_of({"x": X[:, 0].tolist(), "y": X[:, 1].tolist(), "t": target})
    settings = Settings("t", **options)  # type: ignore[arg-type]
    return learn(table(folder, text), settings, (said if said is not None else []).append, visible=False)


def test_a_ring_that_no_line_can_part(tmp_path: Path) -> None:
    result = learned(tmp_path, RING)
    assert result.target.classes == ("in", "out")
    assert result.test["accuracy"] > 0.85
    assert result.test["accuracy"] > result.baseline["linear"]["accuracy"] + 0.1
    assert result.constant == "out" if RING.count("out") > 75 else "in"


def test_a_bowl_that_no_plane_fits_in_the_files_unit(tmp_path: Path) -> None:
    result = learned(tmp_path, BOWL)
    assert result.target.task == "regression"
    assert result.test["r2"] > 0.9
    assert result.baseline["linear"]["r2"] < 0.3
    assert result.baseline["constant"]["rmse"] == pytest.approx(
        np.std([float(BOWL[row]) for row in result.split.test]), rel=0.2
    )
    # What is shown while training is in the same unit as what is reported at the end.
    best = int(np.argmin(result.history.val_loss))
    assert result.history.val_rmse[best] < result.baseline["constant"]["rmse"]


def test_noise_is_not_learnt(tmp_path: Path) -> None:
    assert learned(tmp_path, NOISE).test["r2"] < 0.3


def test_the_test_rows_teach_nothing(tmp_path: Path) -> None:
    first = learned(tmp_path, BOWL)
    changed = list(BOWL)
    for row in first.split.test:
        changed[row] = "123456"
    second = learned(tmp_path, changed)
    assert first.model.state_dict() == second.model.state_dict()
    assert first.preparation == second.preparation
    assert second.test["rmse"] > 100 * first.test["rmse"]


def test_the_seed_decides_and_the_global_random_numbers_stay(tmp_path: Path) -> None:
    state = random.getstate()
    once, again = (learned(tmp_path, RING, epochs=3) for _ in range(2))
    assert random.getstate() == state
    assert once.model.state_dict() == again.model.state_dict()
    assert once.test == again.test
    assert once.model.state_dict() != learned(tmp_path, RING, epochs=3, seed=1).model.state_dict()


def test_choices_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    learned(tmp_path, RING, said, epochs=1)
    assert said[0] == "t is text with 2 classes: classification"
    assert "96 rows to train, 24 rows to stop early, 30 rows to test (seed 0)" in said[-1]


def test_dropped_columns(tmp_path: Path) -> None:
    result = learned(tmp_path, RING, epochs=1, drop=("x",))
    assert result.preparation.inputs() == ["y"]
    with pytest.raises(DataError, match="no column 'z'"):
        learned(tmp_path, RING, drop=("z",))


def test_no_hidden_layer_is_a_linear_model(tmp_path: Path) -> None:
    result = learned(tmp_path, BOWL, hidden=())
    assert len(result.model.parameters()) == 3
    assert result.test["rmse"] == pytest.approx(result.baseline["linear"]["rmse"], rel=0.1)


def test_divergence_before_the_first_epoch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"nothing was learnt: .* smaller --lr"):
        learned(tmp_path, BOWL, lr=1e200)


def test_penguins_are_told_apart() -> None:
    result = learn(read_table(penguins_path()), Settings("species"), lambda _: None, visible=False)
    assert result.test["accuracy"] > 0.95
    assert result.baseline["constant"]["accuracy"] < 0.5


def test_wide_layers_start_calm_and_narrow_ones_as_they_are() -> None:
    wide, narrow = mlp(100, 4, 1), mlp(2, 4, 1)
    before = narrow.state_dict()
    calm(wide)
    calm(narrow)
    spread = np.std([w.data for neuron in wide.layers[0].neurons for w in neuron.w])
    assert spread == pytest.approx((2 / 100) ** 0.5, rel=0.1)
    assert narrow.state_dict() == before
