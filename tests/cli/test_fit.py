"""chainrule fit: what it prints, what it writes, and that it is the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule import nn
from chainrule.data import penguins_path
from tests.cli.running import SHOP, Runner

QUICK = ("--epochs", "3")
FILES = {"model.safetensors", "history.json", "loss.png", "neuron.svg"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_writes_a_folder_named_after_the_file(run: Runner, shop: Path, folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    ran = run("fit", shop, "--target", "kind", *QUICK)
    assert ran.code == 0
    assert names(folder) == {"shop.csv", "shop"}
    assert names(folder / "shop") == FILES
    assert (folder / "shop" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "shop" / "neuron.svg").read_text("utf-8")
    assert "width" in (folder / "shop" / "neuron.svg").read_text("utf-8")


def test_it_tells_figures_on_stdout_and_choices_on_stderr(run: Runner, shop: Path) -> None:
    ran = run("fit", shop, "--target", "kind", *QUICK)
    assert "right kind" in ran.out
    assert "always the commonest class" in ran.out
    assert "linear model" in ran.out
    assert "chainrule predict shop/model.safetensors" in ran.out
    assert "note: kind is text with 2 classes: classification" in ran.err
    assert "note: 38 rows to train, 10 rows to stop early, 12 rows to test (seed 0)" in ran.err
    assert "epoch 1/3" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_regression_tells_errors_in_the_files_unit(run: Runner, shop: Path) -> None:
    ran = run("fit", shop, "--target", "price", "--drop", "kind", "--json")
    found = json.loads(ran.out)
    assert set(found["test"]) == {"rmse", "r2"}
    assert found["baseline"]["linear"]["r2"] > 0.999
    assert found["test"]["r2"] > 0.9
    assert 5 < found["baseline"]["constant"]["rmse"] < 15
    assert "note: kind: left out (as you asked)" in ran.err
    assert "R²" in run("fit", shop, "--target", "price", *QUICK).out


def test_json_has_exactly_the_published_shape(run: Runner, shop: Path) -> None:
    ran = run("fit", shop, "--target", "kind", "--json", "--hidden", "4", *QUICK)
    found = json.loads(ran.out)
    assert ran.out.count("\n") == 1
    assert list(found) == ["train", "test", "baseline", "parameters", "seconds", "model"]
    assert set(found["train"]) == set(found["test"]) == {"accuracy"}
    assert found["baseline"] == {
        "constant": {"accuracy": pytest.approx(0.5, abs=0.2)},
        "linear": {"accuracy": pytest.approx(0.9, abs=0.15)},
    }
    assert found["parameters"] == 3 * 4 + 4 + 4 * 2 + 2 == len(nn.load(found["model"]).parameters())
    assert found["model"] == "shop/model.safetensors"


def test_the_same_seed_gives_the_same_files_and_figures(run: Runner, shop: Path, folder: Path) -> None:
    def once(*seed: str) -> tuple[dict[str, object], bytes]:
        found = json.loads(run("fit", shop, "--target", "kind", "--json", *QUICK, *seed).out)
        del found["seconds"]
        return found, (folder / "shop" / "model.safetensors").read_bytes()

    first = once()
    assert once() == first
    assert once("--seed", "0") == first
    assert once("--seed", "1")[1] != first[1]


def test_quiet_leaves_stderr_empty(run: Runner, shop: Path) -> None:
    ran = run("fit", shop, "--target", "kind", "-q", *QUICK)
    assert ran.err == ""
    assert ran.out


def test_history_file(run: Runner, shop: Path, folder: Path) -> None:
    run("fit", shop, "--target", "kind", *QUICK)
    history = json.loads((folder / "shop" / "history.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert set(history["files"]) == names(folder / "shop")
    assert history["epochs"] == [1, 2, 3]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "rate", "seconds"):
        assert len(history[name]) == 3
    assert set(history["gradient_norm"]) == {"layers.0", "layers.1", "layers.2"}


def test_it_stops_early_and_keeps_the_best_epoch(run: Runner, shop: Path, folder: Path) -> None:
    ran = run("fit", shop, "--target", "price", "--patience", "3", "--epochs", "500")
    history = json.loads((folder / "shop" / "history.json").read_text("utf-8"))
    best = history["val_loss"].index(min(history["val_loss"])) + 1
    assert len(history["epochs"]) == best + 3 < 500
    assert f"stopped: val_loss has not improved since epoch {best}" in ran.err


def test_options_reach_the_training(run: Runner, shop: Path, folder: Path) -> None:
    run("fit", shop, "--target", "kind", "--lr", "0.25", "--hidden", "0", "--out", "elsewhere/deep", *QUICK)
    history = json.loads((folder / "elsewhere" / "deep" / "history.json").read_text("utf-8"))
    assert history["rate"] == [0.25] * 3
    assert set(history["gradient_norm"]) == {"layers.0"}


def test_a_dropped_column_whose_name_holds_a_comma(run: Runner, folder: Path) -> None:
    (folder / "s.csv").write_text(SHOP.replace("width", '"width, cm"').replace("height", "h"), "utf-8")
    ran = run("fit", "s.csv", "--target", "kind", "--drop", 'h, "width, cm"', *QUICK)
    assert "note: h: left out (as you asked)" in ran.err
    assert "note: width, cm: left out (as you asked)" in ran.err


def test_task_and_delimiter(run: Runner, folder: Path) -> None:
    path = folder / "s.csv"
    path.write_text(SHOP.replace(",", ";").replace("small", "1").replace("big", "2"), "utf-8")
    ran = run("fit", path, "--target", "kind", "--task", "regression", "--delimiter", "semicolon", "--json", *QUICK)
    assert set(json.loads(ran.out)["test"]) == {"rmse", "r2"}


def test_nan_is_an_error_unless_it_is_said_to_be_missing(run: Runner, folder: Path) -> None:
    path = folder / "s.csv"
    path.write_text(SHOP.replace(f"\n{SHOP.splitlines()[4].split(',')[0]},", "\nnan,", 1), "utf-8")
    assert "line 5 of s.csv, column 'width': 'nan'" in run.fails("fit", path, "--target", "kind", *QUICK)
    ran = run("fit", path, "--target", "kind", "--nan-as-missing", *QUICK)
    assert ran.code == 0
    assert "width: 1 missing cell became the training median" in ran.err


def test_penguins_beat_the_constant_answer(run: Runner) -> None:
    found = json.loads(run("fit", penguins_path(), "--target", "species", "--json", "-q").out)
    assert found["test"]["accuracy"] > 0.95 > found["baseline"]["constant"]["accuracy"]


def test_without_matplotlib_the_picture_is_left_out_and_it_is_said(
    run: Runner, shop: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    ran = run("fit", shop, "--target", "kind", *QUICK)
    assert ran.code == 0
    assert "loss.png was left out" in ran.err
    assert "pip install" in ran.err
    assert names(folder / "shop") == FILES - {"loss.png"}


def test_a_divergence_in_the_first_epoch_writes_nothing(run: Runner, shop: Path, folder: Path) -> None:
    message = run.fails("fit", shop, "--target", "price", "--lr", "1e200")
    assert "nothing was learnt: the loss became" in message
    assert "--lr" in message
    assert names(folder) == {"shop.csv"}


def test_ctrl_c_writes_nothing_and_exits_130(
    run: Runner, shop: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    from chainrule.optim import AdamW

    def pressed(_: AdamW) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(AdamW, "step", pressed)
    ran = run("fit", shop, "--target", "kind")
    assert ran.code == 130
    assert ran.out == ""
    assert ran.err.splitlines()[-1] == "error: interrupted"
    assert names(folder) == {"shop.csv"}
