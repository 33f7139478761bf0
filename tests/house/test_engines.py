"""One engine source, two forms: which one runs can be asked, forced, and had side by side."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import chainrule.engine

PROGRAM = """
import random
import chainrule as cr
from chainrule import engine
from chainrule.nn import MLP

random.seed(1)
model = MLP(3, [4, 4, 1], activation="tanh")
loss = (model([2.0, 3.0, -1.0]) - 1.0) ** 2
loss.backward()
print(engine.compiled)
print(loss.data.hex(), *(p.grad.hex() for p in model.parameters()))
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter with some of chainrule's switches set."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("CHAINRULE_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**base, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_pure_is_pure() -> None:
    done = run(PROGRAM, CHAINRULE_PURE="1")
    assert done.stdout.startswith("False\n"), done.stderr


@pytest.mark.skipif(not chainrule.engine.compiled, reason="the engine is not compiled")
def test_both_engines_give_the_same_bits() -> None:
    pure = run(PROGRAM, CHAINRULE_PURE="1")
    compiled = run(PROGRAM)
    assert compiled.stdout.startswith("True\n"), compiled.stderr
    assert compiled.stdout.splitlines()[1:] == pure.stdout.splitlines()[1:]
