"""A folder of results: written whole at the end, and never over a file that is not ours."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, final

from chainrule.errors import DataError, MissingLibraryError
from chainrule.files import write_whole
from chainrule.plain_json import json_text
from chainrule.training.interrupt import Interrupts

# A function that writes one file to the path that it is given.
Maker = Callable[[Path], None]
INDEX = "history.json"  # tells which files of the folder are ours


@final
class Folder:
    """Where a command writes its files.

    Args:
        path: the folder; it and its parents are made when they are missing.
        names: the files that may be written.

    Raises:
        DataError: it cannot be written to, or a file of one of these names was not written by us.
    """

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.path = path
        self._ours = _written_before(path)
        if path.exists() and not path.is_dir():
            raise DataError(f"{path} is a file: choose another folder with --out")
        foreign = [name for name in [*names, INDEX] if name not in self._ours and os.path.lexists(path / name)]
        if foreign:
            raise DataError(
                f"{path / foreign[0]} was not written by chainrule and would be overwritten: "
                "choose another folder with --out"
            )
        nearest = next(p for p in [path, *path.absolute().parents] if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise DataError(f"cannot write into {nearest}: choose another folder with --out")

    def write(self, makers: Mapping[str, Maker], history: Mapping[str, Any], say: Callable[[str], None]) -> list[str]:
        """Make all files, then put them in their places; return their names.

        A picture whose library is missing is left out, and said. Until everything is made, the folder is
        as it was; our files of an earlier run that are not made again are removed.

        Raises:
            DataError: the system does not let us write; nothing is changed.
        """
        staging = self.path.absolute().with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            staging.mkdir(parents=True)
            made = [name for name, make in makers.items() if _made(make, staging / name, name, say)]
            index = {"program": "chainrule", "files": [*made, INDEX], **history}
            write_whole(staging / INDEX, json_text(index, indent=1).encode())
            with Interrupts() as interrupts:
                interrupts.hold()
                self._move(staging, [*made, INDEX])
        except OSError as error:
            raise DataError(
                f"cannot write the results to {self.path}: {error.strerror or error}; choose another --out"
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return [*made, INDEX]

    def _move(self, staging: Path, made: list[str]) -> None:
        self.path.mkdir(exist_ok=True)
        for name in made:
            (staging / name).replace(self.path / name)
        for name in self._ours.difference(made):
            (self.path / name).unlink(missing_ok=True)


def _made(make: Maker, path: Path, name: str, say: Callable[[str], None]) -> bool:
    try:
        make(path)
    except MissingLibraryError as error:
        say(f"{name} was left out: {error}")
        return False
    return True


def _written_before(path: Path) -> set[str]:
    """Return the names of the files that an earlier run of ours wrote into a folder."""
    try:
        index = json.loads((path / INDEX).read_text("utf-8"))
        if index["program"] != "chainrule":
            return set()
        # Only plain names: an index that someone changed must not lead us out of the folder.
        return {str(name) for name in index["files"] if Path(str(name)).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
