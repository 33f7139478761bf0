"""explain: what the text says is true, of the engine's gradients and of finite differences."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule import engine
from chainrule.engine import Value
from chainrule.errors import ArgumentError, NumberError
from chainrule.views import subject, trace
from chainrule.views.explain import MOST_NODES, MOST_PATHS, Explanation, explain
from chainrule.views.names import callers_scope
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


def leaf(root: Value, label: str) -> Value:
    [found] = [node for node in engine.topological_order(root) if node.label == label]
    return found


# What the contract shows


def test_the_lessons_path() -> None:
    root = differentiated(lesson())
    assert str(explain(root, wrt=leaf(root, "a"))) == "dL/da = dL/dd · dd/de · de/da = -2 · 1 · -3 = 6"


def test_the_lessons_graph() -> None:
    text = str(explain(differentiated(lesson())))
    assert text.startswith(
        "L = d*f = -8\n\nGradients of L, in the order of backward:\n"
        "  L: 1, where backward starts\n"
        "  f: 4 = 4·1 through L\n"
        "  d: -2 = -2·1 through L\n"
    )
    assert "  a: 6 = -3·-2 through e\n" in text
    assert text.endswith(
        "d is used by L. Visited before L, it would hold 0 instead of -2, "
        "and pass 1·0 = 0 on to e instead of 1·-2 = -2."
    )


def test_several_paths_and_their_sum() -> None:
    a = Value(2.0, label="a")
    b, c = a * 3, a + 1
    b.label, c.label = "b", "c"
    d = differentiated(b * c)
    d.label = "d"
    assert str(explain(d, a)) == (
        "dd/da is the sum over 2 paths:\n  dd/db · db/da = 3 · 3 = 9\n  dd/dc · dc/da = 6 · 1 = 6\ndd/da = 9 + 6 = 15"
    )


def test_doubled_operand_is_two_paths() -> None:
    a = Value(3.0, label="a")
    b = differentiated(a * a)
    b.label = "b"
    assert str(explain(b, a)) == (
        "db/da is the sum over 2 paths:\n  db/da (1st operand) = 3\n  db/da (2nd operand) = 3\ndb/da = 3 + 3 = 6"
    )


def test_direct_way_beside_another_is_a_partial_derivative() -> None:
    a = Value(3.0, label="a")
    b = a * 2
    b.label = "b"
    c = differentiated(b * a)
    c.label = "c"
    text = str(explain(c, a))
    assert "  ∂c/∂a = 6\n" in text
    assert "  dc/db · db/da = 3 · 2 = 6\n" in text
    assert "∂ is the local derivative" in text


def test_unnamed_nodes_are_named_by_what_they_are() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    assert str(explain((a * b).tanh(), a)).startswith("d(tanh(a*b))/da = d(tanh(a*b))/d(a*b) · d(a*b)/da = ")


def test_variables_name_what_has_no_label() -> None:
    p, q = Value(2.0), Value(-3.0)
    r = differentiated(p * q)
    assert str(explain(r, p)) == "dr/dp = -3"


def test_numbers_as_names_come_with_their_formula() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    text = str(explain((a * b + b * a + a / b).tanh(), a))
    assert "  dv7/d(a*b + b*a + a/b) · " in text
    assert "\nwhere\n  v7 = tanh(a*b + b*a + a/b)\n" in text


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


# What Python holds


def test_before_backward() -> None:
    root = lesson()
    text = str(explain(root, leaf(root, "a")))
    assert text.splitlines()[0] == "dL/da = dL/dd · dd/de · de/da = -2 · 1 · -3 = 6"
    assert "not computed yet: L.backward()" in text


def test_explaining_changes_nothing() -> None:
    root = lesson()
    explain(root)
    explain(root, leaf(root, "a"))
    assert [node.grad for node in engine.topological_order(root)] == [0.0] * 7


def test_backward_twice_is_told() -> None:
    root = differentiated(differentiated(lesson()))
    assert "Python holds a.grad = 12, not 6: gradients add up" in str(explain(root, leaf(root, "a")))
    assert "Python holds f.grad = 8, not 4: gradients add up" in str(explain(root))
    assert "So it is with 1 more." in str(explain(root))


def test_gradient_changed_by_hand_is_told() -> None:
    root = differentiated(lesson())
    leaf(root, "d").grad = 7.0
    assert "Python holds d.grad = 7, not -2: something else" in str(explain(root))


def test_part_of_a_larger_graph_is_told() -> None:
    root = differentiated(lesson())
    d = leaf(root, "d")
    text = str(explain(d, leaf(root, "a")))
    assert text.startswith("dd/da = dd/de · de/da = 1 · -3 = -3\n")
    assert "of another output" in text


# Ops of one's own


def with_own_op() -> tuple[Value, Value, Value]:
    x = Value(3.0, label="x")
    square = Value(9.0, (x,), "sq")

    def backward() -> None:
        x.grad += 6.0 * square.grad

    square._backward = backward
    square.label = "s"
    root = square * 2 + x
    root.label = "r"
    return root, square, x


def test_own_op_is_unknown_before_backward() -> None:
    root, _, x = with_own_op()
    text = str(explain(root, x))
    assert "dr/dx = ?" in text
    assert "s has a _backward of its own, whose slopes only it knows." in text
    assert "  x: ? = 1·1 through r + ? through s\n" in str(explain(root))
    assert explain(root, x).to_json()[0]["gradient"] is None


def test_own_op_is_what_is_left_after_backward() -> None:
    root, square, x = with_own_op()
    root.backward()
    assert "dr/dx = 1 + 12 (what goes through s) = 13" in str(explain(root, x))
    assert "12 through s" in str(explain(root))
    assert str(explain(root, square)) == "dr/ds = dr/d(s*2) · d(s*2)/ds = 1 · 2 = 2"


def test_op_whose_backward_was_replaced_is_unknown_too() -> None:
    x = Value(3.0, label="x")
    y = x * 2
    y.label = "y"
    y._backward = lambda: None
    assert "y has a _backward of its own" in str(explain(y, x))


# Special numbers


@pytest.mark.parametrize(("number", "text"), [(nan, "nan"), (inf, "inf"), (-inf, "-inf")])
def test_numbers_that_are_none(number: float, text: str) -> None:
    a, b = Value(2.0, label="a"), Value(number, label="b")
    c = differentiated(a * b)
    c.label = "c"
    assert str(explain(c, a)) == f"dc/da = {text}"
    assert f"a: {text} = {text}·1 through c" in str(explain(c))


def test_paths_of_infinities_add_up_to_nan() -> None:
    a = Value(0.0, label="a")
    root = differentiated(a.sqrt() - a.sqrt())
    text = str(explain(root, a))
    assert "= -inf + inf = nan" in text or "= inf + -inf = nan" in text


def test_dead_relu() -> None:
    a = Value(-2.0, label="a")
    r = differentiated(a.relu())
    r.label = "r"
    assert str(explain(r, a)) == "dr/da = 0"
    assert "a: 0 = 0·1 through r" in str(explain(r))


def test_constants_are_no_part_of_it() -> None:
    a = Value(2.0, label="a")
    text = str(explain(differentiated(a * 3 + 1)))
    assert "  3:" not in text
    assert "  1:" not in text


def test_digits() -> None:
    a = Value(1.0, label="a")
    r = differentiated(a / 3)
    r.label = "r"
    assert str(explain(r, a)) == "dr/da = 0.3333"
    assert str(explain(r, a, digits=2)) == "dr/da = 0.33"
    assert str(explain(r, a, digits=17)) == "dr/da = 0.33333333333333331"


# What is asked for


def test_several_at_once() -> None:
    root = differentiated(lesson())
    text = str(explain(root, [leaf(root, "f"), leaf(root, "d"), root]))
    assert text == "dL/df = 4\n\ndL/dd = -2\n\ndL/dL = 1"


def test_does_not_depend() -> None:
    root = lesson()
    stranger = Value(1.0, label="x")
    text = str(explain(root, stranger))
    assert text.startswith("dL/dx = 0\nL does not depend on x: ")


def test_users_are_not_what_an_output_depends_on() -> None:
    root = lesson()
    assert "does not depend" in str(explain(leaf(root, "e"), root))


def test_unnamed_stranger_is_named_by_its_variable() -> None:
    stranger = Value(1.0)
    assert "does not depend on stranger" in str(explain(lesson(), stranger))
    assert "does not depend on this value" in str(explain(lesson(), Value(1.0)))


def test_constant_is_told() -> None:
    root = Value(2.0, label="a") * 3
    assert "3 is a constant" in str(explain(root, root._prev[1]))


@pytest.mark.parametrize("output", [2.0, None, [Value(1.0)]])
def test_output_that_is_no_value(output: Any) -> None:
    with pytest.raises(NumberError, match=r"explain\(\)"):
        explain(output)


@pytest.mark.parametrize("wrt", [2.0, "a", [Value(1.0), 3.0], {1}])
def test_wrt_that_is_no_value(wrt: Any) -> None:
    with pytest.raises(NumberError, match="differentiates by a Value"):
        explain(lesson(), wrt)


def test_nothing_to_differentiate_by() -> None:
    with pytest.raises(ArgumentError, match="empty list"):
        explain(lesson(), [])


@pytest.mark.parametrize("digits", [0, -1, 18])
def test_impossible_digits(digits: int) -> None:
    with pytest.raises(ArgumentError, match="1 to 17"):
        explain(lesson(), digits=digits)


def test_repr_is_the_text() -> None:
    explanation = explain(lesson())
    assert isinstance(explanation, Explanation)
    assert repr(explanation) == str(explanation)


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
