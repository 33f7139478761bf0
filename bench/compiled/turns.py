"""Times rows in turns, each in a process of its own on one core, and compares what they compute."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from bench.harness import ONE_THREAD, ROOT, Row, Timing, Worker, ended, take_turns

WORKER = (sys.executable, "-m", "bench.compiled.worker")
ONCE = (sys.executable, "-m", "bench.compiled.once")
# Libraries sum in other orders, and their tanh and exp are a few roundings apart.
TOLERANCE = 1e-9


@dataclass
class Measured(Timing):
    """A timing with the clock's seconds, the numbers to compare, and who ran it."""

    clock: list[float] = field(default_factory=list)
    first: float = float("nan")
    later: float = float("nan")
    facts: Mapping[str, str] = field(default_factory=dict)


def core() -> int:
    """The core on which everything runs: the last that this process may use; -1 where that cannot be chosen."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1


class CompiledWorker(Worker[Measured]):
    """The process of a row on compiled steps, many in a turn."""

    def __init__(self, row: Row) -> None:
        super().__init__(Measured(row), [*WORKER, row.job, str(core())])

    def begin(self, ready: Mapping[str, Any]) -> None:
        """Note the losses to compare, and who runs it."""
        self.timing.first, self.timing.later = ready.get("loss", 0.0), ready.get("later", 0.0)
        self.timing.facts = ready.get("facts", {})

    def note(self, answer: Mapping[str, Any]) -> None:
        """Note what one step took."""
        self.timing.seconds.append(answer["cpu"] / 1e9)
        self.timing.clock.append(answer["wall"] / 1e9)


def time_rows(rows: Sequence[Row], rounds: int, seconds: float) -> dict[str, Measured]:
    """Time the rows in turns, `rounds` turns of about `seconds` each."""
    timings = take_turns([CompiledWorker(row) for row in rows], rounds, seconds)
    return {timing.row.key: timing for timing in timings}


def check(timing: Measured, reference: Measured) -> None:
    """Note on the timing when its loss, its gradient or its loss after two updates is not the eager one.

    Rows that follow another schedule report no gradient, and only their first loss is compared.
    """
    pairs = [("loss", timing.first, reference.first)]
    if timing.gradient:
        if len(timing.gradient) != len(reference.gradient):
            timing.wrong = f"{len(timing.gradient)} gradients, eager has {len(reference.gradient)}"
            return
        scale = max(map(abs, reference.gradient))
        for i, (ours, eager) in enumerate(zip(timing.gradient, reference.gradient, strict=True)):
            if not abs(ours - eager) <= TOLERANCE * scale:
                timing.wrong = f"gradient {ours!r} at parameter {i}, eager has {eager!r}"
                return
        if timing.row.learns:
            pairs.append(("loss after two updates", timing.later, reference.later))
    for what, ours, eager in pairs:
        if not abs(ours - eager) <= TOLERANCE * abs(eager):
            timing.wrong = f"{what} {ours!r}, eager has {eager!r}"
            return


def once(program: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a measurement in a fresh process; adds the seconds of the whole process, imports included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [*_pinned(), *ONCE, *program],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    clock, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return ended(done.stderr)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout.splitlines()[-1]), "process": seconds, "process clock": clock}


def _pinned() -> tuple[str, ...]:
    """What starts a program on one core."""
    if core() < 0:
        return ()
    pin = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"
    return (sys.executable, "-c", pin, str(core()))
