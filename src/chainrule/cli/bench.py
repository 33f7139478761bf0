"""`chainrule bench`: what compiling gains on this machine, for a demo's training step or a function of yours."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import options
from chainrule.cli.output import complain, note, table, tell, write_json
from chainrule.cli.programs import NotFoundError, found, parsed, run_program

if TYPE_CHECKING:
    from chainrule.compiler.report import Report

SUMMARY = "measure how much faster compiled code runs here: a demo, or a function of your program"
EPILOG = "The function takes no arguments and returns a Value, as a loss over a model and data of the program does."
BAD, USAGE = 1, 2

# Each way is measured in bunches of about this many seconds, and the fastest bunch counts: noise only slows down.
BUNCH, BUNCHES = 0.05, 7


@dataclass(frozen=True)
class Way:
    """A way to compute the same: its name, what is timed, and how many times that computes it."""

    name: str
    title: str
    action: Callable[[], object]
    times: int = 1


@dataclass(frozen=True)
class Subject:
    """What is measured, the ordinary way first; `report` tells of the compiled ones."""

    title: str
    ways: list[Way]
    report: Callable[[], Report]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "target", nargs="?", metavar="FILE.py:FUNCTION", help="a function of a program (default: a built-in demo)"
    )
    options.add_reporting(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, report.

    Returns:
        0; 1 when the program fails or its function runs eagerly all the same.
    """
    from chainrule.compiler.sentences import CompileWarning

    try:
        subject = _moons() if args.target is None else _own(*parsed(args.target))
    except NotFoundError as error:
        complain(str(error))
        return USAGE
    if subject is None:
        return BAD
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)  # the report's notes say the same
        started = time.perf_counter()
        subject.ways[1].action()  # the first call traces and compiles
        first = time.perf_counter() - started
        seconds = {way.name: measure(way.action) / way.times for way in subject.ways}
    report = subject.report()
    figures = {
        "executor": report.executor,
        "seconds": seconds,
        "speedup": {name: seconds["eager"] / each for name, each in seconds.items() if name != "eager"},
        "first_call_seconds": first,
        "sizes": dict(report.specialisations[0].sizes) if report.specialisations else {},
    }
    if args.json:
        write_json(figures)
    else:
        _show(subject, figures)
    for sentence in report.notes if not args.quiet else ():
        note(sentence)
    return int(not report.specialisations)


def measure(action: Callable[[], object]) -> float:
    """Return the processor time of one call, in seconds: that of the fastest bunch of calls."""
    action()
    calls, best = 1, float("inf")
    for _ in range(BUNCHES):
        spent = 0.0
        while True:
            started = time.process_time()
            for _ in range(calls):
                action()
            spent = time.process_time() - started
            if spent >= BUNCH or calls > 1_000_000:
                break
            calls *= 2
        best = min(best, spent / calls)
    return best


def _moons() -> Subject:
    """Return the training step of micrograd's demo: MLP 2-16-16-1, 100 samples, hinge loss and decay."""
    import random

    import chainrule as cr
    from chainrule.data import moons

    X, classes = moons()
    rows, targets = X.tolist(), (2.0 * classes - 1.0).tolist()
    state = random.getstate()
    random.seed(1337)
    models = [cr.nn.MLP(2, [16, 16, 1]) for _ in range(2)]
    random.setstate(state)

    def loss_of(model: Any) -> Callable[[Any, Any], Any]:
        parameters = model.parameters()

        def loss(X: Any, y: Any) -> Any:
            return cr.losses.hinge([model(row) for row in X], y) + 1e-4 * cr.sum([p * p for p in parameters])

        return loss

    optimizers = [cr.optim.SGD(model.parameters(), lr=0.01) for model in models]
    eager_loss = loss_of(models[0])
    step = cr.compile(loss_of(models[1]), optimizer=optimizers[1])

    def eager() -> None:
        loss = eager_loss(rows, targets)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()

    ways = [
        Way("eager", "as Python", eager),
        Way("called", "compiled, called with lists", lambda: step(rows, targets)),
        Way("run", "compiled, step.run(100, …)", lambda: step.run(100, rows, targets), times=100),
    ]
    title = "a training step of micrograd's demo: MLP 2-16-16-1, 100 samples, hinge loss, SGD"
    return Subject(title, ways, step.report)


def _own(file: Path, names: list[str]) -> Subject | None:
    """Return the function of a program; None when the program fails, which is said.

    Raises:
        NotFoundError: there is no such function.
    """
    import chainrule as cr
    from chainrule.compiler.function import CompiledFunction

    namespace = run_program(file)
    if namespace is None:
        return None
    functions = [name for name, thing in namespace.items() if callable(thing) and not name.startswith("_")]
    fn = found(namespace, names, file, f"its functions are {', '.join(functions[:12])}")
    if isinstance(fn, CompiledFunction):
        fn = fn.fn
    if not callable(fn):
        raise NotFoundError(f"{file}: {'.'.join(names)} is of type {type(fn).__name__}; bench needs a function")
    try:
        value = fn()
    except TypeError as error:
        raise NotFoundError(f"{file}: {'.'.join(names)} cannot be called without arguments: {error}") from None
    if not isinstance(value, cr.Value):
        raise NotFoundError(f"{file}: {'.'.join(names)} returned {value!r:.60}; bench needs a Value")
    compiled = cr.compile(fn)
    ways = [
        Way("eager", "as Python", lambda: fn().backward()),
        Way("called", "compiled", lambda: compiled().backward()),
    ]
    return Subject(f"{'.'.join(names)}() of {file}, and its backward()", ways, compiled.report)


def _show(subject: Subject, figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    sizes = " → ".join(f"{number:,} {name}" for name, number in figures["sizes"].items())
    tell(f"{subject.title}\n{sizes}\n" if sizes else f"{subject.title}\n")
    seconds, speedup = figures["seconds"], figures["speedup"]
    rows = [
        [way.title, legible(seconds[way.name]), f"{speedup[way.name]:,.1f}" if way.name in speedup else ""]
        for way in subject.ways
    ]
    table(["", "processor time", "times as fast"], rows)
    tell(f"\nIt runs on: {figures['executor']}. The first call took {legible(figures['first_call_seconds'])}.")


def legible(seconds: float) -> str:
    """Return a length of time, however short, with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
