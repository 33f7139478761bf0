"""Turns measured rows into one table, as text for a terminal and as Markdown for RESULTS.md."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.harness import Comparison, Timing, ratio, reached
from bench.rows import Measured

HEADINGS = ("", "figure", "ratio: median of rounds (of minima)", "to reach", "reached")
# Resident memory is counted in pages and the allocator keeps a few: growth below this is none.
STEADY_BYTES = 4 * 2**20
PHASES = ("build", "backward", "free")
EAGER = "# Eager speed and memory, measured"


@dataclass(frozen=True)
class Line:
    """A line of the table, all of it text, and the numbers behind it."""

    key: str
    title: str
    figure: str
    ratios: str = ""
    goal: str = ""
    reached: str = ""
    numbers: Mapping[str, Any] | None = None

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The line as the columns of the table."""
        return self.title, self.figure, self.ratios, self.goal, self.reached


def verdict(outcomes: Sequence[bool | None]) -> str:
    """Whether all goals that there are were reached, in a word."""
    decided = [outcome for outcome in outcomes if outcome is not None]
    return ("yes" if all(decided) else "NO") if decided else ""


def duration(seconds: float) -> str:
    """A time in the unit that suits it, three digits."""
    if seconds < 1e-3:
        return f"{short(seconds * 1e6)} µs"
    return f"{short(seconds * 1e3)} ms"


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio_text(comparison: Comparison, values: tuple[float, float]) -> str:
    """The ratio to another row in words: of the medians, then of the minima."""
    median, minimum = map(short, values)
    name = comparison.base.partition(".")[2]
    if comparison.slower_is_above:
        return f"{median} times the {name} ({minimum})"
    return f"{median}× {name} ({minimum}×)"


def goal_text(comparison: Comparison) -> str:
    """The figure to reach."""
    if comparison.at_least is not None:
        return f"≥ {comparison.at_least:g}×"
    return f"≤ {comparison.at_most:g} times" if comparison.at_most is not None else ""


def timed_line(timing: Timing, timings: Mapping[str, Timing], versions: Mapping[str, str]) -> Line:
    """The line of a timed row: its time a step and its ratios to the rows that were measured with it."""
    row = timing.row
    title = f"{row.title} ({row.peer} {versions[row.peer]})" if row.peer in versions else row.title
    goals = "; ".join(filter(None, map(goal_text, row.comparisons)))
    if timing.missing:
        return Line(row.key, title, f"missing: {timing.missing}", goal=goals)
    if timing.wrong:
        return Line(row.key, title, f"WRONG: {timing.wrong}", goal=goals, reached="NO")
    texts, outcomes = [], []
    for comparison in row.comparisons:
        base = timings.get(comparison.base)
        if base is not None and base.seconds:
            values = ratio(comparison, timing, base)
            texts.append(ratio_text(comparison, values))
            outcomes.append(reached(comparison, values[0]))
    return Line(
        row.key,
        title,
        f"{duration(timing.median)} (min {duration(timing.minimum)})",
        "; ".join(texts),
        goals,
        verdict(outcomes),
        {"seconds": timing.seconds, "losses": timing.losses},
    )


def nanoseconds(figures: Mapping[str, Any]) -> float:
    """What a node of a chain costs altogether; 0 for any other measurement."""
    return float(sum(figures.get(phase, 0.0) for phase in PHASES))


def measured_line(row: Measured, size: int, figures: Mapping[str, Any], decade_before: float) -> Line:
    """The line of a measurement of memory or scale; `decade_before`: nanoseconds a node in a tenth of the size."""
    title = row.title.format(size=f"{size:,}")
    if "missing" in figures:
        return Line(row.key, title, f"missing: {figures['missing']}")
    numbers = {"size": size, **figures}
    if "traced" in figures:
        figure = f"{figures['traced']:.1f} B (resident, over {size:,}: {figures['resident']:.1f} B)"
        if row.peer:
            return Line(row.key, title, figure, numbers=numbers)
        outcome = verdict([round(figures["traced"]) <= 96])
        return Line(row.key, title, figure, "", "≤ 96 B", outcome, numbers)
    if "build" in figures:
        phases = [f"{phase} {figures[phase]:.1f}" for phase in PHASES]
        figure = f"{' + '.join(phases)} = {nanoseconds(figures):.1f} ns a node"
        growth = f"{nanoseconds(figures) / decade_before:.3g}× a tenth of it" if decade_before else ""
        return Line(row.key, title, figure, growth, numbers=numbers)
    grown = figures["after"] - figures["before"]
    figure = f"{grown / 2**20:+.1f} MiB resident, {figures['ns']:.0f} ns a node"
    return Line(row.key, title, figure, "", "+0 MiB", verdict([grown <= STEADY_BYTES]), numbers)


def text_table(sections: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """The table for a terminal, columns aligned."""
    lines = [line for _, section in sections for line in section]
    widths = [max(len(row[i]) for row in [HEADINGS, *(line.cells for line in lines)]) for i in range(len(HEADINGS))]

    def render(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    out = [render(HEADINGS)]
    for title, section in sections:
        out += ["", title, *(render(line.cells) for line in section)]
    return "\n".join(out)


def markdown_table(sections: Sequence[tuple[str, Sequence[Line]]]) -> list[str]:
    """The table for a page."""
    out = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for title, section in sections:
        out.append(f"| **{title}** |" + " |" * (len(HEADINGS) - 1))
        out += ["| " + " | ".join(line.cells) + " |" for line in section]
    return out


def markdown(facts: Mapping[str, str], sections: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """The first part of RESULTS.md: where and how it was measured, then every row."""
    out = [EAGER, ""]
    out += [f"- {name}: {value}" for name, value in facts.items()]
    out += [
        "",
        "Every row is a process of its own; the rows of a section take turns, and a ratio is taken within",
        "a round. Processor time (neighbours on a shared machine do not count), float64, one thread, garbage",
        "collector on. A step is forward, zero_grad, backward and update unless the row says otherwise. Losses",
        "and gradients are compared to 1e-12 before timing.",
        "",
        *markdown_table(sections),
        "",
        "A chain of more nodes than the engine keeps for the next graph takes new memory from the system, which hands",
        "it out by pages of 2 MiB where it can: fast, unless a virtual machine's host has taken them back.",
        "",
        "Python's collector walks the nodes of micrograd and of the plain Value again and again, out of the cache. A",
        "busy machine slows that more than chainrule, and raises the ratios to them; an idle one lowers them.",
    ]
    return "\n".join(out) + "\n"


def say(text: str) -> None:
    """Tell on standard error what is being measured: it takes minutes."""
    print(f"measuring {text}", file=sys.stderr, flush=True)


def show(facts: Mapping[str, str], sections: Sequence[tuple[str, Sequence[Line]]], as_data: bool) -> None:
    """Print what was measured: as JSON, or as a table under the facts."""
    if as_data:
        print(json.dumps(as_json(facts, sections), indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in facts.items()), end="\n\n")
        print(text_table(sections))


def write_part(path: Path, text: str) -> None:
    """Replace the part of a page that begins with the same heading, or append it; the other parts stay."""
    heading = text.partition("\n")[0]
    page = path.read_text("utf-8") if path.exists() else ""
    parts = [part for part in re.split(r"(?m)^(?=# )", page) if part.strip()]
    at = next((i for i, part in enumerate(parts) if part.partition("\n")[0] == heading), len(parts))
    parts[at : at + 1] = [text]
    path.write_text("\n".join(part.rstrip("\n") + "\n" for part in parts), encoding="utf-8")


def as_json(facts: Mapping[str, str], sections: Sequence[tuple[str, Sequence[Line]]]) -> dict[str, Any]:
    """The same as data: facts, and each line with its numbers."""
    return {
        "facts": dict(facts),
        "rows": [asdict(line) for _, section in sections for line in section],
    }
