"""The lecture's helpers in our own words: its picture of a graph, its walk, its tanh; all on any Value."""

from __future__ import annotations

import math

from graphviz import Digraph

from chainrule import Value


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Every node and every edge above `root`, by recursion."""
    nodes: set[Value] = set()
    edges: set[tuple[Value, Value]] = set()

    def visit(value: Value) -> None:
        if value in nodes:
            return
        nodes.add(value)
        for operand in value._prev:
            edges.add((operand, value))
            visit(operand)

    visit(root)
    return nodes, edges


def draw_dot(root: Value, with_grad: bool = True) -> Digraph:
    """The graph as Graphviz draws it: a record for each value, an oval for each op."""
    picture = Digraph(format="svg", graph_attr={"rankdir": "LR"})
    nodes, edges = trace(root)
    for value in nodes:
        name = str(id(value))
        fields = [value.label, "data %.4f" % value.data]  # noqa: UP031 - the lecture's way
        if with_grad:
            fields.append("grad %.4f" % value.grad)  # noqa: UP031 - the lecture's way
        picture.node(name=name, label="{ %s }" % " | ".join(fields), shape="record")  # noqa: UP031 - braces
        if value._op:
            picture.node(name=name + value._op, label=value._op)
            picture.edge(name + value._op, name)
    for operand, value in edges:
        picture.edge(str(id(operand)), str(id(value)) + value._op)
    return picture


def topological(root: Value) -> list[Value]:
    """Operands before users, by recursion."""
    order: list[Value] = []
    seen: set[Value] = set()

    def visit(value: Value) -> None:
        if value in seen:
            return
        seen.add(value)
        for operand in value._prev:
            visit(operand)
        order.append(value)

    visit(root)
    return order


def tanh(x: Value) -> Value:
    """Make tanh as an op of one's own, from exponentials."""
    t = (math.exp(2 * x.data) - 1) / (math.exp(2 * x.data) + 1)
    out = Value(t, (x,), "tanh")

    def _backward() -> None:
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out
