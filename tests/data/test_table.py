"""Reading CSV files: what is accepted, what is said, and the sentence for whatever is wrong."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import read_table
from chainrule.errors import DataError
from tests.data.tables import table, write


def test_header_rows_and_lines(tmp_path: Path) -> None:
    read = table(tmp_path, 'a, b ,"c, d"\n1,2,3\n\n4,5,"x\ny"\n6,7,8\n')
    assert read.columns == {"a": ["1", "4", "6"], "b": ["2", "5", "7"], "c, d": ["3", "x\ny", "8"]}
    assert read.lines == [2, 4, 6]
    assert len(read) == 3
    assert read.names == ("a", "b", "c, d")
    assert read.source == "data.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = f"a{delimiter}b\n1{delimiter}2\n3{delimiter}4\n"
    assert table(tmp_path, text).columns == {"a": ["1", "3"], "b": ["2", "4"]}


def test_delimiter_that_cuts_evenly_wins_over_the_one_that_cuts_more(tmp_path: Path) -> None:
    text = "name;price\nlamp, small, red;1\nlamp, big;2\nchair;3\n"
    assert table(tmp_path, text).names == ("name", "price")


def test_decimal_comma_where_commas_do_not_separate(tmp_path: Path) -> None:
    assert table(tmp_path, "a;b\n1,5;2\n").decimal_comma
    assert not table(tmp_path, "a,b\n1.5,2\n").decimal_comma


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    assert table(tmp_path, end.join(["a,b", "1,2", "3,4"])).columns == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize(
    ("data", "noted"),
    [
        ("\ufeffa,b\né,1\n".encode(), False),
        ("a,b\né,1\n".encode("utf-16"), False),
        ("a,b\né,1\n".encode("cp1252"), True),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, noted: bool) -> None:
    read = table(tmp_path, data)
    assert read.columns == {"a": ["é"], "b": ["1"]}
    assert bool(read.notes) is noted


def test_character_across_the_end_of_the_peek(tmp_path: Path) -> None:
    # The é that stands astride the end of the first block must not turn the file into Windows-1252.
    head = "a,b\n" + "x" * ((1 << 16) - 5)
    read = table(tmp_path, (head + "é,1\n").encode())
    assert read.columns["a"][0].endswith("xé")
    assert not read.notes


def test_spreadsheet_with_trailing_delimiters(tmp_path: Path) -> None:
    read = table(tmp_path, "a,b,,\n1,2,,\n3,4,,\n")
    assert read.names == ("a", "b")
    assert "2 columns" in read.notes[0]


def test_unnamed_column_with_cells_is_kept(tmp_path: Path) -> None:
    assert table(tmp_path, ",a\n0,1\n1,2\n").names == ("(column 1)", "a")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = os.pipe()
    os.write(ours, b"a,b\n1,2\n")
    os.close(ours)
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert read_table("-").columns == {"a": ["1"], "b": ["2"]}


# What is wrong -> words that its sentence must hold.
WRONG: list[tuple[str | bytes, list[str]]] = [
    ("", ["empty", "first line", "column names"]),
    ("\n\n  \n", ["empty"]),
    ("a,b\n", ["header (line 1)", "no rows"]),
    ("a,b\n1,2\n3\n", ["line 3", "1 cell", "header has 2"]),
    ("a,b\n1,2\n\n1,2,3\n", ["line 4", "3 cells", "comma"]),
    ("a,b,a\n1,2,3\n", ["'a' more than once", "columns 1 and 3"]),
    ("1,2\n3,4\n", ["line 1", "only numbers", "'1', '2'"]),
    ('a,b\n1,2\n"3,4\n5,6\n', ["line 3", "never closed"]),
    ('a,b\n1,"2"x\n', ["line 2", "quotes"]),
    (b"a,b\n\x00\x01\x02,3\n", ["not a text file"]),
    (b"PK\x03\x04rest", ["Excel"]),
    (b"\x1f\x8brest", ["gzip"]),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ["not a text file"]),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_wrong_files(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        table(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "data.csv" in message
    for word in words:
        assert word in message


def test_a_quote_that_swallows_a_huge_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 .* never closed"):
        table(tmp_path, 'a,b\n1,"2\n' + "1,2\n" * 100_000)


def test_wrong_delimiter_on_a_huge_file_is_seen_in_the_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"single column 'a,b': it looks like comma \(','\)"):
        table(tmp_path, "a,b\n" + "1,2\n" * 100_000, delimiter=";")


def test_missing_file_proposes_a_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "penguins.csv")
    with pytest.raises(DataError, match=r"no file .*pengiuns.csv: did you mean '.*penguins.csv'"):
        read_table(tmp_path / "pengiuns.csv")
    with pytest.raises(DataError, match="check the path"):
        read_table(tmp_path / "nowhere" / "data.csv")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a directory"):
        read_table(tmp_path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a,b\n1,2\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "FileIO", refuse)
    with pytest.raises(DataError, match=r"cannot read .*Permission denied"):
        read_table(path)


def test_other_bytes_after_the_start(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="save it as UTF-8"):
        table(tmp_path, b"a,b\n" + b"1,2\n" * 50_000 + b"\xe9,2\n")


def test_missing_column_proposes_the_nearest(tmp_path: Path) -> None:
    read = table(tmp_path, "species,mass\nx,1\n")
    with pytest.raises(DataError, match="no column 'Spezies': did you mean 'species'"):
        read.column("Spezies")
    with pytest.raises(DataError, match="the columns are 'species', 'mass'"):
        read.column("q")


def test_nan_as_missing_touches_only_nan(tmp_path: Path) -> None:
    read = table(tmp_path, "a,b\nNaN,nano\n-nan,1\n").nan_as_missing()
    assert read.columns == {"a": ["", ""], "b": ["nano", "1"]}


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)


@given(st.data())
def test_any_table_that_csv_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    width = data.draw(st.integers(2, 4))
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5))
    names = [f"col{i}" for i in range(width)]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text.getvalue(), "utf-8", newline="")
    read = read_table(path, ",")
    assert [list(row) for row in zip(*read.columns.values(), strict=True)] == [
        [cell.strip() for cell in row] for row in rows
    ]


@given(st.binary(max_size=300))
def test_any_bytes_give_a_table_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(data)
    try:
        read = read_table(path)
    except DataError as caught:
        error: DataError | None = caught
    else:
        error = None
        assert {len(cells) for cells in read.columns.values()} == {len(read)}
    assert error is None or "\n" not in str(error)
