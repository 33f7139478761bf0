"""Compiled programs on disk: found the next time, and never for another program, compiler or processor."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import storing
from chainrule.compiler.native import disk
from chainrule.compiler.native.machine import host
from chainrule.compiler.program import Program
from chainrule.ops.dispatch import Code
from tests.compiler.function.stored import NOTE, ROWS, Compiling, compiled

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("cache")
ROOT = Path(__file__).parents[3]


def test_the_second_time_no_pass_runs(cache: Path) -> None:
    first, second = Compiling(), Compiling()
    assert first.bits() == second.bits()
    assert first.passes() == ["trace", "cache", "raise", "differentiate", "loops", "machine code"]
    assert second.passes() == ["trace", "cache"]
    assert (first.made().note, second.made().note) == ("", NOTE)
    assert (first.made().executor, second.made().executor) == ("native", "native")
    assert list(first.made().sizes.items()) == list(second.made().sizes.items())
    assert NOTE in str(second.function.report())
    assert len(list(cache.iterdir())) == 2


def test_source_and_program_are_there_all_the_same() -> None:
    first, second = compiled(), compiled()
    assert second.found()
    assert "define i64 @chainrule." in second.function.source()
    assert first.function.source() == second.function.source()
    assert first.function.program() == second.function.program()
    [path] = [path for path in (disk.folder() or Path()).iterdir() if path.name != second.key()]
    assert path.name == disk.key_of(host(), second.function.source().encode())


def test_steps_of_an_optimizer() -> None:
    losses = []
    for _ in range(2):
        made = Compiling()
        step = cr.compile(made.loss, optimizer=cr.optim.Adam(made.weights, lr=0.1), executor="native")
        losses.append([step(ROWS), step.run(10, ROWS), *(each.data for each in made.weights)])
    assert losses[0] == losses[1]
    [found] = step.report().specialisations
    assert found.note == NOTE


def test_programs_that_differ_in_numbers_share_machine_code(cache: Path) -> None:
    first, other = Compiling(), Compiling(factor=2.5)
    assert first.bits() != other.bits()
    assert not other.found()
    assert other.made().note == NOTE
    assert len(list(cache.iterdir())) == 3


# What an entry is named by


def changed(column: Any) -> Any:
    """Another value of a program's column; an array differs in one number only."""
    if isinstance(column, tuple):
        return (*column, column[-1])
    if isinstance(column, int):
        return column + 1
    other = column.copy()
    other[-1] += 1
    return other


@pytest.mark.parametrize("name", [each.name for each in fields(Program)])
def test_every_column_is_part_of_the_key(name: str) -> None:
    program, machine = compiled().program(), host()
    other = replace(program, **{name: changed(getattr(program, name))})
    assert storing.key_of(other, machine) not in {None, storing.key_of(program, machine)}
    same = replace(program, **{name: getattr(program, name)})
    assert storing.key_of(same, machine) == storing.key_of(program, machine)


def test_what_moves_from_one_column_to_the_next_is_another_program() -> None:
    program, machine = compiled().program(), host()
    moved = replace(
        program,
        starts=np.append(program.starts, program.operands[:1]),
        operands=program.operands[1:],
    )
    assert storing.key_of(moved, machine) != storing.key_of(program, machine)


def test_zeros_of_either_sign_are_different_numbers() -> None:
    program, machine = compiled().program(), host()
    place = np.flatnonzero(program.numbers == 0.0)[0]
    negative = program.numbers.copy()
    negative[place] = -0.0
    assert storing.key_of(replace(program, numbers=negative), machine) != storing.key_of(program, machine)


@pytest.mark.parametrize("part", ["triple", "cpu", "features"])
def test_the_processor_is_part_of_the_key(part: str) -> None:
    program, machine = compiled().program(), host()
    names: dict[str, Any] = {part: "another"}
    other = replace(machine, **names)
    assert storing.key_of(program, other) != storing.key_of(program, machine)


def test_llvm_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = compiled()
    before = made.key()
    monkeypatch.setattr(disk, "_llvm_version", lambda: "another")
    assert made.key() != before


def test_a_program_with_a_row_that_was_added_is_not_kept() -> None:
    program = compiled().program()
    codes = program.codes.copy()
    codes[-1] = Code.ROWS
    assert storing.key_of(replace(program, codes=codes), host()) is not None
    codes[-1] = Code.ROWS + 1
    assert storing.key_of(replace(program, codes=codes), host()) is None


# The compiler's source


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the source, in place of the package's own; its files are older than this process."""
    copy = tmp_path / "chainrule"
    for name in ("compiler", "core", "ops"):
        shutil.copytree(storing.PACKAGE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(storing, "PACKAGE", copy)
    for path in copy.rglob("*.py"):
        os.utime(path, (0, 0))
    storing._compiler.cache_clear()
    yield copy
    storing._compiler.cache_clear()


def edit(path: Path, when: float = 0.0) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")
    os.utime(path, (when, when))


@pytest.mark.parametrize("name", ["compiler/nests/cutting.py", "core/scanning.py", "ops/elementary.py"])
def test_another_compiler_finds_nothing(sources: Path, name: str) -> None:
    assert not compiled().found()
    assert compiled().found()
    edit(sources / name)
    storing._compiler.cache_clear()
    assert not compiled().found()
    assert compiled().found()


def test_source_that_is_younger_than_what_runs_names_nothing(sources: Path) -> None:
    edit(sources / "ops/elementary.py", time.time())
    made = compiled()
    assert storing.key_of(made.program(), host()) is None
    assert not compiled().found()
    assert compiled().made().note == NOTE  # the machine code, by its own source


def test_nothing_is_kept_once_the_source_has_changed(sources: Path) -> None:
    key = compiled().key()
    path = (disk.folder() or Path()) / key
    path.unlink()
    edit(sources / "compiler/nests/cutting.py", time.time())
    made = compiled()
    assert made.key() == key
    assert not path.exists()


@pytest.mark.parametrize("kind", ["none", "unreadable"])
def test_without_source_no_program_is_kept(sources: Path, kind: str) -> None:
    if kind == "none":  # as in a zip archive
        shutil.rmtree(sources)
    else:
        (sources / "ops" / "elementary.py").unlink()
        (sources / "ops" / "elementary.py").mkdir()
    assert storing.key_of(compiled().program(), host()) is None
    assert not compiled().found()


# The folder


@pytest.mark.parametrize("place", ["", "in the way/below"])
def test_no_place_for_it_is_no_error(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in the way").write_text("a file")
    monkeypatch.setenv("CHAINRULE_CACHE", place and str(tmp_path / place))
    first, second = Compiling(), Compiling()
    assert first.bits() == second.bits()
    assert not second.found()
    assert second.made().note == ""


def test_the_limit_is_that_of_both_kinds(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOST_BYTES", 12_000)
    for factor in (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5):
        Compiling(factor).bits()
    assert 0 < sum(path.stat().st_size for path in cache.iterdir()) <= 12_000


def test_a_program_that_is_used_stays_with_its_code(cache: Path) -> None:
    compiled()
    for path in cache.iterdir():
        os.utime(path, (0, 0))
    assert compiled().found()
    assert all(path.stat().st_mtime > 0 for path in cache.iterdir())


PROCESS = """
from tests.compiler.function.stored import Compiling
for factor in (1.5, 2.5, 3.5):
    made = Compiling(factor)
    print(*made.bits(), made.found())
"""


def test_two_processes_at_once_and_one_afterwards(cache: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    said: list[str] = []
    for count in (2, 1):
        running = [
            Popen([sys.executable, "-c", PROCESS], env=environment, stdout=PIPE, stderr=PIPE, text=True)
            for _ in range(count)
        ]
        for process in running:
            output, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
            said.append(output)
    assert [line.split()[-1] for line in said[-1].splitlines()] == ["True"] * 3
    assert len({tuple(line.rpartition(" ")[0] for line in each.splitlines()) for each in said}) == 1
    assert not [path for path in cache.iterdir() if path.name.endswith(".part")]
