"""PyTorch: eager and, where it has a compiler, torch.compile; float64, one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from bench import demo_step, gpt_step
from bench.compiled import data
from bench.compiled.job import Job


def torch_module() -> Any:
    """Torch on one thread."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    return torch


def _job(torch: Any, loss: Callable[[], Any], parameters: Sequence[Any], optimizer: Any, way: str) -> Job:
    """Job of a loss without arguments; `way` is 'eager' or 'compile'."""
    if way == "compile":
        loss = torch.compile(loss)

    def step() -> Any:
        value = loss()
        optimizer.zero_grad()
        value.backward()
        return value.detach()

    first = step()
    gradient = [p.grad.flatten().tolist() for p in parameters]

    def advance(steps: int) -> float:
        last: Any = None
        for _ in range(steps):
            last = step()
            optimizer.step()
        return float(last)

    return Job(float(first), [number for numbers in gradient for number in numbers], advance)


def _mlp(way: str, problem: data.Problem, loss: Callable[..., Any]) -> Job:
    torch = torch_module()
    layers = [
        (torch.tensor(weights, requires_grad=True), torch.tensor(biases, requires_grad=True))
        for weights, biases in problem.layers()
    ]
    X, y = torch.tensor(problem.X), torch.tensor(problem.y)
    optimizer = torch.optim.SGD([each for layer in layers for each in layer], lr=problem.rate)
    job = _job(torch, lambda: loss(torch, layers, X, y), [each for layer in layers for each in layer], optimizer, way)
    slopes = [(weights.grad.numpy(), biases.grad.numpy()) for weights, biases in layers]
    return Job(job.loss, data.flat_of(slopes), job.advance)


def _scores(torch: Any, layers: Any, X: Any, activation: Callable[[Any], Any]) -> Any:
    for weights, biases in layers[:-1]:
        X = activation(torch.nn.functional.linear(X, weights, biases))
    return torch.nn.functional.linear(X, *layers[-1])


def _demo_loss(torch: Any, layers: Any, X: Any, labels: Any) -> Any:
    margins = torch.relu(1 - labels * _scores(torch, layers, X, torch.relu)[:, 0])
    return margins.mean() + demo_step.L2 * sum((each * each).sum() for layer in layers for each in layer)


def _tiny_loss(torch: Any, layers: Any, X: Any, targets: Any) -> Any:
    return ((torch.tanh(_scores(torch, layers, X, torch.tanh)[:, 0]) - targets) ** 2).sum()


def _digits_loss(torch: Any, layers: Any, X: Any, targets: Any) -> Any:
    return torch.nn.functional.cross_entropy(_scores(torch, layers, X, torch.relu), targets)


def demo(way: str) -> Job:
    """The demo."""
    return _mlp(way, data.demo(), _demo_loss)


def tiny(way: str) -> Job:
    """The lecture's 41 parameters."""
    return _mlp(way, data.tiny(), _tiny_loss)


def digits(way: str) -> Job:
    """The digits."""
    return _mlp(way, data.digits(), _digits_loss)


def _normalised(x: Any) -> Any:
    return x * ((x * x).mean(-1, keepdim=True) + 1e-5) ** -0.5


def _gpt_loss(torch: Any, weights: Any, tokens: Any, targets: Any) -> Any:
    functional = torch.nn.functional
    length = len(tokens)
    x = _normalised(weights["token"][tokens] + weights["position"][:length])
    normal = _normalised(x)
    query, key, value = (
        functional.linear(normal, weights[name]).view(length, gpt_step.HEADS, gpt_step.HEAD_WIDTH).transpose(0, 1)
        for name in ("query", "key", "value")
    )
    attention = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    x = functional.linear(attention.transpose(0, 1).reshape(length, -1), weights["attended"]) + x
    wide = torch.relu(functional.linear(_normalised(x), weights["widen"]))
    x = functional.linear(wide, weights["narrow"]) + x
    return functional.cross_entropy(functional.linear(x, weights["head"]), targets)


def gpt(way: str) -> Job:
    """The GPT with Adam."""
    torch = torch_module()
    weights = {name: torch.tensor(matrix, requires_grad=True) for name, matrix in data.gpt_weights().items()}
    tokens, targets = torch.tensor(data.DOCUMENT[:-1]), torch.tensor(data.DOCUMENT[1:])
    betas = data.ADAM["beta1"], data.ADAM["beta2"]
    adam = torch.optim.Adam(weights.values(), lr=data.ADAM["rate"], betas=betas, eps=data.ADAM["eps"])
    return _job(torch, lambda: _gpt_loss(torch, weights, tokens, targets), list(weights.values()), adam, way)
