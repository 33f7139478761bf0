"""Boxes, search, table, quiz, nudge, pieces and source lines, as a person uses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import chainrule as cr
from chainrule.views.tracing.lines import record_lines
from tests.browser.graphs import batch, leaves, lecture
from tests.browser.opening import PHONE, Pages

if TYPE_CHECKING:
    from playwright.sync_api import Page


def lecture_page(pages: Pages) -> Page:
    root, _ = lecture()
    root.backward()
    return pages.show(root)


# Boxes


def test_a_large_model_opens_folded_and_every_node_can_be_reached(pages: Pages) -> None:
    root, model = batch([8, 8, 1], 30)
    page = pages.show(root, model=model)
    count = page.evaluate("stepper.trace.nodes.length")
    assert count > 1500
    assert page.locator("[data-box]").count() < 100
    for title in ("layer 0", "layer 1", "layer 2", "neuron 7", "after layer 2"):
        assert page.locator("#graph text", has_text=title).count() >= 1, title
    for id_ in (0, count // 3, count // 2, count - 1):
        name = page.evaluate(f"stepper.trace.nodes[{id_}].name")
        page.locator("#search").fill(name)
        for _ in range(200):
            if page.locator(f'[data-node="{id_}"].selected').count():
                break
            page.locator("#search").press("Enter")
        assert page.locator(f'[data-node="{id_}"].selected').count() == 1, name


def test_a_long_chain_without_groups_opens_in_parts(pages: Pages) -> None:
    x = cr.Value(0.5, label="x")
    y = x
    for _ in range(700):
        y = (y * 1.01 + 0.1).tanh()
    y.backward()
    page = pages.show(y)
    assert 2 <= page.locator("[data-box]").count() <= 64
    assert page.locator("#graph .group.current").count() == 1
    page.locator("[data-box]").first.click()
    assert 2 <= page.locator("[data-box]").count() <= 140
    page.evaluate("stepper.go(0)")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("stepper.position") == 3


def test_all_boxes_open_and_fold_at_once(pages: Pages) -> None:
    root, model = batch([3, 1], 3)
    page = pages.show(root, model=model)
    page.locator("#open-all").click()
    ids = page.evaluate("[...document.querySelectorAll('[data-node]')].map((each) => Number(each.dataset.node))")
    assert sorted(ids) == list(range(page.evaluate("stepper.trace.nodes.length")))
    page.locator("#fold-all").click()
    assert page.locator(".frame").count() == 0


def test_boxes_do_not_lie_on_each_other(pages: Pages) -> None:
    root, model = batch([3, 2, 1], 3)
    page = pages.show(root, model=model)
    page.locator("#open-all").click()
    boxes = page.evaluate("""[...document.querySelectorAll('#graph .boxes > g')].map((each) => {
      const { x, y, width, height } = each.querySelector('.shape').getBoundingClientRect();
      return [x, y, x + width, y + height];
    })""")
    assert len(boxes) > 50
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:i]:
            assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


def test_a_dot_product_is_drawn_in_pieces_on_request(pages: Pages) -> None:
    a, b, c, d = leaves([1.0, 2.0, 3.0, 4.0])
    root = cr.dot([a, b], [c, d], start=a) * 2.0
    root.backward()
    page = pages.show(root)
    dot = page.evaluate("stepper.trace.nodes.find((node) => node.op === 'dot').id")
    page.locator(f'[data-node="{dot}"]').click()
    page.get_by_role("button", name="As products and sums").click()
    values = page.locator("#graph .piece .value").all_text_contents()
    assert values == ["3", "2", "8", "2", "4", "2"]
    page.evaluate("stepper.go(0)")
    assert set(page.locator("#graph .piece .value").all_text_contents()) == {"–"}
    page.get_by_role("button", name="As one box").click()
    assert page.locator("#graph .piece").count() == 0
    page.get_by_role("button", name="As products and sums").click()
    page.locator("#graph .fold").click()
    assert page.locator("#graph .piece").count() == 0


# Search


def test_search_finds_chooses_and_opens(pages: Pages) -> None:
    root, model = batch([8, 8, 1], 10)
    page = pages.show(root, model=model)
    page.locator("#search").fill("layers.1.neurons.5.w.3")
    assert page.locator("#found").inner_text() == "1 of 1"
    assert page.locator("#node h2").inner_text() == "layers.1.neurons.5.w.3"
    assert page.locator(".node.leaf.selected").count() == 1
    page.locator("#search").fill("tanhh")
    assert page.locator("#found").inner_text() == "none found"
    page.locator("#search").fill("RELU")
    assert page.locator("#found").inner_text() == "170 found"
    page.locator("#search").press("Enter")
    first = page.locator("#node h2").inner_text()
    page.locator("#search").press("Enter")
    assert page.locator("#node h2").inner_text() != first
    page.locator("#search").press("Shift+Enter")
    assert page.locator("#node h2").inner_text() == first


# Table


def test_the_table_holds_the_same_numbers(pages: Pages) -> None:
    page = lecture_page(pages)
    page.locator("#as-table").click()
    rows = [[cell.strip() for cell in row.split("\t")] for row in page.locator("#rows tr").all_inner_texts()]
    assert rows == [
        ["0", "a", "leaf", "2", "6"],
        ["1", "b", "leaf", "−3", "−4"],
        ["2", "e", "a × b", "−6", "−2"],
        ["3", "c", "leaf", "10", "−2"],
        ["4", "d", "e + c", "4", "−2"],
        ["5", "f", "leaf", "−2", "4"],
        ["6", "L", "d × f", "−8", "1"],
    ]
    page.evaluate("stepper.go(1)")
    assert "not computed yet" in page.locator("#rows tr").last.inner_text()
    assert page.locator("#rows [aria-current=step]").inner_text().startswith("2")
    page.get_by_role("button", name="f", exact=True).click()
    assert page.locator("#node h2").inner_text() == "f"


def test_a_long_table_has_pages(pages: Pages) -> None:
    root, model = batch([4, 1], 20)
    page = pages.show(root, model=model)
    page.locator("#as-table").click()
    assert page.locator("#rows tr").count() == 100
    page.keyboard.press("ArrowLeft")
    current = page.evaluate("document.querySelector('#rows tr.current td').textContent")
    assert current.isdecimal()
    page.evaluate("stepper.go(stepper.trace.nodes.filter((node) => node.kind === 'op').length)")
    assert page.locator("#rows tr").last.inner_text().startswith(str(page.evaluate("stepper.trace.root")))
    page.locator("#earlier").click()
    assert page.locator("#rows tr").count() == 100
    page.locator("#later").click()
    assert page.locator("#page-of").inner_text().endswith(f"of {page.evaluate('stepper.trace.nodes.length')}")


# Quiz


def test_the_quiz_hides_one_gradient_everywhere(pages: Pages) -> None:
    page = lecture_page(pages)
    page.locator("#quiz-toggle").click()
    assert page.locator("label[for=guess]").inner_text() == "What is ∂L/∂a?"
    assert "?" in str(page.locator('[data-node="0"]').text_content())
    assert "gradient ?" in str(page.locator('[data-node="0"]').get_attribute("aria-label"))
    assert "a.grad += ?" in page.locator("#story").inner_text()
    page.locator('[data-node="0"]').click()
    assert "= ?" in page.locator("#node .formula").inner_text()
    page.get_by_role("button", name="Nudge").click()
    assert "question" in page.locator("#node .answer").inner_text()
    page.locator("#as-table").click()
    assert page.locator("#rows tr").first.inner_text().split()[-1] == "?"


def test_the_quiz_judges_hints_and_goes_on(pages: Pages) -> None:
    page = lecture_page(pages)
    page.locator("#quiz-toggle").click()
    for typed, answer in [("six", "Type a number"), ("-6", "Look at the sign"), ("5", "is not it")]:
        page.locator("#guess").fill(typed)
        page.locator("#guess").press("Enter")
        assert answer in page.locator("#quiz .verdict").inner_text()
    page.get_by_role("button", name="Hint").click()
    assert "∂e/∂a = −3" in page.locator("#quiz .verdict").inner_text()
    page.locator("#guess").fill("6")
    page.locator("#guess").press("Enter")
    assert page.locator("#quiz .verdict").inner_text() == "Right: 6. 1 of 1 so far."
    assert "gradient 6" in str(page.locator('[data-node="0"]').get_attribute("aria-label"))
    asked = {page.locator("label[for=guess]").inner_text()}
    for _ in range(12):
        page.get_by_role("button", name="Next").click()
        asked.add(page.locator("label[for=guess]").inner_text())
    assert len(asked) >= 4
    page.get_by_role("button", name="Show").click()
    assert page.locator("#quiz .verdict").inner_text().endswith("1 of 2 so far.")
    page.get_by_role("button", name="End", exact=True).click()
    assert not page.locator("#quiz").is_visible()


# Edit and nudge


def test_a_leaf_is_edited_in_the_panel(pages: Pages) -> None:
    page = lecture_page(pages)
    page.locator('[data-node="0"]').click()
    page.locator("#leaf").fill("−1e1")
    assert page.evaluate("stepper.values().at(-1)") == -80.0
    assert page.locator('[data-node="6"] .value').first.text_content() == "−80"
    assert page.locator("#result").inner_text() == "−80"
    page.get_by_role("button", name="Back to Python").click()
    assert page.evaluate("stepper.values().at(-1)") == -8.0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("stepper.set(2, 1)", "e cannot be changed: it is computed"),
        ("stepper.set(99, 1)", "there is no node 99"),
        ("stepper.set(0, '1')", "a needs a number, not string"),
        ("stepper.go('x')", "go() takes a position from 0 to 7"),
    ],
)
def test_wrong_calls_say_what_is_wrong(pages: Pages, script: str, message: str) -> None:
    page = lecture_page(pages)
    assert message in page.evaluate(
        f"(() => {{ try {{ {script}; return ''; }} catch (error) {{ return error.message; }} }})()"
    )


def test_an_edge_that_is_lit_twice_has_one_label(pages: Pages) -> None:
    page = lecture_page(pages)
    page.locator('[data-node="0"]').click()
    assert page.locator("#graph .label").all_text_contents() == ["× −3", "× 2"]


def test_many_terms_are_summed_up(pages: Pages) -> None:
    a = cr.Value(2.0, label="a")
    root = cr.sum([a * (i + 1.0) for i in range(9)])
    root.backward()
    page = pages.show(root)
    page.locator('[data-node="0"]').click()
    formula = " ".join(page.locator("#node .formula").inner_text().split())
    assert "Σ" in formula
    assert "over 9 users" in formula
    assert "9 × 1 + 8 × 1 + 7 × 1 + 6 × 1 + 5 × 1 + 4 × 1 + … (3 more terms)" in formula
    assert formula.endswith("= 45")


def test_a_nudge_compares_predicted_and_actual(pages: Pages) -> None:
    a = cr.Value(3.0, label="a")
    root = a * a
    root.label = "L"
    root.backward()
    page = pages.show(root)
    page.locator('[data-node="0"]').click()
    page.locator("#nudge-size").fill("0.1")
    page.get_by_role("button", name="Nudge").click()
    answer = page.locator("#node .answer").inner_text()
    assert "gradient × 0.1 = 0.6" in answer
    assert "0.61" in answer
    assert page.evaluate("stepper.values().at(-1)") == 9.0
    page.locator("#nudge-size").fill("?")
    page.get_by_role("button", name="Nudge").click()
    assert page.locator("#node .answer").inner_text() == "The step is not a number."


# What else a node shows


def test_the_recorded_line_is_shown(pages: Pages) -> None:
    with record_lines():
        a = cr.Value(3.0, label="a")
        root = a * a  # the square
        page = pages.show(root)
    page.locator(f'[data-node="{page.evaluate("stepper.trace.root")}"]').click()
    assert "root = a * a  # the square" in page.locator("#node pre").inner_text()
    assert re.search(r"test_views\.py:\d+", page.locator("#node .line").inner_text())


def test_an_excerpt_says_what_it_leaves_out(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.views.stepper.stepper.MOST_NODES", 100)
    monkeypatch.setattr("chainrule.views.stepper.stepper.EXCERPT", 50)
    x = cr.Value(0.5, label="x")
    y = x
    for _ in range(200):
        y = y.tanh() * 1.5
    y.backward()
    page = pages.show(y)
    assert "nodes are left out" in page.locator("body > .notice").inner_text()
    assert page.evaluate("stepper.trace.truncated.nodes_left_out") > 300
    page.evaluate("stepper.go(stepper.length)")
    assert "left out here" in page.locator("#story").inner_text()


def test_a_phone_shows_everything(pages: Pages) -> None:
    root, _ = lecture()
    root.backward()
    page = pages.show(root, viewport=PHONE, has_touch=True)
    page.locator("#back").tap()
    page.locator('[data-node="4"]').tap()
    assert page.locator("#node h2").inner_text() == "d"
    assert page.locator("#transport").is_visible()
