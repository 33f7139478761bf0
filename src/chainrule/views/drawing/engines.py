"""Graphviz as the painter of PNG and PDF: the program `dot`, or the one in pygraphviz's wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

from chainrule.errors import MissingLibraryError

TIMEOUT = 60.0  # seconds; with every place given it needs less than one
_SIGNATURES = {"png": b"\x89PNG", "pdf": b"%PDF"}
# A PDF holds the date of the run, so that no two would be equal; another of the same length keeps it valid.
_RUN_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")
_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="nop2"))
"""


def graphviz(source: str, file_format: str) -> bytes:
    """Return DOT text, which holds its places, painted as `file_format` ("png" or "pdf").

    Graphviz runs in a process of its own: it is not safe with threads, prints its font warnings
    wherever it runs, and must not take the user's session with it when it crashes. One that is there
    and does not work is passed over.

    Raises:
        MissingLibraryError: no Graphviz could.
    """
    commands = _commands(file_format)
    for command in commands:
        painted = _run(command, source)
        if painted.startswith(_SIGNATURES[file_format]):
            return _RUN_DATE.sub(rb"\g<1>20000101000000", painted)
    found = "the one found here failed" if commands else "none was found"
    raise MissingLibraryError(
        f"a drawing as {file_format} needs Graphviz, and {found} (svg needs nothing): pip install 'chainrule[draw]'"
    )


def _commands(file_format: str) -> list[list[str]]:
    """Return how to call each Graphviz that is there; the user's own first."""
    commands = []
    program = shutil.which("dot")
    if program is not None:
        commands.append([program, "-Knop2", f"-T{file_format}"])
    if find_spec("pygraphviz") is not None:
        commands.append([sys.executable, "-P", "-c", _PYGRAPHVIZ, file_format])
    return commands


def _run(command: list[str], source: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 (the command is ours, the source goes to its input)
            command,
            input=source.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
