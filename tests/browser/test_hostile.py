"""Labels from anywhere are text, whatever is in them; the page cannot reach a network if it wanted to."""

from __future__ import annotations

import pytest

import chainrule as cr
from tests.browser.opening import Pages

LABELS = {
    "script": "</script><script>window.hacked = 1</script>",
    "comment": "<!--<script>",
    "image": "<img src=x onerror=window.hacked=1>",
    "quotes": "\"'`><svg onload=window.hacked=1>",
    "template": "${window.hacked=1} $title $$ {{x}}",
    "long": "x" * 10_000,
    "words": "many words " * 900,
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633\u0644\u0627\u0645",
    "overrides": "\u202eabc\u202d\u2066x",
    "emoji": "👩‍👩‍👧‍👦🇩🇪🔥",
    "combining": "e\u0301" * 30,
    "line ends": "a\nb\r\u2028c\u2029d\x00\x1b",
    "half a pair": "\ud800 \udfff",
    "entity": "&lt;b&gt; &amp;",
    "empty": " ",
}


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
def test_a_label_is_text(pages: Pages, label: str) -> None:
    a, b = cr.Value(2.0, label=label), cr.Value(3.0, label="b")
    root = a * b
    root.label = label
    root.backward()
    page = pages.show(root)
    page.locator('[data-node="0"]').click()
    page.locator("#as-table").click()
    page.locator("#as-graph").click()
    page.locator("#quiz-toggle").click()
    page.locator("#search").fill(label[:20].replace("\n", " "))
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("stepper.grads()") == [3.0, 2.0, 1.0]
    assert page.evaluate("stepper.trace.nodes[0].label") == label
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    sides = "(part) => { const r = document.querySelector(part).getBoundingClientRect(); return [r.left, r.right]; }"
    box = page.evaluate(sides, '[data-node="0"] .shape')
    text = page.evaluate(sides, '[data-node="0"] .name')
    assert box[0] - 1 <= text[0]
    assert text[1] <= box[1] + 1


def test_the_page_cannot_reach_a_network(pages: Pages) -> None:
    page = pages.show(cr.Value(1.0) * 2.0)
    refused = page.evaluate("fetch('https://example.org/x').then(() => 'reached', (error) => error.name)")
    assert refused == "TypeError"
    assert any("Content Security Policy" in each for each in pages.complaints)
    pages.complaints.clear()
    assert pages.left() == []
