"""chainrule explain: expressions on a whitelist, a tree, an explanation, and one clear sentence for each mistake."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.cli.expressions import LONGEST, Expression, ExpressionError
from chainrule.engine import Value
from chainrule.ops import TABLE
from chainrule.views.tracing.trace import Trace
from tests.cli.running import Runner
from tests.views.schemas import faults


def test_the_manuals_example(run: Runner) -> None:
    ran = run("explain", "relu(x*w+b)", "x=2", "w=3", "b=-10")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "relu(x*w + b)  data 0    grad 1\n"
        "└─ x*w + b     data -4   grad 0\n"
        "   ├─ x*w      data 6    grad 0\n"
        "   │  ├─ x     data 2    grad 0\n"
        "   │  └─ w     data 3    grad 0\n"
        "   └─ b        data -10  grad 0\n"
        "\n"
        "relu(x*w + b) = 0\n"
        "\n"
        "Gradients of relu(x*w + b), in the order of backward:\n"
        "  relu(x*w + b): 1, where backward starts\n"
        "  x*w + b: 0 = 0·1 through relu(x*w + b)\n"
        "  b: 0 = 1·0 through x*w + b\n"
        "  x*w: 0 = 1·0 through x*w + b\n"
        "  w: 0 = 2·0 through x*w\n"
        "  x: 0 = 3·0 through x*w\n"
    )


def test_one_name(run: Runner) -> None:
    ran = run("explain", "x*x*w", "x=2", "w=3", "--wrt", "w")
    assert ran.out.splitlines()[-1] == "d(x*x*w)/dw = 4"


def test_several_names_and_digits(run: Runner) -> None:
    ran = run("explain", "--wrt", "x,w", "--digits", "2", "x/w", "x=1", "w=3")
    assert ran.out.splitlines()[-3:] == ["d(x/w)/dx = 0.33", "", "d(x/w)/dw = -0.11"]


def test_json(run: Runner) -> None:
    ran = run("explain", "log(x) / 0", "x=2", "--json", "--wrt", "x")
    data = json.loads(ran.out)
    assert set(data) == {"expression", "trace", "explanation"}
    assert data["expression"] == "log(x) / 0"
    assert faults(data["trace"]) == []
    assert Trace.from_json(data["trace"]).nodes[-1].data == float("inf")
    [explanation] = data["explanation"]
    assert (explanation["wrt"], explanation["gradient"]) == ("x", "inf")


def test_unused_value_is_a_note(run: Runner) -> None:
    ran = run("explain", "x*2", "x=1", "y=2")
    assert (ran.code, ran.err) == (0, "note: not in the expression, and ignored: y\n")
    assert run("explain", "-q", "x*2", "x=1", "y=2").err == ""


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("x*y", "x=2"), "y has no value: add y=1"),
        (("x*y",), "x, y have no values: add x=1 y=1"),
        (("x", "x=1", "x=2"), "x is given twice"),
        (("x", "x=1", "--wrt", "y"), "--wrt y is not a name in the expression: it has x"),
        (("2*3",), "without names"),
        (("", "x=1"), "the expression is empty"),
        (("   ", "x=1"), "the expression is empty"),
        (("relu(x", "x=1"), "'(' was never closed"),
        (("x^2", "x=1"), "a power is written **, not ^"),
        (("x # 2", "x=1"), "'#' is not part"),
        (("foo(x)", "x=1"), "there is no function 'foo': choose one of abs, acos"),
        (("x.tanh()", "x=1"), "write tanh(x), not x.tanh()"),
        (("x.data", "x=1"), "no attributes"),
        (("x > 2", "x=1"), "comparisons are not part"),
        (("x if x else 2", "x=1"), "only numbers, names"),
        (("[x for x in x]", "x=1"), "only numbers, names"),
        (("lambda: x", "x=1"), "only numbers, names"),
        (("(lambda: x)()", "x=1"), "called by its name"),
        (("x and x", "x=1"), "only numbers, names"),
        (("x % 2", "x=1"), "only numbers, names"),
        (("x // 2", "x=1"), "only numbers, names"),
        (("{x: x}", "x=1"), "only numbers, names"),
        (("x[0]", "x=1"), "only numbers, names"),
        (("sum(*x)", "x=1"), "only numbers, names"),
        (("sum(start=x)", "x=1"), "called by its name"),
        (('"a"*x', "x=1"), "'a' is not a number"),
        (("1j*x", "x=1"), "1j is not a number"),
        (("True*x", "x=1"), "True is not a number"),
        (("...*x", "x=1"), "Ellipsis is not a number"),
        (("[x]", "x=1"), "gives a list"),
        (("x + [x]", "x=1"), "takes numbers, not lists"),
        (("atan2(x)", "x=1"), "atan2 takes 2 operand(s), 1 were given"),
        (("dot([x], [x, x])", "x=1"), "same length"),
        (("dot(x, x)", "x=1"), "dot takes two lists"),
        (("mean([]) + x", "x=1"), "at least one value"),
        (("x; x", "x=1"), "invalid syntax"),
        (("import os", "x=1"), "invalid syntax"),
        (("x) + (x", "x=1"), "unmatched ')'"),
        (("(" * 300 + "x" + ")" * 300, "x=1"), "too many nested parentheses"),
        (("x" * 1001, "x=1"), "1,001 characters, and at most 1,000"),
        (("\udcff", "x=1"), r"'\udcff' is not part"),
        (("x\x00", "x=1"), r"'\x00' is not part"),
    ],
)
def test_one_clear_sentence(run: Runner, argv: tuple[str, ...], sentence: str) -> None:
    assert sentence in run.fails("explain", *argv, code=2)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("x", "x"), "'x' gives no name a number: write it as x=2"),
        (("x", "2=x"), "'2=x' gives no name a number"),
        (("x", "x=two"), "'two' in 'x=two' is not a number"),
        (("x", "x="), "'' in 'x=' is not a number"),
        (("x", "x=1", "--digits", "0"), "0 is below 1"),
        (("x", "x=1", "--digits", "18"), "18 is above 17"),
        ((), "the following arguments are required"),
    ],
)
def test_options_that_cannot_be_read(run: Runner, argv: tuple[str, ...], sentence: str) -> None:
    ran = run("explain", *argv)
    assert ran.code == 2
    assert sentence in ran.err


def test_a_caret_stands_below_the_mistake(run: Runner) -> None:
    ran = run("explain", " x * foo(x)", "x=1")
    assert ran.err.splitlines()[:2] == ["  x * foo(x)", "      ^"]
    ran = run("explain", "漢字*^x", "x=1")
    assert ran.err.splitlines()[:2] == ["  漢字*^x", "       ^"]
    ran = run("explain", "漢字*foo(x)", "x=1", "漢字=2")
    assert ran.err.splitlines()[:2] == ["  漢字*foo(x)", "       ^"]


def test_what_a_terminal_could_obey_is_not_shown(run: Runner) -> None:
    error = run.fails("explain", "x\x1b[31m", "x=1", code=2)
    assert "\x1b" not in error


MALICE = [
    "__import__('os').system('touch hacked')",
    "open('hacked', 'w')",
    "exec('x')",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__",
    "globals()",
    "f'{x}'",
    "(x := 3)",
    "[y for y in range(10**9)]",
    "print(x)",
    "breakpoint()",
]


@pytest.mark.parametrize("expression", MALICE)
def test_nothing_is_run(run: Runner, folder: Path, expression: str) -> None:
    run.fails("explain", expression, "x=1", code=2)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("expression", ["x**10**10**10", "10**10**10*x", "9**9**9**9**x", "2**-9999999999**x"])
def test_huge_powers_are_floats(run: Runner, expression: str) -> None:
    assert run("explain", expression, "x=2").code == 0  # as exact integers they would never end


@pytest.mark.parametrize(
    "expression", ["-" * (LONGEST - 1) + "x", "+".join(["x"] * (LONGEST // 2)), "x" + "**x" * (LONGEST // 3 - 1)]
)
def test_deep_expressions(run: Runner, expression: str) -> None:
    ran = run("explain", "--", expression, "x=0.5")
    assert ran.code == 0 or "too many" in ran.err


def evaluated(expression: str, **numbers: float) -> float:
    return Expression(expression).evaluate({name: Value(number) for name, number in numbers.items()}).data


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x + 2*3", 8.0),
        ("-x**2", -4.0),
        ("(-x)**2", 4.0),
        ("2**x**2", 16.0),
        ("x - 1 - 1", 0.0),
        ("x / 2 / 2", 0.5),
        ("+x", 2.0),
        ("abs(-x)", 2.0),
        ("max(x, 5) + min(x, 5)", 7.0),
        ("sum(x, 1, 2)", 5.0),
        ("sum([x, 1, 2])", 5.0),
        ("mean(x, 4)", 3.0),
        ("dot([x, 1], [3, 4], 0.5)", 10.5),
        ("where(x, 3, 4)", 3.0),
        ("x ** 0.5 ** 2", 2**0.25),
        ("1e3 * x", 2000.0),
        ("1_000 * x", 2000.0),
        ("x ** -1", 0.5),
    ],
)
def test_values(expression: str, expected: float) -> None:
    assert evaluated(expression, x=2.0) == pytest.approx(expected, rel=1e-15)


def test_integer_exponents_stay_integers() -> None:
    assert Expression("x**2").evaluate({"x": Value(3.0)})._op == "**2"


def test_names_in_order() -> None:
    assert list(Expression("b*sin(a) + b + c").names) == ["b", "a", "c"]


PUBLIC = sorted(row.name for row in TABLE.values() if row.public)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_op(name: str) -> None:
    row = TABLE[name]
    names = ["x", "y", "z"][: row.arity]
    numbers = dict(zip(names, (0.25, 0.75, 0.5), strict=False))
    root = Expression(f"{name}({', '.join(names)})").evaluate({key: Value(number) for key, number in numbers.items()})
    assert root.data == row(*numbers.values())


ATOMS = st.sampled_from(["x", "y", "2", "0.5", "3"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"+{text}"),
        inner.map(lambda text: f"({text})**2"),
    )


@given(st.recursive(ATOMS, _grown, max_leaves=12), st.floats(-2, 2), st.floats(-2, 2))
def test_arithmetic_is_pythons(expression: str, x: float, y: float) -> None:
    expected = eval(expression, {"__builtins__": {}}, {"x": x, "y": y})
    assert evaluated(expression, x=x, y=y) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.text(alphabet=st.sampled_from("xy01.+-*/()[],= \t\n'\"#^&|%@:;lambdfs_\\{}~<>!é漢\x00"), max_size=30))
def test_any_text_is_an_expression_or_one_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):  # whatever else is raised fails the test
        expression = Expression(text)
        expression.evaluate({name: Value(1.5) for name in expression.names})


def test_colour_only_where_it_is_wanted(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("explain", "x*2", "x=1").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1mx\x1b[0m" in run("explain", "x*2", "x=1").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("explain", "x*2", "x=1").out


def test_narrow_terminal_breaks_no_line(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = run("explain", "relu(x*w+b)", "x=2", "w=3", "b=-10").out
    monkeypatch.setenv("COLUMNS", "20")
    assert run("explain", "relu(x*w+b)", "x=2", "w=3", "b=-10").out == wide


def test_as_a_program() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "chainrule", "explain", "tanh(x)", "x=0.5", "--wrt", "x"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "d(tanh(x))/dx = 0.7864"
