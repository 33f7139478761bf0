"""The target: classes or a number, and every reason why it cannot be learnt."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chainrule.data import Table, Target, choose_target, target_from_json
from chainrule.errors import DataError, ModelFileError


def made(cells: list[str]) -> Table:
    return Table("t.csv", {"y": cells, "x": cells}, list(range(2, len(cells) + 2)))


def task(cells: list[str]) -> str:
    return choose_target(made(cells), "y")[0].task


REGRESSION = [f"{i * 0.37:.2f}" for i in range(20)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a", "b"] * 10, "classification"),
        (["0", "1"] * 10, "classification"),
        (["0.5", "1.5"] * 10, "classification"),
        (["1", "2", "3"] * 10, "classification"),
        ([str(i % 10) for i in range(50)], "classification"),
        ([str(i % 11) for i in range(110)], "regression"),
        ([str(i) for i in range(20)], "regression"),
        (REGRESSION, "regression"),
    ],
)
def test_the_cells_decide_and_it_is_said(cells: list[str], expected: str) -> None:
    target, known, notes = choose_target(made(cells), "y")
    assert target.task == expected
    assert len(known) == len(cells)
    assert expected in notes[-1]


def test_the_flag_decides() -> None:
    assert choose_target(made(["1", "2", "3"] * 10), "y", "regression")[0].task == "regression"
    assert choose_target(made(REGRESSION[:8] * 5), "y", "classification")[0].task == "classification"


def test_classes_are_in_order_numbers_by_value() -> None:
    assert choose_target(made(["10", "9", "2"] * 10), "y")[0].classes == ("2", "9", "10")
    assert choose_target(made(["b", "a"] * 10), "y")[0].classes == ("a", "b")


def test_one_number_in_two_spellings_is_one_class() -> None:
    table = made(["1", "1.0", "2", "2e0"] * 5)
    target, _, _ = choose_target(table, "y")
    assert target.classes == ("1", "2")
    assert target.encode_classes(table).tolist() == [0, 0, 1, 1] * 5


def test_rows_without_a_target_are_left_out_and_it_is_said() -> None:
    _, known, notes = choose_target(made(["a", "", "b", "NA"] * 5), "y")
    assert known.tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert notes[0] == "10 rows without a y left out"


WRONG = {
    "every cell": [""] * 20,
    "9 rows with a y": ["a", "b", "c"] * 3,
    "is 'a' in every row": ["a"] * 20,
    "one class, '1'": ["1", "1.0"] * 10,
    "class 'rare' of target 'y' has one row (line 6": ["a", "b", "a", "b", "rare", *["a", "b"] * 8],
    "20 classes in 20 rows": [f"name {i}" for i in range(20)],
    "line 5 of t.csv, column 'y': 'nan'": ["1.5", "2.5", "3.7", "nan", *REGRESSION],
    "line 3 of t.csv, column 'y': 'inf'": ["1", "inf", *REGRESSION],
    "line 7 of t.csv, column 'y': 'oops' is not a number": [*REGRESSION[:5], "oops", *REGRESSION[5:]],
}


@pytest.mark.parametrize("words", WRONG)
def test_targets_that_cannot_be_learnt(words: str) -> None:
    with pytest.raises(DataError) as caught:
        choose_target(made(WRONG[words]), "y")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "chosen", "words"),
    [
        (["a", "b"] * 10, "regression", "'a' is not a number"),
        (["1", "1.0"] * 10, "regression", "1 in every row"),
        ([str(i) for i in range(300)] * 2, "classification", "300 classes in 600 rows"),
    ],
)
def test_flag_against_the_cells(cells: list[str], chosen: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        choose_target(made(cells), "y", chosen)


def test_decoding() -> None:
    classes = Target("y", classes=("a", "b"))
    assert classes.decode(np.array([[0.1, 0.2], [3.0, -1.0]])) == ["b", "a"]
    assert Target("y", mean=10.0, scale=2.0).decode(np.array([0.0, -1.5])) == [10.0, 7.0]


def test_unknown_labels_have_no_number() -> None:
    assert Target("y", classes=("a", "b")).encode_classes(made(["b", "c", ""])).tolist() == [1, -1, -1]


@pytest.mark.parametrize("target", [Target("y", classes=("a", "b")), Target("y", mean=1.5, scale=0.1)])
def test_json_round_trip(target: Target) -> None:
    assert target_from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"task": "classification", "name": "y", "classes": ["a"]},
        {"task": "regression", "name": "y", "mean": 0, "scale": 0},
        {"task": "regression", "name": "y", "mean": "x", "scale": 1},
    ],
)
def test_damaged_metadata_is_one_sentence(data: object) -> None:
    with pytest.raises(ModelFileError, match="train the model again"):
        target_from_json(data)


def test_a_class_beyond_float64_is_an_error_with_its_line() -> None:
    with pytest.raises(DataError, match=r"line 5 of t\.csv, column 'y': '1e400' is not a class"):
        choose_target(made(["1", "2", "1", "1e400", *["1", "2"] * 10]), "y", "classification")


def test_numbers_beyond_float64_are_an_error_with_their_line() -> None:
    with pytest.raises(DataError, match=r"line 2 of t\.csv, column 'y': '1e400' is not a finite number"):
        choose_target(made([f"{i}e400" for i in range(1, 31)]), "y")
