"""Reading explanations: the numbers in a text, and graphs whose gradients can be found in another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isclose, prod

from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine import Value

NUMBER = r"(?:-?[\d.]+(?:e-?\d+)?|-?inf|nan)"
_PRODUCT = rf"{NUMBER}(?: \([^()]*\))?"


def numbers_in(text: str) -> list[float]:
    """Return the factors of `-2 · 1 · 0.5 (those 7)`."""
    return [float(re.match(NUMBER, part).group()) for part in text.split(" · ")]  # type: ignore[union-attr]


@dataclass(frozen=True)
class ReadPath:
    """One line of a sum over paths: the derivatives it names, their numbers, and the product."""

    symbols: tuple[str, ...]
    factors: tuple[float, ...]
    product: float


def read_path(line: str) -> ReadPath:
    """Read `dL/dd · dd/da = -2 · 1 = -2`, or `dL/dd = -2`."""
    sides = line.strip().split(" = ")
    symbols = [side for side in sides if not re.fullmatch(rf"{_PRODUCT}(?: · {_PRODUCT})*", side)]
    values = [numbers_in(side) for side in sides if side not in symbols]
    assert len(values) in {1, 2}, line
    factors = values[0]
    [product] = values[-1]
    names = tuple(symbols[-1].split(" · ")) if symbols else ()
    return ReadPath(names, tuple(factors), product)


@dataclass(frozen=True)
class ReadSum:
    """A sum over paths as its text says it."""

    paths: tuple[ReadPath, ...]
    total: float
    number: int
    terms: tuple[float, ...]


def read_path_sum(text: str) -> ReadSum:
    """Read the text of an explanation by one node, and hold it against itself: products, and their sum."""
    lines = text.splitlines()
    if " is the sum over " not in lines[0]:
        read = read_path(lines[0].partition(" = ")[2] if " = " in lines[0] else lines[0])
        check_path(read)
        return ReadSum((read,), read.product, 1, (read.product,))
    head = re.match(r".* is the sum over ([\d,]+) paths?(?:; the \d+ largest)?:", lines[0])
    assert head, lines[0]
    end = next(place for place, line in enumerate(lines) if place and not line.startswith("  "))
    paths = tuple(read_path(line) for line in lines[1:end])
    for path in paths:
        check_path(path)
    _, terms, *rest = lines[end].split(" = ")
    summands = [float(re.match(NUMBER, term).group()) for term in terms.split(" + ")]  # type: ignore[union-attr]
    total = float(rest[0]) if rest else summands[0]
    assert_close(sum(summands), total, scale=sum(map(abs, summands)))
    return ReadSum(paths, total, int(head[1].replace(",", "")), tuple(summands))


def check_path(path: ReadPath) -> None:
    """Hold a path against itself: a number for every symbol, and their product."""
    if path.symbols:
        assert len(path.symbols) == len(path.factors), path
    assert_close(prod(path.factors), path.product, scale=abs(path.product))


@dataclass(frozen=True)
class ReadNode:
    """A line of the explanation of a graph: a node, its gradient and the (slope, gradient) pairs it received."""

    name: str
    gradient: float
    terms: tuple[tuple[float, float], ...]
    users: tuple[str, ...]


def read_graph_sum(text: str) -> dict[str, ReadNode]:
    """Read the text of an explanation of every node, and hold each line against itself."""
    nodes: dict[str, ReadNode] = {}
    for line in text.splitlines():
        found = re.fullmatch(rf"  (.+?): ({NUMBER})(?: = (.*)|, where backward starts)", line)
        if found is None:
            continue
        name, total, sum_text = found[1], float(found[2]), found[3]
        terms = re.findall(rf"(?:^| \+ )({NUMBER})·({NUMBER}) through ", sum_text or "")
        users = re.split(rf"(?:^| \+ ){NUMBER}·{NUMBER} through ", sum_text or "")[1:]
        pairs = tuple((float(slope), float(grad)) for slope, grad in terms)
        if pairs:
            amounts = [slope * grad for slope, grad in pairs]
            assert_close(sum(amounts), total, scale=sum(map(abs, amounts)))
        nodes[name] = ReadNode(name, total, pairs, tuple(users))
    return nodes


def assert_close(found: float, expected: float, scale: float = 0.0, rel: float = 1e-9) -> None:
    """Compare numbers that were added and multiplied in another order."""
    if found != found or expected != expected:
        assert found != found
        assert expected != expected
    else:
        assert found == expected or isclose(found, expected, rel_tol=rel, abs_tol=1e-12 * max(scale, 1e-300)), (
            found,
            expected,
        )


Program = Callable[[Sequence[Value]], Value]

_STEPS: dict[str, Callable[[Value, Value], Value]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "0.5*": lambda a, _: 0.5 * a,
    "sin": lambda a, _: a.sin(),
    "tanh": lambda a, _: a.tanh(),
    "**2": lambda a, _: a**2,
    "sum": lambda a, b: cr.sum([a, b, a, 1.5]),
    "dot": lambda a, b: cr.dot([a, b], [b, 0.5], a),
    "logsumexp": lambda a, b: cr.logsumexp([a, b]),
    "sigmoid": lambda a, _: a.sigmoid(),
}


@st.composite
def programs(draw: st.DrawFn, longest: int = 8) -> tuple[Program, list[float]]:
    """Return a random smooth function of up to three Values, and numbers to call it with."""
    inputs = draw(st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=3))
    steps = []
    for place in range(draw(st.integers(1, longest))):
        count = len(inputs) + place
        steps.append((draw(st.sampled_from(sorted(_STEPS))), draw(_operand(count)), draw(_operand(count))))

    def program(leaves: Sequence[Value]) -> Value:
        nodes = list(leaves)
        for step, left, right in steps:
            nodes.append(_STEPS[step](nodes[left], nodes[right]))
        return nodes[-1]

    return program, inputs


def _operand(count: int) -> st.SearchStrategy[int]:
    """Any node so far, the latest ones more often, so that graphs become deep."""
    return st.one_of(st.integers(0, count - 1), st.integers(max(count - 2, 0), count - 1))


def leaves_of(inputs: Sequence[float]) -> list[Value]:
    """Return labelled leaves: x0, x1 and so on."""
    return [Value(number, label=f"x{place}") for place, number in enumerate(inputs)]


def slope_by_differences(program: Program, inputs: Sequence[float], place: int, h: float = 1e-5) -> float:
    """Return ∂program/∂input by central differences of fourth order."""

    def value(shift: float) -> float:
        moved = [number + (shift if index == place else 0.0) for index, number in enumerate(inputs)]
        return program(leaves_of(moved)).data

    return (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
