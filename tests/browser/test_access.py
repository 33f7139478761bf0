"""The page for everybody: axe-core finds nothing, in light and dark, at every width; motion stops when asked."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chainrule as cr
from tests.browser.graphs import batch, lecture
from tests.browser.opening import PHONE, WIDE, Pages

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, which a package of PyPI carries."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """What axe-core says against the page as it is now."""
    page.evaluate(axe)
    results: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in results["violations"]]


def settle(page: Page) -> None:
    """Let transitions end: a colour on its way has another contrast."""
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(pages: Pages, axe: str, scheme: str, size: dict[str, int]) -> None:
    root, _ = lecture()
    root.backward()
    page = pages.show(root, color_scheme=scheme, viewport=size)
    states: dict[str, Callable[[], object]] = {
        "opened": lambda: None,
        "a leaf": lambda: page.locator('[data-node="0"]').click(),
        "edited": lambda: page.evaluate("stepper.set(0, 5)"),
        "wrong input": lambda: page.locator("#leaf").fill("x"),
        "start": lambda: page.evaluate("stepper.go(0)"),
        "details": lambda: page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)"),
        "quiz": lambda: page.locator("#quiz-toggle").click(),
        "hint": lambda: page.get_by_role("button", name="Hint").click(),
        "table": lambda: page.locator("#as-table").click(),
        "found": lambda: page.locator("#search").fill("e"),
    }
    found = {}
    for name, reach in states.items():
        reach()
        settle(page)
        found[name] = violations(page, axe)
    assert found == {name: [] for name in states}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_boxes(pages: Pages, axe: str, scheme: str) -> None:
    root, model = batch([4, 1], 6)
    page = pages.show(root, model=model, color_scheme=scheme)
    assert violations(page, axe) == []
    page.locator("#open-all").click()
    settle(page)
    assert violations(page, axe) == []


def test_a_planted_fault_is_found(pages: Pages, axe: str) -> None:
    page = pages.show(lecture()[0])
    page.evaluate("document.querySelector('#play').removeAttribute('aria-label')")
    assert any("button-name" in each for each in violations(page, axe))


def test_text_in_the_picture_has_contrast(pages: Pages) -> None:
    # axe-core leaves text in SVG out
    root, _ = lecture()
    root.backward()
    for scheme in ("light", "dark"):
        page = pages.show(root, color_scheme=scheme)
        pairs = page.evaluate("""() => [...document.querySelectorAll('#graph text')].map((text) => {
          const shape = text.parentNode.querySelector('.shape');
          const paper = getComputedStyle(document.querySelector('#picture')).backgroundColor;
          return [getComputedStyle(text).fill, shape ? getComputedStyle(shape).fill : paper, text.textContent];
        })""")
        assert len(pairs) > 20
        for ink, ground, text in pairs:
            assert contrast(ink, ground) >= 4.5, (scheme, ink, ground, text)


def contrast(first: str, second: str) -> float:
    """The contrast of two CSS colours `rgb(…)` (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [float(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_shapes_and_colours_are_those_of_the_specification(pages: Pages) -> None:
    root, _ = lecture()
    root.backward()
    page = pages.show(root)
    style = """(selector) => {
      const it = getComputedStyle(document.querySelector(selector));
      return [it.stroke, it.rx, it.strokeDasharray];
    }"""
    assert page.evaluate(style, ".leaf .shape")[:2] == ["rgb(0, 114, 178)", "0px"]
    assert float(page.evaluate(style, ".op .shape")[1].removesuffix("px")) > 8
    stroke, _, dashes = page.evaluate(style, ".current .shape")
    assert stroke == "rgb(213, 94, 0)"
    assert dashes != "none"


def test_steps_are_spoken_and_nodes_have_names(pages: Pages) -> None:
    root, _ = lecture()
    root.backward()
    page = pages.show(root)
    assert page.locator("#story").get_attribute("aria-live") == "polite"
    assert page.locator('[data-node="0"]').get_attribute("aria-label") == "a, leaf, value 2, gradient 6"
    assert page.locator('[data-node="2"]').get_attribute("aria-label") == "e, a × b, value −6, gradient −2"
    assert page.locator("[aria-current=step]").get_attribute("data-node") == "2"
    page.evaluate("stepper.go(0)")
    assert "value not computed yet" in str(page.locator('[data-node="2"]').get_attribute("aria-label"))


def test_nothing_moves_where_motion_is_not_wanted(pages: Pages) -> None:
    page = pages.show(lecture()[0], reduced_motion="reduce")
    durations = page.evaluate(
        "[...document.querySelectorAll('*')].map((each) => getComputedStyle(each).transitionDuration)"
    )
    assert set(durations) == {"0s"}


@pytest.mark.parametrize("width", [320, 390, 640])
def test_narrow_pages_do_not_scroll_sideways(pages: Pages, width: int) -> None:
    # 640 pixels are what a page of 1280 has at 200 % zoom
    a = cr.Value(1.0, label="a name that is really rather long " * 3)
    root = (a * a).tanh() + a
    root.backward()
    page = pages.show(root, viewport={"width": width, "height": 700})
    page.locator('[data-node="0"]').click()
    for view in ("#as-table", "#as-graph", "#quiz-toggle"):
        page.locator(view).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
