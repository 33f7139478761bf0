"""The trace: it says what the engine says, its JSON keeps to the schema and comes back the same."""

from __future__ import annotations

import copy
import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import engine
from chainrule.engine import Value
from chainrule.errors import ArgumentError, NumberError
from chainrule.views.tracing.trace import Trace, trace_of, traced
from tests.views.pictures import lesson, random_graphs
from tests.views.schemas import SCHEMA, faults


def same(a: Any, b: Any) -> bool:
    """Compare JSON, nan with nan: there it is text."""
    return json.dumps(a) == json.dumps(b)


def square(x: Value) -> Value:
    """An op of one's own, as in the lecture."""
    out = Value(x.data**2, (x,), "sq")

    def backward() -> None:
        x.grad += 2 * x.data * out.grad

    out._backward = backward
    return out


@given(random_graphs(), st.booleans())
def test_it_says_what_the_engine_says(root: Value, differentiate: bool) -> None:
    if differentiate:
        root.backward()
    trace, values = traced(root)
    place = {id(value): index for index, value in enumerate(values)}
    assert values == engine.topological_order(root)
    assert trace.root == len(values) - 1
    assert trace.left_out is None
    assert trace.backward == differentiate
    for index, (node, value) in enumerate(zip(trace.nodes, values, strict=True)):
        assert node.id == index
        assert node.operands == tuple(place[id(operand)] for operand in value._prev)
        assert all(operand < index for operand in node.operands)
        assert (node.symbol, node.label) == (value._op, value.label)
        assert repr(node.data) == repr(value.data)
        row = engine.op_of(value)
        if engine.is_constant(value):
            assert (node.kind, node.op, node.grad) == ("constant", "", None)
        elif engine.is_leaf(value):
            assert (node.kind, node.op) == ("leaf", "")
        else:
            assert (node.kind, node.op) == ("op", "custom" if row is None else row.name)
        if node.kind != "constant":
            assert repr(node.grad) == (repr(value.grad) if differentiate else "None")
        expected = engine.local_derivatives(value) if row is not None else (None,) * len(value._prev)
        assert repr(node.slopes) == repr(expected)


@given(random_graphs(), st.booleans())
def test_json_keeps_to_the_schema_and_comes_back(root: Value, differentiate: bool) -> None:
    if differentiate:
        root.backward()
    data = trace_of(root).to_json()
    text = json.dumps(data, allow_nan=False)
    assert faults(data) == []
    assert same(Trace.from_json(text).to_json(), data)
    assert same(Trace.from_json(data).to_json(), data)


@given(random_graphs())
def test_names_are_different_but_for_constants(root: Value) -> None:
    names = [node.name for node in trace_of(root).nodes if node.kind != "constant"]
    assert len(set(names)) == len(names)
    assert all(names)


def test_schema_has_exactly_the_fields_that_are_written() -> None:
    data = trace_of(lesson()).to_json()
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(data)
    node = SCHEMA["$defs"]["node"]
    assert set(node["properties"]) == set(node["required"]) == set(data["nodes"][0])


def planted(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return wrong traces, each by the name of its fault."""
    changes: dict[str, tuple[list[Any], Any]] = {
        "another version": (["chainrule_trace"], 2),
        "no version": (["chainrule_trace"], None),
        "a root that is text": (["root"], "6"),
        "an infinity that is not spelled": (["nodes", 0, "data"], "Infinity"),
        "a gradient that is a word": (["nodes", 0, "grad"], "none"),
        "a kind of its own": (["nodes", 0, "kind"], "node"),
        "an operand that is text": (["nodes", 2, "operands", 0], "0"),
        "a name that is a number": (["nodes", 0, "name"], 5),
        "a truth value for a number": (["nodes", 0, "data"], True),
        "missing without number": (["nodes", 0, "missing"], None),
        "a group without title": (["groups"], [{"path": "a", "parent": ""}]),
        "a line that is a number": (["nodes", 0, "line"], 5),
        "nodes that are none": (["nodes"], None),
    }
    wrong = {}
    for name, (path, value) in changes.items():
        changed = copy.deepcopy(data)
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        wrong[name] = changed
    return wrong


WRONG = planted(trace_of(lesson()).to_json())


@pytest.mark.parametrize("name", WRONG)
def test_wrong_trace_is_found_by_the_schema_and_refused(name: str) -> None:
    assert faults(WRONG[name])
    with pytest.raises(ArgumentError, match=r"\[CR005\]"):
        Trace.from_json(WRONG[name])


@pytest.mark.parametrize("key", list(WRONG["another version"]))
def test_every_field_is_needed(key: str) -> None:
    data = trace_of(lesson()).to_json()
    del data[key]
    assert faults(data)
    with pytest.raises(ArgumentError):
        Trace.from_json(data)


@pytest.mark.parametrize("key", list(WRONG["another version"]["nodes"][0]))
def test_every_field_of_a_node_is_needed(key: str) -> None:
    data = trace_of(lesson()).to_json()
    del data["nodes"][0][key]
    assert faults(data)
    with pytest.raises(ArgumentError):
        Trace.from_json(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nodes", 2, "operands"), [0, 3]),  # an operand after its user
        (("nodes", 2, "operands"), [0, -1]),
        (("nodes", 2, "operands"), [0]),  # a slope without operand
        (("nodes", 2, "id"), 3),
        (("root",), 5),
        (("nodes",), []),
    ],
)
def test_contradictions_that_no_schema_can_name_are_refused(path: tuple[Any, ...], value: Any) -> None:
    data: Any = trace_of(lesson()).to_json()
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ArgumentError, match="no trace of chainrule"):
        Trace.from_json(data)


@pytest.mark.parametrize("text", ["", "[]", "null", "5", '"trace"', "{", '{"chainrule_trace": 1}'])
def test_what_is_no_trace_at_all(text: str) -> None:
    with pytest.raises(ArgumentError):
        Trace.from_json(text)


def test_before_backward_gradients_are_not_computed_yet() -> None:
    root = lesson()
    assert [node.grad for node in trace_of(root).nodes] == [None] * 7
    root.backward()
    assert [node.grad for node in trace_of(root).nodes] == [6.0, -4.0, -2.0, -2.0, -2.0, 4.0, 1.0]


def test_stale_gradients_of_leaves_are_not_those_of_a_new_graph() -> None:
    w = Value(2.0)
    (w * 3.0).backward()
    trace = trace_of(w * w)
    assert not trace.backward
    assert {node.grad for node in trace.nodes} == {None}


def test_interior_node_has_the_gradients_that_python_holds() -> None:
    root = lesson()
    root.backward()
    d = root._prev[0]
    trace = trace_of(d)
    assert trace.backward
    assert trace.nodes[-1].grad == -2.0


def test_doubled_operand_and_powers() -> None:
    x = Value(3.0)
    trace = trace_of(x * x + x**2 + x**0.5 + 2**x + x**x)
    by_name = {node.name: node for node in trace.nodes}
    doubled = by_name["v0*v0"]
    assert (doubled.operands, doubled.slopes) == ((0, 0), (3.0, 3.0))
    assert (by_name["v0**2"].exponent, by_name["v0**2"].symbol, by_name["v0**2"].operands) == (2.0, "**2", (0,))
    assert (by_name["v0**0.5"].exponent, by_name["v0**0.5"].symbol) == (0.5, "**0.5")
    assert (by_name["2**v0"].exponent, len(by_name["2**v0"].operands), by_name["2**v0"].slopes[0]) == (None, 2, 0.0)
    assert (by_name["v0**v0"].exponent, by_name["v0**v0"].operands) == (None, (0, 0))


def test_slopes_of_ones_own_ops_are_unknown() -> None:
    x = Value(3.0, label="x")
    y = square(x)
    z = y + x
    z._backward = lambda: None
    trace = trace_of(z * 2.0)
    by_name = {node.name: node for node in trace.nodes}
    assert (by_name["sq(x)"].op, by_name["sq(x)"].slopes) == ("custom", (None,))
    assert (by_name["sq(x) + x"].op, by_name["sq(x) + x"].slopes) == ("add", (None, None))


@pytest.mark.parametrize(("number", "text"), [(inf, "inf"), (-inf, "-inf"), (nan, "nan")])
def test_numbers_that_json_cannot_hold_are_text(number: float, text: str) -> None:
    root = Value(number) * 2.0
    root.backward()
    data = trace_of(root).to_json()
    assert (data["nodes"][0]["data"], data["nodes"][-1]["data"]) == (text, text)
    assert repr(Trace.from_json(data).nodes[0].data) == repr(number)


def test_the_same_program_gives_the_same_trace() -> None:
    assert trace_of(lesson()).to_json() == trace_of(lesson()).to_json()


def test_a_long_chain_is_cut_and_says_so() -> None:
    x = Value(1.0)
    for _ in range(30_000):
        x = x * 0.5 + 1.0
    trace = trace_of(x, limit=1000)
    assert trace.left_out is not None
    assert len(trace.nodes) + trace.left_out >= 90_001
    assert len(trace.nodes) <= 1001
    assert sum(node.missing for node in trace.nodes) > 0
    assert faults(trace.to_json()) == []


def test_what_is_left_out_of_a_wide_node() -> None:
    trace = trace_of(cr.sum([Value(1.0) for _ in range(50)]), limit=20)
    root = trace.nodes[-1]
    assert (len(root.operands), len(root.slopes), root.missing, trace.left_out) == (20, 20, 30, 30)


def test_whole_graph_leaves_nothing_out() -> None:
    assert trace_of(lesson()).left_out is None
    assert trace_of(lesson()).to_json()["truncated"] is None


def test_leaf_alone() -> None:
    trace = trace_of(Value(2.0, label="a"))
    assert [(node.name, node.kind, node.operands) for node in trace.nodes] == [("a", "leaf", ())]


@pytest.mark.parametrize("root", [2.0, "a", None, [Value(1.0)]])
def test_only_a_value_has_a_trace(root: Any) -> None:
    with pytest.raises(NumberError):
        trace_of(root)
