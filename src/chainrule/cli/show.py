"""`chainrule show file.py:name`: run a program and open the Stepper on one of its Values."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.cli import options
from chainrule.cli.output import complain, note, write_json
from chainrule.cli.programs import NotFoundError, found, parsed, run_program

SUMMARY = "open a page that steps through the graph of a Value of your program"
BAD, USAGE = 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "target", metavar="FILE.py:NAME", help="the program and a dotted name in it: train.py:model.loss"
    )
    parser.add_argument(
        "--out", type=options.place, metavar="FILE", help="where to write the page (default: a new temporary file)"
    )
    parser.add_argument("--lines", action="store_true", help="show the program's lines in the page (it runs slower)")
    parser.add_argument("--no-open", action="store_true", help="only write the page, do not open a browser")
    options.add_reporting(parser)


def run(args: argparse.Namespace) -> int:
    """Run the program, write the page of the Value, open it; print where it lies."""
    from chainrule.views.tracing.lines import record_lines

    try:
        file, names = parsed(args.target)
        with record_lines() if args.lines else contextlib.nullcontext():
            namespace = run_program(file)
            if namespace is None:
                return BAD
            return _show(_value(namespace, names, file), namespace, args)
    except NotFoundError as error:
        complain(str(error))
        return USAGE


def _value(namespace: Mapping[str, Any], names: list[str], file: Path) -> Any:
    """Return the Value of a dotted name.

    Raises:
        NotFoundError: it leads nowhere, or to something that is no Value.
    """
    from chainrule.engine import Value

    values = [name for name, thing in namespace.items() if isinstance(thing, Value) and not name.startswith("_")]
    hint = f"its Values are {', '.join(values[:12])}" if values else "it has no Value at its top level"
    thing = found(namespace, names, file, hint)
    if not isinstance(thing, Value):
        raise NotFoundError(f"{file}: {'.'.join(names)} is of type {type(thing).__name__}; show needs a Value")
    return thing


def _show(value: Any, namespace: dict[str, Any], args: argparse.Namespace) -> int:
    from chainrule.views.stepper.stepper import open_page, page_text, page_trace, temporary_file, write_page

    trace = page_trace(value, None, [namespace])
    path = args.out or temporary_file()
    write_page(page_text(trace), path)
    opened = not args.no_open and open_page(path)
    if args.json:
        write_json({"page": str(path), "nodes": len(trace.nodes), "backward": trace.backward, "opened": opened})
        return 0
    sys.stdout.write(f"{path}\n")
    if not opened and not args.no_open and not args.quiet:
        note("no browser could be opened: open the file yourself")
    return 0
