"""Which classes get a place in memory."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.compiler.classes import Kind
from chainrule.compiler.nests.inlining import LARGEST, MEMBERS_OF_CONSUMER, MOST_CONSUMERS, stored_classes
from tests.compiler.nests.handmade import Builder, mlp_layer


def test_products_live_in_their_sums_and_sums_in_maps() -> None:
    program = mlp_layer()
    stored = stored_classes(program)
    kinds = [(each.kind.value, where) for each, where in zip(program.classes, stored, strict=True) if each.slots]
    assert kinds == [
        ("map", False),  # w · x
        ("sum", True),  # z, used by relu and by its slope
        ("map", True),  # h, used by the sum and by the slope
        ("sum", True),  # the output
        ("map", True),  # the slope, used by both gradients
        ("map", False),  # its products with x
        ("sum", True),
        ("sum", True),
    ]


@pytest.mark.parametrize(("name", "inside"), [("multiply", True), ("exp", False), ("tanh", False)])
def test_nothing_expensive_is_computed_twice(name: str, inside: bool) -> None:
    build = Builder()
    x = build.value(range(4))
    mapped = build.map(name, *[(x, None)] * (2 if name == "multiply" else 1))
    twice = build.sum((mapped, [[0, 1], [1, 2], [2, 3]]))
    total = build.sum((twice, [[0, 1, 2]]))
    assert stored_classes(build.program([(total, 0)]))[mapped] is not inside


def test_what_is_used_once_in_all_lives_in_all_its_users() -> None:
    build = Builder()
    x = build.value(range(4))
    mapped = build.map("tanh", (x, None))
    first = build.map("sin", (mapped, [0, 1]))
    second = build.map("relu", (mapped, [2, 3]))
    outputs = [(first, 0), (first, 1), (second, 0), (second, 1)]
    assert stored_classes(build.program(outputs))[mapped] is False
    assert stored_classes(build.program([*outputs, (mapped, 0)]))[mapped] is True


@pytest.mark.parametrize("kind", [Kind.SUM, Kind.MAX])
def test_reductions_do_not_nest(kind: Kind) -> None:
    build = Builder()
    x = build.value(range(6))
    inner = build.sum((x, [[0, 1], [2, 3], [4, 5]]), kind=kind)
    product = build.map("multiply", (inner, None), (inner, None))
    outer = build.sum((product, [[0, 1, 2]]))
    stored = stored_classes(build.program([(outer, 0)]))
    assert stored[inner] is True
    assert stored[product] is False


def test_a_sum_used_once_lives_in_a_map() -> None:
    build = Builder()
    x = build.value(range(6))
    inner = build.sum((x, [[0, 1], [2, 3], [4, 5]]))
    mapped = build.map("tanh", (inner, None))
    assert stored_classes(build.program([(mapped, i) for i in range(3)]))[inner] is False


def test_trees_stay_small() -> None:
    build = Builder()
    last = build.value(range(2))
    for _ in range(20 * LARGEST):
        last = build.map("sin", (last, None))
    stored = stored_classes(build.program([(last, 0), (last, 1)]))
    gaps = np.diff(np.flatnonzero(stored))
    assert len(gaps) > 10
    assert gaps.max() <= LARGEST


@pytest.mark.parametrize("members", [MEMBERS_OF_CONSUMER, MEMBERS_OF_CONSUMER - 1])
def test_many_users_that_use_much_compute_it_themselves(members: int) -> None:
    """What each time step takes its own part of."""
    steps = MOST_CONSUMERS + 1
    build = Builder()
    x, w = build.value(range(members * steps)), build.input(range(members * steps))
    mapped = build.map("multiply", (x, None), (w, None))
    outputs = []
    for step in range(steps):
        total = build.sum((mapped, [list(range(members * step, members * (step + 1)))]))
        outputs.append((build.map("sin", (total, None)), 0))
        outputs.append((build.map("cos", (total, None)), 0))
    assert stored_classes(build.program(outputs))[mapped] is (members < MEMBERS_OF_CONSUMER)
