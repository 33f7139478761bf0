"""What the commands write: notes and errors to stderr, tables and JSON to stdout."""

from __future__ import annotations

import sys
from typing import Any

from chainrule.console import coloured, console
from chainrule.plain_json import json_text


def complain(message: str) -> None:
    """Write one error sentence to stderr."""
    head = "\x1b[1;31merror:\x1b[0m" if coloured(sys.stderr) else "error:"
    # A name with a line break in it must not make two lines of one sentence.
    print(f"{head} {message}".replace("\n", "\\n"), file=sys.stderr)  # noqa: T201 - stderr is its purpose


def note(message: str) -> None:
    """Write one sentence about a choice that was made to stderr."""
    head = "\x1b[2mnote:\x1b[0m" if coloured(sys.stderr) else "note:"
    print(f"{head} {message}", file=sys.stderr)  # noqa: T201 - stderr is this function's purpose


def silent(message: str) -> None:
    """Say nothing, for --quiet."""


def tell(text: str = "", style: str = "") -> None:
    """Write a line for people to stdout."""
    console(sys.stdout).print(text, style=style or None, soft_wrap=True)
    sys.stdout.flush()  # in step with the progress on stderr, also where both go into one file


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Write a table for people to stdout, the first column left, the others right aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for i, name in enumerate(columns):
        grid.add_column(name, justify="right" if i else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    console(sys.stdout).print(grid)


def write_json(data: Any) -> None:
    """Write JSON on one line to stdout; numbers that are not finite become "nan", "inf", "-inf"."""
    sys.stdout.write(json_text(data))
