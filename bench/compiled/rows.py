"""The rows of the compiled benchmark: what is compared with what, and the figures to reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.harness import Comparison, Row


def _best_kernels() -> dict[str, str]:
    """OpenBLAS takes the kernels of an old processor on one that it does not know; AVX-512 deserves its own."""
    path = Path("/proc/cpuinfo")
    wide = path.exists() and "avx512f" in path.read_text("utf-8")
    return {"OPENBLAS_CORETYPE": "SkylakeX"} if wide else {}


BEST_KERNELS = _best_kernels()


def _row(key: str, title: str, *comparisons: Comparison, peer: str = "") -> Row:
    environment = BEST_KERNELS if key.endswith(".numpy") else {}
    return Row(key, title, key, peer, comparisons, environment, learns=not key.endswith((".loss", ".both")))


def _peers(name: str, *extra: Row) -> tuple[Row, ...]:
    """The rows of a workload that have no figure to reach: eager, and the libraries."""
    return (
        _row(f"{name}.eager", "chainrule, eager"),
        *extra,
        _row(f"{name}.jax", "JAX jit", peer="jax"),
        _row(f"{name}.jax_donated", "JAX jit, its buffers donated", peer="jax"),
        _row(f"{name}.jax_loop", "JAX, all steps in one call (fori_loop)", peer="jax"),
        _row(f"{name}.torch", "torch", peer="torch"),
        _row(f"{name}.torch_compile", "torch.compile", peer="torch"),
    )


def _casadi(name: str) -> tuple[Row, ...]:
    return (
        _row(f"{name}.casadi", "CasADi's virtual machine", peer="casadi"),
        _row(f"{name}.casadi_c", "CasADi's generated C, gcc", peer="casadi"),
    )


def _cost(name: str) -> tuple[Row, ...]:
    """The price of a gradient."""
    return (
        _row(f"{name}.loss", "compiled loss alone, under no_grad"),
        _row(
            f"{name}.both",
            "compiled loss and backward()",
            Comparison(f"{name}.loss", at_most=4),
        ),
    )


def _at_least(name: str, **factors: float | None) -> tuple[Comparison, ...]:
    return tuple(Comparison(f"{name}.{base}", at_least=factor) for base, factor in factors.items())


C = "C by hand, gcc -O3 -march=native -ffast-math"
LISTS = "compiled step, called with lists"
ARRAYS = "compiled step, called with arrays"
RUN = "compiled step, run(n)"
NUMPY = "numpy by hand, BLAS with this processor's kernels"
NUMPY_DEFAULT = "numpy by hand, BLAS with the kernels that it chose"


def _large(name: str, *extra: Row) -> tuple[Row, ...]:
    """The rows of a workload whose numbers no longer fit into the nearest caches."""
    bases = [*[row.key.partition(".")[2] for row in extra], "numpy"]
    return (
        _row(f"{name}.run", RUN, *_at_least(name, **dict.fromkeys(bases))),
        _row(f"{name}.arrays", ARRAYS),
        _row(f"{name}.eager", "chainrule, eager"),
        *extra,
        _row(f"{name}.numpy", NUMPY, peer="numpy"),
    )


SECTIONS: dict[str, tuple[str, tuple[Row, ...]]] = {
    "demo": (
        "micrograd's demo step: scalar loops over 100 samples, MLP 2-16-16-1, SGD",
        (
            _row("demo.run", RUN, *_at_least("demo", c=1.5, jax_loop=None)),
            _row("demo.arrays", ARRAYS, *_at_least("demo", jax=12, jax_donated=None, torch=30)),
            _row("demo.lists", LISTS, *_at_least("demo", jax=6, jax_donated=None, torch=30)),
            *_cost("demo"),
            _row("demo.c", C),
            *_peers("demo", _row("demo.micrograd", "micrograd", peer="micrograd")),
            *_casadi("demo"),
            _row("demo.numpy", "numpy by hand", peer="numpy"),
        ),
    ),
    "tiny": (
        "the lecture's step: 41 parameters, 4 samples, tanh, SGD",
        (
            _row("tiny.run", RUN, *_at_least("tiny", jax=200, c=None)),
            _row("tiny.arrays", ARRAYS, *_at_least("tiny", jax=50, torch=None)),
            _row("tiny.lists", LISTS, *_at_least("tiny", jax=50, torch=None)),
            *_cost("tiny"),
            _row("tiny.c", C),
            *_peers("tiny"),
            *_casadi("tiny"),
        ),
    ),
    "gpt": (
        "the GPT step: 4,192 parameters, a name of 8 positions, Adam",
        (
            _row("gpt.run", RUN, *_at_least("gpt", c=None, jax_loop=None)),
            _row("gpt.arrays", ARRAYS, *_at_least("gpt", jax=8, swapped=500, eager=None)),
            _row("gpt.lists", LISTS, *_at_least("gpt", jax=None, swapped=None)),
            *_cost("gpt"),
            _row("gpt.c", C),
            *_peers(
                "gpt",
                _row("gpt.swapped", "chainrule's Value, eager, in plain sums of products, Adam a Python loop"),
                _row("gpt.plain", "a plain-Python Value with slots"),
            ),
        ),
    ),
    "digits": (
        "digits: MLP 64-32-10, a batch of 128 as a loop, cross entropy, SGD",
        (
            _row("digits.run", RUN, *_at_least("digits", numpy=None, jax_loop=None)),
            _row("digits.arrays", ARRAYS, *_at_least("digits", numpy=1, torch=3)),
            _row("digits.lists", LISTS, *_at_least("digits", numpy=None, torch=None)),
            *_cost("digits"),
            _row("digits.numpy", NUMPY, peer="numpy"),
            _row("digits.numpy_default", NUMPY_DEFAULT, peer="numpy"),
            *_peers("digits"),
            *_casadi("digits"),
        ),
    ),
    "demo1000": ("the demo with 1,000 samples", _large("demo1000", _row("demo1000.c", C))),
    "demo10000": (
        "the demo with 10,000 samples: 6,500,000 scalars",
        _large("demo10000", _row("demo10000.c", C)),
    ),
    "digits1000": (
        "the digits with a batch of 1,000: 4,400,000 scalars",
        _large("digits1000", _row("digits1000.numpy_default", NUMPY_DEFAULT, peer="numpy")),
    ),
}

# Measured once, or as whole programs

PEERS = ("micrograd", "jax", "torch", "casadi", "numpy")
COMPILED = "# Compiled speed, measured"
ONCE_TITLE = "compiling, and whole programs"
CACHE = "CHAINRULE_CACHE"  # the variable that says where compiled code is kept


@dataclass(frozen=True)
class Compiling:
    """A compilation to time, with the seconds that it may take; `scale`: only to see how the time grows."""

    key: str
    title: str
    program: tuple[str, ...]
    at_most: float = 0.0
    scale: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole program to time; `cold`: with an empty cache."""

    key: str
    title: str
    program: tuple[str, ...]
    ahead_of: tuple[str, ...] = ()
    cold: bool = False


# A sample of the demo makes about 650 scalars.
SCALES = {100_000: 150, 1_000_000: 1_540, 5_000_000: 7_700}

COMPILING = (
    Compiling("compile.demo", "compiling the demo", ("compiling", "demo"), 1.0),
    Compiling("compile.tiny", "compiling the 41 parameters", ("compiling", "tiny")),
    Compiling("compile.gpt", "compiling the GPT for 8 positions", ("compiling", "gpt"), 2.0),
    Compiling("compile.digits", "compiling the digits", ("compiling", "digits"), 6.0),
    *(
        Compiling(
            f"scale.{scalars}",
            f"compiling the demo with {samples:,} samples",
            ("compiling", "demo", f"{samples}"),
            scale=True,
        )
        for scalars, samples in SCALES.items()
    ),
)

WHOLE = (
    Whole(
        "whole.ours_cold",
        "1,000 demo steps, the whole process: chainrule, nothing in its cache",
        ("whole.ours",),
        ("whole.jax", "whole.torch"),
        cold=True,
    ),
    Whole("whole.ours", "the same, compiled before", ("whole.ours",), ("whole.jax", "whole.torch")),
    Whole("whole.eager", "the same, eager", ("whole.eager",)),
    Whole("whole.jax", "the same with JAX jit", ("whole.jax",)),
    Whole("whole.torch", "the same with torch", ("whole.torch",)),
    Whole("whole.numpy", "the same with numpy by hand", ("whole.numpy",)),
)
