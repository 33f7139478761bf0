"""Small CSV files for the tests of everything that reads one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chainrule.data import Table, read_table


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(folder: Path, text: str | bytes, **options: str) -> Table:
    """Write a file and read it."""
    return read_table(write(folder, text), **options)


def csv_of(columns: dict[str, Sequence[object]]) -> str:
    """Write columns as CSV text."""
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return "\n".join(rows) + "\n"
