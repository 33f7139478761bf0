"""`chainrule show file.py:name` runs a person's program and opens the page of one of its Values."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.running import Runner

PROGRAM = """
import sys
import chainrule as cr
from neighbour import WEIGHT

print("working", sys.argv)
a = cr.Value(2.0)
loss = a * WEIGHT
loss.backward()
number = 3.0
many = [loss, {"best": a}]

class Box:
    inner = loss

if __name__ == "__main__":
    raise SystemExit("only as a program")
"""


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The addresses that a browser was asked to open, and a program to show."""
    addresses: list[str] = []

    def note(url: str) -> bool:
        addresses.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "train.py").write_text(PROGRAM, "utf-8")
    (tmp_path / "neighbour.py").write_text("WEIGHT = 5.0\n", "utf-8")
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    return addresses


@pytest.mark.parametrize("name", ["loss", "many.0", "many.1.best", "Box.inner"])
def test_a_page_is_written_and_opened(run: Runner, opened: list[str], name: str) -> None:
    before = (sys.path[:], sys.argv)
    ran = run("show", f"train.py:{name}")
    assert ran.code == 0, ran.err
    path = Path(ran.out.removesuffix("\n"))
    assert opened == [path.resolve().as_uri()]
    assert "window.stepper" in path.read_text("utf-8")
    assert ran.err == "working ['train.py']\n"
    assert (sys.path, sys.argv) == before


def test_out_and_json(run: Runner, opened: list[str]) -> None:
    ran = run("show", "train.py:loss", "--out", "page.html", "--json", "--no-open")
    assert json.loads(ran.out) == {"page": "page.html", "nodes": 3, "backward": True, "opened": False}
    assert opened == []
    page = Path("page.html").read_text("utf-8")
    assert '"name":"a"' in page
    assert '"line":null' in page


def test_lines(run: Runner) -> None:
    run("show", "train.py:loss", "--out", "page.html", "--lines")
    assert '"text":"loss = a * WEIGHT"' in Path("page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("train.py", "not of the form file.py:name"),
        ("train.txt:loss", "not of the form file.py:name"),
        ("missing.py:loss", "there is no file missing.py"),
        ("train.py:nothing", "train.py has no nothing: its Values are a, loss"),
        ("train.py:loss.nothing", "loss is of type Value and has no nothing"),
        ("train.py:many.7", "many is of type list and has no 7"),
        ("train.py:number", "number is of type float; show needs a Value"),
        ("train.py:many", "many is of type list; show needs a Value"),
        ("train.py:", "'' is not a dotted name"),
        ("train.py:a*2", "'a*2' is not a dotted name"),
        ("train.py:__import__('os')", "is not a dotted name"),
        ("neighbour.py:x", "neighbour.py has no x: it has no Value at its top level"),
    ],
)
def test_what_is_not_there(run: Runner, opened: list[str], target: str, words: str) -> None:
    assert words in run.fails("show", target, code=2)
    assert opened == []


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("x = 1\nx / 0\n", "bad.py, line 2: ZeroDivisionError: division by zero"),
        ("x = (\n", "bad.py, line 1: SyntaxError"),
        ("import nothing_of_this_name\n", "bad.py, line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "bad.py stopped itself with exit code 3"),
        ("raise Exception('two\\nlines')\n", "bad.py, line 1: Exception: two"),
    ],
)
def test_a_program_that_fails(run: Runner, program: str, words: str) -> None:
    Path("bad.py").write_text(program, "utf-8")
    assert words in run.fails("show", "bad.py:x", code=1)


def test_a_page_that_cannot_be_written(run: Runner) -> None:
    Path("folder").mkdir()
    ran = run("show", "train.py:loss", "--out", "folder")
    assert ran.code == 1
    assert "error: folder is not a regular file" in ran.err


def test_no_browser(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    ran = run("show", "train.py:loss")
    assert ran.code == 0
    assert "open the file yourself" in ran.err
