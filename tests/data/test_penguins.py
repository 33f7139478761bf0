"""The data set that ships: all of it is there."""

from __future__ import annotations

from collections import Counter

from chainrule.data import penguins_path, read_table
from chainrule.data.cells import is_missing


def test_rows_columns_and_gaps() -> None:
    table = read_table(penguins_path())
    assert len(table) == 344
    assert table.names == (
        "species",
        "island",
        "bill_length_mm",
        "bill_depth_mm",
        "flipper_length_mm",
        "body_mass_g",
        "sex",
        "year",
    )
    assert Counter(table.column("species")) == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert sum(is_missing(cell) for cells in table.columns.values() for cell in cells) == 19


def test_source_and_licence_stand_beside_it() -> None:
    note = penguins_path().with_name("penguins.py").read_text("utf-8")
    assert "CC0 1.0" in note
    assert "Gorman" in note
