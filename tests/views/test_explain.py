"""explain: what it says, word by word, also of ops of one's own, special numbers and wrong arguments."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from chainrule import engine
from chainrule.engine import Value
from chainrule.errors import ArgumentError, NumberError
from chainrule.views.explaining.explain import Explanation, explain
from tests.views.pictures import lesson


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
