"""The page's numbers are Python's: at every step, for every op, after every edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule.views.tracing.trace import trace_of
from tests.browser.graphs import GRAPHS, Made, diamond, every_op, leaves, lecture, neuron
from tests.browser.opening import Pages

NODES = "stepper.trace.nodes"


def close(page: list[float | None], python: list[float | None]) -> bool:
    """Tell whether two lists of numbers are equal to 1e-12, None and nan like themselves."""

    def same(a: float | None, b: float | None) -> bool:
        if a is None or b is None:
            return a is b
        if not math.isfinite(a) or not math.isfinite(b):
            return a == b or (a != a and b != b)
        return abs(a - b) <= 1e-12 * max(1.0, abs(b))

    return len(page) == len(python) and all(map(same, page, python))


def test_the_comparison_sees_faults() -> None:
    assert close([1.0, None, math.nan, math.inf], [1.0 + 1e-13, None, math.nan, math.inf])
    wrongs: list[list[float | None]] = [[1.0 + 1e-11], [None], [math.nan], [], [1.0, 1.0]]
    for wrong in wrongs:
        assert not close([1.0], wrong)


def python_numbers(root: cr.Value) -> tuple[list[float | None], list[float | None]]:
    """The values and gradients that Python has, by node id."""
    nodes = trace_of(root).nodes
    return [node.data for node in nodes], [node.grad for node in nodes]


def accumulated(nodes: list[dict[str, Any]], steps: int) -> list[float | None]:
    """The gradients after the root and so many ops, from the root back, have passed theirs on: written anew."""
    grads: list[float | None] = [None] * len(nodes)
    grads[-1] = 1.0
    for node in [node for node in reversed(nodes) if node["kind"] == "op"][:steps]:
        for operand, slope in zip(node["operands"], node["slopes"], strict=True):
            if nodes[operand]["kind"] != "constant":
                grads[operand] = (grads[operand] or 0.0) + slope * (grads[node["id"]] or 0.0)
    return grads


@pytest.mark.parametrize("make", GRAPHS.values(), ids=list(GRAPHS))
def test_every_step_has_pythons_numbers(pages: Pages, make: Callable[[], Made]) -> None:
    root, _ = make()
    root.backward()
    values, grads = python_numbers(root)
    page = pages.show(root)
    nodes = page.evaluate(NODES)
    ops = [node["id"] for node in nodes if node["kind"] == "op"]
    assert page.evaluate("[stepper.position, stepper.length]") == [2 * len(ops) + 1] * 2
    for position in range(2 * len(ops) + 2):
        page.evaluate(f"stepper.go({position})")
        done = set(ops[:position])
        want = [
            value if node["kind"] != "op" or node["id"] in done else None
            for node, value in zip(nodes, values, strict=True)
        ]
        assert close(page.evaluate("stepper.values()"), want), position
        steps = position - len(ops) - 1
        want = accumulated(nodes, steps) if steps >= 0 else [None] * len(nodes)
        assert close(page.evaluate("stepper.grads()"), want), position
    assert close(page.evaluate("stepper.grads()"), grads)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=list(GRAPHS))
def test_an_edit_gives_what_python_gives_when_it_runs_again(pages: Pages, make: Callable[..., Made]) -> None:
    root, inputs = make()
    page = pages.show(root)
    ids = {node["label"]: node["id"] for node in page.evaluate(NODES) if node["kind"] == "leaf"}
    page.evaluate("stepper.go(stepper.length)")
    numbers = [each.data for each in inputs]
    for place, change in enumerate([0.125, -0.125, 0.0625, 0.05][: len(inputs)] * 2):
        numbers[place % len(inputs)] += change
        page.evaluate(
            "([id, x]) => stepper.set(id, x)", [ids[inputs[place % len(inputs)].label], numbers[place % len(inputs)]]
        )
        again, _ = make(numbers)
        again.backward()
        values, grads = python_numbers(again)
        assert close(page.evaluate("stepper.values()"), values)
        assert close(page.evaluate("stepper.grads()"), grads)


def test_every_row_of_the_table_is_in_the_graph_of_every_op() -> None:
    from chainrule.ops import TABLE

    root, _ = every_op()
    assert {node.op for node in trace_of(root).nodes} >= set(TABLE)


def test_a_graph_that_went_forward_opens_there_and_can_be_played(pages: Pages) -> None:
    root, _ = lecture()
    page = pages.show(root)
    assert page.evaluate("[stepper.position, stepper.length]") == [3, 7]
    assert page.evaluate("stepper.grads()") == [None] * 7
    assert "not computed yet" in page.locator("#node .formula").inner_text()
    assert "backward() not yet" in page.locator("#about").inner_text()
    page.keyboard.press("End")
    root.backward()
    assert close(page.evaluate("stepper.grads()"), python_numbers(root)[1])


def test_a_diamond_shows_both_terms(pages: Pages) -> None:
    root, _ = diamond()
    root.backward()
    page = pages.show(root)
    assert "6 × 1 + 6 × 1" in page.locator("#node .formula").inner_text().replace("\n", " ")
    assert "a.grad += 1 × 12 + 1 × 12 = 24" in page.locator("#story").inner_text()
    page.locator('[data-node="0"]').click()
    formula = page.locator("#node .formula").inner_text().replace("\n", " ")
    assert "1 × 12 + 1 × 12" in formula
    assert "= 24" in formula
    term = page.locator("#node .term").first
    term.hover()
    assert page.locator(".edge.pointed").count() == 1


def test_a_gradient_in_the_making_says_what_is_missing(pages: Pages) -> None:
    a, b = leaves([3.0, 4.0])
    c = a * b
    d = c * a
    d.backward()
    page = pages.show(d)
    page.evaluate("stepper.go(4)")
    assert "a.grad += 12 × 1 = 12, 1 more to come" in page.locator("#story").inner_text()
    page.locator('[data-node="0"]').click()
    assert "1 term to come" in page.locator("#node .formula").inner_text()
    page.evaluate("stepper.go(5)")
    assert "a.grad += 4 × 3 = 12, now 24" in page.locator("#story").inner_text()


def test_the_sentences_of_a_walk(pages: Pages) -> None:
    root, _ = lecture()
    root.backward()
    page = pages.show(root)
    said = []
    for position in range(8):
        page.evaluate(f"stepper.go({position})")
        told = page.locator("#story").inner_text().split()
        said.append(f"{page.locator('#phase').inner_text()}: {' '.join(told)}")
    share = "and passes it on, times each local derivative."
    assert said == [
        "Start: Nothing is computed yet: only the leaves have their numbers.",
        "Forward · step 1 of 3: e = a × b = 2 × (−3) = −6",
        "Forward · step 2 of 3: d = e + c = −6 + 10 = 4",
        "Forward · step 3 of 3: L = d × f = 4 × (−2) = −8",
        "Backward · step 1 of 4: Backward begins at L. It changes as much as itself, so ∂L/∂L = 1.",
        f"Backward · step 2 of 4: L has gradient 1 {share} d.grad += −2 × 1 = −2 f.grad += 4 × 1 = 4",
        f"Backward · step 3 of 4: d has gradient −2 {share} e.grad += 1 × (−2) = −2 c.grad += 1 × (−2) = −2",
        f"Backward · step 4 of 4 · done: e has gradient −2 {share} a.grad += −3 × (−2) = 6 b.grad += 2 × (−2) = −4",
    ]


def test_infinities_and_nan(pages: Pages) -> None:
    a, b = leaves([0.0, 1e200])
    root = (a - 1.0).log() + b * b * b + 1.0 / a
    root.backward()
    page = pages.show(root)
    values, grads = python_numbers(root)
    assert close(page.evaluate("stepper.values()"), values)
    assert close(page.evaluate("stepper.grads()"), grads)
    page.evaluate("stepper.set(stepper.trace.nodes.find(node => node.label === 'a').id, 3)")
    again = [x for x in page.evaluate("stepper.values()") if x is not None and math.isfinite(x)]
    assert math.log(2.0) in [pytest.approx(x, rel=1e-15) for x in again]


def test_an_op_of_the_users_own(pages: Pages) -> None:
    a, b = leaves([2.0, 5.0])
    cube = cr.Value(a.data**3, (a,), "cube")

    def give() -> None:
        a.grad += 3 * a.data**2 * cube.grad

    cube._backward = give
    root = cube * b
    root.backward()
    page = pages.show(root)
    assert close(page.evaluate("stepper.grads()"), python_numbers(root)[1])
    with pytest.raises(Exception, match="only Python can recompute"):
        page.evaluate("stepper.set(0, 3)")
    page.evaluate("stepper.set(stepper.trace.nodes.find(node => node.label === 'b').id, 7)")
    assert page.evaluate("stepper.values().at(-1)") == 56.0


def test_gradients_of_two_passes_are_noticed(pages: Pages) -> None:
    root, _ = neuron()
    root.backward()
    root.backward()
    page = pages.show(root)
    assert "ran more than once" in page.locator("#notice").inner_text()


def test_a_leaf_changed_after_the_pass_is_noticed(pages: Pages) -> None:
    root, inputs = lecture()
    root.backward()
    inputs[0].data += 1.0
    page = pages.show(root)
    assert "changed after the forward pass" in page.locator("#notice").inner_text()
    assert page.evaluate("stepper.values().at(-1)") == -8.0


def test_a_root_without_a_graph(pages: Pages) -> None:
    page = pages.show(cr.Value(3.0, label="alone"))
    assert page.evaluate("[stepper.position, stepper.length, stepper.values(), stepper.grads()]") == [
        0,
        1,
        [3.0],
        [None],
    ]
    assert "one leaf" in page.locator("#story").inner_text()
    page.keyboard.press("End")
    assert page.evaluate("stepper.grads()") == [1.0]
    page.evaluate("stepper.set(0, 4)")
    assert page.evaluate("stepper.values()") == [4.0]
