"""Explanations in LaTeX and HTML: the numbers of the text, and nothing that a label could inject or break."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from math import inf, nan

import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.engine import Value
from chainrule.views.explaining.explain import Explanation, explain
from chainrule.views.explaining.latex import name_latex
from chainrule.views.tracing.numbers import number_text
from tests.views.explanations import Program, leaves_of, programs
from tests.views.pictures import HOSTILE, lesson, random_graphs

COMMANDS = {
    *("begin", "end", "frac", "partial", "left", "right", "cdot", "cdots", "mathrm", "text", "underbrace"),
    *("infty", "quad", "backslash", "wedge", "sim", "prime", "grave"),
}


class Reading(HTMLParser):
    """Reads HTML strictly: every element is closed in its place, and only harmless ones are there."""

    allowed = frozenset({"div", "p", "span", "br", "table", "tr", "th", "td", "strong", "bdi", "ul", "li"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.allowed, tag
        assert {name for name, _ in attrs} <= {"class", "style", "scope"}, attrs
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")


def text_of_html(explanation: Explanation) -> str:
    explanation.html.encode()  # no lone surrogates
    return " ".join(" ".join(Reading(explanation.html).text).split())


def check_latex(latex: str) -> None:
    """Hold LaTeX against what would end the math or call a command that is none of ours."""
    assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= COMMANDS
    bare = re.sub(r"\\\\|\\[^a-zA-Z]", "", latex)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert not set(bare) & set("$%#~")
    equations = [line for line in bare.splitlines() if line and "{aligned}" not in line]
    assert all(line.count("&") == 1 for line in equations)
    latex.encode()


def test_latex_of_the_lessons_path() -> None:
    root = lesson()
    a = next(iter(root._prev[0]._prev[0]._prev))
    assert explain(root, a).latex == (
        "\\begin{aligned}\n"
        r"\frac{\partial {L}}{\partial {a}} &= \frac{\partial {L}}{\partial {d}} \cdot "
        r"\frac{\partial {d}}{\partial {e}} \cdot \frac{\partial {e}}{\partial {a}} = "
        r"(-2) \cdot 1 \cdot (-3) = 6"
        "\n\\end{aligned}"
    )


def test_html_of_the_lessons_path() -> None:
    root = lesson()
    a = next(iter(root._prev[0]._prev[0]._prev))
    assert text_of_html(explain(root, a)).startswith("dL/da = 6 dL/dd -2 · dd/de 1 · de/da -3 = product 6 In Python")


def test_html_of_the_lessons_graph() -> None:
    text = text_of_html(explain(lesson()))
    assert "a 6 -3·-2 through e" in text
    assert "Why this order:" in text


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels(label: str) -> None:
    a, b = Value(2.0, label=label), Value(3.0, label=label)
    c = a * b + a
    c.label = label
    own = Value(1.0, (c, a), label)
    own._backward = lambda: None
    for explanation in (explain(c), explain(c, [a, b, c]), explain(own * c, a), explain(own * c)):
        text_of_html(explanation)
        check_latex(explanation.latex)
        str(explanation).encode()
        assert "<script" not in explanation.html + explanation.latex
        assert "</script" not in explanation.html + explanation.latex
        assert all(len(line) < 2000 for line in str(explanation).splitlines())


@settings(max_examples=40)
@given(random_graphs())
def test_any_graph_and_label(root: Value) -> None:
    for explanation in (explain(root), explain(root, [root, *root._prev])):
        text_of_html(explanation)
        check_latex(explanation.latex)


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("x1", "x_{1}"),
        ("w_2", "w_{2}"),
        ("loss", r"\mathrm{loss}"),
        ("a*b", "a{*}b"),
        ("a + b", r"a\ +\ b"),
        ("w[0]", "w[0]"),
        ("layers.0.w", r"\mathrm{layers}.0.w"),
        ("my_loss", r"\mathrm{my}\_\mathrm{loss}"),
        ("\\input{x}", r"\backslash{}\mathrm{input}\{x\}"),
        ("$x$", r"\$x\$"),
        ("שלום", r"\text{שלום}"),
        ("50%", r"50\%"),
    ],
)
def test_names_in_latex(name: str, latex: str) -> None:
    assert name_latex(name) == latex


@pytest.mark.parametrize(("number", "latex"), [(nan, r"\mathrm{nan}"), (inf, r"\infty"), (-inf, r"-\infty")])
def test_special_numbers_in_latex(number: float, latex: str) -> None:
    a = Value(2.0, label="a")
    assert explain(a * number, a).latex.endswith(f"&= {latex}\n\\end{{aligned}}")


def test_exponents_in_latex() -> None:
    a = Value(2.0, label="a")
    assert r"&= 1.5 \cdot 10^{-9}" in explain(a * 1.5e-9, a).latex


@settings(max_examples=30)
@given(programs())
def test_all_three_say_the_same_total(case: tuple[Program, list[float]]) -> None:
    program, inputs = case
    leaves = leaves_of(inputs)
    explanation = explain(program(leaves), leaves[0])
    if "does not depend" in str(explanation):
        assert "does not depend" in text_of_html(explanation)
        return
    [part] = explanation.to_json()
    total = number_text(part["gradient"])
    assert f" = {total}\n" in str(explanation)
    assert f" = {total}" in text_of_html(explanation)
    assert f"= {latex_number(part['gradient'])}\n\\end" in explanation.latex


def latex_number(number: float) -> str:
    """Return a number as LaTeX shows it."""
    mantissa, _, exponent = number_text(number).partition("e")
    return f"{mantissa} \\cdot 10^{{{exponent}}}" if exponent else mantissa


def test_notebook_gets_all_three() -> None:
    bundle = explain(lesson())._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/latex", "text/plain"}
    assert bundle["text/latex"].startswith("$$\n\\begin{aligned}")
    assert explain(lesson())._repr_html_() == bundle["text/html"]


def test_rest_and_gap_are_in_every_format() -> None:
    a = Value(1.0, label="a")
    x = a
    for _ in range(20):
        x = x * 0.5 + x
    explanation = explain(x, a)
    assert r"\underbrace{" in explanation.latex
    assert r"\cdots" in explanation.latex
    assert "the other" in text_of_html(explanation)
    assert "more factors …" in text_of_html(explanation)
    check_latex(explanation.latex)


def test_bounded_graph_is_bounded_in_every_format() -> None:
    x = Value(1.0)
    for _ in range(300):
        x = x.sin()
    explanation = explain(x + cr.sum([x] * 20))
    assert r"\text{and 203 more}" in explanation.latex
    assert "and 203 more nodes" in text_of_html(explanation)
    check_latex(explanation.latex)
