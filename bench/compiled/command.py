"""Measures compiled chainrule beside its peers, prints a table and writes RESULTS.md: `python -m bench.compiled`."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from bench import machine
from bench.compiled import report, rows
from bench.compiled.turns import Measured, check, once, time_rows
from bench.eager import RESULTS
from bench.harness import Row
from bench.report import Line, say, show, write_part

Asked = Callable[[str], bool]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.compiled", description=__doc__)
    parser.add_argument("rows", nargs="*", default=["*"], help="keys to run, e.g. 'demo.*' tiny.run (default: all)")
    parser.add_argument("--quick", action="store_true", help="one tiny turn each: a smoke run, no figures")
    parser.add_argument("--rounds", type=int, default=9, help="turns that each row takes (default: 9)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a turn, about (default: 0.1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--output", type=Path, help="where the Markdown goes (a full run: RESULTS.md)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds = 1, 0.0
    if options.output is None and not options.quick and options.rows == ["*"]:
        options.output = RESULTS
    return options


def timed_section(every: Sequence[Row], asked: Asked, options: argparse.Namespace) -> list[Line]:
    """Time the rows of a workload that are asked for, with those that they are compared with."""
    wanted = {row.key for row in every if asked(row.key)}
    if not wanted:
        return []
    bases = {comparison.base for row in every if row.key in wanted for comparison in row.comparisons}
    eager = every_eager(every)
    chosen = [row for row in every if row.key in wanted | bases | {eager}]
    say(", ".join(row.key for row in chosen))
    timings = time_rows(chosen, options.rounds, options.seconds)
    for timing in timings.values():
        if not timing.missing and not timings[eager].missing:
            check(timing, timings[eager])
            must_be_native(timing)
    return [report.timed_line(timing, timings) for timing in timings.values()]


def every_eager(every: Sequence[Row]) -> str:
    """The row that all others are compared with for their numbers."""
    return next(row.key for row in every if row.key.endswith(".eager"))


def must_be_native(timing: Measured) -> None:
    """A row that fell back to an interpreter says so."""
    executor = timing.facts.get("executor", "native")
    if executor != "native":
        timing.row = replace(timing.row, title=f"{timing.row.title}, run by: {executor}")


def once_section(asked: Asked, options: argparse.Namespace) -> list[Line]:
    """Compile each workload with an empty cache and again with a filled one; then whole programs."""
    lines = []
    for measured in rows.COMPILING:
        if asked(measured.key):
            say(measured.key)
            with tempfile.TemporaryDirectory() as cache:
                environment = {rows.CACHE: cache}
                cold = once(measured.program, environment)
                warm = {} if measured.scale else once(measured.program, environment)
            lines.append(report.compiling_line(measured, cold, warm))
    return lines + whole_lines(asked, options)


def whole_lines(asked: Asked, options: argparse.Namespace) -> list[Line]:
    """Whole programs in turns: processor time of the process, imports and compiling included."""
    chosen = [each for each in rows.WHOLE if asked(each.key)]
    found: dict[str, list[dict[str, Any]]] = {each.key: [] for each in chosen}
    with tempfile.TemporaryDirectory() as filled:
        for turn in range(1 if options.quick else 3):
            for each in chosen:
                say(f"{each.key}, turn {turn + 1}")
                with tempfile.TemporaryDirectory() as empty:
                    cache = empty if each.cold else filled
                    if not turn and not each.cold and each.program[0] == "whole.ours":
                        once(each.program, {rows.CACHE: cache})
                    found[each.key].append(once(each.program, {rows.CACHE: cache}))
    return [report.whole_line(each, found) for each in chosen]


def facts(load_before: str) -> dict[str, str]:
    """Command, date, machine, what else it did, and versions."""
    return {
        "command": f"`{' '.join(['python -m bench.compiled', shlex.join(sys.argv[1:])]).strip()}`",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.in_words(),
        "running processes (mean of a minute)": f"{load_before} before, {machine.load()} at the end",
        "Python": machine.python(),
        "peers": ", ".join(f"{name} {version}" for name, version in machine.versions(rows.PEERS).items()),
        "C compiler": machine.c_compiler(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    load_before = machine.load()

    def asked(key: str) -> bool:
        return any(fnmatch(key, pattern) for pattern in options.rows)

    sections = [(title, timed_section(every, asked, options)) for title, every in rows.SECTIONS.values()]
    sections.append((rows.ONCE_TITLE, once_section(asked, options)))
    sections = [(title, lines) for title, lines in sections if lines]
    known = facts(load_before)
    show(known, sections, options.json)
    if options.output is not None:
        write_part(options.output, report.markdown(known, sections))
    return 0
