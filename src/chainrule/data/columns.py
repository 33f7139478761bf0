"""How columns of text become a model's inputs: numbers scaled, categories one-hot, the rest left out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.cells import is_missing, is_not_finite, parse_number
from chainrule.data.table import Table, closest, count, listed
from chainrule.errors import DataError, ModelFileError

ABSENT = "(missing)"  # the category of an empty cell in a text column


@dataclass(frozen=True)
class Number:
    """A numeric column: missing cells become the training median, then (x − mean) / scale."""

    name: str
    median: float
    mean: float
    scale: float

    def inputs(self) -> list[str]:
        """Return the names of the inputs that this column becomes."""
        return [self.name]

    def encode(self, table: Table, notes: list[str]) -> npt.NDArray[np.float64]:
        """Return the scaled inputs of all rows, shape (rows, 1).

        Raises:
            DataError: a cell is neither a finite number nor missing.
        """
        values = numbers_of(table, self.name)
        if absent := int(np.isnan(values).sum()):
            notes.append(f"{self.name}: {count(absent, 'missing cell')} became the median {self.median:g}")
        values = np.where(np.isnan(values), self.median, values)
        return ((values - self.mean) / self.scale)[:, None]


@dataclass(frozen=True)
class Category:
    """A text column: one input per category seen in training, 1 where the cell is that category."""

    name: str
    categories: tuple[str, ...]

    def inputs(self) -> list[str]:
        """Return the names of the inputs that this column becomes."""
        return [f"{self.name}={category}" for category in self.categories]

    def encode(self, table: Table, notes: list[str]) -> npt.NDArray[np.float64]:
        """Return the inputs of all rows, shape (rows, categories); an unseen category is all zeros."""
        cells = categories_of(table, self.name)
        unseen = Counter(cell for cell in cells if cell not in self.categories)
        if unseen:
            notes.append(
                f"{self.name}: {listed(sorted(unseen), 4)} not seen in training "
                f"({count(unseen.total(), 'cell')}): treated as none of the known categories"
            )
        index = {category: i for i, category in enumerate(self.categories)}
        encoded = np.zeros((len(cells), len(index)))
        for row, cell in enumerate(cells):
            if cell in index:
                encoded[row, index[cell]] = 1.0
        return encoded


Column = Number | Category


@dataclass(frozen=True)
class Preparation:
    """What was learnt from the training rows about each column; turns any table into inputs."""

    columns: tuple[Column, ...]

    def inputs(self) -> list[str]:
        """Return the name of each input in order."""
        return [name for column in self.columns for name in column.inputs()]

    def encode(self, table: Table) -> tuple[npt.NDArray[np.float64], list[str]]:
        """Return the inputs, shape (rows, inputs), and what a person should know about them.

        Columns are found by name, in any order; columns that the preparation does not know are ignored.

        Raises:
            DataError: a column is missing, or a cell of a numeric column is not a number.
        """
        self._require(table)
        notes: list[str] = []
        return np.hstack([column.encode(table, notes) for column in self.columns]), notes

    def _require(self, table: Table) -> None:
        missing = [column.name for column in self.columns if column.name not in table.columns]
        if not missing:
            return
        spare = [name for name in table.names if name not in {column.name for column in self.columns}]
        near = closest(missing[0], spare)
        hint = f"is it '{near}'? rename that column" if near else f"the file has {listed(table.names)}"
        noun = "the column" if len(missing) == 1 else "the columns"
        raise DataError(f"{table.source} lacks {noun} {listed(missing)} that the model needs: {hint}")

    def to_json(self) -> list[dict[str, object]]:
        """Return the preparation as plain JSON, which `from_json` reads."""
        return [
            {"name": c.name, "kind": "number", "median": c.median, "mean": c.mean, "scale": c.scale}
            if isinstance(c, Number)
            else {"name": c.name, "kind": "category", "categories": list(c.categories)}
            for c in self.columns
        ]

    @classmethod
    def from_json(cls, data: object) -> Preparation:
        """Rebuild a preparation; raises ModelFileError when the data is not one."""
        if not isinstance(data, Sequence) or isinstance(data, str) or not data:
            raise ModelFileError("the model file's list of columns cannot be read: train the model again")
        return cls(tuple(_column_from_json(item) for item in data))


def _column_from_json(item: Any) -> Column:
    try:
        if item["kind"] == "category":
            return Category(str(item["name"]), tuple(str(category) for category in item["categories"]))
        number = Number(str(item["name"]), float(item["median"]), float(item["mean"]), float(item["scale"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"the model file describes a column that cannot be read ({item!r:.80}): train the model again"
        ) from error
    if not (math.isfinite(number.median) and math.isfinite(number.mean) and 0 < number.scale < math.inf):
        raise ModelFileError(f"the model file scales column '{number.name}' by no usable number: train the model again")
    return number


def numbers_of(table: Table, name: str) -> npt.NDArray[np.float64]:
    """Return a column as float64, nan where a cell is missing.

    Raises:
        DataError: a cell is neither missing nor a finite number; the message names its line.
    """
    values = np.empty(len(table))
    for row, cell in enumerate(table.column(name)):
        number = parse_number(cell, table.decimal_comma)
        if number is not None and math.isfinite(number):
            values[row] = number
        elif is_missing(cell):
            values[row] = math.nan
        elif is_not_finite(cell):
            raise DataError(
                f"{table.place(row, name)}: '{cell}' is not a finite number: correct it, "
                "or leave the cell empty where the value is missing (--nan-as-missing does that for nan)"
            )
        else:
            raise DataError(f"{table.place(row, name)}: '{cell:.40}' is not a number: correct or empty that cell")
    return values


def categories_of(table: Table, name: str) -> list[str]:
    """Return a column as categories, with one name for all ways of writing a missing cell."""
    return [ABSENT if is_missing(cell) else cell for cell in table.column(name)]


COUNTS = "it numbers the rows"  # why a column is left out, unless there is no other


def prepare(
    table: Table,
    rows: npt.NDArray[np.intp],
    leave_out: Mapping[str, str],
    max_categories: int = 20,
) -> tuple[Preparation, list[str]]:
    """Decide for each column what it becomes, and learn medians, scales and categories from `rows` only.

    Args:
        table: all rows; whether a column is numeric or text is seen from all of them.
        rows: the training rows, from which every figure is taken.
        leave_out: columns that are not inputs, with the reason; an empty reason is not mentioned.
        max_categories: a text column with more categories than this is left out.

    Returns:
        The preparation, and what a person should know about the choices made.

    Raises:
        DataError: no column is usable, or a cell is not what the rest of its column is.
    """
    notes = [f"{name}: left out ({reason})" for name, reason in leave_out.items() if reason]
    columns: list[Column] = []
    counting: list[str] = []
    for name in table.names:
        if name in leave_out:
            continue
        column = _choose(table, name, rows, max_categories, notes)
        if column == COUNTS:
            counting.append(name)
        elif isinstance(column, str):
            notes.append(f"{name}: left out ({column})")
        else:
            columns.append(column)
    if columns:
        notes += [f"{name}: left out ({COUNTS})" for name in counting]
    else:  # a column that counts is what the table is about
        columns = [column for name in counting if not isinstance(column := _number(table, name, rows, notes), str)]
    if not columns:
        why = "; ".join(notes) or "the target is the only column"
        raise DataError(f"{table.source} has no column to predict from ({why}): add columns that tell rows apart")
    return Preparation(tuple(columns)), notes


def _choose(table: Table, name: str, rows: npt.NDArray[np.intp], max_categories: int, notes: list[str]) -> Column | str:
    """Return what a column becomes, or the reason why it is left out."""
    present = [cell for cell in table.column(name) if not is_missing(cell)]
    if not present:
        return "every cell is missing"
    numeric = [parse_number(cell, table.decimal_comma) is not None or is_not_finite(cell) for cell in present]
    if all(numeric):
        return COUNTS if _is_row_number(name, numbers_of(table, name)) else _number(table, name, rows, notes)
    distinct = len(set(present))
    if sum(numeric) > len(present) / 2 and distinct > max_categories:
        return _number(table, name, rows, notes)  # raises, and names the first cell that is no number
    if distinct > max_categories:
        return f"text with {distinct:,} different values, like a name or a date"
    if distinct > 2 and distinct > 0.9 * len(present):
        return f"text with {distinct:,} different values in {count(len(present), 'row')}, like a name"
    return _category(table, name, rows, notes)


def _number(table: Table, name: str, rows: npt.NDArray[np.intp], notes: list[str]) -> Number | str:
    values = numbers_of(table, name)
    known = values[rows][~np.isnan(values[rows])]
    if not known.size:
        return "every training cell is missing"
    median = float(np.median(known))
    filled = np.where(np.isnan(values[rows]), median, values[rows])
    if np.all(filled == filled[0]):
        return f"always {filled[0]:g} in the training rows"
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(filled.mean()), float(filled.std())
    if not math.isfinite(mean) or not 0 < scale < math.inf:
        raise DataError(
            f"column '{name}' of {table.source} ranges from {known.min():g} to {known.max():g}, "
            "too far for float64 to scale: divide the column by a large number first"
        )
    if absent := int(np.isnan(values).sum()):
        notes.append(f"{name}: {count(absent, 'missing cell')} became the training median {median:g}")
    return Number(name, median, mean, scale)


def _is_row_number(name: str, values: npt.NDArray[np.float64]) -> bool:
    """Tell whether whole numbers count the rows from 0 or 1, or are all different under a name like 'id'."""
    if len(values) < 3 or np.isnan(values).any() or np.any(values != np.floor(values)):
        return False
    if values[0] in (0, 1) and np.all(values[1:] == values[:-1] + 1):
        return True
    lower = name.lower()
    named_so = lower in {"id", "index", "rowid", "uuid"} or lower.endswith(("_id", " id", "-id"))
    return named_so and len(np.unique(values)) == len(values)


def _category(table: Table, name: str, rows: npt.NDArray[np.intp], notes: list[str]) -> Category | str:
    cells = categories_of(table, name)
    seen = sorted({cells[row] for row in rows})
    if len(seen) < 2:
        return f"always '{seen[0]}' in the training rows"
    absent = cells.count(ABSENT)
    extra = f"; {count(absent, 'missing cell')} as a category of their own" if absent else ""
    notes.append(f"{name}: text, one input for each of {listed(seen)}{extra}")
    return Category(name, tuple(seen))
