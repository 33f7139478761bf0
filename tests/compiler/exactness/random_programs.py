"""Random programs as people write them: scalar Python with loops over samples and neurons, as text to read.

A program is drawn statement by statement by hypothesis, so that a failing one shrinks to its smallest form.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np
from hypothesis import strategies as st

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.agreement import Draw
from tests.compiler.exactness.random_writer import DrawFunction, Row, Scope, Term, Writer

HELPERS = """
def rows(X):
    return [row["features"] if isinstance(row, dict) else row for row in X]

def tree(v):
    while len(v) > 1:
        v = [v[i] + v[i + 1] if i + 1 < len(v) else v[i] for i in range(0, len(v), 2)]
    return v[0]

def by_columns(W, v):
    totals = [0.0] * len(W)
    for i in range(len(v)):
        for j in range(len(W)):
            totals[j] = totals[j] + W[j][i] * v[i]
    return totals

def largest(v):
    best = v[0]
    for e in v[1:]:
        best = cr.maximum(best, e)
    return best
"""


@dataclass(frozen=True)
class RandomProgram:
    """A program's text and what its numbers are drawn from.

    Attributes:
        text: `def make(…)`, whose result is the function.
        lengths: how many features, neurons and samples there are.
        table: what the samples come in: lists, tuples, dicts or an array.
        alias: whether arguments are passed that are parameters too, and one list for two arguments.
        seed: of the numbers.
    """

    text: str
    lengths: dict[str, int]
    table: str
    alias: bool
    seed: int

    @property
    def adds_in_one_order(self) -> bool:
        """Whether every gradient is one sum.

        A leaf that is an argument too receives it in two parts, and so does one that is itself among several results.
        """
        return not self.alias and "return [" not in self.text and "return {" not in self.text

    def draw(self, call: int = 0) -> Draw:
        """The arguments of one call and a function over fresh parameters: other numbers each call."""
        chance = random.Random(f"{self.seed} {call}")
        features, neurons, samples = (self.lengths[name] for name in "nms")

        def numbers(count: int) -> list[float]:
            return [_number(chance) for _ in range(count)]

        p = [Value(x) for x in numbers(3)]
        fixed = [Value(0.75), Value(-0.4)]
        b = [Value(x) for x in numbers(neurons)]
        w = [[Value(x) for x in numbers(features)] for _ in range(neurons)]
        q = fixed[0] * fixed[1] + 0.5  # an interior Value that the function captures
        v = p[2] if self.alias else Value(numbers(1)[0])
        vs = [Value(x) for x in numbers(features)]
        if self.alias:
            vs[0], vs[-1] = w[0][0], v
        xs = numbers(features)
        zs = xs if self.alias else numbers(features)
        table = [numbers(features) for _ in range(samples)]
        y = numbers(samples)
        namespace: dict[str, Any] = {"cr": cr, "Value": Value}
        exec(_compiled(self.text), namespace)  # the text was made above
        function = namespace["make"](*p, b, w, q)
        leaves = list(dict.fromkeys([*p, *b, *(each for row in w for each in row), *fixed, v, *vs]))
        count = chance.choice((1, 2, 2, 3))
        return Draw(function, (_number(chance), v, vs, xs, zs, self._table(table), y, count), leaves)

    def _table(self, rows_: list[list[float]]) -> Any:
        if self.table == "array":
            return np.array(rows_)
        if self.table == "tuples":
            return tuple(map(tuple, rows_))
        if self.table == "dicts":
            return [{"features": row} for row in rows_]
        return rows_


@functools.lru_cache(64)
def _compiled(text: str) -> CodeType:
    return compile(text, "<random program>", "exec")


def _number(chance: random.Random) -> float:
    """A parameter or an input: mostly anything, sometimes what is special to an op."""
    if chance.random() < 0.15:
        return chance.choice((0.0, 1.0, -1.0, 0.5, 2.0, -0.0, 1e-9))
    return chance.uniform(-1.5, 1.5)


# Around the widths of vector registers, and what is left over beside them.
LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 17)


@st.composite
def random_programs(draw: DrawFunction) -> RandomProgram:
    """A program, the lengths of its lists and the seed of its numbers."""
    writer = Writer(draw)
    lengths = {name: draw(st.sampled_from(LENGTHS)) for name in ("n", "m", "s")}
    scope = Scope(
        [Term("p0", 1.5), Term("p1", 1.5), Term("p2", 1.5), Term("q", 3.0), Term("v", 1.5), Term("x", 1.5, False)],
        [
            *(Row(name, "n", 1.5, False) for name in ("XS", "ZS")),
            Row("VS", "n", 1.5),
            Row("B", "m", 1.5),
            Row("W[0]", "n", 1.5),
            Row("Y", "s", 1.5, False),
        ],
    )
    writer.block(scope, draw(st.integers(2, 5)), 1)
    writer.result(scope)
    body = "\n".join(writer.lines)
    text = f"{HELPERS}\ndef make(p0, p1, p2, B, W, q):\n    def f(x, v, VS, XS, ZS, X, Y, K):\n{body}\n    return f\n"
    table = draw(st.sampled_from(("lists", "array", "tuples", "dicts")))
    return RandomProgram(text, lengths, table, draw(st.booleans()), draw(st.integers(0, 10**6)))
