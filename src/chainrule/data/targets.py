"""The column to be predicted: classes or a number, decided from its cells, and turned to and fro."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.cells import is_missing, is_not_finite, parse_number
from chainrule.data.columns import numbers_of
from chainrule.data.table import Table, count, listed
from chainrule.errors import DataError, ModelFileError

MOST_NUMBER_CLASSES = 10  # whole numbers with more values than this are a quantity, not classes
MOST_CLASSES = 100
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Target:
    """What a model predicts: one of `classes`, or, where there are none, a number mean + scale·output."""

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @property
    def task(self) -> str:
        """Return 'classification' or 'regression'."""
        return "classification" if self.classes else "regression"

    def encode_classes(self, table: Table) -> npt.NDArray[np.int64]:
        """Return the index of each row's class, −1 where the cell is missing or no known class."""
        index = {label: i for i, label in enumerate(self.classes)}
        cells = _labels(table, self.name)
        return np.array([index.get(cell, -1) for cell in cells], dtype=np.int64)

    def encode_numbers(self, table: Table) -> npt.NDArray[np.float64]:
        """Return each row's number in the file's own units, nan where the cell is missing."""
        return numbers_of(table, self.name)

    def decode(self, outputs: npt.NDArray[np.float64]) -> list[str] | list[float]:
        """Return labels for outputs of shape (rows, classes), or numbers for outputs of shape (rows,)."""
        if self.classes:
            return [self.classes[i] for i in outputs.argmax(axis=1)]
        numbers: list[float] = (self.mean + self.scale * outputs).tolist()
        return numbers

    def to_json(self) -> dict[str, object]:
        """Return the target as plain JSON, which `target_from_json` reads."""
        if self.classes:
            return {"name": self.name, "task": self.task, "classes": list(self.classes)}
        return {"name": self.name, "task": self.task, "mean": self.mean, "scale": self.scale}


def target_from_json(data: Any) -> Target:
    """Rebuild a target; raises ModelFileError when the data is not one."""
    try:
        if data["task"] == "classification":
            target = Target(str(data["name"]), classes=tuple(str(label) for label in data["classes"]))
            usable = len(target.classes) > 1
        else:
            target = Target(str(data["name"]), mean=float(data["mean"]), scale=float(data["scale"]))
            usable = math.isfinite(target.mean) and 0 < target.scale < math.inf
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError("the model file's target cannot be read: train the model again") from error
    if not usable:
        raise ModelFileError(f"the model file's target '{target.name}' cannot be used: train the model again")
    return target


def _labels(table: Table, name: str) -> list[str]:
    """Return the cells as labels: numbers in one spelling, so that 1 and 1.0 are one class."""
    cells = table.column(name)
    numbers = [parse_number(cell, table.decimal_comma) for cell in cells]
    if any(number is None and not is_missing(cell) for cell, number in zip(cells, numbers, strict=True)):
        return ["" if is_missing(cell) else cell for cell in cells]
    return ["" if number is None else _spelled(number) for number in numbers]


def _spelled(number: float) -> str:
    return str(int(number)) if abs(number) < 1e15 and number == math.floor(number) else repr(number)


def choose_target(table: Table, name: str, task: str | None = None) -> tuple[Target, npt.NDArray[np.intp], list[str]]:
    """Decide what kind of target a column is (unless `task` says so).

    Returns:
        The target (a regression's mean and scale are set later, from the training rows), the rows where
        it is known, and what a person should know about the choice.

    Raises:
        DataError: the column is absent, constant, has too few known cells, a class of one row, more
            classes than can be learnt, or a cell that is no number where numbers are wanted.
    """
    cells = table.column(name)
    known = np.flatnonzero([not is_missing(cell) for cell in cells])
    if not known.size:
        raise DataError(f"every cell of the target '{name}' of {table.source} is missing: choose another --target")
    notes = []
    if missing := len(cells) - known.size:
        notes.append(f"{count(missing, 'row')} without a {name} left out")
    if known.size < FEWEST_ROWS:
        raise DataError(
            f"{table.source} has {count(known.size, 'row')} with a {name}, and at least {FEWEST_ROWS} are "
            "needed to train, validate and test: collect more rows"
        )
    first = cells[known[0]]
    if all(cells[row] == first for row in known):
        raise DataError(
            f"the target '{name}' of {table.source} is '{first}' in every row, so there is nothing to learn: "
            "choose another --target"
        )
    if task is None:
        task, why = _task_of(table, name, known)
        notes.append(why)
    if task == "regression":
        values = numbers_of(table, name)[known]
        if np.all(values == values[0]):
            raise DataError(
                f"the target '{name}' of {table.source} is {values[0]:g} in every row, so there is nothing "
                "to learn: choose another --target"
            )
        return Target(name), known, notes
    return _classes(table, name, known), known, notes


def _task_of(table: Table, name: str, known: npt.NDArray[np.intp]) -> tuple[str, str]:
    cells = [table.columns[name][row] for row in known]
    numbers = [None if is_not_finite(cell) else parse_number(cell, table.decimal_comma) for cell in cells]
    numeric = [n for n in numbers if n is not None]
    if len(numeric) < len(cells):
        distinct = len(set(cells))
        stray = next(i for i, n in enumerate(numbers) if n is None)
        if is_not_finite(cells[stray]) or (len(numeric) > len(cells) / 2 and distinct > MOST_NUMBER_CLASSES):
            numbers_of(table, name)  # raises, and names the first cell that is no number
        return "classification", f"{name} is text with {distinct} classes: classification"
    distinct = len(set(numeric))
    whole = all(number == math.floor(number) for number in numeric)
    if distinct == 2 or (whole and distinct <= MOST_NUMBER_CLASSES and distinct * 5 <= len(numeric)):
        return "classification", (
            f"{name} has {distinct} different numbers: classification (--task regression to predict a number)"
        )
    return "regression", f"{name} is a number: regression (--task classification to predict classes)"


def _classes(table: Table, name: str, known: npt.NDArray[np.intp]) -> Target:
    cells = _labels(table, name)
    for row in known:
        cell = table.columns[name][row]
        if is_not_finite(cell):
            raise DataError(f"{table.place(int(row), name)}: '{cell}' is not a class: correct or empty that cell")
    sizes = Counter(cells[row] for row in known)
    if len(sizes) == 1:
        raise DataError(
            f"the target '{name}' of {table.source} has one class, {listed(list(sizes))}, so there is "
            "nothing to learn: choose another --target"
        )
    if len(sizes) > MOST_CLASSES or (len(sizes) > 10 and len(sizes) > known.size / 2):
        raise DataError(
            f"the target '{name}' of {table.source} has {len(sizes):,} classes in "
            f"{count(known.size, 'row')}, like an id or a measurement: choose another --target, "
            "or pass --task regression"
        )
    alone = next((label for label, size in sizes.items() if size == 1), None)
    if alone is not None:
        row = next(row for row in known if cells[row] == alone)
        raise DataError(
            f"the class '{alone}' of target '{name}' has one row (line {table.lines[row]} of "
            f"{table.source}), which cannot be both learnt and tested: add rows of it, merge it with another "
            "class, or remove it"
        )
    return Target(name, classes=tuple(_in_order(sizes)))


def _in_order(labels: Iterable[str]) -> list[str]:
    """Sort labels as numbers where all of them are, else alphabetically."""
    labels = list(labels)
    if all(parse_number(label) is not None for label in labels):
        return sorted(labels, key=float)
    return sorted(labels)
