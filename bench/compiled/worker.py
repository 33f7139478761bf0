"""The process that holds one job, on one core: it answers each line it is sent with one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter_ns, process_time_ns
from typing import IO, Any

from bench.compiled.job import Job
from bench.compiled.jobs import JOBS
from bench.harness import ROOT

# How many training steps the loss is followed, to compare the updates as well.
FOLLOWED = 3


def pin(core: int) -> None:
    """Stay on one core, where the system lets a process choose."""
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


class Turns:
    """Takes turns of about a given length: as many steps as fit into it at the speed of the turn before."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.step_ns = 0.0

    def take(self, seconds: float) -> dict[str, float]:
        """Nanoseconds a step, of processor time and on the clock."""
        steps = 1
        while not self.step_ns:  # of few steps one learns how many to take
            found = self._timed(steps)
            steps *= 10
            if found["wall"] * found["steps"] >= seconds * 1e8:
                self.step_ns = found["wall"]
        found = self._timed(max(1, int(seconds * 1e9 / self.step_ns)))
        self.step_ns = found["wall"]
        return found

    def _timed(self, steps: int) -> dict[str, float]:
        clock, cpu = perf_counter_ns(), process_time_ns()
        self.job.advance(steps)
        cpu, clock = process_time_ns() - cpu, perf_counter_ns() - clock
        return {"cpu": cpu / steps, "wall": max(1, clock) / steps, "steps": steps}


def serve(key: str, answers: IO[str]) -> None:
    """Build the job, report its first numbers, then take a turn for each line read."""

    def answer(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        job = JOBS[key]()
    except ImportError as error:
        answer({"missing": str(error)})
        return
    later = job.advance(FOLLOWED - job.taken)
    answer({"loss": job.loss, "later": later, "gradient": job.gradient, "facts": job.facts})
    turns = Turns(job)
    for line in sys.stdin:
        answer(turns.take(float(line)))


def main() -> None:
    """`python -m bench.compiled.worker KEY CORE`."""
    sys.path.append(str(ROOT / "src"))  # an installed chainrule wins
    # A peer that prints must not break the protocol: it writes to standard error instead.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pin(int(sys.argv[2]))
    serve(sys.argv[1], answers)


if __name__ == "__main__":
    main()
