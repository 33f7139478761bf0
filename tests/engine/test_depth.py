"""Any depth: chains of a million nodes and more, in a process whose stack is too small for recursion.

CHAINRULE_SLOW=1 runs everything at full size, for some minutes and gigabytes: tenfold on the compiled engine,
which makes chains of 10,000,000 nodes, and a million of each kind uncompiled.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.engine import compiled

ROOT = Path(__file__).parents[2]
SLOW = os.environ.get("CHAINRULE_SLOW") == "1"
FACTOR = 10 if SLOW and compiled else 1


def run_deep(name: str, size: int) -> list[str]:
    """Run one of the programs of deep_programs.py; return the words that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.deep_programs", name, str(size)],
        cwd=ROOT,
        env={**os.environ, "CHAINRULE_PURE": "0" if compiled else "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[-2:] == ["done", str(compiled)]
    return words


# The sizes on each engine keep every program within a few seconds.
PROGRAMS = {
    "differentiate": (1_000_000, 200_000),
    "mixed": (400_000, 40_000),
    "order": (1_000_000, 50_000),
    "trace": (200_000, 30_000),
    "draw": (1_000_000, 100_000),
    "shallow_copy": (1_000_000, 100_000),
    "deep_copy": (200_000, 30_000),
    "round_trip": (200_000, 30_000),
    "closures": (100_000, 30_000),
    "error_far_down": (500_000, 50_000),
    "wide": (100_000, 100_000),
    "fan_out": (200_000, 50_000),
    "diamonds": (200_000, 50_000),
    "random_order": (200_000, 30_000),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_deep_and_wide_graphs(name: str) -> None:
    run_deep(name, PROGRAMS[name][0 if compiled else 1] * FACTOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["differentiate", "order", "draw", "shallow_copy", "deep_copy", "round_trip"])
def test_a_million_nodes(name: str) -> None:
    if not (compiled or SLOW or name == "differentiate"):
        pytest.skip("takes minutes uncompiled: set CHAINRULE_SLOW=1")
    run_deep(name, 1_000_000 * FACTOR)


@pytest.mark.slow
@pytest.mark.skipif(not compiled, reason="takes some minutes and 10 GB uncompiled")
def test_ten_million_nodes() -> None:
    run_deep("differentiate", 10_000_000)


def test_the_programs_would_notice_recursion() -> None:
    """The checker itself: a recursive walk of a chain cannot end well in such a thread."""
    program = (
        "import sys, threading\n"
        "from tests.engine.deep_programs import RECURSION, STACK, chain\n"
        "def walk(node):\n"
        "    return 1 + sum(walk(each) for each in node._prev)\n"
        "def run():\n"
        "    sys.setrecursionlimit(RECURSION)\n"
        "    try:\n"
        "        walk(chain(1000)[1])\n"
        "    except RecursionError:\n"
        "        print('noticed')\n"
        "threading.stack_size(STACK)\n"
        "worker = threading.Thread(target=run)\n"
        "worker.start()\n"
        "worker.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.stdout == "noticed\n", done.stderr
