"""Simplicity is measured: each layer has a budget of lines, and a file ends before it stops being one story.

Raise a number on purpose, with the reason in the commit message; lower it when the code shrinks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chainrule"

# Lines of Python (and of the .js and .css beside it) in each layer.
BUDGET: dict[str, int] = {
    "__init__": 110,
    "__main__": 20,
    "_choose_engine": 90,
    "_sources": 70,
    "cli": 1830,
    "data": 1020,
    "compiler": 12700,
    "console": 60,
    "core": 7700,
    "engine": 110,
    "errors": 170,
    "files": 100,
    "functions": 70,
    "graph": 160,
    "losses": 345,
    "nn": 980,
    "ops": 1290,
    "optim": 410,
    "pickling": 160,
    "plain_json": 40,
    "training": 1900,
    "views": 7670,
}
# Written by the build step, so not there in every checkout.
GENERATED = {"_build_info.py"}

LONGEST_FILE = 400
# Files that may be longer, each with its reason.
LONG_FILES: dict[str, str] = {}


def lines(path: Path) -> int:
    """The number of lines of a text file."""
    return len(path.read_text("utf-8").splitlines())


def layers() -> dict[str, int]:
    """The lines of each module or folder directly in the package."""
    totals: dict[str, int] = {}
    for path in PACKAGE.rglob("*"):
        if path.suffix in {".py", ".js", ".css"} and path.name not in GENERATED:
            layer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
            totals[layer] = totals.get(layer, 0) + lines(path)
    return totals


def test_every_layer_has_a_budget() -> None:
    assert set(layers()) == set(BUDGET)


@pytest.mark.parametrize("layer", sorted(BUDGET))
def test_layer_stays_within_its_budget(layer: str) -> None:
    assert layers()[layer] <= BUDGET[layer]


@pytest.mark.parametrize("layer", sorted(BUDGET))
def test_budget_is_close_to_what_is_there(layer: str) -> None:
    assert BUDGET[layer] <= 1.25 * layers()[layer] + 20


def test_files_are_short() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "tests", "bench", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if lines(path) > LONGEST_FILE
    }
    assert found == set(LONG_FILES)
