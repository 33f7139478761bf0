"""The process that runs one measurement: it answers each line it is sent with one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter_ns, process_time_ns
from typing import IO, Any

from bench.harness import ROOT
from bench.jobs import JOBS, Step
from bench.memory import MEASUREMENTS


def take_turn(step: Step, seconds: float) -> list[int]:
    """Repeat the step until `seconds` are over (at least once); nanoseconds of processor time of each repetition.

    Processor time, since on a shared machine the clock on the wall also counts what the neighbours do.
    """
    times = []
    end = perf_counter_ns() + int(seconds * 1e9)
    while True:
        start = process_time_ns()
        step()
        times.append(process_time_ns() - start)
        if perf_counter_ns() >= end:
            return times


def serve(name: str, checked: int, answers: IO[str]) -> None:
    """Build the job, report its first `checked` losses, then take a turn for each line read."""

    def answer(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        job = JOBS[name]()
        losses = [job.step() for _ in range(checked)]
    except ImportError as error:
        answer({"missing": str(error)})
        return
    answer({"losses": losses, "gradient": job.gradient})
    for line in sys.stdin:
        answer({"ns": take_turn(job.step, float(line))})


def measure(name: str, size: int, answers: IO[str]) -> None:
    """Make one measurement of memory or scale and report its figures."""
    try:
        figures = MEASUREMENTS[name](size)
    except ImportError as error:
        figures = {"missing": str(error)}
    print(json.dumps(figures), file=answers, flush=True)


def main() -> None:
    """`bench.worker JOB CHECKED` serves turns; `bench.worker MEASUREMENT SIZE` measures once."""
    # An installed chainrule wins; from a bare checkout the source tree is used.
    sys.path.append(str(ROOT / "src"))
    # A peer that prints must not break the protocol: it writes to standard error instead.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, number = sys.argv[1], int(sys.argv[2])
    if name in JOBS:
        serve(name, number, answers)
    else:
        measure(name, number, answers)


if __name__ == "__main__":
    main()
