"""What docs/make.py makes is committed as it makes it now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import ROOT

AGAIN = "run: python docs/make.py"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """docs/make.py as a module."""
    return script("make")


def script(name: str) -> ModuleType:
    """A program in docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_hover(svg: str) -> str:
    """A drawing without the numbers in full that it shows under the mouse: C libraries differ in the last digit."""
    return re.sub(r"<title>.*?</title>", "", svg)


@pytest.mark.parametrize("name", ["sum-of-products", "shared-operand", "two-paths", "neuron"])
def test_drawing_is_as_draw_dot_draws_it(make: ModuleType, name: str) -> None:
    path: Path = make.PICTURES / f"{name}.svg"
    assert without_hover(path.read_text("utf-8")) == without_hover(make.DRAWINGS[path]()), AGAIN


def test_every_picture_is_made_and_shown(make: ModuleType) -> None:
    made = {path.name for path in make.DRAWINGS} | {"moons.png"} | set(script("plots").DRAWN)
    assert {path.name for path in make.PICTURES.iterdir()} == made
    pages = "".join(page.read_text("utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    shown = pages + (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [name for name in made if f"pictures/{name})" not in shown] == []


def test_op_page_is_the_table(make: ModuleType) -> None:
    assert (ROOT / "docs" / "ops.md").read_text("utf-8") == make.ops_page(), AGAIN


def test_readme_has_the_figures_of_the_benchmark(make: ModuleType) -> None:
    assert make.README.read_text("utf-8") == make.readme_text(), AGAIN


RESULTS = """\
# Eager speed and memory, measured

- command: `python -m bench`
- date: today

| | figure | ratio: median of rounds (of minima) | to reach | reached |
|---|---|---|---|---|
| **the demo** | | | | |
| micrograd (micrograd 0.1.0) | 500 ms (min 490 ms) | | | |
| micrograd's nn on chainrule's Value | 3 ms (min 2.9 ms) | 2 times the floats (1.9); 177× micrograd (99×) | ≤ 2 |  |
| something else | 1 ms | | | |
"""


def test_figures_are_the_rows_that_the_readme_shows(make: ModuleType) -> None:
    assert make.figures(RESULTS).splitlines() == [
        "| | median | ratio |",
        "|---|---|---|",
        "| **the demo** |  |  |",
        "| micrograd (micrograd 0.1.0) | 500 ms |  |",
        "| micrograd's nn on chainrule's Value | 3 ms | 2 times the floats; 177× micrograd |",
        "",
        "- date: today",
    ]


def test_figures_without_a_row_that_is_to_be_shown_are_refused(make: ModuleType) -> None:
    with pytest.raises(ValueError, match="has no row"):
        make.checked_figures(RESULTS)
