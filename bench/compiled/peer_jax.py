"""JAX: each step is one jitted function of the parameters, float64, on one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from bench import demo_step, gpt_step
from bench.compiled import data
from bench.compiled.job import Job

# What the flags say has to be said before JAX is imported.
SETTINGS = {
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}

# step(state, samples, targets) -> (state, loss)
Step = Callable[[Any, Any, Any], tuple[Any, Any]]


def jax_modules() -> tuple[Any, Any]:
    """Jax and jax.numpy, set up for one thread and float64."""
    os.environ.update(SETTINGS)
    return import_module("jax"), import_module("jax.numpy")


def scores_of(layers: Any, X: Any, activation: Callable[[Any], Any]) -> Any:
    """The outputs of an MLP for all samples; the last layer is linear."""
    for weights, biases in layers[:-1]:
        X = activation(X @ weights.T + biases)
    weights, biases = layers[-1]
    return X @ weights.T + biases


def demo_loss(jax: Any, layers: Any, X: Any, labels: Any) -> Any:
    """Mean hinge loss and L2."""
    jnp = jax.numpy
    margins = jax.nn.relu(1 - labels * scores_of(layers, X, jax.nn.relu)[:, 0])
    return jnp.mean(margins) + demo_step.L2 * sum(jnp.sum(each * each) for layer in layers for each in layer)


def _tiny_loss(jax: Any, layers: Any, X: Any, targets: Any) -> Any:
    outputs = jax.numpy.tanh(scores_of(layers, X, jax.numpy.tanh)[:, 0])
    return jax.numpy.sum((outputs - targets) ** 2)


def _digits_loss(jax: Any, layers: Any, X: Any, targets: Any) -> Any:
    scores = scores_of(layers, X, jax.nn.relu)
    return jax.numpy.mean(jax.nn.logsumexp(scores, axis=1) - jax.numpy.sum(scores * targets, axis=1))


def sgd_step(jax: Any, loss: Callable[..., Any], rate: float) -> Step:
    """One step of gradient descent on a list of layers."""

    def step(layers: Any, X: Any, y: Any) -> tuple[Any, Any]:
        value, slopes = jax.value_and_grad(lambda layers: loss(jax, layers, X, y))(layers)
        return jax.tree.map(lambda p, g: p - rate * g, layers, slopes), value

    return step


def _advance(jax: Any, step: Step, state: Any, batch: tuple[Any, Any], way: str) -> Callable[[int], float]:
    """What takes steps: 'called' from Python, 'donated' (the same, its buffers given back), 'loop' (one call)."""
    repeated = jax.jit(lambda state, n: jax.lax.fori_loop(0, n, lambda _, carry: step(carry[0], *batch), (state, 0.0)))
    single = jax.jit(step, donate_argnums=0 if way == "donated" else ())
    state = jax.tree.map(jax.numpy.copy, state)  # a donated buffer is gone

    def advance(steps: int) -> float:
        nonlocal state
        loss: Any = None
        if way == "loop":
            state, loss = repeated(state, steps)
        else:
            for _ in range(steps):
                state, loss = single(state, *batch)
        return float(loss)  # waits for the result

    return advance


def _mlp(way: str, problem: data.Problem, loss: Callable[..., Any]) -> Job:
    jax, jnp = jax_modules()
    layers = [(jnp.array(weights), jnp.array(biases)) for weights, biases in problem.layers()]
    X, y = jnp.array(problem.X), jnp.array(problem.y)
    value, slopes = jax.jit(jax.value_and_grad(lambda layers: loss(jax, layers, X, y)))(layers)
    advance = _advance(jax, sgd_step(jax, loss, problem.rate), layers, (X, y), way)
    return Job(float(value), data.flat_of(slopes), advance)


def demo(way: str) -> Job:
    """The demo."""
    return _mlp(way, data.demo(), demo_loss)


def tiny(way: str) -> Job:
    """The lecture's 41 parameters."""
    return _mlp(way, data.tiny(), _tiny_loss)


def digits(way: str) -> Job:
    """The digits."""
    return _mlp(way, data.digits(), _digits_loss)


def _normalised(jnp: Any, x: Any) -> Any:
    return x * (jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5) ** -0.5


def _gpt_loss(jax: Any, weights: Any, tokens: Any, targets: Any) -> Any:
    jnp, length = jax.numpy, len(tokens)
    x = _normalised(jnp, weights["token"][tokens] + weights["position"][:length])
    normal = _normalised(jnp, x)
    query, key, value = (
        (normal @ weights[name].T).reshape(length, gpt_step.HEADS, gpt_step.HEAD_WIDTH)
        for name in ("query", "key", "value")
    )
    scores = jnp.einsum("ihd,jhd->hij", query, key) / gpt_step.HEAD_WIDTH**0.5
    scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    attention = jnp.einsum("hij,jhd->ihd", jax.nn.softmax(scores), value).reshape(length, -1)
    x = attention @ weights["attended"].T + x
    x = jax.nn.relu(_normalised(jnp, x) @ weights["widen"].T) @ weights["narrow"].T + x
    logits = x @ weights["head"].T
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(length), targets])


def gpt(way: str) -> Job:
    """The GPT with Adam."""
    jax, jnp = jax_modules()
    rate, beta1, beta2, eps = (data.ADAM[name] for name in ("rate", "beta1", "beta2", "eps"))

    def step(state: Any, tokens: Any, targets: Any) -> tuple[Any, Any]:
        weights, m, v, taken = state
        loss, slopes = jax.value_and_grad(lambda weights: _gpt_loss(jax, weights, tokens, targets))(weights)
        taken = taken + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, slopes)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, slopes)
        unbias1, unbias2 = 1 - beta1**taken, 1 - beta2**taken
        weights = jax.tree.map(lambda p, m, v: p - rate * (m / unbias1) / (jnp.sqrt(v / unbias2) + eps), weights, m, v)
        return (weights, m, v, taken), loss

    weights = {name: jnp.array(matrix) for name, matrix in data.gpt_weights().items()}
    tokens, targets = jnp.array(data.DOCUMENT[:-1]), jnp.array(data.DOCUMENT[1:])
    value, slopes = jax.jit(jax.value_and_grad(lambda weights: _gpt_loss(jax, weights, tokens, targets)))(weights)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    gradient = np.concatenate([np.asarray(slopes[name]).ravel() for name in gpt_step.SHAPES])
    advance = _advance(jax, step, (weights, zeros, zeros, jnp.array(0.0)), (tokens, targets), way)
    return Job(float(value), gradient.tolist(), advance)
