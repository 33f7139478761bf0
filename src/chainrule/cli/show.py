"""`chainrule show file.py:name`: run a program and open the Stepper on one of its Values."""

from __future__ import annotations

import argparse
import contextlib
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chainrule.cli import options
from chainrule.cli.output import complain, note, write_json

SUMMARY = "open a page that steps through the graph of a Value of your program"
# The program is not the main one, so what it does only under `if __name__ == "__main__"` is not done.
RUN_NAME = "chainrule_show"
BAD, USAGE = 1, 2


class NotFoundError(Exception):
    """What the command line names is not there."""


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
        file, names = _parsed(args.target)
        with record_lines() if args.lines else contextlib.nullcontext():
            namespace = _run(file)
            if namespace is None:
                return BAD
            return _show(_found(namespace, names, file), namespace, args)
    except NotFoundError as error:
        complain(str(error))
        return USAGE


def _parsed(target: str) -> tuple[Path, list[str]]:
    """Return the file and the parts of the name; a colon in the file's own path stays there.

    Raises:
        NotFoundError: there is no such file, or the name is none.
    """
    path, colon, name = target.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise NotFoundError(f"'{target}' is not of the form file.py:name, as in train.py:loss")
    if not Path(path).is_file():
        raise NotFoundError(f"there is no file {path}")
    parts = name.split(".")
    if not all(part.isidentifier() or part.isdecimal() for part in parts) or not parts[0].isidentifier():
        raise NotFoundError(f"'{name}' is not a dotted name: only names and places in lists, as in model.layers.0.loss")
    return Path(path), parts


def _run(file: Path) -> dict[str, Any] | None:
    """Run the program and return its names; None when it fails, which is said. What it prints goes to stderr."""
    with _as_program(file), contextlib.redirect_stdout(sys.stderr):
        try:
            return runpy.run_path(str(file), run_name=RUN_NAME)
        except SystemExit as leaving:
            complain(f"{file} stopped itself with exit code {leaving.code!r} before its end")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the program raises is the program's
            line = _line_in(file, error)
            where = f"{file}, line {line}" if line else str(file)
            complain(f"{where}: {type(error).__name__}: {error}")
    return None


@contextlib.contextmanager
def _as_program(file: Path) -> Iterator[None]:
    """Let a program find its neighbours and its own name, as when Python runs it."""
    path, argv = sys.path[:], sys.argv
    sys.path.insert(0, str(file.resolve().parent))
    sys.argv = [str(file)]
    try:
        yield
    finally:
        sys.path[:], sys.argv = path, argv


def _line_in(file: Path, error: BaseException) -> int | None:
    """Return the last line of the program itself on the way to the error."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return lines[-1] if lines else None


def _found(namespace: Mapping[str, Any], names: list[str], file: Path) -> Any:
    """Follow a dotted name: attributes, keys of dicts, places in lists.

    Raises:
        NotFoundError: it leads nowhere, or to something that is no Value.
    """
    from chainrule.engine import Value

    if names[0] not in namespace:
        values = [name for name, thing in namespace.items() if isinstance(thing, Value) and not name.startswith("_")]
        there = f"its Values are {', '.join(values[:12])}" if values else "it has no Value at its top level"
        raise NotFoundError(f"{file} has no {names[0]}: {there}")
    thing = namespace[names[0]]
    for place, name in enumerate(names[1:], start=1):
        try:
            thing = _inside(thing, name)
        except (AttributeError, LookupError, TypeError):
            before = ".".join(names[:place])
            raise NotFoundError(f"{file}: {before} is of type {type(thing).__name__} and has no {name}") from None
    if not isinstance(thing, Value):
        raise NotFoundError(f"{file}: {'.'.join(names)} is of type {type(thing).__name__}; show needs a Value")
    return thing


def _inside(thing: Any, name: str) -> Any:
    if isinstance(thing, Mapping) and name in thing:
        return thing[name]
    return thing[int(name)] if name.isdecimal() else getattr(thing, name)


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
