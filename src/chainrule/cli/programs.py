"""Commands that run a person's program: `file.py:dotted.name` to the thing of that name."""

from __future__ import annotations

import contextlib
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chainrule.cli.output import complain

# The program is not the main one, so what it does only under `if __name__ == "__main__"` is not done.
RUN_NAME = "chainrule_show"


class NotFoundError(Exception):
    """What the command line names is not there."""


def parsed(target: str) -> tuple[Path, list[str]]:
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


def run_program(file: Path) -> dict[str, Any] | None:
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


def found(namespace: Mapping[str, Any], names: list[str], file: Path, hint: str) -> Any:
    """Follow a dotted name: attributes, keys of dicts, places in lists.

    Args:
        namespace: the names of the program.
        names: the parts of the name.
        file: the program, for messages.
        hint: what is said when the first part is no name of the program.

    Raises:
        NotFoundError: it leads nowhere.
    """
    if names[0] not in namespace:
        raise NotFoundError(f"{file} has no {names[0]}: {hint}")
    thing = namespace[names[0]]
    for place, name in enumerate(names[1:], start=1):
        try:
            thing = _inside(thing, name)
        except (AttributeError, LookupError, TypeError):
            before = ".".join(names[:place])
            raise NotFoundError(f"{file}: {before} is of type {type(thing).__name__} and has no {name}") from None
    return thing


def _inside(thing: Any, name: str) -> Any:
    if isinstance(thing, Mapping) and name in thing:
        return thing[name]
    return thing[int(name)] if name.isdecimal() else getattr(thing, name)
