"""What commands share of their options: values, checked while the command line is read, and the table they ask for."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.data import Table

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "pipe": "|", "space": " "}


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` on."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is below {least}")
        return number

    return read


def positive(text: str) -> float:
    """Read a number above 0."""
    number = not_negative(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 is not above 0")
    return number


def not_negative(text: str) -> float:
    """Read a number from 0 on."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return number


def sizes(text: str) -> tuple[int, ...]:
    """Read layer sizes: '16,16'; '0' or nothing means no hidden layer."""
    if text.strip() in {"", "0"}:
        return ()
    return tuple(whole(1)(part.strip()) for part in text.split(","))


def source(text: str) -> str:
    """Read the path of an input, which must not be empty."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path leads nowhere")
    return text


def place(text: str) -> Path:
    """Read the path of an output, which must not be empty (an empty one would mean the working folder)."""
    return Path(source(text))


def names(text: str) -> tuple[str, ...]:
    """Read column names separated by commas; one that holds a comma stands in double quotes."""
    return tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True), []) if part.strip())


def delimiter(text: str) -> str:
    """Read a delimiter: one character, or its name."""
    character = _DELIMITERS.get(text.lower(), text)
    if len(character) != 1 or character in '"\r\n':
        raise argparse.ArgumentTypeError(f"'{text}' is not one character (or comma, semicolon, tab, bar, space)")
    return character


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that reads a CSV file."""
    parser.add_argument(
        "--delimiter", type=delimiter, metavar="CHAR", help="what separates columns (default: found out)"
    )
    parser.add_argument(
        "--nan-as-missing", action="store_true", help="take 'nan' for a missing value, not for an error"
    )


def read_rows(args: argparse.Namespace) -> Table:
    """Read the CSV file `args.data` as the options of `add_reading` say."""
    from chainrule.data import read_table

    rows = read_table(args.data, args.delimiter)
    return rows.nan_as_missing() if args.nan_as_missing else rows


def add_reporting(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that reports."""
    parser.add_argument("--json", action="store_true", help="print JSON to stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no notes and no progress on stderr")


def add_compiling(parser: argparse.ArgumentParser) -> None:
    """Add the option of every command that trains; `args.compile` is what `fit` takes."""
    parser.add_argument(
        "--no-compile",
        dest="compile",
        action="store_const",
        const=False,
        default="auto",
        help="train with eager code only (default: compile where it pays)",
    )
