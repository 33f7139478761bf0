"""Turns what was measured of compiled code into lines of a table, and into its part of RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench import machine
from bench.compiled.rows import COMPILED, PEERS, Compiling, Whole
from bench.compiled.turns import Measured
from bench.harness import Comparison, ratio, reached
from bench.report import Line, duration, goal_text, markdown_table, ratio_text, short, verdict

# Peers that take all steps of a turn in one call, as run(n) does; and rows that are no peers.
LOOPS = ("c", "jax_loop")
OURS = ("run", "arrays", "lists", "loss", "both")


def timed_line(timing: Measured, timings: Mapping[str, Measured]) -> Line:
    """A row's time a step, and its ratios to the rows that took turns with it."""
    row = timing.row
    version = machine.versions(PEERS).get(row.peer)
    title = f"{row.title} ({row.peer} {version})" if version else row.title
    goals = "; ".join(f"{goal_text(each)} {name_of(each.base)}" for each in row.comparisons if goal_text(each))
    if timing.missing or timing.wrong:
        said = f"missing: {timing.missing}" if timing.missing else f"WRONG: {timing.wrong}"
        return Line(row.key, title, said, "", goals, "NO" if goals or timing.wrong else "")
    texts, outcomes = [], []
    for comparison in row.comparisons:
        base = timings.get(comparison.base)
        if base is not None and base.seconds:
            values = ratio(comparison, timing, base)
            texts.append(ratio_text(comparison, values))
            outcomes.append(reached(comparison, values[0]))
        elif goal_text(comparison):
            outcomes.append(False)  # a figure that cannot be compared is not reached
    if not row.comparisons:
        texts += beside_ours(timing, timings)
    figure = f"{duration(timing.median)} (min {duration(timing.minimum)})"
    numbers = {"seconds": timing.seconds, "clock": timing.clock, **timing.facts}
    return Line(row.key, title, figure, "; ".join(texts), goals, verdict(outcomes), numbers)


def beside_ours(timing: Measured, timings: Mapping[str, Measured]) -> list[str]:
    """What a peer takes, in times of the compiled step that is used in the same way; one that is ahead stands out."""
    workload, _, name = timing.row.key.partition(".")
    ours = timings.get(f"{workload}.{'run' if name in LOOPS else 'arrays'}")
    if name in OURS or ours is None or not ours.seconds or ours.missing or ours.wrong:
        return []
    median_ratio, of_minima = ratio(Comparison(ours.row.key, at_most=1.0), timing, ours)
    text = f"{short(median_ratio)} times the {name_of(ours.row.key)} ({short(of_minima)})"
    return [text if median_ratio >= 1 else f"**ahead**: {text}"]


def name_of(key: str) -> str:
    """What a row is called in the ratios of others."""
    return key.partition(".")[2]


def compiling_line(row: Compiling, cold: Mapping[str, Any], warm: Mapping[str, Any]) -> Line:
    """The seconds until the first step is done, with an empty cache and with a filled one."""
    goal = f"≤ {row.at_most:g} s" if row.at_most else ""
    if "missing" in cold:
        return Line(row.key, row.title, f"missing: {cold['missing']}", "", goal, "NO" if goal else "")
    scalars = cold["sizes"]["nodes traced"]
    figure = f"{cold['cpu']:.2f} s"
    ratios = f"{scalars:,} nodes traced"
    if row.scale:
        ratios += f", {cold['cpu'] / scalars * 1e6:.2f} µs each"
    if "cpu" in warm:
        figure += f", {warm['cpu']:.2f} s from the cache"
    if cold["executor"] != "native":
        ratios += f"; run by: {cold['executor']} ({cold['note']})"
    outcome = verdict([cold["cpu"] <= row.at_most and cold["executor"] == "native" if row.at_most else None])
    return Line(row.key, row.title, figure, ratios, goal, outcome, {"cold": cold, "warm": warm})


def whole_line(row: Whole, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Line:
    """The seconds of whole processes, and how far ahead of the others they are."""
    mine = found[row.key]
    goal = "; ".join(f"ahead of {name_of(base)}" for base in row.ahead_of)
    wrong = [each["missing"] for each in mine if "missing" in each]
    if wrong:
        return Line(row.key, row.title, f"missing: {wrong[0]}", "", goal, "NO" if goal else "")
    seconds = median(each["process"] for each in mine)
    texts, outcomes = [], []
    for base in row.ahead_of:
        others = [each["process"] for each in found.get(base, ()) if "process" in each]
        if others:
            texts.append(f"{short(median(others) / seconds)}× {name_of(base)}")
        outcomes.append(bool(others) and seconds < median(others))
    numbers = {"seconds": [each["process"] for each in mine], "clock": [each["process clock"] for each in mine]}
    return Line(row.key, row.title, f"{seconds:.2f} s", "; ".join(texts), goal, verdict(outcomes), numbers)


def markdown(facts: Mapping[str, str], sections: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """The compiled part of RESULTS.md: where and how it was measured, then every row."""
    out = [COMPILED, "", *(f"- {name}: {value}" for name, value in facts.items())]
    out += [
        "",
        "The loss is plain scalar code (`bench/compiled/workloads.py`, `examples/names_gpt.py`); a step is loss,",
        "gradient and update. Every row is a process of its own, all on one core; the rows of a workload take turns,",
        "and a ratio is taken within a round. Processor time, float64, one thread. Losses, gradients and the loss",
        "after two updates are compared with eager chainrule to 1e-9 before timing. `JAX jit` is a jitted step of",
        "the parameters, called in a loop that waits for the last loss only; chainrule's steps return each loss as a",
        "float. The C keeps the numbers of all samples side by side, so that gcc makes vectors of every loop.",
        "",
        *markdown_table(sections),
    ]
    return "\n".join(out) + "\n"
