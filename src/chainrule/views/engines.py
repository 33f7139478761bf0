"""Graphviz, where it is installed: the program `dot`, or the one in pygraphviz's wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

from chainrule.errors import MissingLibraryError

TIMEOUT = 30.0  # seconds; Graphviz's search for a good layout has no bound of its own
_SIGNATURES = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""


def graphviz(source: str, file_format: str) -> bytes | None:
    """Return DOT text drawn as `file_format` ("svg", "png" or "pdf"), or None when no Graphviz could.

    Each runs in a process of its own: Graphviz is not safe with threads, prints its font warnings
    wherever it runs, and must not take the user's session with it when it crashes.
    """
    for command in _commands(file_format):
        drawn = _run(command, source)
        if drawn is not None and drawn.startswith(_SIGNATURES[file_format]):
            return drawn
    return None


def missing_graphviz(file_format: str) -> MissingLibraryError:
    """Return the error that says what `file_format` needs and how to get it."""
    found = "the one found here failed" if _commands(file_format) else "none was found"
    return MissingLibraryError(
        f"a drawing as {file_format} needs Graphviz, and {found} (svg needs nothing): pip install 'chainrule[draw]'"
    )


def _commands(file_format: str) -> list[list[str]]:
    """Return how to call each Graphviz that is there; the user's own first."""
    commands = []
    program = shutil.which("dot")
    if program is not None:
        commands.append([program, f"-T{file_format}"])
    if find_spec("pygraphviz") is not None:
        commands.append([sys.executable, "-P", "-c", _PYGRAPHVIZ, file_format])
    return commands


def _run(command: list[str], source: str) -> bytes | None:
    # Without an epoch the date of the run goes into a PDF, and no two would be equal.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    try:
        done = subprocess.run(  # noqa: S603 (the command is ours, the source goes to its input)
            command,
            input=source.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
