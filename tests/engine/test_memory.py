"""Memory: at most 96 bytes a node, and a loop that builds and drops graphs leaves it where it was."""

from __future__ import annotations

import sys

import pytest

from chainrule import Value
from chainrule.engine import compiled
from tests.engine.test_depth import FACTOR, run_deep

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")


@linux
@pytest.mark.skipif(not compiled, reason="a node of ordinary Python takes what Python takes")
def test_96_bytes_a_node() -> None:
    resident, traced, _ = map(float, run_deep("bytes_a_node", 500_000)[:3])
    assert resident <= 97.0  # the pages that the process happens to get along with them
    assert traced <= 96.0


@pytest.mark.skipif(not compiled, reason="a node of ordinary Python takes what Python takes")
def test_size_with_the_collectors_header() -> None:
    assert sys.getsizeof(Value(1.0)) <= 96
    assert sys.getsizeof(Value(1.0) * 2.0) <= 96


# Bytes. If every node leaked it would be 200 MB; what the engine keeps for later nodes and what waits for the
# cycle collector is far less, and does not grow with the number of nodes.
LEAK = 24_000_000


@linux
@pytest.mark.skipif(not compiled, reason="Python's own objects")
def test_a_large_graph_gives_its_pages_back() -> None:
    """But for those of the nodes that are kept, 25 MB; and they too when none are kept any more."""
    grown, kept, left = map(int, run_deep("pages", 800_000)[:3])
    assert grown > 70_000_000
    assert kept < 32_000_000
    assert left < 3_000_000


@pytest.mark.skipif(not compiled, reason="Python's own objects")
def test_nodes_of_pages_and_of_python_take_turns() -> None:
    assert run_deep("some_survive", 400_000)


@linux
@pytest.mark.parametrize("name", ["build_and_drop", "build_and_drop_closures"])
def test_built_and_dropped_graphs_leave_memory_where_it_was(name: str) -> None:
    nodes = (2_000_000 if name == "build_and_drop" else 1_000_000) if compiled else 300_000
    growth = int(run_deep(name, nodes * FACTOR)[0])
    assert growth < LEAK


@linux
def test_a_leak_would_be_noticed() -> None:
    """The checker itself: one graph in three kept is above the limit."""
    assert int(run_deep("build_and_keep", 2_000_000 if compiled else 800_000)[0]) > LEAK


@linux
@pytest.mark.slow
@pytest.mark.skipif(FACTOR == 1, reason="set CHAINRULE_SLOW=1 for a hundred million nodes")
def test_a_hundred_million_nodes() -> None:
    assert int(run_deep("build_and_drop", 100_000_000)[0]) < LEAK
    assert int(run_deep("build_and_drop_closures", 20_000_000)[0]) < LEAK
