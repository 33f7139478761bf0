"""Programs over huge graphs, run by test_depth and test_memory in processes of their own: `deep_programs NAME SIZE`.

Each runs in a thread with a stack too small for recursion and under a low recursion limit.
"""

from __future__ import annotations

import copy
import gc
import pickle
import random
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import chainrule as cr
from chainrule import Value
from chainrule.engine import compiled, keep_dead_nodes, topological_order

# Uncompiled, CPython itself frees the nodes, and its 3.13 lets 10,000 frees nest, which takes some megabytes.
STACK = (256 if compiled else 8 * 1024) * 1024
RECURSION = 120


def chain(n: int) -> tuple[Value, Value]:
    """Make a chain of n nodes over one leaf: x, x + 1 and so on."""
    leaf = Value(1.0)
    node = leaf
    for _ in range(n):
        node = node + 1.0
    return leaf, node


def differentiate(n: int) -> None:
    leaf, root = chain(n)
    assert root.data == n + 1.0
    root.backward()
    assert leaf.grad == 1.0
    root.backward()
    assert leaf.grad == 2.0
    del root


def mixed(n: int) -> None:
    """Unary, binary, powers and n-ary nodes in turn."""
    leaf = Value(0.5)
    node = leaf
    for i in range(n // 4):
        node = cr.dot([node, leaf], [0.5, 1.0]).tanh() ** 2 if i % 2 else cr.sum([node.sin(), leaf]) - 0.1
    node.backward()
    assert leaf.grad == leaf.grad != 0.0


def order(n: int) -> None:
    leaf, root = chain(n)
    nodes = topological_order(root, constants=False)
    assert len(nodes) == n + 1
    assert nodes[0] is leaf
    assert nodes[-1] is root


def trace(n: int) -> None:
    _, root = chain(n)
    nodes, edges = cr.trace(root)
    assert len(nodes) == len(edges) + 1 == 2 * n + 1


def draw(n: int) -> None:
    _, root = chain(n)
    source = cr.draw_dot(root).source
    assert 1_000 < len(source) < 1_000_000


def shallow_copy(n: int) -> None:
    leaf, root = chain(n)
    twin = copy.copy(root)
    del root
    twin.backward()
    assert leaf.grad == 1.0


def deep_copy(n: int) -> None:
    leaf, root = chain(n)
    twin = copy.deepcopy(root)
    assert twin.data == root.data
    twin.backward()
    assert leaf.grad == 0.0


def round_trip(n: int) -> None:
    leaf, root = chain(n)
    root.backward()
    again, twin = pickle.loads(pickle.dumps((leaf, root), pickle.HIGHEST_PROTOCOL))
    assert (again.grad, twin.data) == (1.0, n + 1.0)
    twin.backward()
    assert again.grad == 2.0


def closures(n: int) -> None:
    """A chain of the lecture's ops, freed by the cycle collector alone."""
    leaf = Value(1.0)

    def plus_one(a: Value) -> Value:
        out = Value(a.data + 1.0, (a,), "inc")

        def _backward() -> None:
            a.grad += out.grad

        out._backward = _backward
        return out

    node = leaf
    for _ in range(n):
        node = plus_one(node)
    node.backward()
    assert leaf.grad == 1.0
    del node
    gc.collect()
    assert sum(isinstance(each, Value) for each in gc.get_objects()) < 10


def error_far_down(n: int) -> None:
    """An error at the bottom of a deep graph leaves it as it was."""
    leaf = Value(1.0)
    out = Value(1.0, (leaf,), "maybe")
    fails = [True]

    def _backward() -> None:
        if fails.pop():
            fails.append(False)
            raise ValueError
        fails.append(False)
        leaf.grad += out.grad

    out._backward = _backward
    node = out
    for _ in range(n):
        node = node + 1.0
    try:
        node.backward()
    except ValueError:
        leaf.grad = 0.0
    node.backward()
    assert leaf.grad == 1.0


def wide(n: int) -> None:
    """Nodes of very many operands, over the same leaf and over different ones."""
    leaf = Value(2.0)
    leaves = [Value(float(i)) for i in range(n)]
    root = cr.dot([leaf] * n, leaves, leaf) + cr.sum([leaf] * n) + cr.mean(leaves)
    root.backward()
    assert leaf.grad == n * (n - 1) / 2 + 1 + n
    assert leaves[-1].grad == 2.0 + 1 / n
    assert len(root._prev[0]._prev[0]._prev) == 2 * n + 1
    total = sum(leaves)
    assert isinstance(total, Value)
    total.backward()


def fan_out(n: int) -> None:
    """One node with very many users."""
    leaf = Value(2.0)
    middle = leaf * 3.0
    cr.sum([middle * float(i % 7) for i in range(n)]).backward()
    assert leaf.grad == 3.0 * sum(i % 7 for i in range(n))


def diamonds(n: int) -> None:
    """2^n paths in n nodes."""
    leaf = Value(1.0)
    node = leaf
    for i in range(n):
        node = node + node * 0.0 if i % 2 else (node + node) * 0.5
    node.backward()
    assert leaf.grad == 1.0


def random_order(n: int) -> None:
    """Each node uses two earlier ones, near or far."""
    rng = random.Random(1)
    nodes = [Value(0.5)]
    for _ in range(n):
        nodes.append((nodes[-1] + nodes[rng.randrange(len(nodes))]) * 0.5)
    root = nodes[-1]
    leaf = nodes[0]
    nodes.clear()
    root.backward()
    assert abs(leaf.grad - 1.0) < 1e-9


# Memory


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


def bytes_a_node(n: int) -> None:
    """Print what a node of a chain and a leaf take, measured by the process and by tracemalloc."""
    chain(70_000)  # what the engine keeps for later nodes is there before the measurement
    gc.collect()
    before = resident()
    kept = chain(n)
    interior = (resident() - before) / n
    del kept
    tracemalloc.start()
    kept = chain(n)
    traced = tracemalloc.get_traced_memory()[0] / n
    tracemalloc.stop()
    sys.stdout.write(f"{interior} {traced} {sys.getsizeof(kept[1])}\n")


def pages(n: int) -> None:
    """Print by how many bytes memory has grown with a chain of n nodes, without it, and with no nodes kept."""
    chain(3_000)
    gc.collect()
    before = resident()
    leaf, root = chain(n)
    grown = resident() - before
    del leaf, root
    kept = resident() - before
    keep_dead_nodes(False)
    sys.stdout.write(f"{grown} {kept} {resident() - before}\n")


def some_survive(n: int) -> None:
    """Drop graphs of which single nodes stay, and make others in their place, while nodes are kept and while not."""
    survivors: list[tuple[Value, float]] = []
    for turn in range(4):
        keep_dead_nodes(turn != 2)
        leaf = Value(1.0)
        node = leaf
        for i in range(n):
            node = node + 1.0 if i % 3 else Value(node.data) + 1.0
            if i % 997 == turn:
                survivors.append((node, node.data))
        node.label = "end"
        assert node.data == n + 1.0
        assert all(each.grad == 0.0 and each.data == data for each, data in survivors)
        del node, leaf
        del survivors[::2]
    total = cr.sum([each * 2.0 for each, _ in survivors])
    total.backward()
    assert total.data == sum(2 * data for _, data in survivors)
    assert all(each.grad == 2.0 for each, _ in survivors)


def build_and_drop(n: int) -> None:
    """Build and drop graphs of n nodes together; print how memory grew after the first tenth."""
    loop(n, lambda a, b: (a * b + a).tanh() * 0.5 + cr.dot([a, b], [b, 2.0], a), 9)


def build_and_drop_closures(n: int) -> None:
    def square(a: Value) -> Value:
        out = Value(a.data**2, (a,), "square")

        def _backward() -> None:
            a.grad += 2 * a.data * out.grad

        out._backward = _backward
        return out

    loop(n, lambda a, b: square(square(a) * 0.1 + b) - square(b), 7)


def build_and_keep(n: int) -> None:
    """A planted leak: every third graph is kept."""
    kept: list[Value] = []
    loop(n, lambda a, b: (a * b + a).tanh() * 0.5 + cr.dot([a, b], [b, 2.0], a), 9, kept)


def loop(n: int, make: Callable[[Value, Value], Value], nodes: int, kept: list[Value] | None = None) -> None:
    a, b = Value(0.5), Value(-0.25)
    steps = n // (50 * nodes)
    start = 0
    for step in range(steps):
        root = a
        for _ in range(50):
            root = make(root, b)
        root.backward()
        a.grad = b.grad = 0.0
        if kept is not None and step % 3 == 0:
            kept.append(root)
        if step == steps // 4:
            gc.collect()
            start = resident()
    del root
    gc.collect()
    sys.stdout.write(f"{resident() - start}\n")


def main() -> None:
    name, size = sys.argv[1:]
    errors: list[BaseException] = []

    def run() -> None:
        sys.setrecursionlimit(RECURSION)
        try:
            globals()[name](int(size))
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            errors.append(error)

    threading.stack_size(STACK)
    worker = threading.Thread(target=run)
    worker.start()
    worker.join()
    if errors:
        raise errors[0]
    sys.stdout.write(f"done {compiled}\n")


if __name__ == "__main__":
    main()
