"""What explanations say is true: of finite differences, the engine, another order, and of large graphs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule import engine
from chainrule.engine import Value
from chainrule.views.explaining.explain import MOST_NODES, MOST_PATHS, explain
from chainrule.views.tracing import subject, trace
from chainrule.views.tracing.names import callers_scope
from tests.views.explanations import (
    Program,
    assert_close,
    leaves_of,
    programs,
    read_graph_sum,
    read_path_sum,
    slope_by_differences,
)
from tests.views.pictures import lesson, neuron, random_graphs


def differentiated(root: Value) -> Value:
    root.backward()
    return root


# True of every graph


@settings(max_examples=40)
@given(programs())
def test_path_sums_are_the_finite_differences(case: tuple[Program, list[float]]) -> None:
    program, inputs = case
    check_paths(program, inputs)


def check_paths(program: Program, inputs: list[float]) -> None:
    """Hold the numbers in the text against each other, the engine and finite differences."""
    leaves = leaves_of(inputs)
    root = program(leaves)
    for place, x in enumerate(leaves):
        text = str(explain(root, x, digits=17))
        expected = slope_by_differences(program, inputs, place)
        if "does not depend" in text:
            assert expected == 0
            continue
        read = read_path_sum(text)
        assert len(read.paths) == min(read.number, MOST_PATHS)
        magnitudes = [abs(path.product) for path in read.paths]
        assert magnitudes == pytest.approx(sorted(magnitudes, reverse=True), rel=1e-9)
        assert [path.product for path in read.paths] == pytest.approx(list(read.terms[: len(read.paths)]), rel=1e-12)
        scale = 1 + abs(expected)
        assert read.total == pytest.approx(expected, rel=1e-5, abs=1e-5 * scale)
    for x in leaves:
        x.grad = 0.0
    root.backward()
    for x in leaves:
        text = str(explain(root, x, digits=17))
        if "does not depend" not in text:
            assert "Python" not in text
            assert_close(read_path_sum(text).total, x.grad, scale=1.0)


@settings(max_examples=40)
@given(programs())
def test_node_sums_are_the_engines(case: tuple[Program, list[float]]) -> None:
    program, inputs = case
    check_nodes(program, inputs)


def check_nodes(program: Program, inputs: list[float]) -> None:
    """Hold every node's line against the engine: gradient, slopes, users' gradients, users first."""
    leaves = leaves_of(inputs)
    root = program(leaves)
    before = read_graph_sum(str(explain(root, digits=17)))
    root.backward()
    after = str(explain(root, digits=17))
    read = read_graph_sum(after)
    data, values = trace.traced(root, scope=callers_scope())
    names = [node.name for node in data.nodes]
    assert "Python" not in after
    assert before.keys() == read.keys()
    known = {
        name: value for name, value, node in zip(names, values, data.nodes, strict=True) if node.kind != "constant"
    }
    assert set(read) == set(known)
    place = {name: index for index, name in enumerate(read)}
    for name, line in read.items():
        assert_close(line.gradient, known[name].grad, scale=1.0)
        assert before[name].gradient == line.gradient
        assert line.terms or name == names[-1]
        for user, (slope, grad) in zip(line.users, line.terms, strict=True):
            if " more" in user:
                continue
            assert place[user] < place[name]
            slopes = engine.local_derivatives(known[user])
            uses = [s for s, o in zip(slopes, known[user]._prev, strict=True) if o is known[name]]
            assert slope in uses
            assert_close(grad, known[user].grad, scale=1.0)


@pytest.mark.parametrize("check", [check_paths, check_nodes])
@pytest.mark.parametrize("factor", [-1.0, 1.001, 0.0])
def test_planted_wrong_slope_is_caught(monkeypatch: pytest.MonkeyPatch, check: Any, factor: float) -> None:
    def program(x: Any) -> Any:
        return (x[0] * x[1] + x[0]).tanh()

    check(program, [0.5, -0.3])

    def wrong(node: Value) -> tuple[float, ...]:
        slopes = engine.local_derivatives(node)
        return tuple(slope * factor for slope in slopes) if node._op == "tanh" else slopes

    monkeypatch.setattr(trace, "local_derivatives", wrong)
    with pytest.raises(AssertionError):
        check(program, [0.5, -0.3])


@settings(max_examples=40)
@given(random_graphs())
def test_no_graph_is_too_odd(root: Value) -> None:
    for target in [None, *root._prev, root]:
        for explanation in (explain(root, target),):
            assert str(explanation)
            assert explanation.latex
            assert explanation.html
            json.dumps(explanation.to_json(), allow_nan=False)
    root.backward()
    assert str(explain(root, engine.topological_order(root)))


@settings(max_examples=40)
@given(programs())
def test_data_say_what_the_text_says(case: tuple[Program, list[float]]) -> None:
    program, inputs = case
    leaves = leaves_of(inputs)
    root = program(leaves)
    [data] = explain(root, leaves[0]).to_json()
    text = str(explain(root, leaves[0], digits=17))
    if "does not depend" not in text:
        read = read_path_sum(text)
        assert data["gradient"] == pytest.approx(read.total, rel=1e-12)
        assert [path["product"] for path in data["paths"]] == pytest.approx(
            [path.product for path in read.paths], rel=1e-12
        )
    [data] = explain(root).to_json()
    nodes = read_graph_sum(str(explain(root, digits=17)))
    assert {node["name"]: node["gradient"] for node in data["nodes"]} == {
        name: pytest.approx(node.gradient, rel=1e-12) for name, node in nodes.items()
    }


# Why this order


@settings(max_examples=40)
@given(programs())
def test_the_reason_for_the_order_is_what_would_happen(case: tuple[Program, list[float]]) -> None:
    program, inputs = case
    root = program(leaves_of(inputs))
    [part] = explain(root).parts
    order = part.order  # type: ignore[union-attr]
    if order is None:
        return
    data, values = trace.traced(root, scope=callers_scope())
    place = {node.name: node.id for node in data.nodes}
    grads = wrong_order(data, place[order.node], place[order.late])
    assert_close(grads, order.partial, scale=1.0)
    assert order.partial != order.total
    root.backward()
    assert_close(values[place[order.node]].grad, order.total, scale=1.0)
    operands, slopes = data.nodes[place[order.node]].operands, data.nodes[place[order.node]].slopes
    assert (place[order.operand], order.slope) in list(zip(operands, slopes, strict=True))


def wrong_order(data: trace.Trace, node: int, late: int) -> float:
    """Return what a node holds when it is visited before its user `late`, everything else in order."""
    grads = [0.0] * len(data.nodes)
    grads[-1] = 1.0
    for user in reversed(data.nodes):
        if user.id == late:
            return grads[node]
        for operand, slope in zip(user.operands, user.slopes, strict=True):
            assert slope is not None
            grads[operand] += slope * grads[user.id]
    raise AssertionError("the user is not in the graph")


def test_order_names_a_node_of_two_users_where_there_is_one() -> None:
    a = Value(2.0, label="a")
    b = a * 3
    b.label = "b"
    c, d = b * b, b + 1
    c.label, d.label = "c", "d"
    root = c * d
    root.label = "e"
    assert "b is used by d and c. Visited before c, it would hold 36 instead of 120, and pass 3·36 = 108" in str(
        explain(root)
    )


def test_leaf_alone_has_no_order() -> None:
    assert str(explain(Value(2.0, label="a"))) == (
        "a = 2\n\nGradients of a, in the order of backward:\n  a: 1, where backward starts\n"
        "In Python these are not computed yet: a.backward() puts them into grad."
    )


# Large graphs


def test_many_paths_are_bounded_and_the_rest_is_said() -> None:
    a = Value(1.0, label="a")
    x = a
    for _ in range(200):
        x = x * 0.25 + x * 0.25
    text = str(explain(x, a, digits=17))
    assert "is the sum over about 1.6e60 paths; the 8 largest:" in text
    assert " (the other about 1.6e60 paths) = " in text
    assert float(text.splitlines()[9].rpartition(" = ")[2]) == 0.5**200


def test_long_paths_keep_their_ends() -> None:
    a = Value(1.0, label="a")
    x = a
    for _ in range(30):
        x = x * 2
    text = str(explain(differentiated(x), a, digits=17))
    assert read_path_sum(text).total == 2.0**30
    assert "… 18 more factors …" in text
    assert " · 262144 (those 18) · " in text


def test_many_nodes_are_bounded() -> None:
    x = Value(1.0)
    for _ in range(300):
        x = x.sin()
    text = str(explain(x, digits=17))
    assert len(read_graph_sum(text)) == MOST_NODES
    assert "  … and 201 more nodes\n" in text


def test_many_uses_are_bounded() -> None:
    a = Value(1.0, label="a")
    root = differentiated(cr.sum([k * a for k in range(1, 51)]))
    line = next(line for line in str(explain(root)).splitlines() if line.startswith("  a: "))
    assert line.startswith("  a: 1275 = 50·1 through ")
    assert line.endswith(" + 1035 through 45 more")


@pytest.mark.parametrize("example", [lesson, neuron])
def test_graph_too_large_for_names_has_the_same_numbers(monkeypatch: pytest.MonkeyPatch, example: Any) -> None:
    root = differentiated(example())
    leaves = [node for node in engine.topological_order(root) if not node._prev]
    small = str(explain(root, leaves, digits=17))
    whole = read_graph_sum(str(explain(root, digits=17)))
    monkeypatch.setattr(subject, "LIMIT", 2)
    assert str(explain(root, leaves, digits=17)) == small
    assert read_graph_sum(str(explain(root, digits=17))) == whole


def test_large_graph_with_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    a = Value(2.0, label="a")
    root = differentiated((a * 3 + 1) ** 2)
    assert read_path_sum(str(explain(root, a))).total == 42
    monkeypatch.setattr(subject, "LIMIT", 1)
    assert read_path_sum(str(explain(root, a))).total == 42
    assert read_graph_sum(str(explain(root)))["a"].gradient == 42


def test_deep_graph() -> None:
    x = a = Value(1.0)
    for _ in range(60_000):
        x = x + 0.5
    assert "60,000" not in str(explain(x, a))
    assert "… 59,988 more factors …" in str(explain(x, a))


def test_parameters_of_a_model() -> None:
    model = cr.nn.MLP(2, [2, 1])
    output = differentiated(model([1.0, 2.0]))
    w = model.layers[0].neurons[1].w[0]
    text = str(explain(output, w, model=model))
    assert text.startswith("doutput/d(layers.0.neurons.1.w.0) = ")
    assert read_path_sum(str(explain(output, w, digits=17))).total == pytest.approx(w.grad, rel=1e-12)
