"""Columns as inputs: what each kind becomes, what is learnt from training rows only, what is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import Preparation, Table, prepare
from chainrule.data.columns import Category, Number
from chainrule.errors import DataError, ModelFileError


def made(columns: dict[str, list[str]], decimal_comma: bool = False) -> Table:
    rows = len(next(iter(columns.values())))
    return Table("t.csv", columns, list(range(2, rows + 2)), decimal_comma)


def prepared(columns: dict[str, list[str]], rows: list[int] | None = None) -> tuple[Preparation, list[str]]:
    table = made(columns)
    chosen = np.arange(len(table)) if rows is None else np.array(rows)
    return prepare(table, chosen, {})


NUMBERS = {"x": ["1", "2.5", "7", "2"]}


def test_numbers_are_scaled_to_mean_0_and_deviation_1() -> None:
    preparation, notes = prepared(NUMBERS)
    encoded, _ = preparation.encode(made(NUMBERS))
    assert encoded.shape == (4, 1)
    assert np.allclose([encoded.mean(), encoded.std()], [0, 1])
    assert notes == []


def test_scaling_comes_from_training_rows_only() -> None:
    preparation, _ = prepared({"x": ["0", "2", "1000", "-1000"]}, rows=[0, 1])
    assert preparation.columns == (Number("x", 1.0, 1.0, 1.0),)


def test_missing_numbers_become_the_training_median_and_it_is_said() -> None:
    preparation, notes = prepared({"x": ["0", "", "4", "NA", "100"]}, rows=[0, 1, 2])
    assert notes == ["x: 2 missing cells became the training median 2"]
    encoded, said = preparation.encode(made({"x": ["?"]}))
    assert encoded == [[0.0]]
    assert said == ["x: 1 missing cell became the median 2"]


def test_text_becomes_one_input_per_category_of_the_training_rows() -> None:
    columns = {"x": ["b", "a", "", "b", "zebra"]}
    preparation, notes = prepared(columns, rows=[0, 1, 2, 3])
    assert preparation.inputs() == ["x=(missing)", "x=a", "x=b"]
    assert "one input for each" in notes[0]
    assert "1 missing cell as a category of their own" in notes[0]
    encoded, said = preparation.encode(made(columns))
    assert encoded.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert "'zebra' not seen in training (1 cell)" in said[0]


USELESS = {
    "it numbers the rows": [str(i) for i in range(1, 31)],
    "every cell is missing": ["", "NA"] * 15,
    "always 7": ["7"] * 30,
    "always 'a'": ["a"] * 30,
    "30 different values": [f"name {i}" for i in range(30)],
}


@pytest.mark.parametrize("reason", USELESS)
def test_columns_that_say_nothing_are_left_out_and_it_is_said(reason: str) -> None:
    preparation, notes = prepared({"x": USELESS[reason], "y": [str(i % 7) for i in range(30)]})
    assert preparation.inputs() == ["y"]
    assert len(notes) == 1
    assert notes[0].startswith("x: left out (")
    assert reason in notes[0]


def test_unique_numbers_under_the_name_of_an_id_are_left_out() -> None:
    unique = [str(i * 7919 % 104729) for i in range(30)]
    preparation, _ = prepared({"customer_id": unique, "income": unique})
    assert preparation.inputs() == ["income"]


def test_few_rows_of_almost_unique_text_are_left_out() -> None:
    preparation, notes = prepared({"x": list("abcdefgh"), "y": list("aabbaabb")})
    assert preparation.inputs() == ["y=a", "y=b"]
    assert "like a name" in notes[0]


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match="no column to predict from"):
        prepared({"x": ["1"] * 5})


@pytest.mark.parametrize("cell", ["nan", "-inf", "1e999"])
def test_numbers_that_are_not_finite_are_an_error_with_their_line(cell: str) -> None:
    with pytest.raises(DataError, match=f"line 4 of t.csv, column 'x': '{cell}' is not a finite number"):
        prepared({"x": ["1", "2", cell, "4"]})


def test_a_stray_word_in_a_column_of_numbers_is_an_error_with_its_line() -> None:
    cells = [str(i * i) for i in range(40)]
    cells[7] = "abc"
    with pytest.raises(DataError, match=r"line 9 of t.csv, column 'x': 'abc' is not a number"):
        prepared({"x": cells})


def test_numbers_too_far_apart_to_scale() -> None:
    with pytest.raises(DataError, match="too far for float64"):
        prepared({"x": ["-1e308", "1e308", "0"]})


def test_decimal_commas() -> None:
    table = made({"x": ["1,5", "2,5", "3"]}, decimal_comma=True)
    preparation, _ = prepare(table, np.arange(3), {})
    assert isinstance(preparation.columns[0], Number)


def test_dropped_columns_are_named_with_their_reason() -> None:
    preparation, notes = prepare(made({"x": ["1", "2"], "y": ["1", "3"]}), np.arange(2), {"x": "as you asked"})
    assert preparation.inputs() == ["y"]
    assert notes == ["x: left out (as you asked)"]


def test_columns_in_another_order_and_extra_ones() -> None:
    preparation, _ = prepared({"x": ["1", "2", "4"], "y": ["a", "b", "a"]})
    first, _ = preparation.encode(made({"x": ["3"], "y": ["b"]}))
    second, _ = preparation.encode(made({"new": ["?"], "y": ["b"], "x": ["3"]}))
    assert first.tolist() == second.tolist()


def test_missing_columns_are_named_with_what_they_may_be_called() -> None:
    preparation, _ = prepared({"flipper": ["1", "2", "4"], "y": ["a", "b", "a"]})
    with pytest.raises(DataError, match=r"lacks the column 'flipper' .* is it 'Fliper'"):
        preparation.encode(made({"Fliper": ["3"], "y": ["b"]}))
    with pytest.raises(DataError, match=r"lacks the columns 'flipper', 'y' .* the file has 'q'"):
        preparation.encode(made({"q": ["3"]}))


def test_text_where_numbers_were_learnt() -> None:
    preparation, _ = prepared(NUMBERS)
    with pytest.raises(DataError, match=r"line 2 of t.csv, column 'x': 'abc' is not a number"):
        preparation.encode(made({"x": ["abc"]}))


WORDS = st.text("abcéß ", min_size=1, max_size=4).filter(str.strip)


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=20), st.lists(WORDS, min_size=4, max_size=20))
def test_a_preparation_survives_json(numbers: list[float], words: list[str]) -> None:
    rows = min(len(numbers), len(words))
    table = made({"x": [repr(n) for n in numbers[:rows]], "y": words[:rows]})
    try:
        preparation, _ = prepare(table, np.arange(rows), {})
    except DataError:
        return
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation
    assert again.encode(table)[0].tolist() == preparation.encode(table)[0].tolist()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "columns",
        [3],
        [{"kind": "number"}],
        [{"kind": "number", "name": "x", "median": 0, "mean": 0, "scale": 0}],
        [{"kind": "number", "name": "x", "median": 0, "mean": float("nan"), "scale": 1}],
        [{"kind": "number", "name": "x", "median": 0, "mean": 0, "scale": "wide"}],
        [{"kind": "category", "name": "x", "categories": 7}],
    ],
)
def test_damaged_metadata_is_one_sentence(data: object) -> None:
    with pytest.raises(ModelFileError, match="train"):
        Preparation.from_json(data)


def test_a_category_is_found_by_its_exact_text() -> None:
    notes: list[str] = []
    encoded = Category("x", ("a", "b")).encode(made({"x": ["A", "a"]}), notes)
    assert encoded.tolist() == [[0, 0], [1, 0]]
    assert "'A'" in notes[0]


def test_a_column_that_counts_is_kept_when_it_is_all_there_is() -> None:
    counting = [str(i) for i in range(1, 31)]
    preparation, notes = prepared({"x": counting})
    assert preparation.inputs() == ["x"]
    assert not any("left out" in note for note in notes)
    preparation, notes = prepared({"x": counting, "size": [str(i % 7) for i in range(30)]})
    assert preparation.inputs() == ["size"]
    assert "x: left out (it numbers the rows)" in notes


def test_years_in_order_do_not_number_the_rows() -> None:
    years = [str(1990 + i) for i in range(30)]
    assert prepared({"year": years, "size": [str(i % 7) for i in range(30)]})[0].inputs() == ["year", "size"]
