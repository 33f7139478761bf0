"""Machine code on disk: found again, ignored when damaged, never an error, safe under many processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.compiler.native import disk
from chainrule.compiler.native.compiling import NativeCode, compile_nests
from chainrule.compiler.nests.nest import Address, Apply, Buffer, Load, Nest, NestProgram, Number, Region, Store
from tests.compiler.native.machine_code import Memory, program, rule

pytest.importorskip("llvmlite")


def small(number: float = 2.0) -> NestProgram:
    buffers = [Buffer(Region.INPUT, 0, 3), Buffer(Region.OUTPUTS, 0, 3)]
    value = Apply(rule("multiply"), (Load(Address(0, 0, (1,))), Number(number)))
    return program([Nest((3,), (Store(Address(1, 0, (1,)), value),))], buffers)


def result(code: NativeCode, nests: NestProgram) -> list[float]:
    got: list[float] = Memory(nests, np.zeros(0), [np.array([1.0, 2.0, 3.0])]).run(code, gradients=False)[0].tolist()
    return got


def test_the_second_time_it_comes_from_disk(cache: Path) -> None:
    nests = small()
    first, second = compile_nests(nests), compile_nests(nests)
    assert (first.cached, second.cached) == (False, True)
    assert result(first, nests) == result(second, nests) == [2.0, 4.0, 6.0]
    assert not compile_nests(small(3.0)).cached
    assert (
        not compile_nests(nests, width=2).cached or compile_nests(nests).source == compile_nests(nests, width=2).source
    )
    assert len(list(cache.iterdir())) >= 2


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "noise"])
def test_damaged_entries_are_replaced(cache: Path, damage: str) -> None:
    nests = small()
    compile_nests(nests)
    [path] = cache.iterdir()
    whole = path.read_bytes()
    other = bytearray(whole)
    other[-100] ^= 1
    texts = {"empty": b"", "cut": whole[:-7], "flipped": bytes(other), "other": b"?" + whole, "noise": b"\0" * 5000}
    path.write_bytes(texts[damage])
    again = compile_nests(nests)
    assert not again.cached
    assert result(again, nests) == [2.0, 4.0, 6.0]
    assert path.read_bytes() == whole
    assert compile_nests(nests).cached


def test_code_that_checks_out_and_does_not_load_is_replaced(cache: Path) -> None:
    nests = small()
    compile_nests(nests)
    [path] = cache.iterdir()
    disk.write(path.name, b"no object file")
    again = compile_nests(nests)
    assert not again.cached
    assert result(again, nests) == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("place", ["", "/proc/nowhere", "\0"])
def test_no_place_for_it_is_no_error(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    if "\0" in place:
        monkeypatch.setenv("CHAINRULE_CACHE", str(file / "below"))
    else:
        monkeypatch.setenv("CHAINRULE_CACHE", place)
    nests = small()
    assert result(compile_nests(nests), nests) == [2.0, 4.0, 6.0]
    assert not compile_nests(nests).cached


def test_what_was_used_longest_ago_goes_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:064}" for number in range(7)]
    for number, name in enumerate(names[:6]):
        disk.write(name, b"x" * 1000)
        os.utime(cache / name, (number, number))
    assert disk.read(names[0]) is not None  # used just now
    monkeypatch.setattr(disk, "MOST_BYTES", 3200)
    disk.write(names[6], b"x" * 1000)
    assert {path.name for path in cache.iterdir()} == {names[0], names[5], names[6]}


def test_only_what_was_put_there_is_deleted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "thesis.tex").write_bytes(b"x" * 1000)
    os.utime(cache / "thesis.tex", (0, 0))
    monkeypatch.setattr(disk, "MOST_BYTES", 500)
    disk.write(f"{0:064}", b"x" * 1000)
    assert [path.name for path in cache.iterdir()] == ["thesis.tex"]


PROCESS = """
import numpy as np
from tests.compiler.native.test_disk import result, small
from chainrule.compiler.native.compiling import compile_nests
for number in range(4):
    nests = small(float(number))
    assert result(compile_nests(nests), nests) == [number, 2 * number, 3 * number]
"""


def test_two_processes_at_once(cache: Path) -> None:
    import os

    root = Path(__file__).parents[3]
    environment = {**os.environ, "CHAINRULE_CACHE": str(cache), "PYTHONPATH": f"{root / 'src'}:{root}"}
    command = [sys.executable, "-c", PROCESS]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert not [path for path in cache.iterdir() if path.name.endswith(".part")]
