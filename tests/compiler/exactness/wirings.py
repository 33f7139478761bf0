"""Networks of many wirings in plain loops: recurrent, convolutional, sparse, neuron by neuron, a small GPT.

Each is one more of the known programs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.agreement import Draw
from tests.compiler.exactness.known_programs import PROGRAMS, known_draw, leaves_of, linear, numbers, program, values

__all__ = ["PROGRAMS", "known_draw"]


@program
def plain_loops(parameters: random.Random, call: random.Random) -> Draw:
    """Two layers, nothing but for and append, a bias that starts each sum."""
    w1, b1, w2 = values(parameters, 5, 3), values(parameters, 5), values(parameters, 5)

    def f(X: Any, y: Any) -> Any:
        total = Value(0)
        for i in range(len(X)):
            hidden = []
            for j in range(5):
                act = b1[j]
                for k in range(3):
                    act = act + w1[j][k] * X[i][k]
                hidden.append(act.tanh())
            out = Value(0.0)
            for j in range(5):
                out = out + hidden[j] * w2[j]
            total = total + (out - y[i]) * (out - y[i])
        return total / len(X)

    return Draw(f, (numbers(call, 7, 3), numbers(call, 7)), leaves_of(w1, b1, w2))


@program
def neuron_major(parameters: random.Random, call: random.Random) -> Draw:
    """All samples of one neuron before the next neuron."""
    w1, b1, w2 = values(parameters, 4, 3), values(parameters, 4), values(parameters, 4)

    def f(X: Any, y: Any) -> Any:
        outs: list[Any] = [0.0] * len(X)
        for wj, bj, vj in zip(w1, b1, w2, strict=True):
            column = [cr.relu(cr.dot(wj, x, bj)) for x in X]
            outs = [out + vj * h for out, h in zip(outs, column, strict=True)]
        return cr.mean([(out - t) ** 2 for out, t in zip(outs, y, strict=True)])

    return Draw(f, (np.array(numbers(call, 6, 3)), numbers(call, 6)), leaves_of(w1, b1, w2))


@program
def recurrent(parameters: random.Random, call: random.Random) -> Draw:
    """An RNN of twelve steps."""
    w, u, b, o = values(parameters, 4, 4), values(parameters, 4, 2), values(parameters, 4), values(parameters, 4)

    def f(xs: Any, ys: Any) -> Any:
        h: list[Any] = [Value(0.0) for _ in range(4)]
        loss = Value(0.0)
        for x, y in zip(xs, ys, strict=True):
            h = [(s + t).tanh() for s, t in zip(linear(w, h), linear(u, x, b), strict=True)]
            loss = loss + (cr.dot(o, h) - y) ** 2
        return loss

    return Draw(f, (numbers(call, 12, 2), numbers(call, 12)), leaves_of(w, u, b, o))


@program
def gated(parameters: random.Random, call: random.Random) -> Draw:
    """An LSTM cell, four steps: many activations on shared sums."""
    w = {gate: values(parameters, 3, 5) for gate in "ifog"}
    act: dict[str, Callable[[Any], Any]] = {"i": cr.sigmoid, "f": cr.sigmoid, "o": cr.sigmoid, "g": cr.tanh}

    def f(xs: Any) -> Any:
        h: list[Any] = [0.0, 0.0, 0.0]
        c: list[Any] = [0.0, 0.0, 0.0]
        for x in xs:
            gates = {gate: [act[gate](s) for s in linear(w[gate], [*x, *h])] for gate in "ifog"}
            c = [f * cj + i * g for f, cj, i, g in zip(gates["f"], c, gates["i"], gates["g"], strict=True)]
            h = [o * cj.tanh() for o, cj in zip(gates["o"], c, strict=True)]
        return h

    return Draw(f, (numbers(call, 4, 2),), leaves_of(*w.values()))


@program
def convolution(parameters: random.Random, call: random.Random) -> Draw:
    """Two 3×3 filters over a picture, ReLU, the mean of each pool of 2×2, a linear readout."""
    filters, readout = values(parameters, 2, 3, 3), values(parameters, 2, 9)

    def f(image: Any) -> Any:
        out = Value(0.0)
        for kernel, weights in zip(filters, readout, strict=True):
            maps = [
                [sum(kernel[a][b] * image[i + a][j + b] for a in range(3) for b in range(3)).relu() for j in range(6)]
                for i in range(6)
            ]
            pooled = [
                (maps[i][j] + maps[i + 1][j] + maps[i][j + 1] + maps[i + 1][j + 1]) / 4
                for i in range(0, 6, 2)
                for j in range(0, 6, 2)
            ]
            out = out + cr.dot(weights, pooled)
        return out**2

    return Draw(f, (np.array(numbers(call, 8, 8)),), leaves_of(filters, readout))


@program
def sparse(parameters: random.Random, call: random.Random) -> Draw:
    """Each neuron sees inputs of its own choice, some one twice."""
    wiring = [[parameters.randrange(8) for _ in range(parameters.randint(1, 5))] for _ in range(10)]
    w = [values(parameters, len(wires)) for wires in wiring]
    second = [[parameters.randrange(10) for _ in range(3)] for _ in range(4)]
    v = values(parameters, 4, 3)

    def f(X: Any) -> Any:
        total = Value(0.0)
        for x in X:
            h = [sum(a * x[i] for a, i in zip(wj, wires, strict=True)) for wj, wires in zip(w, wiring, strict=True)]
            h = [cr.sigmoid(each) for each in h]
            total += sum(
                (sum(a * h[i] for a, i in zip(vj, wires, strict=True)) - 0.5) ** 2
                for vj, wires in zip(v, second, strict=True)
            )
        return total

    return Draw(f, (numbers(call, 5, 8),), leaves_of(w, v))


@program
def branch_a_sample(parameters: random.Random, call: random.Random) -> Draw:
    """A Python condition for each sample, on an input and on a Value."""
    a, b, c = values(parameters, 3)

    def f(xs: Any) -> Any:
        total = Value(0.0)
        for x in xs:
            y = a * x + b
            if x > 0.2:
                y = y.tanh() * c
            elif y > 0:
                y = y**2
            total = total + y
        return total

    return Draw(f, (numbers(call, 6),), [a, b, c])


@program
def tree_sums(parameters: random.Random, call: random.Random) -> Draw:
    """Sums by halves, of 13 terms and of 8."""
    p = values(parameters, 13)

    def tree(terms: list[Any]) -> Any:
        if len(terms) == 1:
            return terms[0]
        middle = len(terms) // 2
        return tree(terms[:middle]) + tree(terms[middle:])

    def f(x: Any) -> Any:
        return tree([each * xi for each, xi in zip(p, x, strict=True)]) * tree([each.sin() for each in p[:8]])

    return Draw(f, (numbers(call, 13),), p)


@program
def running_sums(parameters: random.Random, call: random.Random) -> Draw:
    """Prefixes, suffixes and a triangle of products."""
    p = values(parameters, 7)

    def f(x: Any) -> Any:
        products = [a * b for a, b in zip(p, x, strict=True)]
        prefixes = [sum(products[: i + 1]).tanh() for i in range(7)]
        suffixes = [cr.sum(products[i:]) for i in range(7)]
        triangle = sum(p[i] * p[j] for i in range(7) for j in range(i))
        return cr.dot(prefixes, suffixes) + triangle

    return Draw(f, (numbers(call, 7),), p)


@program
def distances(parameters: random.Random, call: random.Random) -> Draw:
    """Every point against every centre: roots, quotients, the smallest."""
    centres = values(parameters, 3, 2)

    def f(points: Any) -> Any:
        total = Value(0.0)
        for point in points:
            far = [cr.sqrt(sum((a - b) ** 2 for a, b in zip(point, centre, strict=True)) + 0.01) for centre in centres]
            total += cr.minimum(cr.minimum(far[0], far[1]), far[2]) + 0.1 / cr.maximum(far[0], far[2])
        return total

    return Draw(f, (numbers(call, 6, 2),), leaves_of(centres))


def attention(w: dict[str, Any], xs: list[list[Any]], heads: int) -> list[list[Any]]:
    """Causal attention of all positions, head by head."""
    width = len(xs[0]) // heads
    queries, keys, vals = ([linear(w[name], x) for x in xs] for name in ("q", "k", "v"))
    outs = []
    for t in range(len(xs)):
        out: list[Any] = []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = [cr.dot(queries[t][part], keys[s][part]) / math.sqrt(width) for s in range(t + 1)]
            weights = cr.softmax(scores)
            out += [sum(weights[s] * vals[s][part][j] for s in range(t + 1)) for j in range(width)]
        outs.append(linear(w["o"], out))
    return outs


def transformer(parameters: random.Random, call: random.Random, layers: int, width: int, length: int) -> Draw:
    """A small GPT: embeddings, attention, a feed-forward part, the mean negative log likelihood."""
    letters = 5
    embed, place, head = (values(parameters, n, width) for n in (letters, length, letters))
    blocks = [
        {
            **{name: values(parameters, width, width) for name in "qkvo"},
            "up": values(parameters, 2 * width, width),
            "down": values(parameters, width, 2 * width),
        }
        for _ in range(layers)
    ]
    tokens = [parameters.randrange(letters) for _ in range(length + 1)]

    def normal(x: list[Any]) -> list[Any]:
        scale = (cr.dot(x, x) / len(x) + 1e-5) ** -0.5
        return [each * scale for each in x]

    def f(temperature: Any) -> Any:
        xs: list[list[Any]] = [[a + b for a, b in zip(embed[tokens[t]], place[t], strict=True)] for t in range(length)]
        for block in blocks:
            seen = attention(block, [normal(x) for x in xs], 2)
            xs = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(xs, seen, strict=True)]
            wide = [[h.relu() for h in linear(block["up"], normal(x))] for x in xs]
            down = [linear(block["down"], h) for h in wide]
            xs = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(xs, down, strict=True)]
        logits = [[each * temperature for each in linear(head, x)] for x in xs]
        return cr.mean([cr.logsumexp(row) - row[tokens[t + 1]] for t, row in enumerate(logits)])

    leaves = leaves_of(embed, place, head, *(each for block in blocks for each in block.values()))
    return Draw(f, (0.5 + call.random(),), leaves)


@program
def gpt(parameters: random.Random, call: random.Random) -> Draw:
    """One layer of width 4, 5 positions."""
    return transformer(parameters, call, layers=1, width=4, length=5)


@program
def deep_gpt(parameters: random.Random, call: random.Random) -> Draw:
    """Four layers of width 4, 16 positions."""
    return transformer(parameters, call, layers=4, width=4, length=16)
