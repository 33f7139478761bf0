"""Programs for tests: made from a graph of the engine without the tracer, or drawn at random."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from chainrule import Value
from chainrule.compiler.program import Leaf, Program, cuts
from chainrule.engine import apply, dot, logsumexp, op_of, parts, sum, topological_order
from chainrule.ops import rows
from chainrule.ops.row import Op

# Without those that cut the graph, which only a trace makes: as nodes of an eager graph they would pass on 0.
UNARY = [row for row in rows() if row.arity == 1 and not cuts(row.code)]
BINARY = [row for row in rows() if row.arity == 2 and not cuts(row.code)]
TERNARY = [row for row in rows() if row.arity == 3]


def program_of(
    results: Sequence[Value],
    values: Sequence[Value],
    inputs: Sequence[Value] = (),
    guards: Sequence[Value] = (),
    groups: Sequence[int] | None = None,
) -> Program:
    """Write down the graph of some results; `values` become live Values, `inputs` numbers of the arguments."""
    rows_of: dict[Value, int] = {}
    codes: list[int] = []
    starts, operands = [0], list[int]()
    numbers: list[float] = []
    places: list[int] = []
    leaves = {value: (Leaf.VALUE, place) for place, value in enumerate(values)}
    leaves |= {value: (Leaf.INPUT, place) for place, value in enumerate(inputs)}

    def add(code: int, used: Sequence[int] = (), number: float = 0.0, place: int = 0) -> int:
        codes.append(code)
        operands.extend(used)
        starts.append(len(operands))
        numbers.append(number)
        places.append(place)
        return len(codes) - 1

    for root in [*results, *guards]:
        for node in topological_order(root, constants=False):
            if node in rows_of:
                continue
            row = op_of(node)
            if node in leaves:
                leaf, place = leaves[node]
                rows_of[node] = add(leaf, place=place)
            elif row is None:
                rows_of[node] = add(Leaf.CONSTANT, number=node.data)
            else:
                used = [
                    rows_of[each] if isinstance(each, Value) else add(Leaf.CONSTANT, number=each)
                    for each in parts(node)[0]
                ]
                rows_of[node] = add(row.code, used)
    return Program(
        codes=np.array(codes, np.int32),
        starts=np.array(starts, np.int64),
        operands=np.array(operands, np.int64),
        numbers=np.array(numbers, np.float64),
        places=np.array(places, np.int64),
        input_groups=tuple(groups) if groups is not None else (0, len(inputs)),
        value_groups=(0, len(values)),
        outputs=np.array([rows_of[root] for root in [*results, *guards]], np.int64),
        results=len(results),
    )


def all_rows() -> list[Op]:
    """Every row of the table that an engine's graph can hold."""
    return [*UNARY, *BINARY, *TERNARY, *[row for row in rows() if row.arity is None]]


def drawn(seed: int, size: int = 40, results: int = 1) -> tuple[list[Value], list[Value], list[Value]]:
    """Draw a random graph: its results, the leaves that count as live Values, those that count as inputs."""
    draw = random.Random(seed)
    values = [Value(draw.choice([-1.5, -0.5, 0.0, 0.25, 0.75, 1.0, 2.0, 3.0])) for _ in range(4)]
    inputs = [Value(draw.uniform(-2.0, 2.0)) for _ in range(3)]
    known = [*values, *inputs]

    def one() -> Value:
        return draw.choice(known[-8:] if draw.random() < 0.6 else known)

    for _ in range(size):
        kind = draw.random()
        if kind < 0.35:
            left = one()
            node = draw.choice([left + one(), left * one(), left - one(), left * 0.5, 1.5 - left, left**2])
        elif kind < 0.55:
            node = apply(draw.choice(UNARY), [one()])
        elif kind < 0.75:
            node = apply(draw.choice(BINARY), [one(), one()])
        elif kind < 0.8:
            node = apply(draw.choice(TERNARY), [one(), one(), one()])
        else:
            some = [one() for _ in range(draw.randint(1, 5))]
            node = draw.choice([sum(some), sum([*some, 2.0]), dot(some, some[::-1], one()), logsumexp(some)])
        known.append(node)
    return [Value(0.0) + known[-1 - i] for i in range(results)], values, inputs


def eager_gradients(results: Sequence[Value], seeds: Sequence[float], values: Sequence[Value]) -> list[float]:
    """Differentiate in the engine: the sum over results of seed times derivative, by each value."""
    for value in values:
        value.grad = 0.0
    root = (
        results[0]
        if list(seeds) == [1.0]
        else sum([seed * result for seed, result in zip(seeds, results, strict=True)])
    )
    root.backward()
    return [value.grad for value in values]
