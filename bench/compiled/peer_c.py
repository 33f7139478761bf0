"""C by hand: builds a file of this folder with gcc and calls it; all steps of a turn in one call."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench import demo_step, gpt_step
from bench.compiled import data
from bench.compiled.job import Job

FOLDER = Path(__file__).resolve().parent
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fPIC")


def built(source: Path, *definitions: str) -> Any:
    """The library that gcc makes of a C file, with these macros defined.

    Raises:
        ImportError: there is no gcc; the row is missing.
    """
    if shutil.which("gcc") is None:
        raise ImportError("gcc is not installed")
    # loaded, it no longer needs its file
    with tempfile.TemporaryDirectory() as folder:
        loaded = ctypes.CDLL(str(made_library(source, Path(folder), *definitions)))
    loaded.gradient.restype = loaded.train.restype = ctypes.c_double
    return loaded


def made_library(source: Path, folder: Path, *definitions: str) -> Path:
    """The file, in this folder, that gcc makes of a C file."""
    machine_code, library = folder / "step.o", folder / "step.so"
    subprocess.run(["gcc", *FLAGS, *definitions, "-c", str(source), "-o", str(machine_code)], check=True)
    # linked without -ffast-math, which would add code that turns subnormal numbers off in the whole process
    subprocess.run(["gcc", "-shared", str(machine_code), "-o", str(library), "-lm"], check=True)
    return library


def address(array: Any) -> Any:
    """An array's numbers as an argument; the caller keeps the array."""
    return ctypes.c_void_p(array.ctypes.data)


def _network(name: str, problem: data.Problem, weight_decay: tuple[float, ...], *definitions: str) -> Job:
    library = built(FOLDER / f"{name}_step.c", *definitions)
    network = np.concatenate([np.append(weights.ravel(), biases) for weights, biases in problem.layers()])
    slopes = np.zeros_like(network)
    X, y = np.ascontiguousarray(problem.X.T), problem.y
    decay = [ctypes.c_double(number) for number in weight_decay]
    loss = library.gradient(address(network), address(X), address(y), *decay, address(slopes))
    layers, start = [], 0
    for weights, biases in problem.layers():
        middle, end = start + weights.size, start + weights.size + biases.size
        layers.append((slopes[start:middle].reshape(weights.shape), slopes[middle:end]))
        start = end
    rate = ctypes.c_double(problem.rate)

    def advance(steps: int) -> float:
        numbers = address(network), address(X), address(y)  # named here, the arrays live as long as this function
        return float(library.train(*numbers, *decay, rate, ctypes.c_long(steps)))

    return Job(loss, data.flat_of(layers), advance)


def demo(samples: str = "100") -> Job:
    """The demo in C."""
    return _network("demo", data.demo(int(samples)), (demo_step.L2,), f"-DSAMPLES={samples}")


def tiny() -> Job:
    """The lecture's 41 parameters in C."""
    return _network("tiny", data.tiny(), ())


def gpt() -> Job:
    """The GPT with Adam in C."""
    library = built(FOLDER / "gpt_step.c")
    weights = np.concatenate([matrix.ravel() for matrix in data.gpt_weights().values()])
    slopes, moments = np.zeros_like(weights), np.zeros((2, weights.size))
    tokens = np.array(data.DOCUMENT, dtype=np.int32)
    length = ctypes.c_int(min(gpt_step.BLOCK, len(tokens) - 1))
    loss = library.gradient(address(weights), address(tokens), length, address(slopes))
    taken = 0

    def advance(steps: int) -> float:
        nonlocal taken
        arguments = address(weights), address(moments), address(tokens), length
        last = library.train(*arguments, ctypes.c_double(data.ADAM["rate"]), ctypes.c_long(taken), ctypes.c_long(steps))
        taken += steps
        return float(last)

    return Job(loss, slopes.tolist(), advance)
