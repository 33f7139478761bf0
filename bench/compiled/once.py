"""What is measured once in a process of its own: compiling, and a whole program with 1,000 steps of the demo."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

STEPS = 1000


def compiling(name: str, samples: str = "") -> dict[str, Any]:
    """Seconds from a workload to its first native step, passes with their seconds, and sizes."""
    import chainrule as cr
    from bench.compiled.workloads import WORKLOADS

    build: Any = WORKLOADS[name]
    workload = build(int(samples)) if samples else build()
    step: Any = cr.compile(workload.loss, optimizer=workload.optimizer, executor="native")
    wall, cpu = perf_counter(), process_time()
    loss = step(*workload.lists)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    [made] = step.report().specialisations
    return {
        "loss": loss,
        "wall": wall,
        "cpu": cpu,
        "executor": made.executor,
        "sizes": dict(made.sizes),
        "passes": {each.name: each.seconds for each in made.passes},
        "note": made.note,
    }


def whole_ours() -> dict[str, Any]:
    """The demo with chainrule, `STEPS` steps called one by one."""
    import chainrule as cr
    from bench.compiled.workloads import demo

    workload = demo()
    step: Any = cr.compile(workload.loss, optimizer=workload.optimizer)
    loss = 0.0
    for _ in range(STEPS):
        loss = step(*workload.arrays)
    return {"loss": loss}


def whole_eager() -> dict[str, Any]:
    """The demo with chainrule, `STEPS` eager steps."""
    return _of_job("ours", "eager", "demo")


def whole_jax() -> dict[str, Any]:
    """The demo with JAX jit, `STEPS` steps called one by one."""
    from bench.compiled import data, peer_jax

    jax, jnp = peer_jax.jax_modules()
    problem = data.demo()
    step = jax.jit(peer_jax.sgd_step(jax, peer_jax.demo_loss, problem.rate), donate_argnums=0)
    layers = [(jnp.array(weights), jnp.array(biases)) for weights, biases in problem.layers()]
    X, y = jnp.array(problem.X), jnp.array(problem.y)
    loss: Any = None
    for _ in range(STEPS):
        layers, loss = step(layers, X, y)
    return {"loss": float(loss)}


def whole_torch() -> dict[str, Any]:
    """The demo with torch, `STEPS` eager steps."""
    return _of_job("peer_torch", "demo", "eager")


def whole_numpy() -> dict[str, Any]:
    """The demo with numpy and gradients by hand, `STEPS` steps."""
    return _of_job("peer_numpy", "demo")


def _of_job(module: str, name: str, *arguments: str) -> dict[str, Any]:
    job = getattr(import_module(f"bench.compiled.{module}"), name)(*arguments)
    return {"loss": job.advance(STEPS)}


PROGRAMS: dict[str, Callable[..., dict[str, Any]]] = {
    "compiling": compiling,
    "whole.ours": whole_ours,
    "whole.eager": whole_eager,
    "whole.jax": whole_jax,
    "whole.torch": whole_torch,
    "whole.numpy": whole_numpy,
}


def main() -> None:
    """`python -m bench.compiled.once PROGRAM [ARGUMENT …]` prints one line of JSON."""
    from bench.harness import ROOT

    sys.path.append(str(ROOT / "src"))  # an installed chainrule wins
    try:
        found = PROGRAMS[sys.argv[1]](*sys.argv[2:])
    except ImportError as error:
        found = {"missing": str(error)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
