"""History: JSON, repr, plot."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from chainrule.errors import WriteError
from chainrule.training import History, fit
from tests.faults import full_disk
from tests.training.models import LINE, PLANE, mlp


def made() -> History:
    history = History()
    history.append({"loss": 2.0, "rate": 0.1}, {"layers.0": 1.5})
    history.append({"loss": math.nan, "rate": -math.inf}, {"layers.0": math.inf})
    return history


def test_json_spells_numbers_that_json_cannot_hold(tmp_path: Path) -> None:
    made().save(tmp_path / "history.json")
    assert json.loads((tmp_path / "history.json").read_text("utf-8"), parse_constant=pytest.fail) == {
        "epochs": [1, 2],
        "loss": [2.0, "nan"],
        "rate": [0.1, "-inf"],
        "gradient_norm": {"layers.0": [1.5, "inf"]},
        "stopped": "",
    }


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text("old")

    with full_disk(), pytest.raises(WriteError, match="No space left on device"):
        made().save(path)
    assert [(each, each.read_text()) for each in tmp_path.iterdir()] == [(path, "old")]


def test_json_shares_nothing_with_the_history() -> None:
    history = made()
    history.to_json()["epochs"].append(3)
    assert history.epochs == [1, 2]


def test_what_was_not_recorded_is_empty() -> None:
    history = made()
    assert history.val_loss == history.accuracy == []
    assert set(history.recorded()) == {"loss", "rate"}


def test_repr_is_short_and_says_the_end() -> None:
    history = fit(mlp(2, 1), PLANE, LINE, 2, verbose=0)
    assert repr(history).startswith("History(2 epochs: loss ")
    assert len(repr(history)) < 200
    assert repr(History(stopped="interrupted in epoch 1")) == ("History(no epoch finished: interrupted in epoch 1)")
    assert History()


def test_times_do_not_run_backwards() -> None:
    seconds = fit(mlp(2, 1), PLANE, LINE, 5, verbose=0).seconds
    assert seconds == sorted(seconds)


def test_plot_gives_axes() -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    matplotlib.use("Agg")
    axes = made().plot()
    assert axes.get_xlabel()
    matplotlib.pyplot.close(axes.figure)
