"""Every mistake a person can make with `fit`: one sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli import main
from tests.cli.running import SHOP, Runner
from tests.faults import full_disk

HEADER, *ROWS = SHOP.splitlines()
REST = "\n".join(ROWS)


def with_row(row: str, place: int = 10) -> str:
    """The table with one more row, on line place + 2."""
    return "\n".join([HEADER, *ROWS[:place], row, *ROWS[place:]])


def with_kind(cells: list[str]) -> str:
    """The table with another kind column."""
    rows = [row.split(",") for row in ROWS]
    return "\n".join([HEADER, *(",".join([r[0], r[1], c, r[3]]) for r, c in zip(rows, cells, strict=False))])


# Words of the sentence -> the file that earns it, with kind as the target.
WRONG_FILES: dict[str, str | bytes] = {
    "is empty": "",
    "no rows below it": HEADER + "\n",
    "a header line with the names of the columns seems to be missing": REST,
    "only numbers": "1,2,3\n" * 20,
    "line 12 of data.csv has 3 cells": with_row("1,2,big"),
    "line 12 of data.csv has 5 cells": with_row("1,2,big,3,4"),
    "names 'width' more than once": f"width,width,kind,price\n{REST}",
    "no column 'kind': did you mean 'kin'?": f"width,height,kin,price\n{REST}",
    "line 12 of data.csv, column 'width': 'nan'": with_row("nan,2,big,4"),
    "line 12 of data.csv, column 'price': '-inf'": with_row("1,2,big,-inf"),
    "line 12 of data.csv, column 'height': 'tall' is not a number": with_row("1,tall,big,4"),
    "line 12 of data.csv, column 'kind': 'nan' is not a class": with_row("1,2,nan,4"),
    "is 'big' in every row": with_kind(["big"] * 60),
    "the class 'rare' of target 'kind' has one row (line 2": with_kind(["rare", *["big", "small"] * 29, "big"]),
    "every cell of the target 'kind'": with_kind([""] * 60),
    "has 9 rows with a kind": "\n".join([HEADER, *ROWS[:9]]),
    "60 classes in 60 rows": with_kind([f"name {i}" for i in range(60)]),
    "no column to predict from": "kind,same\n" + "big,1\nsmall,1\n" * 20,
    "not a text file": b"\x00\x01" * 200,
    "Excel": b"PK\x03\x04....",
    "never closed": with_row('1,2,"big,4'),
}


@pytest.mark.parametrize("words", WRONG_FILES)
def test_wrong_files(run: Runner, folder: Path, words: str) -> None:
    text = WRONG_FILES[words]
    path = folder / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert words in run.fails("fit", path, "--target", "kind", "--epochs", "2", "-q")
    assert [p.name for p in folder.iterdir()] == ["data.csv"]


def test_wrong_places(run: Runner, shop: Path, folder: Path) -> None:
    assert "there is no file line\\nbreak" in run.fails("fit", "line\nbreak", "--target", "kind")
    assert "both the target and to be dropped" in run.fails("fit", shop, "--target", "kind", "--drop", "kind")
    assert "did you mean" in run.fails("fit", "shop.cvs", "--target", "kind")
    assert "is a directory" in run.fails("fit", folder, "--target", "kind")
    assert "single column" in run.fails("fit", shop, "--target", "kind", "--delimiter", ";")
    assert "no column 'colour'" in run.fails("fit", shop, "--target", "kind", "--drop", "colour")
    assert "'small' is not a number" in run.fails("fit", shop, "--target", "kind", "--task", "regression")


USAGE: list[list[str]] = [
    [],
    ["fit"],
    ["fit", "x.csv"],
    ["fit", "x.csv", "--target"],
    ["fit", "x.csv", "--target", "a", "--epochs", "0"],
    ["fit", "x.csv", "--target", "a", "--epochs", "many"],
    ["fit", "x.csv", "--target", "a", "--lr", "0"],
    ["fit", "x.csv", "--target", "a", "--lr", "nan"],
    ["fit", "x.csv", "--target", "a", "--lr", "fast"],
    ["fit", "x.csv", "--target", "a", "--weight-decay", "-1"],
    ["fit", "x.csv", "--target", "a", "--hidden", "16,x"],
    ["fit", "x.csv", "--target", "a", "--hidden", "16,-2"],
    ["fit", "x.csv", "--target", "a", "--seed", "-1"],
    ["fit", "x.csv", "--target", "a", "--task", "clustering"],
    ["fit", "x.csv", "--target", "a", "--delimiter", "ab"],
    ["fit", "x.csv", "--target", "a", "--delimiter", '"'],
    ["fit", "", "--target", "a"],
    ["fit", "x.csv", "--target", "a", "--out", ""],
    ["predict", "m.safetensors"],
    ["explain"],
    ["--nonsense"],
]


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_wrong_usage_exits_2(run: Runner, argv: list[str]) -> None:
    ran = run(*argv)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("usage: chainrule")


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["fit", "--help"], ["predict", "-h"], ["demo", "-h"]])
def test_help_exits_0(run: Runner, argv: list[str]) -> None:
    ran = run(*argv)
    assert ran.code == 0
    assert ran.out
    assert ran.err == ""


def test_only_what_exists_is_announced(run: Runner) -> None:
    text = run("--help").out
    for command in ("demo", "fit", "predict", "show", "explain", "bench"):
        assert f"\n    {command} " in text
    for later in ("check", "doctor"):
        assert f"\n    {later} " not in text


def test_an_out_that_is_a_file(run: Runner, shop: Path) -> None:
    before = shop.read_bytes()
    assert "is a file" in run.fails("fit", shop, "--target", "kind", "--out", shop, "-q")
    assert "cannot write into" in run.fails("fit", shop, "--target", "kind", "--out", shop / "below", "-q")
    assert shop.read_bytes() == before


def test_a_data_file_without_suffix_is_not_overwritten(run: Runner, folder: Path) -> None:
    (folder / "data").write_text(SHOP, "utf-8")
    assert "choose another folder with --out" in run.fails("fit", "data", "--target", "kind", "-q")


def test_an_out_that_cannot_be_written(run: Runner, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot write into" in run.fails("fit", shop, "--target", "kind", "-q")


def test_a_full_disk_leaves_the_old_results(run: Runner, shop: Path, folder: Path) -> None:
    assert run("fit", shop, "--target", "kind", "-q", "--epochs", "2").code == 0
    before = {path.name: path.read_bytes() for path in (folder / "shop").iterdir()}

    with full_disk():
        message = run.fails("fit", shop, "--target", "kind", "-q", "--epochs", "2", "--seed", "4")
    assert "No space left on device" in message
    assert {path.name: path.read_bytes() for path in (folder / "shop").iterdir()} == before
    assert {path.name for path in folder.iterdir()} == {"shop.csv", "shop"}


def test_a_mistake_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch, shop: Path) -> None:
    # A planted fault: what is no mistake of the person's must not be dressed up as one.
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("chainrule.data.read_table", broken)
    with pytest.raises(KeyError, match="ours"):
        main(["fit", str(shop), "--target", "kind"])
