"""Checking what a person passes as X and y, before anything is changed: numbers, finite, of one length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ArityError, DataError, NumberError

Floats = npt.NDArray[np.float64]


def as_rows(X: Any, name: str = "X") -> Floats:
    """Return a table of numbers as float64 of shape (rows, columns); a flat list is one column.

    Raises:
        ArityError: no rows, rows of different lengths, or more than two dimensions.
        NumberError: something in it is not a real number.
        DataError: something in it is nan or infinite.
    """
    array = _as_floats(X, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ArityError(f"{name} has shape {array.shape}: give one row of numbers per sample")
    return array


def as_targets(y: Any, rows: int, name: str = "y") -> Floats:
    """Return targets as float64, shape (rows,) or (rows, outputs); a single column is flattened.

    Raises:
        ArityError: their number is not `rows`, or more than two dimensions.
        NumberError: something in it is not a real number.
        DataError: something in it is nan or infinite.
    """
    array = _as_floats(y, name)
    if len(array) != rows:
        raise ArityError(f"X has {rows} rows and {name} has {len(array)} targets: give one target per row")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim > 2 or array.size == 0:
        raise ArityError(f"{name} has shape {array.shape}: give one number, or one row of numbers, per sample")
    return array


def _as_floats(data: Any, name: str) -> Floats:
    if isinstance(data, str | bytes | dict | set) or not hasattr(data, "__len__"):
        raise NumberError(f"{name} is {_kind(data)}: give a list of rows or a numpy array")
    try:
        array = np.asarray(data)
    except ValueError:
        raise _ragged(data, name) from None
    if array.ndim and len(array) == 0:
        raise ArityError(f"{name} is empty: give at least one row")
    if array.dtype.kind not in "biuf":
        array = _from_objects(array, data, name)
    floats = array.astype(np.float64)
    if not np.isfinite(floats).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        raise DataError(f"{_cell(name, where)} is {floats[where]}: replace it or leave that row out")
    return floats


def _from_objects(array: npt.NDArray[Any], data: Any, name: str) -> Floats:
    """Read an array of Python objects (Fractions, Values, …) number by number, refusing text."""
    if array.dtype.kind == "O" and array.ndim == 1 and hasattr(array[0], "__len__"):
        raise _ragged(data, name)
    objects = np.asarray(data, dtype=object)
    floats = np.empty(objects.shape)
    for where, item in np.ndenumerate(objects):
        if isinstance(item, str | bytes | complex) or not hasattr(item, "__float__"):
            raise NumberError(f"{_cell(name, where)} is {item!r:.60} ({_kind(item)}): it must be a number")
        try:
            floats[where] = float(item)
        except OverflowError:
            raise DataError(f"{_cell(name, where)} is too large for a float: scale it or leave it out") from None
    return floats


def _ragged(data: Any, name: str) -> ArityError:
    lengths = [len(row) if hasattr(row, "__len__") else None for row in data]
    row = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
    sizes = ["a single number" if n is None else f"{n} numbers" for n in (lengths[0], lengths[row])]
    return ArityError(f"row 0 of {name} is {sizes[0]} and row {row} is {sizes[1]}: make all rows equally long")


def _cell(name: str, where: tuple[int, ...]) -> str:
    return name + "".join(f"[{i}]" for i in where)


def _kind(item: Any) -> str:
    return "None" if item is None else f"of type {type(item).__name__}"
