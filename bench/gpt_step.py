"""One training step of a one-layer GPT written in plain lists of scalars; the scalar class is a parameter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Whatever the step runs on: it has operators, exp, log, relu, data, grad and backward.
Scalar = Any
Vector = list[Scalar]
Matrix = list[Vector]
Dot = Callable[[Sequence[Scalar], Sequence[Scalar]], Scalar]

WIDTH = 16
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
BLOCK = 16
BOUNDARY = 26
VOCABULARY = 27
STEPS = 1000

# One document for each published node count: the letters repeat as often as the counts require.
DOCUMENTS = {3: "jo", 8: "jessica", 16: "muhammadibrahim"}
NODES = {3: 26_967, 8: 68_051, 16: 138_915}

SHAPES = {
    "token": (VOCABULARY, WIDTH),
    "position": (BLOCK, WIDTH),
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "attended": (WIDTH, WIDTH),
    "widen": (4 * WIDTH, WIDTH),
    "narrow": (WIDTH, 4 * WIDTH),
    "head": (VOCABULARY, WIDTH),
}


def dot_of_pairs(left: Sequence[Scalar], right: Sequence[Scalar]) -> Scalar:
    """The sum of products as a learner writes it: it starts from the integer 0."""
    return sum(a * b for a, b in zip(left, right))  # noqa: B905 - a learner's loop


def plus(left: Vector, right: Vector) -> Vector:
    """Two vectors added element by element."""
    return [a + b for a, b in zip(left, right)]  # noqa: B905 - a learner's loop


def tokens_of(document: str) -> list[int]:
    """The letters of a document as numbers, between two boundary tokens."""
    return [BOUNDARY, *(ord(letter) - ord("a") for letter in document), BOUNDARY]


def softmax(scores: Vector) -> Vector:
    """Probabilities; subtracting the largest score as a plain number leaves the gradient as it is."""
    largest = max(score.data for score in scores)
    exponentials = [(score - largest).exp() for score in scores]
    total = sum(exponentials)
    return [each / total for each in exponentials]


class Gpt:
    """The model: 4,192 parameters in lists of lists, and the loss of one document."""

    def __init__(self, scalar: Callable[[float], Scalar], dot: Dot = dot_of_pairs) -> None:
        draw = random.Random(42)
        self.dot = dot
        self.weights: dict[str, Matrix] = {
            name: [[scalar(draw.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in SHAPES.items()
        }

    def parameters(self) -> Vector:
        """Every weight, matrix by matrix and row by row."""
        return [p for matrix in self.weights.values() for row in matrix for p in row]

    def linear(self, name: str, x: Vector) -> Vector:
        """A matrix times a vector."""
        dot = self.dot
        return [dot(row, x) for row in self.weights[name]]

    def normalise(self, x: Vector) -> Vector:
        """RMSNorm without gain."""
        mean_square = self.dot(x, x) / len(x)
        scale = (mean_square + 1e-5) ** -0.5
        return [each * scale for each in x]

    def attend(self, query: Vector, keys: list[Vector], values: list[Vector]) -> Vector:
        """Every head's weighted mean of the values seen so far, one head after the other."""
        dot = self.dot
        out: Vector = []
        for start in range(0, WIDTH, HEAD_WIDTH):
            part = slice(start, start + HEAD_WIDTH)
            scores = [dot(query[part], key[part]) / HEAD_WIDTH**0.5 for key in keys]
            weights = softmax(scores)
            for column in zip(*(value[part] for value in values)):  # noqa: B905 - a learner's loop
                out.append(dot(weights, column))
        return out

    def logits(self, token: int, position: int, keys: list[Vector], values: list[Vector]) -> Vector:
        """Scores of the next token; appends this position's key and value to those seen so far."""
        x = plus(self.weights["token"][token], self.weights["position"][position])
        x = self.normalise(x)
        normal = self.normalise(x)
        query = self.linear("query", normal)
        keys.append(self.linear("key", normal))
        values.append(self.linear("value", normal))
        x = plus(self.linear("attended", self.attend(query, keys, values)), x)
        wide = [each.relu() for each in self.linear("widen", self.normalise(x))]
        x = plus(self.linear("narrow", wide), x)
        return self.linear("head", x)

    def loss(self, tokens: Sequence[int]) -> Scalar:
        """Mean negative log likelihood of each next token."""
        keys: list[Vector] = []
        values: list[Vector] = []
        length = min(BLOCK, len(tokens) - 1)
        losses = []
        for position in range(length):
            scores = self.logits(tokens[position], position, keys, values)
            losses.append(-softmax(scores)[tokens[position + 1]].log())
        return sum(losses) * (1 / length)


def rate_at(step: int) -> float:
    """The learning rate, linear from 0.01 down to 0."""
    return 0.01 * max(0.0, 1 - step / STEPS)


class PythonAdam:
    """Adam as a plain Python loop over the parameters."""

    def __init__(self, parameters: Vector, beta1: float = 0.85, beta2: float = 0.99) -> None:
        self.parameters = parameters
        self.beta1, self.beta2 = beta1, beta2
        self.first = [0.0] * len(parameters)
        self.second = [0.0] * len(parameters)
        self.steps = 0

    def step(self, rate: float) -> None:
        """Move every parameter once and set its gradient back to zero."""
        beta1, beta2, first, second = self.beta1, self.beta2, self.first, self.second
        self.steps += 1
        unbias1 = 1 - beta1**self.steps
        unbias2 = 1 - beta2**self.steps
        for i, p in enumerate(self.parameters):
            first[i] = beta1 * first[i] + (1 - beta1) * p.grad
            second[i] = beta2 * second[i] + (1 - beta2) * p.grad**2
            p.data -= rate * (first[i] / unbias1) / ((second[i] / unbias2) ** 0.5 + 1e-8)
            p.grad = 0


class GptStep:
    """Calling it does one step (forward, backward, Adam) on one document and returns the loss."""

    def __init__(self, model: Gpt, update: Callable[[float], None], positions: int = 8) -> None:
        self.model = model
        self.update = update
        self.tokens = tokens_of(DOCUMENTS[positions])
        self.steps = 0

    def __call__(self) -> float:
        loss = self.model.loss(self.tokens)
        loss.backward()
        self.update(rate_at(self.steps))
        self.steps += 1
        return float(loss.data)


def count_nodes(root: Scalar, operands: Callable[[Scalar], Iterable[Scalar]]) -> int:
    """How many nodes the root depends on, itself and constants included."""
    seen = {root}
    waiting = [root]
    while waiting:
        for operand in operands(waiting.pop()):
            if operand not in seen:
                seen.add(operand)
                waiting.append(operand)
    return len(seen)
