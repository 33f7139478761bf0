"""The package works without each optional library, and `import chainrule` loads nothing heavy."""

from __future__ import annotations

import subprocess

import pytest

from tests.programs import run_python

# What a person may not have. Cython is needed to build, never to run, compiled or not.
OPTIONAL = ["matplotlib", "llvmlite", "torch", "sklearn", "pandas", "IPython", "jax", "Cython", "cython"]

# What `import chainrule` must not load: each costs more than the package itself.
HEAVY = {
    "numpy",
    "matplotlib",
    "llvmlite",
    "torch",
    "sklearn",
    "pandas",
    "IPython",
    "jax",
    "Cython",
    "rich",
    "graphviz",
    "safetensors",
    "csv",
    "html",
    "tempfile",
    "subprocess",
}

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked by a test)", name=name)

sys.meta_path.insert(0, Block())
"""

# Each part of the engine that is written with Cython's words, and each layer above it.
USE = """
import copy, pickle
import chainrule as cr
from chainrule import engine, losses, nn, optim, training, views
from chainrule.cli import main

a = cr.Value(2.0)
loss = cr.tanh(a * 3.0 - 5.0) ** 2
loss.backward()
assert abs(a.grad - 1.9191000253) < 1e-9, a.grad
assert "digraph" in cr.draw_dot(loss).source

model = nn.MLP(2, [3, 1], activation="tanh")
optimizer = optim.Adam(model.parameters())
for _ in range(3):
    optimizer.zero_grad()
    total = losses.mse([model([1.0, -1.0]), cr.dot([a, a], [1.0, 2.0])], [1.0, 2.0])
    total.backward()
    optimizer.step()

own = cr.Value(a.data ** 3, (a,), "cube")
def give(): a.grad += 3 * a.data ** 2 * own.grad
own._backward = give
a.grad = 0.0
(own * 2.0).backward()
assert a.grad == 24.0, a.grad
with cr.no_grad():
    assert not (a * 2.0)._prev
assert pickle.loads(pickle.dumps(loss)).data == copy.deepcopy(loss).data == loss.data
del loss, total, own

import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it is slower without llvmlite, or not compiled at all
    f = cr.compile(lambda x: x * x + 1.0)
    assert [f(cr.Value(number)).data for number in (3.0, 4.0)] == [10.0, 17.0]
"""


def run(program: str, pure: bool) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter, on the pure engine or on whichever is built."""
    return run_python(program, environment={"CHAINRULE_PURE": "1" if pure else None})


@pytest.mark.parametrize("pure", [False, True], ids=["built", "pure"])
@pytest.mark.parametrize("library", OPTIONAL)
def test_works_without(library: str, pure: bool) -> None:
    done = run(BLOCK.format(blocked=library) + USE, pure)
    assert done.returncode == 0, done.stderr


def test_the_block_blocks() -> None:
    done = run(BLOCK.format(blocked="numpy") + "import numpy", pure=False)
    assert "blocked by a test" in done.stderr


@pytest.mark.parametrize("pure", [False, True], ids=["built", "pure"])
def test_import_is_light(pure: bool) -> None:
    done = run("import sys, chainrule; print(*sys.modules)", pure)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    allowed = {"Cython"} if pure else set()  # where it is installed, it gives the source's decorators
    assert loaded & HEAVY == allowed & loaded
