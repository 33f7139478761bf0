"""The whole benchmark runs, in a smoke run, and prints and writes what it should."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from bench import eager, machine

ROWS = "demo.floats,demo.own,gpt.*,memory.node,memory.churn,memory.closures,scale.1000"


def lines_with(text: str, title: str) -> list[str]:
    return [line for line in text.splitlines() if title in line]


def test_smoke_run_prints_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    written = tmp_path / "RESULTS.md"
    assert eager.main(["--quick", "--rows", ROWS, "--output", str(written)]) == 0
    out = capsys.readouterr().out
    markdown = written.read_text("utf-8")
    assert "missing:" not in out
    assert "WRONG" not in out
    for title in (
        "plain Python floats",
        "chainrule's MLP in the same loops",
        "a plain-Python Value with slots",
        "only Value swapped",
        "chainrule's Value, dot and Adam",
        "bytes a node",
        "a chain of 100 nodes",
        "100,000 nodes built, differentiated and dropped",
        "100,000 nodes with lecture-style _backward closures",
    ):
        assert len(lines_with(out, title)) == 1
        assert len(lines_with(markdown, title)) == 1
    assert "× plain" in lines_with(out, "dot and Adam")[0]
    for fact in ("command: ", "date: ", "machine: ", "Python: ", "peers: "):
        assert fact in out
        assert fact in markdown


def test_json_holds_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert eager.main(["--quick", "--rows", "demo.floats", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    [row] = found["rows"]
    assert row["key"] == "demo.floats"
    assert row["numbers"]["seconds"][0] > 0
    assert found["facts"]["Python"].endswith(platform.python_version())


@pytest.mark.parametrize(
    ("arguments", "writes"),
    [([], True), (["--quick"], False), (["--rows", "demo.*"], False)],
)
def test_only_a_full_run_writes_the_results(arguments: list[str], writes: bool) -> None:
    assert (eager.parse(arguments).output == eager.RESULTS) == writes


def test_machine_is_described_without_its_name() -> None:
    words = machine.in_words()
    assert "cores" in words
    assert platform.node() not in words
    assert str(Path.home()) not in words
