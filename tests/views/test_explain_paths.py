"""The search for the largest paths: all of them, in order, each once, held against listing them."""

from __future__ import annotations

from itertools import islice, pairwise
from math import inf, nan, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.views.explaining.flow import Flow, rest, same
from chainrule.views.explaining.paths import Paths, Step, product

SLOPES = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 1e-300, 1e300, inf, nan]), st.floats(-3, 3))


@st.composite
def flows(draw: st.DrawFn, slopes: st.SearchStrategy[float | None] = SLOPES, most: int = 7) -> Flow:
    """Return a random small graph with doubled operands."""
    count = draw(st.integers(2, most))
    operands = [(), *(tuple(draw(st.lists(st.integers(0, place - 1), max_size=3))) for place in range(1, count))]
    return Flow(operands, [tuple(draw(slopes) for _ in each) for each in operands])


def listed(flow: Flow, target: int) -> list[tuple[tuple[int, int], ...]]:
    """Return every path from the root to target as (user, operand) pairs, by plain recursion."""

    def below(place: int) -> list[tuple[tuple[int, int], ...]]:
        if place == target:
            return [()]
        found = []
        for index, operand in enumerate(flow.operands[place]):
            if flow.slopes[place][index] is not None:
                found += [((place, index), *rest) for rest in below(operand)]
        return found

    return below(flow.root)


def key(steps: list[Step]) -> tuple[tuple[int, int], ...]:
    return tuple((step.user, step.operand) for step in steps)


@given(flows())
def test_every_path_comes_once(flow: Flow) -> None:
    for target in range(len(flow.operands)):
        paths = Paths(flow, target)
        expected = listed(flow, target)
        found = [key(steps) for steps in paths.largest_first()]
        assert sorted(found) == sorted(expected)
        assert paths.number == len(expected)
        assert paths.blocked == []


@given(flows(st.floats(-3, 3)))
def test_they_come_largest_first(flow: Flow) -> None:
    paths = list(Paths(flow, 0).largest_first())
    magnitudes = [abs(product(steps)) for steps in paths]
    for before, after in pairwise(magnitudes):
        assert before >= after * (1 - 1e-9)


@given(flows(st.floats(-3, 3)))
def test_they_add_up_to_the_gradient(flow: Flow) -> None:
    gradients = flow.gradients()
    for target in range(len(flow.operands)):
        products = [product(steps) for steps in Paths(flow, target).largest_first()]
        total = gradients[target]
        assert total is not None
        assert same(sum(products), total, scale=sum(map(abs, products)))
        assert rest(total, products) == 0


@given(flows(st.one_of(st.none(), st.floats(-3, 3))))
def test_unknown_slopes_block_their_ways(flow: Flow) -> None:
    paths = Paths(flow, 0)
    depends = flow.depends_on(0)
    assert sorted(map(key, paths.largest_first())) == sorted(listed(flow, 0))
    expected = [
        user
        for user, slopes in enumerate(flow.slopes)
        if any(slope is None and depends[o] for slope, o in zip(slopes, flow.operands[user], strict=True))
    ]
    assert paths.blocked == expected
    below = flow.depends_on(0)
    if flow.gradients()[0] is not None and below[flow.root]:
        reached = [user for user in expected if flow.depends_on(user)[flow.root]]
        assert reached == []


def test_steps_lie_on_the_graph() -> None:
    flow = Flow([(), (0, 0), (1, 0)], [(), (2.0, 3.0), (5.0, 7.0)])
    paths = list(Paths(flow, 0).largest_first())
    assert [[step.slope for step in steps] for steps in paths] == [[5.0, 3.0], [5.0, 2.0], [7.0]]
    assert [[(step.user, step.operand, step.node) for step in steps] for steps in paths] == [
        [(2, 0, 1), (1, 1, 0)],
        [(2, 0, 1), (1, 0, 0)],
        [(2, 1, 0)],
    ]


def diamonds(count: int, left: float, right: float) -> Flow:
    """Return a chain in which each node is used twice by the next: 2ⁿ paths."""
    return Flow([(), *((place, place) for place in range(count))], [(), *[(left, right)] * count])


@pytest.mark.parametrize("slopes", [(1.0, 1.0), (0.1, 0.3), (0.0, 0.0), (0.7, -0.7), (nan, 1.0), (inf, 0.0)])
def test_many_paths_are_not_listed(slopes: tuple[float, float]) -> None:
    paths = Paths(diamonds(500, *slopes), 0)
    assert paths.number == pytest.approx(2.0**500)
    found = [key(steps) for steps in islice(paths.largest_first(), 20)]
    assert len(set(found)) == 20
    assert all(len(each) == 500 for each in found)


def test_more_paths_than_a_float_counts() -> None:
    assert Paths(diamonds(2000, 1.0, 1.0), 0).number == inf


def test_the_largest_of_many() -> None:
    paths = Paths(diamonds(60, 1.0, 0.5), 0)
    products = [product(steps) for steps in islice(paths.largest_first(), 100)]
    assert products == [1.0] + [0.5] * 60 + [0.25] * 39


def test_output_itself_is_a_path_without_steps() -> None:
    flow = diamonds(2, 1.0, 1.0)
    assert list(Paths(flow, 2).largest_first()) == [[]]
    assert product([]) == 1.0


def test_no_way_is_no_path() -> None:
    flow = Flow([(), (), (1,)], [(), (), (1.0,)])
    assert list(Paths(flow, 0).largest_first()) == []
    assert Paths(flow, 0).number == 0


@settings(max_examples=30)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.integers(0, 6))
def test_rest_is_what_is_left(numbers: list[float], shown: int) -> None:
    left = rest(sum(numbers), numbers[:shown])
    assert left == pytest.approx(sum(numbers[shown:]), abs=1e-9)


def test_rest_of_nothing_is_exactly_nothing() -> None:
    assert rest(0.1 + 0.2 + 0.3, [0.3, 0.2, 0.1]) == 0
    assert rest(1e16 + 1.0, [1e16]) in {0.0, 1.0}


@pytest.mark.parametrize(("total", "shown"), [(inf, [1.0]), (nan, [1.0]), (1.0, [inf])])
def test_rest_of_what_is_no_number(total: float, shown: list[float]) -> None:
    assert not abs(rest(total, shown)) < inf


@given(flows(st.floats(-3, 3)))
def test_shares_add_up(flow: Flow) -> None:
    gradients = flow.gradients()
    shares = flow.shares(gradients, range(len(flow.operands)))
    for place, received in shares.items():
        amounts = [share.amount for share in received if share.amount is not None]
        assert len(amounts) == len(received)
        start = 1.0 if place == flow.root else 0.0
        total = gradients[place]
        assert total is not None
        assert same(start + sum(amounts), total, scale=sum(map(abs, amounts)))
        users = [share.user for share in received]
        assert users == sorted(users, reverse=True)


def test_long_chain() -> None:
    count = 20_000
    flow = Flow([(), *((place,) for place in range(count))], [(), *[(0.999,)] * count])
    [steps] = Paths(flow, 0).largest_first()
    assert product(steps) == pytest.approx(prod([0.999] * count), rel=1e-9)
