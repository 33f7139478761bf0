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
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CI": "1", "CHROMIUM": "none is looked for"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "make test CI=1\n")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with the Makefile, a source of every kind, and nothing built."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ["pyproject.toml", "setup.py", "src/chainrule/core/value.py", "src/chainrule/views.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call make in a folder, free of the make that may be running these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_old_python_is_refused_by_name(bare: Path) -> None:
    old = fake_program(bare, "old-python", "exit 1")
    done = make(bare, "demo", f"PYTHON={old}")
    assert done.returncode
    assert f"needs Python 3.11 or newer, and '{old}' is not" in done.stderr
    assert not (bare / ".venv").exists()


def test_missing_python_is_said(bare: Path) -> None:
    done = make(bare, "demo", "PYTHON=")
    assert done.returncode
    assert "needs Python 3.11 or newer and found none" in done.stderr


def test_missing_venv_module_is_said(bare: Path) -> None:
    without_venv = fake_program(bare, "bare-python", 'case "$2" in *venv*) exit 1;; esac')
    done = make(bare, "demo", f"PYTHON={without_venv}")
    assert done.returncode
    assert "apt install python3-venv" in done.stderr


def test_a_bare_make_lists_the_targets(bare: Path) -> None:
    done = make(bare)
    assert done.returncode == 0
    for target in ("demo", "test", "check", "bench"):
        assert f"make {target} " in done.stdout


@pytest.mark.parametrize(
    ("changed", "installs_again"),
    [
        ("pyproject.toml", True),
        ("setup.py", True),
        ("src/chainrule/core/value.py", True),
        ("src/chainrule/views.py", False),
    ],
)
def test_a_changed_source_is_built_again(bare: Path, changed: str, installs_again: bool) -> None:
    (bare / ".venv").mkdir()
    for name in ("created", "installed"):
        (bare / ".venv" / name).touch()
    for path in bare.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    assert "pip install" not in make(bare, "--dry-run", "demo").stdout
    (bare / changed).touch()
    assert ("pip install" in make(bare, "--dry-run", "demo").stdout) == installs_again
