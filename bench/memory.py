"""Measurements of memory and scale: bytes and nanoseconds a node, and what stays after many graphs."""

from __future__ import annotations

import gc
import os
import statistics
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import process_time_ns
from typing import Any

PAGE = os.sysconf("SC_PAGESIZE")
# Short runs are repeated until this many nodes have been timed.
TIMED_NODES = 1_000_000
# More than the engine's free list holds.
KEPT_NODES = 300_000
# The nodes of one of the graphs that are built and dropped: the demo's size; a lecture's are smaller.
CHURN_GRAPH = 65_000
CLOSURE_GRAPH = 10_000
# Graphs that are dropped before memory is first looked at: the collector lets garbage wait for a while.
WARM_UP = 20


def resident_bytes() -> int:
    """What this process holds in memory now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE


def build_chain(value: Any, nodes: int) -> tuple[Any, Any, Any]:
    """A chain of `nodes` nodes that alternates v * v and v + v; its end and the two leaves it uses."""
    factor, term = value(1.0), value(0.0)
    x = value(1.0)
    for _ in range(nodes // 2):
        x = x * factor + term
    return x, factor, term


def bytes_per_node(size: int) -> dict[str, float]:
    """Resident and traced bytes that one node of a chain of `size` nodes takes."""
    value = import_module("chainrule.engine").Value
    return _bytes_per_node(value, size)


def bytes_per_node_micrograd(size: int) -> dict[str, float]:
    """The same for micrograd's nodes."""
    return _bytes_per_node(import_module("micrograd.engine").Value, size)


def _bytes_per_node(value: Any, size: int) -> dict[str, float]:
    build_chain(value, 1_000)
    gc.collect()
    before = resident_bytes()
    chain = build_chain(value, size)
    resident = resident_bytes() - before
    del chain
    gc.collect()
    traced_nodes = max(1_000, size // 10)
    # The engine keeps freed nodes for the next ones; a chain that stays alive takes those away first.
    used_up = build_chain(value, min(size, KEPT_NODES))
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    chain = build_chain(value, traced_nodes)
    traced = tracemalloc.get_traced_memory()[0] - start
    tracemalloc.stop()
    del chain, used_up
    return {"resident": resident / size, "traced": traced / traced_nodes}


def chain_times(size: int) -> dict[str, float]:
    """Median nanoseconds a node to build, differentiate and free a chain; its slopes are checked."""
    value = import_module("chainrule.engine").Value
    repeats = max(3, TIMED_NODES // size) if size < 10 * TIMED_NODES else 1
    times: dict[str, list[float]] = {"build": [], "backward": [], "free": []}
    for _ in range(repeats):
        start = process_time_ns()
        end, factor, term = build_chain(value, size)
        built = process_time_ns()
        end.backward()
        differentiated = process_time_ns()
        slopes = (term.grad, factor.grad)
        released = process_time_ns()
        del end
        freed = process_time_ns()
        if slopes != (size // 2, size // 2):
            raise AssertionError(f"a chain of {size} nodes gave the slopes {slopes}")
        times["build"].append((built - start) / size)
        times["backward"].append((differentiated - built) / size)
        times["free"].append((freed - released) / size)
    return {phase: statistics.median(of_phase) for phase, of_phase in times.items()}


def churn(size: int) -> dict[str, float]:
    """Resident bytes before and after building, differentiating and dropping `size` nodes, graph by graph."""
    value = import_module("chainrule.engine").Value

    def graph() -> None:
        build_chain(value, CHURN_GRAPH)[0].backward()

    return _growth(graph, max(1, size // CHURN_GRAPH), size)


def churn_closures(size: int) -> dict[str, float]:
    """The same with an operation written as in the lecture: a node whose `_backward` is a closure over it."""
    value = import_module("chainrule.engine").Value

    def halved(operand: Any) -> Any:
        out = value(0.5 * operand.data, (operand,), "half")

        def pass_on() -> None:
            operand.grad += 0.5 * out.grad

        out._backward = pass_on
        return out

    def graph() -> None:
        x = value(1.0)
        for _ in range(CLOSURE_GRAPH):
            x = halved(x)
        x.backward()

    return _growth(graph, max(1, size // CLOSURE_GRAPH), size)


def _growth(graph: Callable[[], None], graphs: int, size: int) -> dict[str, float]:
    """Resident bytes after a warm-up and after all graphs, `size` nodes, with the time that a node took."""
    for _ in range(min(WARM_UP, graphs)):
        graph()
    gc.collect()
    before = resident_bytes()
    start = process_time_ns()
    for _ in range(graphs):
        graph()
    elapsed = process_time_ns() - start
    gc.collect()
    return {
        "before": float(before),
        "after": float(resident_bytes()),
        "ns": elapsed / size,
    }


MEASUREMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "memory.node": bytes_per_node,
    "memory.micrograd": bytes_per_node_micrograd,
    "scale.chain": chain_times,
    "memory.churn": churn,
    "memory.closures": churn_closures,
}
