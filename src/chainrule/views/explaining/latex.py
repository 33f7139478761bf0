"""Explanations as LaTeX for math mode, in the subset that LaTeX, MathJax and KaTeX share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from chainrule.views.explaining.explained import Factor, GraphSum, NodeSum, Path, PathSum, Term
from chainrule.views.tracing.numbers import number_text

_SUBSCRIPTED = re.compile(r"([A-Za-z])_?(\d+)")
# What means something to LaTeX stands here as what prints it, without leaving math mode.
_PRINTED = {
    " ": r"\ ",
    "*": r"{*}",
    "-": "{-}",
    "_": r"\_",
    "#": r"\#",
    "%": r"\%",
    "&": r"\&",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "\\": r"\backslash{}",
    "^": r"{\wedge}",
    "~": r"{\sim}",
    "'": r"{\prime}",
    "<": "{<}",
    ">": "{>}",
    "`": r"{\grave{\ }}",
    '"': r"{\prime\prime}",
}


def latex_of(part: PathSum | GraphSum, digits: int) -> str:
    """Return an explanation as an `aligned` block, one equation a line."""
    lines = _path_sum(part, digits) if isinstance(part, PathSum) else [_node(part, node, digits) for node in part.nodes]
    if isinstance(part, GraphSum) and part.left_out:
        lines.append(rf"&\quad\text{{and {part.left_out:,} more}}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def name_latex(name: str) -> str:
    r"""Return any name so that it prints as it is: `x_{1}` for x1, `\mathrm{loss}`, `a{*}b`."""
    subscripted = _SUBSCRIPTED.fullmatch(name)
    if subscripted:
        return f"{subscripted[1]}_{{{subscripted[2]}}}"
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    return "".join(_runs(name))


def _runs(name: str) -> Iterator[str]:
    for kind, group in groupby(name, _kind):
        run = "".join(group)
        if kind == "ascii":
            yield run if len(run) == 1 else rf"\mathrm{{{run}}}"
        elif kind == "text":
            yield rf"\text{{{run}}}"
        else:
            yield "".join(_PRINTED.get(character, character) for character in run)


def _kind(character: str) -> str:
    if not character.isascii():
        return "text"
    return "ascii" if character.isalpha() else "sign"


def _derivative(top: str, bottom: str) -> str:
    return rf"\frac{{\partial {_grouped(top)}}}{{\partial {_grouped(bottom)}}}"


def _grouped(name: str) -> str:
    simple = len(name) == 1 or _SUBSCRIPTED.fullmatch(name) or name.isidentifier()
    return f"{{{name_latex(name)}}}" if simple else rf"\left({name_latex(name)}\right)"


def _number(number: float | None, digits: int) -> str:
    """Return a number without a sign of its own that could meet an operator: -2 is (-2) in a product."""
    if number is None:
        return "?"
    text = number_text(number, digits)
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    if text in {"inf", "nan"}:
        return rf"{sign}\infty" if text == "inf" else r"\mathrm{nan}"
    mantissa, _, exponent = text.partition("e")
    return f"{sign}{mantissa} \\cdot 10^{{{exponent}}}" if exponent else f"{sign}{text}"


def _factor_number(number: float | None, digits: int) -> str:
    text = _number(number, digits)
    return f"({text})" if text.startswith("-") or "^" in text else text


def _path_sum(part: PathSum, digits: int) -> list[str]:
    whole = _derivative(part.output, part.node)
    total = _number(part.gradient, digits)
    only = len(part.paths) == 1 and part.rest is None
    if only and part.gradient is not None:
        return [f"{whole} &= {_path(part.paths[0], digits, whole)}"]
    if not part.paths:
        return [f"{whole} &= {total}"]
    lines = [f"&{_path(path, digits, '')}" for path in part.paths]
    terms = [_factor_number(path.product, digits) for path in part.paths]
    if part.rest is not None:
        terms.append(rf"\underbrace{{{_factor_number(part.rest, digits)}}}_{{\text{{the rest}}}}")
    added = f"{' + '.join(terms)} = {total}" if part.gradient is not None else total
    return [*lines, f"{whole} &= {added}"]


def _path(path: Path, digits: int, whole: str) -> str:
    gap = [r"\cdots"] if path.between else []
    symbols = r" \cdot ".join([*map(_factor, path.first), *gap, *map(_factor, path.last)])
    first = [_factor_number(factor.slope, digits) for factor in path.first]
    last = [_factor_number(factor.slope, digits) for factor in path.last]
    middle = [_factor_number(path.between_product, digits)] if path.between else []
    numbers = [*first, *middle, *last]
    sides = ([] if symbols == whole else [symbols]) + ([r" \cdot ".join(numbers)] if len(numbers) > 1 else [])
    return " = ".join([*sides, _number(path.product, digits)])


def _factor(factor: Factor) -> str:
    symbol = _derivative(factor.user, factor.operand)
    return rf"\left.{symbol}\right|_{{{factor.which}}}" if factor.which else symbol


def _node(part: GraphSum, node: NodeSum, digits: int) -> str:
    whole = _derivative(part.output, node.name)
    terms = [_term(term, digits) for term in node.terms]
    if node.others:
        rest = _factor_number(node.rest, digits)
        terms.append(rf"\underbrace{{{rest}}}_{{\text{{{node.others:,} more}}}}")
    total = _number(node.gradient, digits)
    return f"{whole} &= {' + '.join([*terms])} = {total}" if terms else f"{whole} &= {total}"


def _term(term: Term, digits: int) -> str:
    if term.slope is None:
        product = _factor_number(term.amount, digits)
    else:
        product = rf"{_factor_number(term.slope, digits)} \cdot {_factor_number(term.grad, digits)}"
    return rf"\underbrace{{{product}}}_{{{name_latex(term.user)}}}"
