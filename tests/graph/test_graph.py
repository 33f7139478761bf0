"""Walking: the lecture's two sets, and excerpts that are bounded, nearest first and honest."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import engine, graph
from chainrule.engine import Value
from chainrule.errors import NumberError
from chainrule.graph import MOST_COUNTED, excerpt, trace
from tests.views.pictures import lesson, random_graphs


def traced_by_recursion(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Walk as the lecture does."""
    nodes: set[Value] = set()
    edges: set[tuple[Value, Value]] = set()

    def build(node: Value) -> None:
        if node not in nodes:
            nodes.add(node)
            for child in node._prev:
                edges.add((child, node))
                build(child)

    build(root)
    return nodes, edges


def distances(root: Value) -> dict[Value, int]:
    """Return how many connections each node is from the root."""
    found = {root: 0}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        for operand in node._prev:
            if operand not in found:
                found[operand] = found[node] + 1
                queue.append(operand)
    return found


def chain(length: int) -> Value:
    """Return the end of a chain of `length` additions of a leaf."""
    step = node = Value(1.0)
    for _ in range(length):
        node = node + step
    return node


def test_trace_of_the_lesson() -> None:
    root = lesson()
    nodes, edges = trace(root)
    assert sorted(node.label for node in nodes) == ["L", "a", "b", "c", "d", "e", "f"]
    assert sorted((child.label, parent.label) for child, parent in edges) == [
        ("a", "e"), ("b", "e"), ("c", "d"), ("d", "L"), ("e", "d"), ("f", "L"),
    ]  # fmt: skip


@given(random_graphs())
def test_trace_is_the_lectures(root: Value) -> None:
    assert trace(root) == traced_by_recursion(root)


def test_trace_of_a_leaf() -> None:
    leaf = Value(1.0)
    assert trace(leaf) == ({leaf}, set())


def test_trace_does_not_recurse() -> None:
    nodes, edges = trace(chain(20_000))
    assert (len(nodes), len(edges)) == (20_001, 20_001 + 19_999 - 1)


@pytest.mark.parametrize("root", [1.0, None, "L", [Value(1.0)]])
def test_trace_refuses_what_is_no_value(root: object) -> None:
    with pytest.raises(NumberError, match=rf"trace\(\).*{type(root).__name__}"):
        trace(root)  # type: ignore[arg-type]


def test_a_list_of_values_is_told_to_choose() -> None:
    with pytest.raises(NumberError, match="choose one"):
        trace([Value(1.0)])  # type: ignore[arg-type]


def test_the_order_is_the_engines() -> None:
    assert graph.topological_order is engine.topological_order


@given(random_graphs())
def test_an_excerpt_with_room_is_the_whole_graph(root: Value) -> None:
    part = excerpt(root, 1000)
    assert part.nodes == engine.topological_order(root)
    assert part.operands == [node._prev for node in part.nodes]
    assert set(part.missing) == {0}
    assert part.left_out == 0


@given(random_graphs(), st.integers(0, 12))
def test_an_excerpt_is_bounded_and_honest(root: Value, limit: int) -> None:
    part = excerpt(root, limit)
    assert sum(map(len, part.operands)) <= limit
    assert part.nodes[-1] is root
    assert part.left_out + len(part.nodes) == len(engine.topological_order(root))
    for place, (node, operands, missing) in enumerate(zip(part.nodes, part.operands, part.missing, strict=True)):
        assert operands == node._prev[: len(operands)]
        assert len(operands) + missing == len(node._prev)
        assert all(operand in part.nodes[:place] for operand in operands)


@given(random_graphs(), st.integers(0, 12))
def test_an_excerpt_is_nearest_first(root: Value, limit: int) -> None:
    inside = set(excerpt(root, limit).nodes)
    far = distances(root)
    outside = [distance for node, distance in far.items() if node not in inside]
    # What is left of the limit, less than one operation of three, may go one step further.
    assert max(far[node] for node in inside) <= min(outside, default=1_000) + 1


def test_a_small_operation_keeps_all_operands_or_none() -> None:
    part = excerpt(chain(10), 5)
    assert sorted(map(len, part.operands), reverse=True)[:3] == [2, 2, 0]


def test_a_large_operation_keeps_its_first_operands() -> None:
    terms = [Value(float(k)) for k in range(50)]
    part = excerpt(Value(0.0, terms, "own"), 7)
    assert part.operands[-1] == tuple(terms[:7])
    assert (part.missing[-1], part.left_out) == (43, 43)


def test_an_excerpt_of_a_long_chain_counts_up_to_its_bound() -> None:
    short, long = excerpt(chain(5_000), 10), excerpt(chain(MOST_COUNTED + 5_000), 10)
    assert short.left_out == 5_001 - len(short.nodes)
    assert long.left_out == MOST_COUNTED + 1
