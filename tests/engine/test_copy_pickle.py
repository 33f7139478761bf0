"""Copies and pickles: the whole graph, leaves with their identity, and a clear error for closures."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.engine import is_constant, local_derivatives, op_of, topological_order
from chainrule.errors import ChainruleError, PickleError
from tests.programs import run_python


def through_pickle(protocol: int, thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol))


DEEP: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": partial(through_pickle, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
}


def zoo() -> tuple[list[Value], Value]:
    """A graph with every shape of node: unary, binary, constants on both sides, powers, n-ary, shared nodes."""
    a, b = Value(0.5, label="a"), Value(2.0, label="b")
    m = a * b
    m.label = "m"
    node = cr.dot([a, m, 3.0], [b, 2.0, m], a) + cr.sum([m, 1.0, a]) - cr.logsumexp([a, b])
    node = node**2 + 2**a + a**b + a**-0.5 + (10.0 / node) - cr.where(a, m, 0.0)
    node = cr.maximum(node, m) * m.tanh() + cr.softmax([a, b, node])[1] + abs(-m)
    node.label = "root"
    return [a, b], node


def description(root: Value) -> list[tuple[Any, ...]]:
    order = topological_order(root)
    place = {node: i for i, node in enumerate(order)}
    return [
        (
            node._op,
            node.label,
            repr(node.data),
            repr(node.grad),
            op_of(node),
            is_constant(node),
            [place[operand] for operand in node._prev],
            local_derivatives(node),
        )
        for node in order
    ]


@pytest.mark.parametrize("how", DEEP)
@pytest.mark.parametrize("differentiated", [False, True])
def test_a_graph_comes_back_as_it_was(how: str, differentiated: bool) -> None:
    leaves, root = zoo()
    if differentiated:
        root.backward()
    twin = DEEP[how](root)
    assert description(twin) == description(root)
    assert not set(topological_order(twin)) & set(topological_order(root))
    for leaf in leaves:
        leaf.grad = 0.0
    twins = [next(node for node in topological_order(twin) if node.label == name) for name in "ab"]
    for leaf in twins:
        leaf.grad = 0.0
    root.backward()
    twin.backward()
    assert [leaf.grad for leaf in twins] == [leaf.grad for leaf in leaves]
    twin.backward()
    assert [leaf.grad for leaf in twins] == [2 * leaf.grad for leaf in leaves]


@pytest.mark.parametrize("how", DEEP)
def test_constants_that_were_looked_at_stay_constants(how: str) -> None:
    root = (3.0 * Value(2.0)) + 1
    _ = [node._prev for node in topological_order(root)]
    twin = DEEP[how](root)
    assert description(twin) == description(root)
    assert len(topological_order(twin)) == 5
    twin.backward()
    assert [node.grad for node in topological_order(twin)] == [0.0, 3.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("how", DEEP)
def test_leaves_keep_their_identity_across_graphs(how: str) -> None:
    a, b = Value(1.0), Value(2.0)
    first, second = a * b, (a + 1.0) * a
    twin_a, twin_first, twin_list, twin_b = DEEP[how]((a, first, [second, first], b))
    assert twin_first._prev == (twin_a, twin_b)
    assert twin_a in topological_order(twin_list[0])
    assert twin_list[1] is twin_first
    twin_list[0].backward()
    assert (twin_a.grad, a.grad) == (3.0, 0.0)


@pytest.mark.parametrize("how", DEEP)
def test_everything_a_program_has_set_is_kept(how: str) -> None:
    a = Value(2.0, label="a")
    a.grad = 3.0
    a.velocity = 0.5
    a._m = [1, 2]
    m = a * 3.0
    m.label = "m"
    m.grad = 4.0
    m.note = {"k": (1, 2)}
    n = cr.dot([a, m], [m, 4.0])
    n.note = "dot"
    root = DEEP[how](m + n)
    twin = {node.data: node for node in topological_order(root)}
    assert (twin[2.0].label, twin[2.0].grad, twin[2.0].velocity, twin[2.0]._m) == ("a", 3.0, 0.5, [1, 2])
    assert (twin[6.0].label, twin[6.0].grad, twin[6.0].note) == ("m", 4.0, {"k": (1, 2)})
    assert twin[36.0].note == "dot"
    assert (twin[6.0]._op, twin[36.0]._op, root._op) == ("*", "dot", "+")


@pytest.mark.parametrize("how", DEEP)
def test_user_ops_without_a_function_keep_name_and_operands(how: str) -> None:
    a, b = Value(2.0), Value(3.0)
    twin = DEEP[how](Value(6.0, (a, b, a), "mine", "label"))
    assert (twin._op, twin.label, twin.data, [x.data for x in twin._prev]) == ("mine", "label", 6.0, [2.0, 3.0, 2.0])
    assert twin._prev[0] is twin._prev[2]


@pytest.mark.parametrize("how", DEEP)
def test_a_leaf_with_an_op_name_stays_a_leaf(how: str) -> None:
    a = Value(2.0, (), "input")
    root, twin_a = DEEP[how]((a * 3.0, a))
    assert root._prev[0] is twin_a
    assert twin_a._op == "input"
    root.backward()
    root.backward()
    assert twin_a.grad == 6.0


@pytest.mark.parametrize("how", DEEP)
@pytest.mark.parametrize("data", [float("nan"), float("inf"), -0.0, 5e-324, 1 / 3])
def test_every_bit_of_a_number_is_kept(how: str, data: float) -> None:
    twin = DEEP[how](Value(data) * 1.0)
    assert repr(twin.data) == repr(data * 1.0)
    assert repr(twin._prev[0].data) == repr(data)


@pytest.mark.parametrize("how", [*DEEP, "copy"])
@pytest.mark.parametrize("where", ["root", "interior", "leaf", "built-in"])
def test_a_closure_is_a_clear_error(how: str, where: str) -> None:
    a = Value(2.0)
    inner = Value(4.0, (a,), "square") if where != "built-in" else a * a
    (a if where == "leaf" else inner)._backward = lambda: None
    root = inner if where in ("root", "built-in") or how == "copy" else inner * 3.0
    if how == "copy" and where == "leaf":
        root = a
    with pytest.raises(PickleError, match=r"_backward.*detach\(\)") as caught:
        {**DEEP, "copy": copy.copy}[how](root)
    assert isinstance(caught.value, ChainruleError)
    assert isinstance(caught.value, TypeError)
    assert copy.deepcopy(inner.detach()).data == 4.0


def test_copy_shares_the_operands() -> None:
    leaves, root = zoo()
    root.backward()
    root.note = [1]
    twin = copy.copy(root)
    assert twin is not root
    assert (twin.data, twin.grad, twin.label, twin._op, twin.note) == (root.data, 1.0, "root", root._op, [1])
    assert twin._prev == root._prev
    assert twin.note is root.note
    for leaf in leaves:
        leaf.grad = 0.0
    twin.backward()
    once = [leaf.grad for leaf in leaves]
    root.backward()
    assert [leaf.grad for leaf in leaves] == [2 * each for each in once]
    twin.data, twin.label = 0.0, "twin"
    assert (root.data != 0.0, root.label) == (True, "root")


@pytest.mark.parametrize("make", [lambda a: a**2, lambda a: 3 - a, lambda a: cr.dot([a], [2.0], 1.0), lambda a: a])
def test_copy_of_each_kind_of_node(make: Callable[[Value], Value]) -> None:
    a = Value(2.0)
    node = make(a)
    twin = copy.copy(node)
    assert (twin._op, [x.data for x in twin._prev]) == (node._op, [x.data for x in node._prev])
    assert local_derivatives(twin) == local_derivatives(node)
    if node is not a:
        twin.backward()
        node_gradient, a.grad = a.grad, 0.0
        node.backward()
        assert a.grad == node_gradient


def test_an_attribute_may_lead_back_to_the_graph() -> None:
    a = Value(1.0)
    loss = a * 2.0
    a.loss = loss
    for how in DEEP.values():
        twin = how(a)
        assert twin.loss._prev[0] is twin
        twin_loss = how(loss)
        assert twin_loss._prev[0].loss._prev[0] is twin_loss._prev[0]


def test_a_model_in_a_dictionary() -> None:
    model: dict[str, Any] = {"w": [Value(0.1 * i) for i in range(5)], "b": Value(0.0)}
    twin = copy.deepcopy(model)
    cr.dot(twin["w"], [1.0] * 5, twin["b"]).backward()
    assert [w.grad for w in twin["w"]] == [1.0] * 5
    assert [w.grad for w in model["w"]] == [0.0] * 5


PROGRAM = """
import pickle, sys
from chainrule import engine
with open(sys.argv[2], "rb" if sys.argv[1] == "load" else "wb") as file:
    if sys.argv[1] == "load":
        root, a = pickle.load(file)
        root.backward()
        print(engine.compiled, root, a, a.velocity, a._m, root._prev[1]._op, root._prev[1]._prev[0] is a)
    else:
        a = engine.Value(2.0, label="a"); a.velocity = 0.5; a._m = 1.0
        pickle.dump((a * 3.0 + a ** 2, a), file)
"""


@pytest.mark.parametrize("writer", ["0", "1"])
@pytest.mark.parametrize("reader", ["0", "1"])
def test_a_pickle_of_one_engine_is_read_by_the_other(tmp_path: Path, writer: str, reader: str) -> None:
    if "0" in (writer, reader) and not cr.engine.compiled:
        pytest.skip("the compiled engine does not run here")
    file = tmp_path / "graph.pickle"
    for action, pure in (("dump", writer), ("load", reader)):
        done = run_python(PROGRAM, action, str(file), environment={"CHAINRULE_PURE": pure})
        assert done.returncode == 0, done.stderr
    assert done.stdout.split(" ", 1)[1] == "Value(data=10.0, grad=1.0) Value(data=2.0, grad=7.0) 0.5 1.0 **2 True\n"


COMPILED_RESULT = """
import copy
import chainrule as cr
w = cr.Value(2.0)
result = cr.compile(lambda x: w * x, executor="tape")(3.0)
copy.deepcopy(result).backward()
print(cr.engine.compiled, w.grad)
result.backward()
print(w.grad)
"""


def test_a_copy_of_a_compiled_result_passes_its_gradient_on_uncompiled() -> None:
    done = run_python(COMPILED_RESULT, environment={"CHAINRULE_PURE": "1"})
    assert done.stdout == "False 0.0\n3.0\n", done.stderr
