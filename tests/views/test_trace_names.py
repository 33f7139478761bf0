"""What nodes are called: labels, parameters, variables, formulas; found without running anybody's code."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine import Value
from chainrule.nn import MLP
from chainrule.views.explaining.formulas import formula
from chainrule.views.tracing.names import LONGEST_NAME, callers_scope
from chainrule.views.tracing.trace import trace_of
from tests.views.pictures import HOSTILE


def name(value: Value, **variables: Any) -> str:
    """Return what a value is called where these variables are visible."""
    return trace_of(value, scope=[variables]).nodes[-1].name


def test_label_wins_over_everything() -> None:
    model = MLP(1, [1])
    w = model.layers[0].neurons[0].w[0]
    w.label = "slope"
    assert name(w, variable=w, model=model) == "slope"


def test_parameter_wins_over_variable() -> None:
    model = MLP(1, [1])
    w = model.layers[0].neurons[0].w[0]
    assert trace_of(w, model=model, scope=[{"variable": w}]).nodes[0].name == "layers.0.neurons.0.w.0"


def test_variables() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    scope = callers_scope()
    assert [node.name for node in trace_of(c, scope=scope).nodes] == ["a", "b", "c"]


def test_callers_scope_is_of_the_function_outside_of_the_package() -> None:
    here = Value(1.0)
    assert callers_scope()[0]["here"] is here
    assert callers_scope()[1]["callers_scope"] is callers_scope


def test_shell_that_displays_a_value_lends_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    shell: dict[str, Any] = {"__name__": "IPython.core.formatters", "callers_scope": callers_scope}
    exec("def display(obj):\n    return callers_scope()", shell)
    import __main__

    monkeypatch.setattr(__main__, "my_value", value := Value(1.0), raising=False)
    [scope] = shell["display"](value)
    assert name(value, **scope) == "my_value"
    assert "obj" not in scope


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (lambda v: {"x": v}, "x"),
        (lambda v: {"xs": [0, v]}, "xs[1]"),
        (lambda v: {"xs": (v,)}, "xs[0]"),
        (lambda v: {"W": [[1, 2], [3, v]]}, "W[1][1]"),
        (lambda v: {"d": {"a": v}}, "d['a']"),
        (lambda v: {"d": {7: [v]}}, "d[7][0]"),
        (lambda v: {"n": SimpleNamespace(w=v)}, "n.w"),
        (lambda v: {"n": SimpleNamespace(w=[v])}, "n.w[0]"),
        (lambda v: {"deep": [[[v]]]}, "v0"),
        (lambda v: {"_": v, "_private": v}, "v0"),
        (lambda v: {"n": SimpleNamespace(_w=v)}, "v0"),
        (lambda v: {"xs": [v], "x": v}, "x"),
        (lambda v: {"x": v, "y": v}, "x"),
        (lambda v: {"d": {(1, 2): v}}, "v0"),
        (lambda v: {"s": {v}}, "v0"),
    ],
)
def test_where_a_name_is_found(variables: Any, expected: str) -> None:
    value = Value(1.0)
    assert name(value, **variables(value)) == expected


def test_what_is_computed_is_named_by_its_formula_before_its_place_in_a_list() -> None:
    a, b = Value(2.0), Value(3.0)
    product = a * b
    long = (product + product * a).tanh()
    names = [node.name for node in trace_of(long, scope=[{"ab": [a, b], "topo": [product, long]}]).nodes]
    assert names[:3] == ["ab[0]", "ab[1]", "ab[0]*ab[1]"]
    assert names[-1] == "topo[1]"


class Trap:
    """Whatever runs here would be the user's code."""

    def __init__(self, value: Value) -> None:
        self.kept = value

    @property
    def touched(self) -> Value:
        raise AssertionError("a property ran")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"__getattr__({name}) ran")

    def __iter__(self) -> Any:
        raise AssertionError("__iter__ ran")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("__eq__ ran")

    __hash__ = None  # type: ignore[assignment]


class OwnList(list[Any]):
    """A list whose iteration is the user's code."""

    def __iter__(self) -> Any:
        raise AssertionError("__iter__ ran")


def test_no_code_of_the_user_runs() -> None:
    value = Value(1.0)
    assert name(value, trap=Trap(value)) == "trap.kept"
    assert name(value, own=OwnList([value])) == "v0"
    assert name(value, kind=Trap, module=cr, function=lambda: value) == "v0"


def test_looking_is_bounded() -> None:
    value = Value(1.0)
    many = [None] * 1_000_000
    assert name(value, many=many, x=value) == "x"
    assert name(value, many=many, late=[[value]]) == "late[0][0]"
    assert name(value, many=[*many, value]) == "v0"
    assert name(value, many=[[many] * 1000] * 1000, late=[[value]]) == "v0"


def test_one_model_in_sight_names_and_groups_its_parameters() -> None:
    model = MLP(2, [2, 1])
    trace = trace_of(model([1.0, 2.0]), scope=[{"model": model, "number": 5}])
    assert "layers.0.neurons.1.w.1" in {node.name for node in trace.nodes}
    assert trace.groups


def test_two_models_in_sight_do_not_share_names() -> None:
    one, two = MLP(1, [1]), MLP(1, [1])
    trace = trace_of(one([1.0]) + two([1.0]), scope=[{"one": one, "two": two}])
    names = [node.name for node in trace.nodes if node.kind == "leaf"]
    assert sorted(names) == sorted(
        [f"{model}.layers.0.neurons.0.{part}" for model in ("one", "two") for part in ("b", "w.0")]
    )


def test_the_same_label_twice_is_numbered() -> None:
    root = Value(1.0, label="x") + Value(2.0, label="x") + Value(3.0, label="x#2")
    trace = trace_of(root)
    names = [node.name for node in trace.nodes if node.kind == "leaf"]
    assert names == ["x", "x#2", "x#2#2"]
    assert [node.label for node in trace.nodes if node.kind == "leaf"] == ["x", "x", "x#2"]


def test_the_same_formula_twice_is_a_number() -> None:
    a = Value(2.0, label="a")
    names = [node.name for node in trace_of(a * a + a * a).nodes]
    assert names == ["a", "a*a", "v2", "a*a + v2"]


def test_constants_are_their_numbers() -> None:
    a = Value(2.0, label="a")
    trace = trace_of((a * 3 + 0.5 - 1e-9) / -2)
    assert [node.name for node in trace.nodes if node.kind == "constant"] == ["3", "0.5", "1e-9", "-2"]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_make_short_names_and_stay_labels(label: str) -> None:
    node = trace_of(Value(1.0, label=label)).nodes[0]
    assert node.label == label
    assert 0 < len(node.name) <= LONGEST_NAME
    assert "\n" not in node.name
    assert "\x00" not in node.name


@pytest.mark.parametrize(
    ("op", "symbol", "operands", "expected"),
    [
        ("add", "+", ["a*b", "c"], "a*b + c"),
        ("add", "+", ["a", "b - c"], "a + b - c"),
        ("subtract", "-", ["a", "b + c"], "a - (b + c)"),
        ("subtract", "-", ["a - b", "c"], "a - b - c"),
        ("multiply", "*", ["a + b", "-c"], "(a + b)*-c"),
        ("multiply", "*", ["f(a + b)", "w[0]"], "f(a + b)*w[0]"),
        ("multiply", "*", ["x1w1 + x2w2", "x1*w1"], "(x1w1 + x2w2)*x1*w1"),
        ("divide", "/", ["a*b", "c*d"], "a*b/(c*d)"),
        ("divide", "/", ["a/b", "c"], "a/b/c"),
        ("power", "**2", ["-a"], "(-a)**2"),
        ("power", "**2", ["a**3"], "(a**3)**2"),
        ("power", "**-1", ["a*b"], "(a*b)**-1"),
        ("power", "**", ["2", "x + 1"], "2**(x + 1)"),
        ("negative", "neg", ["a + b"], "-(a + b)"),
        ("negative", "neg", ["a*b"], "-(a*b)"),
        ("tanh", "tanh", ["a + b"], "tanh(a + b)"),
        ("relu", "ReLU", ["a"], "relu(a)"),
        ("sum", "sum", ["a", "b*c", "d"], "a + b*c + d"),
        ("dot", "dot", ["w0", "w1 + 1", "x0", "x1", "b"], "w0*x0 + (w1 + 1)*x1 + b"),
        ("logsumexp", "logsumexp", ["a", "b"], "logsumexp(a, b)"),
        ("custom", "sq", ["a"], "sq(a)"),
        ("custom", "", ["a"], "custom(a)"),
        ("multiply", "*", [")(", "1.5e-7"], "()()*1.5e-7"),
        ("", "", [], ""),
    ],
)
def test_formulas_have_the_brackets_they_need(op: str, symbol: str, operands: list[str], expected: str) -> None:
    assert formula(op, symbol, operands) == expected


@st.composite
def arithmetic(draw: st.DrawFn) -> Value:
    """Return the root of a random formula of small numbers, small enough for its name to be all of it."""
    leaves = [Value(draw(st.integers(1, 9)), label=label) for label in "abc"]
    nodes: list[Value] = list(leaves)
    for _ in range(draw(st.integers(1, 4))):
        left, right = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        made = draw(st.sampled_from(["+", "-", "*", "/", "neg", "**2", "sum", "dot"]))
        makers: dict[str, Callable[[Value, Value], Any]] = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a / b,
            "neg": lambda a, _: -a,
            "**2": lambda a, _: a**2,
            "sum": lambda a, b: cr.sum([a, b, a]),
            "dot": lambda a, b: cr.dot([a, b], [b, a], a),
        }
        nodes.append(makers[made](left, right))
    return nodes[-1]


@given(arithmetic())
def test_a_name_that_is_a_formula_computes_the_value(root: Value) -> None:
    trace = trace_of(root)
    known: dict[str, float] = {"a": 0.0}
    for node in trace.nodes:
        if node.kind == "op" and not node.name.startswith("v"):
            computed = eval(node.name, {"__builtins__": {}}, known)
            assert computed == pytest.approx(node.data, rel=1e-9, abs=1e-9, nan_ok=True)
        known[node.name] = node.data
