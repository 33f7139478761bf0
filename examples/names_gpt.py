"""A GPT in scalars learns names and makes up new ones: microgpt's model, trained with a compiled step.

The documents are makemore's names.txt, one name a line (github.com/karpathy/makemore has it). Every number is a
Value and every layer a loop over Values; `cr.compile` turns loss, gradients and Adam's update into machine code,
once for each length of a name.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule import Value

WIDTH, HEADS, BLOCK = 16, 4, 16
HEAD_WIDTH = WIDTH // HEADS
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(LETTERS)  # the token before the first letter and after the last
TOKENS = len(LETTERS) + 1
STEPS = 1000

Vector = list[Value]
Matrix = list[Vector]


class Gpt:
    """One layer of attention and one of ReLU between an embedding of letters and a score for each next letter."""

    def __init__(self) -> None:
        self.token = matrix(TOKENS, WIDTH)
        self.position = matrix(BLOCK, WIDTH)
        self.query, self.key, self.value, self.attended = (matrix(WIDTH, WIDTH) for _ in range(4))
        self.widen = matrix(4 * WIDTH, WIDTH)
        self.narrow = matrix(WIDTH, 4 * WIDTH)
        self.head = matrix(TOKENS, WIDTH)

    def parameters(self) -> list[Value]:
        """All 4,192 weights."""
        return [p for weights in vars(self).values() for row in weights for p in row]

    def logits(self, embedding: Vector, keys: list[Vector], values: list[Vector]) -> Vector:
        """Scores of the next letter; this position's key and value join those of the earlier ones."""
        x = normalised(added(embedding, self.position[len(keys)]))
        normal = normalised(x)
        keys.append(times(self.key, normal))
        values.append(times(self.value, normal))
        attention = attend(times(self.query, normal), keys, values)
        x = added(times(self.attended, attention), x)
        wide = [each.relu() for each in times(self.widen, normalised(x))]
        x = added(times(self.narrow, wide), x)
        return times(self.head, x)

    def loss(self, embeddings: list[Vector], targets: Sequence[Sequence[float]]) -> Value:
        """How surprised the model is by each next letter, on average; a target is a row with a 1 at the letter.

        Letters come in as their embeddings and as rows of numbers, not as indices: what Python looks up is fixed
        in a compiled trace, and so one trace serves every name of a length.
        """
        keys: list[Vector] = []
        values: list[Vector] = []
        losses = []
        for embedding, target in zip(embeddings, targets, strict=True):
            scores = self.logits(embedding, keys, values)
            losses.append(cr.logsumexp(scores) - cr.dot(scores, target))
        mean: Value = cr.mean(losses)
        return mean

    def sample(self, temperature: float = 0.5) -> str:
        """Draw a name letter by letter."""
        keys: list[Vector] = []
        values: list[Vector] = []
        letters = ""
        token = BOUNDARY
        with cr.no_grad():
            while len(keys) < BLOCK:
                scores = self.logits(self.token[token], keys, values)
                chances = [chance.data for chance in cr.softmax([score / temperature for score in scores])]
                [token] = random.choices(range(TOKENS), chances)  # noqa: S311 - a name is no secret
                if token == BOUNDARY:
                    break
                letters += LETTERS[token]
        return letters


def matrix(rows: int, columns: int) -> Matrix:
    """Weights near zero."""
    return [[Value(random.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]


def times(weights: Matrix, x: Vector) -> Vector:
    """A matrix times a vector."""
    return [cr.dot(row, x) for row in weights]


def added(left: Vector, right: Vector) -> Vector:
    """Two vectors, number by number."""
    return [a + b for a, b in zip(left, right, strict=True)]


def normalised(x: Vector) -> Vector:
    """A vector of mean square 1 (RMSNorm)."""
    scale = (cr.dot(x, x) / len(x) + 1e-5) ** -0.5
    return [each * scale for each in x]


def attend(query: Vector, keys: list[Vector], values: list[Vector]) -> Vector:
    """Each head's mean of the values so far, weighted by how well their keys answer its part of the query."""
    out: Vector = []
    for start in range(0, WIDTH, HEAD_WIDTH):
        part = slice(start, start + HEAD_WIDTH)
        weights = cr.softmax([cr.dot(query[part], key[part]) / HEAD_WIDTH**0.5 for key in keys])
        out += [cr.dot(weights, column) for column in zip(*(value[part] for value in values), strict=True)]
    return out


def tokens_of(name: str) -> list[int]:
    """A name as numbers, between two boundaries, cut to what the model can hold."""
    return [BOUNDARY, *map(LETTERS.index, name), BOUNDARY][: BLOCK + 1]


def one_hot(token: int) -> list[float]:
    """A row with a 1 at the token."""
    return [float(each == token) for each in range(TOKENS)]


def eager_step(model: Gpt, adam: cr.optim.Adam) -> Callable[..., float]:
    """What the compiled step does, in Python."""

    def step(*document: Any) -> float:
        loss = model.loss(*document)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.data

    return step


def train(model: Gpt, names: Sequence[str], steps: int, compiled: bool = True) -> list[float]:
    """Take a step on each of so many names; returns their losses."""
    adam = cr.optim.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    step = cr.compile(model.loss, optimizer=adam) if compiled else eager_step(model, adam)
    letters = [one_hot(token) for token in range(TOKENS)]
    losses = []
    for number in range(steps):
        tokens = tokens_of(names[number % len(names)])
        adam.lr = 0.01 * (1 - number / steps)
        losses.append(step([model.token[token] for token in tokens[:-1]], [letters[token] for token in tokens[1:]]))
        if (number + 1) % 100 == 0 or number + 1 == steps:
            recent = losses[-100:]
            print(f"step {number + 1}: loss {sum(recent) / len(recent):.4f}", file=sys.stderr)
    return losses


def find_names() -> Path | None:
    """names.txt here, or in shared/data beside this checkout or above it."""
    places = [Path(), *(folder / "shared" / "data" for folder in Path(__file__).resolve().parents)]
    return next((place / "names.txt" for place in places if (place / "names.txt").is_file()), None)


def main() -> None:
    """Train, then print twenty names that nobody has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"names to learn from (default: {STEPS})")
    parser.add_argument("--names", type=Path, default=find_names(), help="a file with one name a line")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    options = parser.parse_args()
    if options.names is None:
        parser.error("names.txt is not here: download makemore's, or give another list with --names FILE")
    names = options.names.read_text("utf-8").split()
    random.seed(42)
    random.shuffle(names)
    model = Gpt()
    print(f"{len(names)} names, {len(model.parameters())} parameters", file=sys.stderr)
    train(model, names, options.steps, compiled=not options.eager)
    for _ in range(20):
        print(model.sample())


if __name__ == "__main__":
    main()
