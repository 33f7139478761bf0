"""Python programs in processes of their own, for what one process cannot show: another engine, a limit, a signal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_python(
    program: str,
    *arguments: str,
    stdin: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter that finds the modules that the tests find; return what it left.

    Args:
        program: its source.
        arguments: its `sys.argv[1:]`.
        stdin: what it reads from standard input.
        folder: where it starts.
        environment: variables to set, or to take away where they are None.
    """
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), **(environment or {})}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input=stdin,
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def without_switches() -> dict[str, None]:
    """Return what takes all of chainrule's own variables away from a program."""
    return {name: None for name in os.environ if name.startswith("CHAINRULE_")}
