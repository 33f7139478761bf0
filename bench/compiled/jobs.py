"""What a worker can be asked to time, by key; a peer is imported only in the process that times it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from bench.compiled.job import Build, Job


def _of(module: str, name: str, *arguments: str) -> Build:
    """What builds a job by a function of a module in this folder."""

    def build() -> Job:
        make: Callable[..., Job] = getattr(import_module(f"bench.compiled.{module}"), name)
        return make(*arguments)

    return build


ours = partial(_of, "ours")
NAMES = ("demo", "tiny", "gpt", "digits")
LARGE = ("demo1000", "demo10000", "digits1000")

JOBS: dict[str, Build] = {
    **{f"{name}.eager": ours("eager", name) for name in NAMES},
    **{f"{name}.{way}": ours("compiled", name, way) for name in NAMES for way in ("lists", "arrays", "run")},
    **{f"{name}.loss": ours("loss_alone", name) for name in NAMES},
    **{f"{name}.both": ours("loss_and_gradient", name) for name in NAMES},
    "demo.micrograd": ours("micrograd"),
    "gpt.plain": ours("plain_value"),
    "gpt.swapped": ours("swapped"),
    **{f"{name}.c": _of("peer_c", name) for name in ("demo", "tiny", "gpt")},
    **{f"{name}.jax": _of("peer_jax", name, "called") for name in NAMES},
    **{f"{name}.jax_donated": _of("peer_jax", name, "donated") for name in NAMES},
    **{f"{name}.jax_loop": _of("peer_jax", name, "loop") for name in NAMES},
    **{f"{name}.torch": _of("peer_torch", name, "eager") for name in NAMES},
    **{f"{name}.torch_compile": _of("peer_torch", name, "compile") for name in NAMES},
    **{f"{name}.casadi": _of("peer_casadi", name, "machine") for name in ("demo", "tiny", "digits")},
    **{f"{name}.casadi_c": _of("peer_casadi", name, "c") for name in ("demo", "tiny", "digits")},
    **{f"{name}.eager": ours("eager", name) for name in LARGE},
    **{f"{name}.{way}": ours("compiled", name, way) for name in LARGE for way in ("arrays", "run")},
    **{f"demo{samples}.c": _of("peer_c", "demo", samples) for samples in ("1000", "10000")},
    **{f"demo{samples}.numpy": _of("peer_numpy", "demo", samples) for samples in ("1000", "10000")},
    "digits1000.numpy": _of("peer_numpy", "digits", "1000"),
    "digits1000.numpy_default": _of("peer_numpy", "digits", "1000"),
    "demo.numpy": _of("peer_numpy", "demo"),
    "digits.numpy": _of("peer_numpy", "digits"),
    "digits.numpy_default": _of("peer_numpy", "digits"),
}
