"""Where in the person's own code something happened, for guards and messages."""

from __future__ import annotations

import linecache
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PACKAGE = str(Path(__file__).parents[2])
LIBRARIES = (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"])


@dataclass(frozen=True)
class Place:
    """A line of source: `text` is '' where nobody has it any more."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line itself."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        name = self.file if self.file.startswith("<") else Path(self.file).name
        return f"{name}:{self.line}" if self.line else ""


NOWHERE = Place("", 0, "")


def place_of_caller() -> Place:
    """Return the innermost line under way that belongs neither to this package nor, if possible, to a library."""
    frame: FrameType | None = sys._getframe(1)
    beyond: FrameType | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE):
            if not file.startswith(LIBRARIES) or file.startswith("<"):
                return _place(frame)
            beyond = beyond or frame
        elif frame.f_code.co_name == "trace_quietly":  # where the function was called: what lies above is not its own
            break
        frame = frame.f_back
    return _place(beyond) if beyond is not None else NOWHERE


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
