"""Programs that people are known to write: the lessons' listings, and networks of the library's parts.

Each function here gives the draw of one call: fresh parameters from a seed, and arguments that differ from call to
call in their numbers and not in their structure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import Value
from chainrule.nn import MLP
from tests.compiler.exactness.agreement import Draw

Program = Callable[[random.Random, random.Random], Draw]

# Name to program; a program takes the chance of the parameters and that of the call.
PROGRAMS: dict[str, Program] = {}


def program(make: Program) -> Program:
    PROGRAMS[make.__name__] = make
    return make


def known_draw(name: str, call: int = 0) -> Draw:
    """One call of a known program: the same parameters in every call, other arguments in each."""
    return PROGRAMS[name](random.Random(name), random.Random(f"{name} {call}"))


def values(chance: random.Random, *sizes: int) -> Any:
    """A nested list of parameters of this shape."""
    if not sizes:
        return Value(chance.uniform(-1.0, 1.0))
    return [values(chance, *sizes[1:]) for _ in range(sizes[0])]


def numbers(chance: random.Random, *sizes: int) -> Any:
    """A nested list of numbers of this shape."""
    if not sizes:
        return chance.uniform(-1.0, 1.0)
    return [numbers(chance, *sizes[1:]) for _ in range(sizes[0])]


def leaves_of(*nested: Any) -> list[Value]:
    """The Values of nested lists, in order."""
    found: list[Value] = []
    for each in nested:
        if isinstance(each, (list, tuple)):
            found += leaves_of(*each)
        else:
            found.append(each)
    return found


def linear(w: Sequence[Sequence[Value]], x: Sequence[Any], b: Sequence[Value] | None = None) -> list[Any]:
    """A layer as a learner writes it."""
    products = [sum(wij * xj for wij, xj in zip(wi, x, strict=True)) for wi in w]
    return products if b is None else [s + bi for s, bi in zip(products, b, strict=True)]


# The lessons' listings


@program
def readme(_: random.Random, call: random.Random) -> Draw:
    """The README expression of micrograd."""

    def f(a: Any, b: Any) -> Any:
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        return g

    a, b = Value(-4.0 + call.random()), Value(2.0 + call.random())
    return Draw(f, (a, b), [a, b])


@program
def parabola(_: random.Random, call: random.Random) -> Draw:
    x = Value(3.0 * call.random())
    return Draw(lambda x: 3 * x**2 - 4 * x + 5, (x,), [x])


@program
def first_graph(_: random.Random, call: random.Random) -> Draw:
    """L = (a·b + c)·f."""
    p = [Value(x + call.random()) for x in (2.0, -3.0, 10.0, -2.0)]
    return Draw(lambda: (p[0] * p[1] + p[2]) * p[3], (), p)


@program
def used_twice(_: random.Random, call: random.Random) -> Draw:
    """The bug of a + a, and (a·b)·(a + b), as two results."""
    a, b = Value(-2.0 * call.random()), Value(3.0)
    return Draw(lambda a, b: (a + a, (a * b) * (a + b)), (a, b), [a, b])


@program
def neuron(_: random.Random, call: random.Random) -> Draw:
    """The toy neuron, its tanh once as an op and once written out."""
    w = [Value(-3.0), Value(1.0)]
    b = Value(6.8813735870195432)

    def f(x1: Any, x2: Any) -> Any:
        n = x1 * w[0] + x2 * w[1] + b
        e = (2 * n).exp()
        return [n.tanh(), (e - 1) / (e + 1)]

    x1, x2 = Value(2.0 + 0.1 * call.random()), Value(0.0)
    return Draw(f, (x1, x2), [x1, x2, *w, b])


@program
def lecture_network(parameters: random.Random, call: random.Random) -> Draw:
    """MLP(3, [4, 4, 1]) with tanh on four samples, and the sum of squares."""
    random.seed(parameters.random())
    model = MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform")
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -call.random()]]
    ys = [1.0, -1.0, -1.0, 1.0]

    def f(xs: Any, ys: Any) -> Any:
        return sum((model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True))

    return Draw(f, (xs, ys), model.parameters())


@program
def exercise(_: random.Random, call: random.Random) -> Draw:
    """−a³ + sin(3b) − 1/c + b^2.5 − a^0.5."""
    at = [Value(x + 0.1 * call.random()) for x in (2.0, 3.0, 4.0)]
    return Draw(lambda a, b, c: -(a**3) + cr.sin(3 * b) - 1.0 / c + b**2.5 - a**0.5, at, at)


@program
def negative_log_likelihood(_: random.Random, call: random.Random) -> Draw:
    """The exercise's softmax written out, ours, and logsumexp."""
    logits = [Value(x + call.random()) for x in (0.0, 3.0, -2.0, 1.0)]

    def f(logits: Any) -> Any:
        counts = [logit.exp() for logit in logits]
        written = -(counts[3] / sum(counts)).log()
        return {"written": written, "ours": -cr.log(cr.softmax(logits)[3]), "at once": cr.logsumexp(logits) - logits[3]}

    return Draw(f, (logits,), logits)


@program
def demo(parameters: random.Random, call: random.Random) -> Draw:
    """The micrograd demo's loss: 2-16-16-1, ReLU, hinge and L2, here on 20 samples."""
    random.seed(parameters.random())
    model = MLP(2, [16, 16, 1])
    points = numbers(call, 20, 2)
    labels = [call.choice((-1, 1)) for _ in points]

    def f(X: Any, y: Any) -> Any:
        scores = [model(x) for x in X]
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return Draw(f, (points, labels), model.parameters())


@program
def mean_squares(parameters: random.Random, call: random.Random) -> Draw:
    """examples/table.py: a network of tanh on an array, with the library's loss."""
    random.seed(parameters.random())
    model = MLP(2, [8, 1], activation="tanh")
    X, y = np.array(numbers(call, 12, 2)), np.array(numbers(call, 12))
    return Draw(lambda X, y: cr.losses.mse([model(x) for x in X], y), (X, y), model.parameters())


@program
def classification(parameters: random.Random, call: random.Random) -> Draw:
    """The library's cross entropy, whose classes are known when the function is made."""
    random.seed(parameters.random())
    model = MLP(3, [6, 4], activation="silu")
    classes = [0, 3, 1, 2, 2]
    X = numbers(call, 5, 3)
    return Draw(lambda X: cr.losses.cross_entropy([model(x) for x in X], classes), (X,), model.parameters())
