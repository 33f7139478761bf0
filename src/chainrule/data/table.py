"""Reading a CSV file into named columns of text, with an error that names the line for whatever is wrong."""

from __future__ import annotations

import csv
import difflib
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chainrule.data.cells import NAN_SPELLINGS, parse_number
from chainrule.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
_PEEK = 1 << 16  # bytes looked at before anything is read for good: encoding, kind of file, delimiter
_SIGNATURES = {
    b"PK\x03\x04": "an Excel or zip file: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"PAR1": "a Parquet file: save the table as CSV",
    b"%PDF": "a PDF file: export the table as CSV",
}


@dataclass(frozen=True)
class Table:
    """Columns of cells as they stand in a file (text, stripped of spaces around).

    Attributes:
        source: name of the file, for messages.
        columns: cells by column name, in the file's order; all of one length.
        lines: the line of the file on which each row begins.
        decimal_comma: whether `3,14` is a number in this file.
        notes: what a person should know about how the file was read.
    """

    source: str
    columns: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns in the file's order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        """Return the number of rows below the header."""
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        """Return the cells of one column.

        Raises:
            DataError: there is no such column; the message proposes the nearest name.
        """
        if name in self.columns:
            return self.columns[name]
        near = closest(name, self.names)
        hint = f"did you mean '{near}'?" if near else f"the columns are {listed(self.names)}"
        if any(parse_number(other) is not None for other in self.names):
            hint += "; a header line with the names of the columns seems to be missing"
        raise DataError(f"{self.source} has no column '{name}': {hint}")

    def take(self, rows: Iterable[int]) -> Table:
        """Return the table of some rows."""
        chosen = list(rows)
        columns = {name: [cells[row] for row in chosen] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[row] for row in chosen])

    def nan_as_missing(self) -> Table:
        """Return the same table with every cell that spells nan made empty."""
        columns = {
            name: ["" if cell.lower() in NAN_SPELLINGS else cell for cell in cells]
            for name, cells in self.columns.items()
        }
        return replace(self, columns=columns)

    def place(self, row: int, name: str) -> str:
        """Return where a cell stands, as a message says it."""
        return f"line {self.lines[row]} of {self.source}, column '{name}'"


def closest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that a person most likely meant, or None."""
    by_lower = {other.lower(): other for other in reversed(names)}
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in quotes with commas, cut short after `most` of them."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def read_table(path: str | os.PathLike[str], delimiter: str | None = None) -> Table:
    """Read a CSV file with a header line; `delimiter` is found out when it is not given.

    UTF-8 (with or without a byte-order mark), UTF-16 with one, else Windows-1252; quoted fields may hold
    delimiters and line ends; blank lines are skipped; `-` reads standard input.

    Raises:
        DataError: the file cannot be read, is not text, has no rows, a header that cannot be used, or a
            row with more or fewer cells than the header (the message names its line).
    """
    source = "standard input" if str(path) == "-" else Path(path).name or str(path)
    try:
        with _open(path) as stream:
            return _parse(stream, source, delimiter)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _open(path: str | os.PathLike[str]) -> io.BufferedReader:
    if str(path) == "-":
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False), _PEEK)
    place = Path(path)
    if place.is_dir():
        raise DataError(f"{path} is a directory: give the CSV file inside it")
    if not place.exists():
        others = [other.name for other in place.parent.iterdir()] if place.parent.is_dir() else []
        near = closest(place.name, others)
        hint = f"did you mean '{place.with_name(near)}'?" if near else "check the path"
        raise DataError(f"there is no file {path}: {hint}")
    return io.BufferedReader(io.FileIO(place), _PEEK)


def _parse(stream: io.BufferedReader, source: str, delimiter: str | None) -> Table:
    start = stream.peek(_PEEK)[:_PEEK]
    encoding, sample = _decode_start(start, source)
    if not sample.strip():
        raise DataError(f"{source} is empty: the first line must hold the column names")
    chosen = delimiter or _find_delimiter(sample)
    notes = [] if encoding != "cp1252" else [f"{source} is not UTF-8: read as Windows-1252"]
    text = io.TextIOWrapper(stream, encoding=encoding, errors=_errors_of(encoding), newline="")
    try:
        rows = _rows(text, chosen, source)
        names, first_line = _header(rows, source, chosen, sample)
        columns, lines = _columns(rows, names, source, chosen)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} begins as {encoding} and later holds bytes that are not: save it as UTF-8"
        ) from error
    finally:
        text.detach()
    if not lines:
        raise DataError(f"{source} has a header (line {first_line}) and no rows below it")
    columns = _drop_unnamed(columns, source, notes)
    return Table(source, columns, lines, decimal_comma=chosen != ",", notes=tuple(notes))


def _errors_of(encoding: str) -> str:
    # Windows-1252 leaves five bytes undefined; a replacement mark in a label beats refusing the file.
    return "replace" if encoding == "cp1252" else "strict"


def _decode_start(start: bytes, source: str) -> tuple[str, str]:
    """Return the encoding and the text of the first bytes, or say that this is not text."""
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature):
            raise DataError(f"{source} is {kind}")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        try:
            io.TextIOWrapper(io.BytesIO(_whole_lines(start)), encoding=encoding).read()
        except UnicodeDecodeError:
            encoding = "cp1252"
    text = start.decode(encoding, errors="replace")
    strange = sum(character < " " and character not in "\t\r\n\f" for character in text)
    if strange:
        raise DataError(
            f"{source} is not a text file ({count(strange, 'control character')} near its start): give a CSV file"
        )
    return encoding, text


def _whole_lines(start: bytes) -> bytes:
    """Cut a full peek at its last line end, so that no character is cut in two."""
    return start if len(start) < _PEEK else start[: start.rfind(b"\n") + 1] or start[:-4]


def _find_delimiter(sample: str) -> str:
    """Return the delimiter that cuts the first lines into the most even rows of more than one cell."""
    lines = sample.splitlines(keepends=True)[:200]
    if len(sample) >= _PEEK // 2 and len(lines) > 1:
        lines = lines[:-1]  # the last one may be cut

    def evenness(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        try:
            widths = [len(row) for row in reader if row]
        except csv.Error:
            return (0.0, 0)
        width = widths[0] if widths else 0
        return (widths.count(width) / len(widths), width) if width > 1 else (0.0, 0)

    return max(DELIMITERS, key=evenness)


def _rows(text: io.TextIOWrapper, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each row begins, and its stripped cells; blank lines are left out."""
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(_quote_error(str(error), line, source)) from error
        if any(cells) or len(cells) > 1:
            yield line, [cell.strip() for cell in cells]


def _quote_error(reason: str, line: int, source: str) -> str:
    if "unexpected end" in reason or "field larger" in reason:
        return f"the row that begins on line {line} of {source} opens a quote that is never closed: close it"
    return f"line {line} of {source} cannot be read as CSV: {reason}: check the quotes on that line"


def _header(rows: Iterator[tuple[int, list[str]]], source: str, delimiter: str, sample: str) -> tuple[list[str], int]:
    line, names = next(rows, (0, []))
    if not names:
        raise DataError(f"{source} is empty: the first line must hold the column names")
    if len(names) == 1 and (better := _find_delimiter(sample)) != delimiter and better in names[0]:
        raise DataError(
            f"with the delimiter {spoken(delimiter)} the header of {source} is the single column "
            f"'{names[0][:60]}': it looks like {spoken(better)} separates the columns"
        )
    if all(parse_number(name) is not None for name in names):
        raise DataError(
            f"line {line} of {source} holds only numbers ({listed(names, 4)}), not column names: "
            "add a first line with a name for each column"
        )
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        where = " and ".join(str(i + 1) for i, name in enumerate(names) if name == twice[0])
        raise DataError(f"the header of {source} names '{twice[0]}' more than once (columns {where}): rename one")
    return names, line


def spoken(delimiter: str) -> str:
    """Return a delimiter as a message names it."""
    name = _DELIMITER_NAMES.get(delimiter)
    return f"{name} ({delimiter!r})" if name else repr(delimiter)


def _columns(
    rows: Iterator[tuple[int, list[str]]], names: list[str], source: str, delimiter: str
) -> tuple[dict[str, list[str]], list[int]]:
    # A column without a name gets one that no other column has.
    keys = [name or f"(column {i + 1})" for i, name in enumerate(names)]
    cells_of: list[list[str]] = [[] for _ in keys]
    lines = []
    for line, cells in rows:
        if len(cells) != len(keys):
            raise DataError(
                f"line {line} of {source} has {count(len(cells), 'cell')} and the header has {len(keys)} "
                f"(delimiter {spoken(delimiter)}): add or remove cells, or quote one that holds the delimiter"
            )
        for column, cell in zip(cells_of, cells, strict=True):
            column.append(cell)
        lines.append(line)
    return dict(zip(keys, cells_of, strict=True)), lines


def _drop_unnamed(columns: dict[str, list[str]], source: str, notes: list[str]) -> dict[str, list[str]]:
    """Leave out columns with neither a name nor a cell (a spreadsheet's trailing delimiters)."""
    kept = {name: cells for name, cells in columns.items() if not name.startswith("(column ") or any(cells)}
    if dropped := len(columns) - len(kept):
        notes.append(f"{count(dropped, 'column')} of {source} without name and cells left out")
    return kept


def count(number: int, noun: str) -> str:
    """Return '1 row', '2 rows', '344 rows'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
