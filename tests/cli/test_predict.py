"""chainrule predict: round trips, other orders, gaps, unseen categories, and refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from chainrule import nn
from chainrule.nn import MLP
from tests.cli.running import HEIGHT, KIND, SHOP, WIDTH, Runner


@pytest.fixture
def model(run: Runner, shop: Path) -> str:
    """A classifier of kind by width, height and price."""
    assert run("fit", shop, "--target", "kind", "-q", "--out", "m").code == 0
    return "m/model.safetensors"


@pytest.fixture
def regressor(run: Runner, shop: Path) -> str:
    """A regressor of price by width, height and kind."""
    assert run("fit", shop, "--target", "price", "-q", "--out", "r").code == 0
    return "r/model.safetensors"


def test_labels_as_csv(run: Runner, shop: Path, model: str) -> None:
    ran = run("predict", model, shop)
    header, *labels = ran.out.splitlines()
    assert (ran.code, header) == (0, "kind")
    assert np.mean([label == kind for label, kind in zip(labels, KIND, strict=True)]) > 0.9
    right = sum(label == kind for label, kind in zip(labels, KIND, strict=True))
    assert ran.err.splitlines()[-1] == f"note: {right} of the 60 rows with a known kind are right"


def test_numbers_as_json(run: Runner, shop: Path, regressor: str) -> None:
    ran = run("predict", regressor, shop, "--json")
    numbers = json.loads(ran.out)
    assert np.corrcoef(numbers, 10 * WIDTH - HEIGHT)[0, 1] > 0.95
    assert "note: rmse" in ran.err


def test_json_and_csv_agree_and_json_is_a_list_of_labels(run: Runner, shop: Path, model: str) -> None:
    assert json.loads(run("predict", model, shop, "--json").out) == run("predict", model, shop).out.split()[1:]


def test_predictions_equal_the_models_own_outputs(run: Runner, folder: Path, regressor: str) -> None:
    (folder / "new.csv").write_text("width,height,kind\n3.25,4.5,big\n", "utf-8")
    [number] = json.loads(run("predict", regressor, "new.csv", "--json").out)
    extra = nn.read_extra(regressor)
    row = []
    for column in extra["columns"]:
        cell = {"width": 3.25, "height": 4.5, "kind": "big"}[column["name"]]
        if column["kind"] == "number":
            row.append((cell - column["mean"]) / column["scale"])
        else:
            row += [float(category == cell) for category in column["categories"]]
    model: Any = nn.load(regressor)
    output = model(row).data
    assert number == extra["target"]["mean"] + extra["target"]["scale"] * output


def test_columns_in_any_order_extra_ones_ignored_and_said(run: Runner, folder: Path, model: str) -> None:
    first, *rest = list(csv.reader(SHOP.splitlines()))
    order = [3, 1, 0]
    lines = [["colour", *(first[i] for i in order)], *(["red", *(row[i] for i in order)] for row in rest)]
    (folder / "new.csv").write_text("\n".join(map(",".join, lines)), "utf-8")
    ran = run("predict", model, "new.csv")
    assert ran.out == run("predict", model, "shop.csv").out
    assert ran.err == "note: not used by the model, and ignored: 'colour'\n"


def test_gaps_and_unseen_categories_are_handled_and_said(run: Runner, folder: Path, regressor: str) -> None:
    (folder / "new.csv").write_text("kind,height,width\nhuge,,3\nbig,4,NA\n", "utf-8")
    ran = run("predict", regressor, "new.csv", "--json")
    assert len(json.loads(ran.out)) == 2
    assert "note: height: 1 missing cell became the median" in ran.err
    assert "note: kind: 'huge' not seen in training (1 cell)" in ran.err


def test_out_writes_a_file_and_says_so(run: Runner, shop: Path, folder: Path, model: str) -> None:
    ran = run("predict", model, shop, "--out", "p.csv")
    assert ran.out == ""
    assert "60 predictions written to p.csv" in ran.err
    assert (folder / "p.csv").read_text("utf-8") == run("predict", model, shop).out
    run("predict", model, shop, "--out", "p.json", "--json", "-q")
    assert len(json.loads((folder / "p.json").read_text("utf-8"))) == 60


def test_out_to_a_device(run: Runner, shop: Path, model: str) -> None:
    assert run("predict", model, shop, "--out", "/dev/null").code == 0


@pytest.mark.parametrize("own", ["shop.csv", "m/model.safetensors"])
def test_out_over_its_own_input_is_refused(run: Runner, shop: Path, model: str, own: str) -> None:
    before = Path(own).read_bytes()
    assert "is the file that is read" in run.fails("predict", model, shop, "--out", own)
    assert Path(own).read_bytes() == before


def test_labels_that_csv_must_quote(run: Runner, folder: Path) -> None:
    text = SHOP.replace("big", '"big, ""really"""')
    (folder / "q.csv").write_text(text, "utf-8")
    run("fit", "q.csv", "--target", "kind", "-q", "--epochs", "20")
    rows = list(csv.reader(run("predict", "q/model.safetensors", "q.csv").out.splitlines()))
    assert {row[0] for row in rows[1:]} == {'big, "really"', "small"}


# Change to the new rows -> words of the sentence.
WRONG_ROWS = {
    "lacks the column 'width' that the model needs: is it 'Widht'?": SHOP.replace("width", "Widht"),
    "lacks the columns 'width', 'height'": "kind,price\nbig,3\n",
    "line 3 of new.csv, column 'width': 'wide' is not a number": "width,height,price\n1,2,3\nwide,2,3\n",
    "'inf' is not a finite number": "width,height,price\ninf,2,3\n",
    "line 3 of new.csv has 2 cells": "width,height,price\n1,2,3\n1,2\n",
    "new.csv is empty": "",
    "no rows": "width,height,price\n",
}


@pytest.mark.parametrize("words", WRONG_ROWS)
def test_wrong_rows(run: Runner, folder: Path, model: str, words: str) -> None:
    (folder / "new.csv").write_text(WRONG_ROWS[words], "utf-8")
    assert words in run.fails("predict", model, "new.csv", "--out", "p.csv")
    assert not (folder / "p.csv").exists()


def test_wrong_models(run: Runner, shop: Path, folder: Path) -> None:
    MLP(2, [1]).save(folder / "bare.safetensors")
    save_file({"w": np.zeros(3)}, folder / "foreign.safetensors")
    (folder / "text.safetensors").write_text("no model", "utf-8")
    target = {"name": "kind", "task": "classification", "classes": ["a", "b"]}
    number = {"name": "width", "kind": "number", "median": 0, "mean": 0, "scale": 1}
    MLP(3, [2]).save(folder / "narrow.safetensors", extra={"columns": [number], "target": target})
    MLP(1, [3]).save(folder / "wide.safetensors", extra={"columns": [number], "target": target})
    for name, words in {
        "nowhere": "nowhere.safetensors",
        "bare": "says nothing about columns",
        "foreign": "not written by chainrule",
        "text": "text.safetensors",
        "narrow": "does not fit its own list of columns",
        "wide": "does not fit its own list of classes",
    }.items():
        assert words in run.fails("predict", f"{name}.safetensors", shop)
    assert "shop" in run.fails("predict", shop, shop)


CELLS = st.one_of(st.floats(-1e9, 1e9).map(repr), st.sampled_from(["", "NA", "a", "b", "é, ü"]), st.integers().map(str))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_table_is_learnt_and_predicted_or_refused_in_one_sentence(run: Runner, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 3))
    kinds = [data.draw(st.sampled_from(["number", "text", "any"])) for _ in range(width)]
    rows = data.draw(st.integers(9, 25))
    text = {"number": st.floats(-1e6, 1e6).map(repr), "text": st.sampled_from("abc"), "any": CELLS}
    columns = [data.draw(st.lists(text[kind], min_size=rows, max_size=rows)) for kind in kinds]
    target = data.draw(
        st.lists(st.sampled_from(["x", "y"]) if width % 2 else text["number"], min_size=rows, max_size=rows)
    )
    with Path("any.csv").open("w", encoding="utf-8", newline="") as file:
        names = [f"c{i}" for i in range(width)]
        csv.writer(file).writerows([[*names, "t"], *zip(*columns, target, strict=True)])
    ran = run("fit", "any.csv", "--target", "t", "--epochs", "2", "--hidden", "2", "-q", "--json")
    assert ran.code in (0, 1)
    if ran.code:
        assert ran.out == ""
        assert ran.err.startswith("error: ")
        assert ran.err.count("\n") == 1
    else:
        predicted = run("predict", "any/model.safetensors", "any.csv", "--json", "-q")
        assert len(json.loads(predicted.out)) == rows


def test_a_model_of_no_numbers_is_said(run: Runner, shop: Path, regressor: str) -> None:
    """A weight that is nan, as a program may save it, makes every prediction nan."""
    model, extra = nn.load(regressor), nn.read_extra(regressor)
    model.parameters()[-1].data = float("nan")
    model.save(regressor, extra=extra)
    assert "predictions are not finite numbers: train the model again" in run("predict", regressor, shop).err
