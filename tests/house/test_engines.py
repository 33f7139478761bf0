"""One engine source, two forms: which one runs can be asked and forced, and a stale one is not run."""

from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
from pathlib import Path

import pytest

from chainrule import engine
from tests.programs import run_python, without_switches

PACKAGE = Path(__file__).parents[2] / "src" / "chainrule"
EXTENSION = f"engine{importlib.machinery.EXTENSION_SUFFIXES[0]}"

TRAIN = """
import random
from chainrule import engine
from chainrule.nn import MLP

random.seed(1)
model = MLP(3, [4, 4, 1], activation="tanh")
loss = (model([2.0, 3.0, -1.0]) - 1.0) ** 2
loss.backward()
print(engine.compiled)
print(loss.data.hex(), *(p.grad.hex() for p in model.parameters()))
"""
ASK = """
import chainrule as cr
from chainrule import engine
import chainrule.engine

a = cr.Value(3.0)
(a * a).backward()
assert cr.engine is engine is chainrule.engine
assert isinstance(a, engine.Value)
print(engine.compiled, a.grad)
"""


def run(program: str, path: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter, with a folder to import from and some of chainrule's switches."""
    place = {"PYTHONPATH": str(path)} if path else {}
    return run_python(program, environment={**without_switches(), **place, **environment})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of the package as it would be without a build."""
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "_build_info.py")
    shutil.copytree(PACKAGE, tmp_path / "chainrule", ignore=ignore)
    return tmp_path


def plant_stale_build(folder: Path) -> None:
    """Leave a compiled engine that was made from another source (and could not even be loaded)."""
    (folder / "chainrule" / EXTENSION).write_bytes(b"made from another source")
    (folder / "chainrule" / "_build_info.py").write_text('"""Planted."""\n\nSOURCE_HASH = "0"\n', "utf-8")


def test_pure_is_pure_and_silent() -> None:
    done = run(ASK, CHAINRULE_PURE="1")
    assert (done.stdout, done.stderr) == ("False 6.0\n", "")


@pytest.mark.skipif(not engine.compiled, reason="this run is on the pure engine")
def test_both_engines_give_the_same_bits() -> None:
    pure = run(TRAIN, CHAINRULE_PURE="1")
    compiled = run(TRAIN, CHAINRULE_REQUIRE_EXT="1")
    assert pure.stdout.startswith("False\n"), pure.stderr
    assert compiled.stdout.startswith("True\n"), compiled.stderr
    assert compiled.stdout.splitlines()[1:] == pure.stdout.splitlines()[1:]


@pytest.mark.skipif(not engine.compiled, reason="this run is on the pure engine")
def test_beside_the_compiled_engine_there_is_no_second_one() -> None:
    done = run("import sys\nfrom chainrule import cli, nn, optim, training, views\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert [name for name in done.stdout.split() if name.startswith("chainrule.core")] == []


def test_without_a_build_it_works_and_says_once_that_it_is_slow(copied: Path) -> None:
    done = run(ASK, copied)
    assert done.stdout == "False 6.0\n", done.stderr
    assert done.stderr.count("SlowEngineWarning") == 1
    assert "install a C compiler" in done.stderr


@pytest.mark.parametrize("changed", ["core/value.py", "ops/elementary.py"])
@pytest.mark.skipif(not engine.compiled, reason="this run is on the pure engine")
def test_changed_source_makes_a_real_build_stale(copied: Path, changed: str) -> None:
    built = Path(engine.__file__)
    shutil.copy2(built, copied / "chainrule")
    shutil.copy2(PACKAGE / "_build_info.py", copied / "chainrule")
    assert run(ASK, copied).stdout == "True 6.0\n"
    with (copied / "chainrule" / changed).open("a", encoding="utf-8") as source:
        source.write("\n# changed\n")
    done = run(ASK, copied)
    assert done.stdout == "False 6.0\n"
    assert "older than its source" in done.stderr


def test_stale_build_is_not_loaded(copied: Path) -> None:
    plant_stale_build(copied)
    done = run(ASK, copied)
    assert done.stdout == "False 6.0\n", done.stderr
    assert done.stderr.count("SlowEngineWarning") == 1
    assert "older than its source" in done.stderr


@pytest.mark.parametrize("stale", [False, True])
def test_required_extension_is_an_error_when_missing_or_stale(copied: Path, stale: bool) -> None:
    if stale:
        plant_stale_build(copied)
    done = run(ASK, copied, CHAINRULE_REQUIRE_EXT="1")
    assert done.returncode == 1
    assert "CHAINRULE_REQUIRE_EXT=1" in done.stderr.splitlines()[-1]
    assert "ExtensionError" in done.stderr.splitlines()[-1]


def test_pure_beats_a_stale_build(copied: Path) -> None:
    plant_stale_build(copied)
    done = run(ASK, copied, CHAINRULE_PURE="1")
    assert (done.stdout, done.stderr) == ("False 6.0\n", "")
