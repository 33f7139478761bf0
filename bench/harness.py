"""Runs each measurement in a process of its own; the processes take turns, so that ratios hold in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

ROOT = Path(__file__).resolve().parent.parent
WORKER = (sys.executable, "-m", "bench.worker")
# Losses and gradients of one step on two engines may differ by rounding alone.
TOLERANCE = 1e-12
# Idle threads of numerical libraries would count as processor time.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Comparison:
    """A ratio to state against another row, with the figure to reach where there is one."""

    base: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def slower_is_above(self) -> bool:
        """Whether the ratio is this row's time over the base's (a cost) or the inverse (a speed-up)."""
        return self.at_most is not None


@dataclass(frozen=True)
class Row:
    """One line of the table before it is measured: a job in a process of its own."""

    key: str
    title: str
    job: str
    peer: str = ""
    comparisons: tuple[Comparison, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    learns: bool = True  # whether the step updates the parameters, so that its losses are worth following


@dataclass
class Timing:
    """What a row gave: seconds a step in each round, or the reason why there are none."""

    row: Row
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    missing: str = ""
    wrong: str = ""

    @property
    def median(self) -> float:
        """Median over the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The fastest round, in seconds."""
        return min(self.seconds)


TimingType = TypeVar("TimingType", bound=Timing)


class Worker(ABC, Generic[TimingType]):
    """A process that holds one row's job and takes a turn when it is told to.

    Args:
        timing: what its turns are noted on.
        command: what starts it.
    """

    def __init__(self, timing: TimingType, command: Sequence[str]) -> None:
        self.timing = timing
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            env={**os.environ, **ONE_THREAD, **timing.row.environment},
        )
        ready = self._answer()
        timing.missing = ready.get("missing", "")
        timing.gradient = ready.get("gradient", [])
        self.begin(ready)

    @abstractmethod
    def begin(self, ready: Mapping[str, Any]) -> None:
        """Note what the process said of its job before its first turn; `missing` is noted already."""

    @abstractmethod
    def note(self, answer: Mapping[str, Any]) -> None:
        """Note what the process measured in a turn."""

    def take_turn(self, seconds: float) -> None:
        """Take steps for about so many seconds."""
        assert self.process.stdin is not None
        if self.timing.missing:
            return
        print(seconds, file=self.process.stdin, flush=True)
        answer = self._answer()
        if "missing" in answer:
            self.timing.missing = answer["missing"]
        else:
            self.note(answer)

    def close(self) -> None:
        """End the process; it stops when its input ends."""
        self.process.communicate()
        self.complaints.close()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return dict(json.loads(line))
        self.process.wait()
        self.complaints.seek(0)
        return ended(self.complaints.read())


def ended(complaints: str) -> dict[str, Any]:
    """What there is of a process that ended early: the last thing that it said."""
    return {"missing": " ".join(["the process ended:", *complaints.strip().splitlines()[-1:]])}


def take_turns(workers: Sequence[Worker[TimingType]], rounds: int, seconds: float) -> list[TimingType]:
    """Let the workers take `rounds` turns each, one after the other (A B C A B C ...), and end them."""
    try:
        for _ in range(rounds):
            for worker in workers:
                worker.take_turn(seconds)
    finally:
        for worker in workers:
            worker.close()
    return [worker.timing for worker in workers]


class EagerWorker(Worker[Timing]):
    """The process of a row on single steps."""

    def __init__(self, row: Row, checked: int) -> None:
        super().__init__(Timing(row), [*WORKER, row.job, str(checked if row.learns else 1)])

    def begin(self, ready: Mapping[str, Any]) -> None:
        """Note the first losses."""
        self.timing.losses = ready.get("losses", [])

    def note(self, answer: Mapping[str, Any]) -> None:
        """Note the mean of the steps."""
        self.timing.seconds.append(statistics.mean(answer["ns"]) / 1e9)


def time_rows(rows: Sequence[Row], rounds: int, seconds: float, checked: int) -> list[Timing]:
    """Time the rows in turns, `rounds` turns each of at least `seconds` and one step.

    The first `checked` losses of each row are noted before its first turn.
    """
    return take_turns([EagerWorker(row, checked) for row in rows], rounds, seconds)


def measure(name: str, size: int) -> dict[str, Any]:
    """One measurement of memory or scale in a fresh process; {"missing": reason} where it cannot be made."""
    done = subprocess.run(
        [*WORKER, name, str(size)],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return ended(done.stderr)
    return dict(json.loads(done.stdout))


def check_against(timing: Timing, losses: Sequence[float], gradient: Sequence[float]) -> None:
    """Note on the timing when its first losses or its gradient are not those expected."""
    for step, (ours, theirs) in enumerate(zip(timing.losses, losses, strict=False)):
        if not abs(ours - theirs) <= TOLERANCE * abs(theirs):
            timing.wrong = f"loss {ours!r} at step {step}, expected {theirs!r}"
            return
    if len(timing.gradient) != len(gradient):
        timing.wrong = f"{len(timing.gradient)} gradients, expected {len(gradient)}"
        return
    scale = max(map(abs, gradient), default=0.0)
    for index, (ours, theirs) in enumerate(zip(timing.gradient, gradient, strict=False)):
        if not abs(ours - theirs) <= TOLERANCE * scale:
            timing.wrong = f"gradient {ours!r} at parameter {index}, expected {theirs!r}"
            return


def ratio(comparison: Comparison, timing: Timing, base: Timing) -> tuple[float, float]:
    """Median over the rounds of the ratio within a round, and the ratio of the minima."""
    over, under = (timing, base) if comparison.slower_is_above else (base, timing)
    by_round = [a / b for a, b in zip(over.seconds, under.seconds, strict=True)]
    return statistics.median(by_round), over.minimum / under.minimum


def reached(comparison: Comparison, value: float) -> bool | None:
    """Whether the figure to reach is reached; None where there is none."""
    if comparison.at_least is not None:
        return value >= comparison.at_least
    if comparison.at_most is not None:
        return value <= comparison.at_most
    return None
