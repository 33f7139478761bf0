"""Installs the peers that the benchmark compares with, one by one, so that one failure costs one row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def requirements() -> list[str]:
    """The pinned peers."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def install() -> dict[str, str]:
    """Install each pinned peer into this interpreter; the reason for each that could not be, by its name."""
    failures = {}
    for requirement in requirements():
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = errors[-1].removeprefix("ERROR: ") if errors else "pip failed"
            failures[requirement.partition("==")[0]] = f"{requirement}: {reason}"
    return failures
