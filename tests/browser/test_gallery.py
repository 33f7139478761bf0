"""The gallery in a real browser: readable at every width, its pictures there, each of its Steppers running."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.browser.opening import PHONE, WIDE, Pages
from tests.examples.test_gallery import FOLDER, GRADIENTS

WAYS = "a.main"


@pytest.fixture
def index(pages: Pages) -> Path:
    """The gallery's first page."""
    runpy.run_path(str(FOLDER / "build.py"))["build"](pages.folder)
    return pages.folder / "index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_page_fits_and_shows_its_pictures(pages: Pages, index: Path, size: dict[str, int], scheme: str) -> None:
    page = pages.open(index, viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.complete && image.naturalWidth)")
    assert len(widths) == page.locator("article").count()
    assert all(widths)


def test_every_stepper_runs(pages: Pages, index: Path) -> None:
    page = pages.open(index)
    for place in range(page.locator(WAYS).count()):
        page.locator(WAYS).nth(place).click()
        page.wait_for_function("window.stepper")
        page.evaluate("stepper.go(stepper.length)")
        expected = GRADIENTS.get(Path(page.url).stem.removesuffix("_forward"), {})
        found = by_label(page)
        assert {name: found[name] for name in expected if name in found} == pytest.approx(
            {name: number for name, number in expected.items() if name in found}, abs=1e-12
        )
        assert None not in found.values()
        page.go_back()


def by_label(page: Any) -> dict[str, float | None]:
    """The gradients of the labelled nodes."""
    nodes, grads = page.evaluate("[stepper.trace.nodes, stepper.grads()]")
    return {node["label"]: grads[node["id"]] for node in nodes if node["label"] and node["kind"] != "constant"}
