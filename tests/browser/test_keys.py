"""Everything can be done from the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.graphs import batch, lecture
from tests.browser.opening import Pages

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOCUSED = """(() => {
  const it = document.activeElement;
  return it.dataset?.node ?? it.dataset?.box ?? (it.id || it.textContent.trim() || it.tagName);
})()"""


def opened(pages: Pages) -> Page:
    root, _ = lecture()
    root.backward()
    return pages.show(root)


def at(page: Page) -> int:
    position: int = page.evaluate("stepper.position")
    return position


def test_arrows_step_and_home_and_end_jump(pages: Pages) -> None:
    page = opened(pages)
    assert at(page) == 7
    for key, place in [
        ("ArrowLeft", 6),
        ("ArrowLeft", 5),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowRight", 1),
        ("End", 7),
        ("ArrowRight", 7),
    ]:
        page.keyboard.press(key)
        assert at(page) == place, key


@pytest.mark.parametrize(
    "where", ["#next", "#position", '[data-node="3"]', "#as-table", "#speed", "#node .term", "summary"]
)
def test_arrows_step_wherever_the_focus_is(pages: Pages, where: str) -> None:
    page = opened(pages)
    page.keyboard.press("ArrowLeft")
    page.locator(where).first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert at(page) == 4


@pytest.mark.parametrize("where", ["#search", "#nudge-size", "#leaf"])
def test_keys_in_a_text_field_belong_to_the_text(pages: Pages, where: str) -> None:
    page = opened(pages)
    page.locator('[data-node="0"]').click()
    page.locator(where).focus()
    for key in ("ArrowLeft", "Home", "End", "ArrowRight", "Space", "/"):
        page.keyboard.press(key)
    assert at(page) == 7
    assert page.evaluate(FOCUSED) == where[1:]


def test_space_plays_and_pauses(pages: Pages) -> None:
    page = opened(pages)
    page.locator("#speed").select_option("fast")
    page.locator("#stage [tabindex='0']").focus()
    page.keyboard.press("Space")
    page.wait_for_function("stepper.position === stepper.length && document.querySelector('#play.playing') === null")
    page.keyboard.press("Home")
    page.locator("#speed").select_option("slow")
    page.locator("#stage [tabindex='0']").focus()
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_the_picture_is_one_stop_and_shift_with_arrows_moves_in_it(pages: Pages) -> None:
    page = opened(pages)
    assert page.locator("#graph [tabindex='0']").count() == 1
    page.locator('[data-node="6"]').focus()
    names = {node["id"]: node["name"] for node in page.evaluate("stepper.trace.nodes")}
    met = []
    for key in ("ArrowLeft", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowUp", "ArrowRight"):
        page.keyboard.press(f"Shift+{key}")
        met.append(names[int(page.evaluate(FOCUSED))])
        assert page.locator("#graph [tabindex='0']").count() == 1
    assert met[0] == "d"
    assert met[1:3] == ["f", "d"]
    assert met[3] in {"e", "c"}
    assert at(page) == 7
    page.keyboard.press("Enter")
    assert page.locator("#node h2").inner_text() == met[-1]


def test_a_walk_from_top_to_bottom_with_tab_alone(pages: Pages) -> None:
    page = opened(pages)
    page.keyboard.press("Home")
    page.locator('[data-node="0"]').focus()
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.evaluate("document.body.focus()")
    met: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if here == "BODY" or here in met:
            break
        met.append(here)
    for part in (
        "search",
        "as-graph",
        "as-table",
        "quiz-toggle",
        "farther",
        "first",
        "play",
        "position",
        "speed",
        "leaf",
        "Nudge",
        "Keys",
    ):
        assert part in met, met
    assert met.index("play") < met.index("leaf")


def test_an_edit_from_the_keyboard(pages: Pages) -> None:
    page = opened(pages)
    page.locator('[data-node="0"]').focus()
    page.keyboard.press("Enter")
    page.locator("#leaf").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("-4")
    assert page.evaluate("stepper.values().at(-1)") == -44.0
    assert "Back to Python" in page.locator("#notice").inner_text()
    page.keyboard.press("Control+A")
    page.keyboard.type("four")
    assert page.locator("#leaf").get_attribute("aria-invalid") == "true"
    assert page.evaluate("stepper.values().at(-1)") == -44.0
    page.locator("#notice button").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("stepper.values().at(-1)") == -8.0
    assert page.evaluate(FOCUSED) == "next"


def test_boxes_open_and_fold_and_keep_the_focus(pages: Pages) -> None:
    root, model = batch([3, 1], 4)
    page = pages.show(root, model=model)
    page.locator("#fold-all").click()
    assert page.locator("[data-box^=group][aria-expanded=false]").count() == 2
    assert page.locator(".frame").count() == 0
    box = page.locator('[data-box="group layers.0"]')
    box.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == "group layers.0"
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    assert box.get_attribute("aria-expanded") == "false"
