"""The curves of a training as a small SVG chart: the losses, and below them the accuracies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainrule.views.notebooks.charts import chart, text
from chainrule.views.plotting.style import LINE_COLOURS
from chainrule.views.tracing.numbers import number_text

WIDTH, LEFT, RIGHT = 560, 62, 14
HEAD, FOOT = 34, 44
LOSS_HEIGHT, ACCURACY_HEIGHT = 170, 96
# A pixel shows the smallest and the largest of what falls on it; no more points reach the page.
MOST_POINTS = 240
# Beyond this the difference of two losses may not be finite any more.
LARGEST = 1e300
GREY, GRID = "#595959", "#e3e3e3"
DASHES = ("", "7 4")
NAMES = {
    "loss": "training loss",
    "val_loss": "validation loss",
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes: where it lies, and which numbers its ends are."""

    top: float
    height: float
    low: float
    high: float
    epochs: int
    logarithmic: bool = False

    def x(self, epoch: float) -> float:
        """Return where an epoch lies, counted from 1."""
        share = 0.5 if self.epochs == 1 else (epoch - 1) / (self.epochs - 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, number: float) -> float:
        """Return where a number lies."""
        low, high = self.low, self.high
        at = min(max(number, low), high)
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.top + self.height * (1 - (at - low) / (high - low))


def training_chart(series: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """Return the losses and accuracies of a training, per epoch, as SVG, and what it shows in words.

    The SVG is empty where there is no finite loss. Losses that are positive and span two decades get a
    logarithmic axis.
    """
    losses = _known(series, ("loss", "val_loss"))
    accuracies = _known(series, ("accuracy", "val_accuracy"))
    ends = {name: series[name][-1] for name in NAMES if len(series.get(name, ()))}
    count = max((len(line) for line in series.values()), default=0)
    words = ", ".join(f"{NAMES[name]} {number_text(float(end))}" for name, end in ends.items())
    title = f"{count:,} epoch{'' if count == 1 else 's'}" + (f"; at the end {words}" if words else "")
    if not losses:
        return "", title
    epochs = max(map(len, [*losses.values(), *accuracies.values()]))
    drawn: list[str] = []
    loss_panel = _loss_panel(losses, epochs)
    drawn += _draw(loss_panel, losses, "loss")
    bottom = loss_panel.top + loss_panel.height
    if accuracies:
        panel = Panel(bottom + HEAD + 12, ACCURACY_HEIGHT, 0.0, 1.0, epochs)
        drawn += _draw(panel, accuracies, "accuracy")
        bottom = panel.top + panel.height
    drawn += _epochs(epochs, loss_panel, bottom)
    return chart(WIDTH, bottom + FOOT, title, drawn), title


def _known(series: Mapping[str, Sequence[float]], names: Sequence[str]) -> dict[str, list[float]]:
    found = {name: [float(number) for number in series[name]] for name in names if name in series}
    return {name: line for name, line in found.items() if any(map(math.isfinite, line))}


def _loss_panel(losses: Mapping[str, Sequence[float]], epochs: int) -> Panel:
    finite = [number for line in losses.values() for number in line if math.isfinite(number)]
    low, high = max(min(finite), -LARGEST), min(max(finite), LARGEST)
    if low > 0 and high / 100 >= low:
        return Panel(HEAD, LOSS_HEIGHT, low, high, epochs, logarithmic=True)
    low, high = min(low, 0.0), max(high, 0.0)  # a loss is read by how far it is from 0
    return Panel(HEAD, LOSS_HEIGHT, low, high if high - low > 1 / LARGEST else low + 1.0, epochs)


def _draw(panel: Panel, lines: Mapping[str, Sequence[float]], title: str) -> Iterator[str]:
    """Give the grid, the lines, and their names above."""
    scale = ", logarithmic" if panel.logarithmic else ""
    steps = 6 if panel.height > 120 else 3
    for tick in _decades(panel) if panel.logarithmic else ticks(panel.low, panel.high, steps):
        y = panel.y(tick)
        yield f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
        yield text(LEFT - 7, y + 4, number_text(tick).replace("-", "−"), anchor="end", colour=GREY, size=11)
    yield text(LEFT, panel.top - 12, f"{title}{scale}", anchor="start", bold=True)
    left = WIDTH - RIGHT - sum(_legend_width(name) for name in lines)
    for place, (name, line) in enumerate(lines.items()):
        pen = f'fill="none" stroke="{LINE_COLOURS[place]}" stroke-width="1.8" stroke-dasharray="{DASHES[place]}"'
        yield f'<path d="{_path(panel, line)}" stroke-linejoin="round" stroke-linecap="round" {pen}/>'
        yield f'<path d="M{left:g},{panel.top - 16:g}h26" {pen}/>'
        yield text(left + 32, panel.top - 12, _short(name), anchor="start")
        left += _legend_width(name)


def _short(name: str) -> str:
    """Return `training` or `validation`."""
    return NAMES[name].partition(" ")[0]


def _legend_width(name: str) -> float:
    return 40 + 6.2 * len(_short(name))


def _path(panel: Panel, line: Sequence[float]) -> str:
    """Return the line as an SVG path, broken where a number is not finite; a lonely point is a dot."""
    path, pen_down = "", False
    for epoch, number in _thinned(line):
        if math.isfinite(number) and (number > 0 or not panel.logarithmic):
            point = f"{panel.x(epoch):.1f},{panel.y(number):.1f}"
            path += f"L{point}" if pen_down else f"M{point}h.1"
            pen_down = True
        else:
            pen_down = False
    return path


def _thinned(line: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Give (epoch, number): all of a short line, else the smallest and largest of each stretch."""
    stretch = math.ceil(len(line) / MOST_POINTS * 2) if len(line) > MOST_POINTS else 1
    for start in range(0, len(line), stretch):
        numbered = list(enumerate(line[start : start + stretch], start=start + 1))
        finite = [pair for pair in numbered if math.isfinite(pair[1])] or numbered[:1]
        yield from sorted({min(finite, key=lambda pair: pair[1]), max(finite, key=lambda pair: pair[1])})


def _epochs(epochs: int, panel: Panel, bottom: float) -> Iterator[str]:
    """Give the epochs' axis at the bottom."""
    yield f'<path d="M{LEFT},{bottom:g}H{WIDTH - RIGHT}" stroke="{GREY}"/>'
    marks = [1, *(int(tick) for tick in ticks(1, epochs, whole=True) if tick > 1)] if epochs > 1 else [1]
    for epoch in marks:
        if epoch != 1 or len(marks) == 1 or panel.x(marks[1]) - panel.x(1) > 24:
            yield text(panel.x(epoch), bottom + 16, f"{epoch:,}", colour=GREY, size=11)
    yield text((LEFT + WIDTH - RIGHT) / 2, bottom + 34, "epoch", size=12)


def ticks(low: float, high: float, steps: int = 6, *, whole: bool = False) -> list[float]:
    """Return round numbers from low to high, at most one more than `steps`: multiples of 1, 2 or 5 · 10ⁿ."""
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)
    if whole:
        step = max(1.0, step)
    first = math.ceil(low / step - 1e-9)
    return [step * k for k in range(first, first + steps + 1) if step * k <= high + 1e-9 * step]


def _decades(panel: Panel) -> list[float]:
    """Return powers of ten in a panel, at most eight."""
    first, last = math.ceil(math.log10(panel.low) - 1e-9), math.floor(math.log10(panel.high) + 1e-9)
    step = 1 + (last - first) // 8
    return [10.0**k for k in range(first, last + 1, step)]
