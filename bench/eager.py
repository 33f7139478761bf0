"""Measures eager chainrule beside its peers; prints one table and writes RESULTS.md: `python -m bench`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from bench import demo_step, machine, peers
from bench.harness import Row, Timing, check_against, measure, time_rows
from bench.report import Line, markdown, measured_line, nanoseconds, say, show, timed_line, write_part
from bench.rows import DEMO, GPT, MEMORY, SECTIONS

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one tiny turn each: a smoke run, no figures")
    parser.add_argument("--rows", default="*", help="keys to run, e.g. 'demo.*,gpt.plain' (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--rounds", type=int, default=9, help="turns that each row takes (default: 9)")
    parser.add_argument("--seconds", type=float, default=0.3, help="least length of a turn (default: 0.3)")
    parser.add_argument("--install", action="store_true", help="install the pinned peers first")
    parser.add_argument("--output", type=Path, help="where the Markdown goes (a full run: RESULTS.md)")
    options = parser.parse_args(arguments)
    options.checked = len(demo_step.LOSSES)
    if options.quick:
        options.rounds, options.seconds, options.checked = 1, 0.0, 1
    if options.output is None and not options.quick and options.rows == "*":
        options.output = RESULTS
    return options


def wanted(rows: str) -> Callable[[str], bool]:
    """Whether a key is among those asked for."""
    patterns = rows.split(",")
    return lambda key: any(fnmatch(key, pattern) for pattern in patterns)


def timed_section(rows: Sequence[Row], options: argparse.Namespace, failures: dict[str, str]) -> list[Line]:
    """Time the rows of one section, check what they computed, and make their lines."""
    if rows:
        say(f"{', '.join(row.key for row in rows)}, turns: {options.rounds}")
    timings = {timing.row.key: timing for timing in time_rows(rows, options.rounds, options.seconds, options.checked)}
    for timing in timings.values():
        if timing.missing and timing.row.peer in failures:
            timing.missing = failures[timing.row.peer]
        if not timing.missing:
            _check(timing, timings)
    versions = machine.versions()
    return [timed_line(timing, timings, versions) for timing in timings.values()]


def _check(timing: Timing, timings: dict[str, Timing]) -> None:
    """Compare a row's losses with the published ones (demo) or with the plain engine's (GPT)."""
    if timing.row.key.startswith("demo."):
        check_against(timing, demo_step.LOSSES, ())
    elif "gpt.plain" in timings:
        check_against(timing, timings["gpt.plain"].losses, timings["gpt.plain"].gradient)


def memory_section(options: argparse.Namespace, asked: Callable[[str], bool]) -> list[Line]:
    """Make the measurements of memory and scale, one process after the other."""
    lines = []
    decade_before = 0.0
    for row in MEMORY:
        if asked(row.key):
            size = row.quick_size if options.quick else row.size
            say(f"{row.key}: {size:,} nodes")
            figures = measure(row.measurement, size)
            lines.append(measured_line(row, size, figures, decade_before))
            decade_before = nanoseconds(figures)
    return lines


def facts(load_before: str) -> dict[str, str]:
    """Command, date, machine, what else it did, and versions."""
    found = ", ".join(f"{peer} {version}" for peer, version in machine.versions().items())
    return {
        "command": f"`python -m bench {shlex.join(sys.argv[1:])}`".replace(" `", "`"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.in_words(),
        "running processes (mean of a minute)": f"{load_before} before, {machine.load()} at the end",
        "Python": machine.python(),
        "chainrule's engine": machine.engine(),
        "peers": found or "none installed",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    load_before = machine.load()
    failures = peers.install() if options.install else {}
    asked = wanted(options.rows)
    sections = [
        (SECTIONS["demo"], timed_section([row for row in DEMO if asked(row.key)], options, failures)),
        (SECTIONS["gpt"], timed_section([row for row in GPT if asked(row.key)], options, failures)),
        (SECTIONS["memory"], memory_section(options, asked)),
    ]
    sections = [(title, lines) for title, lines in sections if lines]
    known = facts(load_before)
    show(known, sections, options.json)
    if options.output is not None:
        write_part(options.output, markdown(known, sections))
    return 0


if __name__ == "__main__":
    sys.exit(main())
