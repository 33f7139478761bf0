"""Random graphs against PyTorch: the same value, the same gradients."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value

torch = pytest.importorskip("torch", reason="torch is not installed: no comparison with it")


def bounded(x: Any, m: Any) -> Any:
    """Keep numbers where every op is defined and none explodes."""
    return m.sin(x) * 0.9


# Each is written once and computed with either library, on numbers within -0.9 … 0.9.
UNARY: list[Callable[[Any, Any], Any]] = [
    lambda x, m: m.exp(x) / 3,
    lambda x, m: m.log(x + 2),
    lambda x, m: m.log1p(x + 0.5 * x * x + 0.6),
    lambda x, m: m.expm1(x) / 2,
    lambda x, m: m.sqrt(x + 1.5),
    lambda x, m: m.tanh(x),
    lambda x, m: m.sinh(x) / 2,
    lambda x, m: m.cosh(x) / 2,
    lambda x, m: m.sin(x),
    lambda x, m: m.cos(x),
    lambda x, m: m.tan(x) / 2,
    lambda x, m: m.asin(x * 0.9) / 2,
    lambda x, m: m.acos(x * 0.9) / 3,
    lambda x, m: m.atan(x),
    lambda x, m: m.erf(x),
    lambda x, m: m.relu(x),
    lambda x, m: m.leaky_relu(x),
    lambda x, m: m.sigmoid(x),
    lambda x, m: m.softplus(x) - 0.5,
    lambda x, m: m.silu(x),
    lambda x, m: m.gelu(x),
    lambda x, _: -x,
    lambda x, _: abs(x),
    lambda x, _: x**2,
    lambda x, _: x**3 - 0.1,
    lambda x, _: (x + 1.5) ** -0.5 - 0.5,
    lambda x, _: 1 / (x + 2.5),
    lambda x, _: 2**x - 1,
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda x, y, _: x + y,
    lambda x, y, _: x - y,
    lambda x, y, _: x * y,
    lambda x, y, _: x / (y + 2),
    lambda x, y, _: (x + 2) ** y,
    lambda x, y, m: m.maximum(x, y),
    lambda x, y, m: m.minimum(x, y),
    lambda x, y, m: m.atan2(x + 3, y) / 3,
    lambda x, y, m: m.hypot(x, y + 2) - 2,
    lambda x, y, m: m.where(x > y, x * 0.5, y * y),
]
SEVERAL: list[Callable[[list[Any], Any], Any]] = [
    lambda xs, m: m.sum(xs),
    lambda xs, m: m.mean(xs),
    lambda xs, m: m.dot(xs[::2], xs[::-2]),
    lambda xs, m: m.dot(xs, xs, xs[0]),
    lambda xs, m: m.logsumexp(xs) / 3,
    lambda xs, m: m.softmax(xs)[1],
]


class Torch:
    """chainrule's functions by PyTorch's names, on 0-d float64 tensors."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name, None) or getattr(torch.nn.functional, name)

    def gelu(self, x: Any) -> Any:
        return torch.nn.functional.gelu(x)

    def sum(self, xs: list[Any]) -> Any:
        return torch.stack(xs).sum()

    def mean(self, xs: list[Any]) -> Any:
        return torch.stack(xs).mean()

    def dot(self, xs: list[Any], ys: list[Any], start: Any = 0.0) -> Any:
        return torch.dot(torch.stack(xs), torch.stack(ys)) + start

    def logsumexp(self, xs: list[Any]) -> Any:
        return torch.logsumexp(torch.stack(xs), 0)

    def softmax(self, xs: list[Any]) -> Any:
        return torch.softmax(torch.stack(xs), 0)


def grow(leaves: list[Any], library: Any, seed: int, size: int) -> Any:
    """Build the random graph with this seed; the same calls for either library."""
    rng = random.Random(seed)
    nodes = list(leaves)
    for _ in range(size):
        kind = rng.random()
        if kind < 0.4:
            node = rng.choice(UNARY)(rng.choice(nodes[-12:]), library)
        elif kind < 0.85:
            node = rng.choice(BINARY)(rng.choice(nodes[-12:]), rng.choice(nodes), library)
        else:
            node = rng.choice(SEVERAL)(rng.sample(nodes, 4), library)
        nodes.append(bounded(node, library))
    total = nodes[0]
    for node in nodes[1:]:
        total = total + node
    return total


@pytest.mark.parametrize("seed", range(30))
def test_random_graph(seed: int) -> None:
    rng = random.Random(f"leaves {seed}")
    data = [rng.uniform(-0.9, 0.9) for _ in range(4)]
    ours = [Value(x) for x in data]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in data]
    root = grow(ours, cr, seed, 60)
    reference = grow(theirs, Torch(), seed, 60)
    root.backward()
    reference.backward()
    assert math.isfinite(root.data)
    assert root.data == pytest.approx(reference.item(), rel=1e-12)
    size = max(abs(each.grad.item()) for each in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad == pytest.approx(other.grad.item(), rel=1e-11, abs=1e-12 * size)


@pytest.mark.parametrize("index", range(len(UNARY)))
def test_each_op_alone(index: int) -> None:
    for x in (-0.85, -0.3, 0.2, 0.7):
        ours, theirs = Value(x), torch.tensor(x, dtype=torch.float64, requires_grad=True)
        root, reference = UNARY[index](ours, cr), UNARY[index](theirs, Torch())
        root.backward()
        reference.backward()
        assert root.data == pytest.approx(reference.item(), rel=1e-13, abs=1e-15)
        assert ours.grad == pytest.approx(theirs.grad.item(), rel=1e-12, abs=1e-15)
