"""`chainrule bench` measures eager and compiled code, of its own demo or of a person's function."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.cli import bench
from tests.cli.running import Runner

PROGRAM = """
import random
import chainrule as cr

w = [cr.Value(random.uniform(-1, 1)) for _ in range(5)]

def loss():
    return cr.sum([p * p for p in w])

def looking():
    return w[0] * w[0].grad

def number():
    return 3.0

def needs(x):
    return x

@cr.compile
def compiled():
    return loss()

class Box:
    inner = loss
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No time is spent on good figures; a program to measure is there."""
    monkeypatch.setattr(bench, "BUNCH", 0.0)
    monkeypatch.setattr(bench, "BUNCHES", 1)
    (folder / "work.py").write_text(PROGRAM, "utf-8")


def test_the_demo_as_json(run: Runner) -> None:
    ran = run("bench", "--json")
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)
    assert figures["seconds"].keys() == {"eager", "called", "run"}
    assert figures["speedup"].keys() == {"called", "run"}
    assert all(seconds > 0.0 for seconds in figures["seconds"].values())
    assert figures["executor"] in {"native", "tape"}
    assert figures["sizes"]["nodes traced"] > 1_000
    assert figures["first_call_seconds"] > 0.0


def test_the_demo_for_people(run: Runner) -> None:
    ran = run("bench", "--quiet")
    assert ran.code == 0, ran.err
    for part in ("as Python", "compiled, called with lists", "step.run(100, …)", "times as fast", "It runs on: "):
        assert part in ran.out


@pytest.mark.parametrize("name", ["loss", "compiled", "Box.inner"])
def test_a_function_of_a_program(run: Runner, name: str) -> None:
    ran = run("bench", f"work.py:{name}", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["seconds"].keys() == {"eager", "called"}


def test_a_function_that_runs_eagerly_all_the_same(run: Runner) -> None:
    ran = run("bench", "work.py:looking", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["executor"] == "eager"
    assert ran.err.startswith("note: looking (work.py:")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("work.py:number", "returned 3.0; bench needs a Value"),
        ("work.py:needs", "cannot be called without arguments"),
        ("work.py:w", "is of type list; bench needs a function"),
        ("work.py:losses", "its functions are loss, looking, number, needs, compiled"),
        ("nowhere.py:loss", "there is no file nowhere.py"),
        ("work.py", "is not of the form file.py:name"),
    ],
)
def test_what_cannot_be_measured_is_a_wrong_usage(run: Runner, target: str, message: str) -> None:
    assert message in run.fails("bench", target, code=2)


def test_a_program_that_fails(run: Runner, folder: Path) -> None:
    (folder / "broken.py").write_text("raise LookupError('no data')\n", "utf-8")
    assert "broken.py, line 1: LookupError: no data" in run.fails("bench", "broken.py:loss", code=1)


def test_times_read_well() -> None:
    shown = [bench.legible(each) for each in (2.0, 0.0123, 4.56e-6, 7.8e-8)]
    assert shown == ["2 s", "12.3 ms", "4.56 µs", "78 ns"]


def test_measure_counts_calls() -> None:
    calls: list[int] = []
    assert bench.measure(lambda: calls.append(1)) >= 0.0
    assert len(calls) == 2
