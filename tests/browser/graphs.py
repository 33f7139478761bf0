"""Graphs for the pages: each function makes its graph anew from numbers, so that Python can run it again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import chainrule as cr
from chainrule.nn import MLP, Module
from chainrule.ops import TABLE

Numbers: TypeAlias = Sequence[float]
Made: TypeAlias = tuple[cr.Value, list[cr.Value]]


def leaves(numbers: Numbers, names: str = "abcdefghijklmnop") -> list[cr.Value]:
    return [cr.Value(number, label=name) for number, name in zip(numbers, names, strict=False)]


def lecture(numbers: Numbers = (2.0, -3.0, 10.0, -2.0)) -> Made:
    """The lecture's first graph: L = (a·b + c)·f."""
    a, b, c, f = inputs = leaves(numbers, "abcf")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    L = d * f
    L.label = "L"
    return L, inputs


def diamond(numbers: Numbers = (3.0,)) -> Made:
    """Every node is used twice: b = a + a, c = b·b."""
    [a] = inputs = leaves(numbers)
    b = a + a
    b.label = "b"
    c = b * b
    c.label = "c"
    return c, inputs


def neuron(numbers: Numbers = (2.0, 0.0, -3.0, 1.0, 6.8813735870195432)) -> Made:
    """The lecture's neuron, tanh in pieces."""
    inputs = [cr.Value(number, label=name) for number, name in zip(numbers, ["x1", "x2", "w1", "w2", "b"], strict=True)]
    x1, x2, w1, w2, b = inputs
    e = (2 * (x1 * w1 + x2 * w2 + b)).exp()
    o = (e - 1) / (e + 1)
    o.label = "o"
    return o, inputs


def every_op(numbers: Numbers = (0.3, -0.7, 0.45, 0.8)) -> Made:
    """All rows of the table, applied to the same four leaves, inside the domains of all of them."""
    inputs = leaves(numbers)
    terms = []
    for place, row in enumerate(TABLE.values()):
        chosen = [inputs[(place + k) % 4] for k in range(row.arity or 4)]
        terms.append(applied(row.name, chosen) * (0.1 * place + 1.0))
    return cr.sum(terms), inputs


def applied(name: str, operands: list[cr.Value]) -> cr.Value:
    """Apply a row by its name; an n-ary row through its function, since it is no method."""
    if name == "sum":
        total: cr.Value = cr.sum(operands)
        return total
    if name == "dot":
        product: cr.Value = cr.dot(operands[:2], operands[2:], start=operands[0])
        return product
    if name == "logsumexp":
        logarithm: cr.Value = cr.logsumexp(operands)
        return logarithm
    if name == "log":
        operands = [cr.Value.__abs__(operands[0])]
    if name in {"power", "sqrt"}:
        operands = [cr.Value.__abs__(operands[0]), *operands[1:]]
    result: cr.Value = TABLE[name](*operands)
    return result


def batch(sizes: list[int], points: int, seed: int = 1) -> tuple[cr.Value, Module]:
    """The hinge loss of an MLP over a batch, with its gradients."""
    state = random.getstate()
    random.seed(seed)
    model = MLP(2, sizes)
    xs = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(points)]
    ys = [random.choice([-1, 1]) for _ in range(points)]
    random.setstate(state)
    loss: cr.Value = cr.losses.hinge([model(x) for x in xs], ys)
    loss.label = "loss"
    loss.backward()
    return loss, model


GRAPHS: dict[str, Callable[..., Made]] = {
    "lecture": lecture,
    "diamond": diamond,
    "neuron": neuron,
    "every op": every_op,
}
