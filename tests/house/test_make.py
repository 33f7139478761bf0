"""The commands a newcomer types: they fail when what they call fails, and say what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None or shutil.which("bash") is None,
    reason="needs make and bash",
)


def fake_program(folder: Path, name: str, body: str) -> Path:
    """Write an executable shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("status", [0, 2])
def test_ci_ends_as_make_test_ends(tmp_path: Path, status: int) -> None:
    fake_program(tmp_path, "make", f'echo "make $* CI=$CI"; exit {status}')
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CI": "1"}
    done = subprocess.run(
        [ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (status, "make test CI=1\n")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call make on a copy of the Makefile in an otherwise bare folder."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_old_python_is_refused_by_name(tmp_path: Path) -> None:
    old = fake_program(tmp_path, "old-python", "exit 1")
    done = make(tmp_path, "demo", f"PYTHON={old}")
    assert done.returncode
    assert f"needs Python 3.11 or newer, and '{old}' is not" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_missing_python_is_said(tmp_path: Path) -> None:
    done = make(tmp_path, "demo", "PYTHON=")
    assert done.returncode
    assert "needs Python 3.11 or newer and found none" in done.stderr


def test_missing_venv_module_is_said(tmp_path: Path) -> None:
    bare = fake_program(tmp_path, "bare-python", 'case "$2" in *venv*) exit 1;; esac')
    done = make(tmp_path, "demo", f"PYTHON={bare}")
    assert done.returncode
    assert "apt install python3-venv" in done.stderr


def test_a_bare_make_lists_the_targets(tmp_path: Path) -> None:
    done = make(tmp_path)
    assert done.returncode == 0
    for target in ("demo", "test", "check", "bench"):
        assert f"make {target} " in done.stdout
