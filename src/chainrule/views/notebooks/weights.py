"""A model's weights as a small SVG heatmap, which needs no library: orange is positive, blue negative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.views.notebooks.charts import chart, text
from chainrule.views.tracing.numbers import number_text

Table = Sequence[Sequence[float]]

# More weights, or a wider layer, are no picture for a cell of a notebook.
MOST_WEIGHTS = 1_000
MOST_SIDE = 64
# Up to this many inputs and neurons the cells hold their numbers.
WITH_NUMBERS = 9

# From white outwards; beyond the fourth shade a number is written in white.
ORANGE = ("#FFFFFF", "#FBEBD9", "#F5D2AE", "#ECB47C", "#DE9145", "#C66900")
BLUE = ("#FFFFFF", "#DDEAF2", "#B3D0E2", "#7FB0CE", "#438AB4", "#005A8C")
MARGIN, GAP, HEAD, FOOT, ROW_NAMES = 12, 30, 40, 30, 22


def layers_of(model: Any) -> list[list[Any]] | None:
    """Return the neurons of each layer, of an MLP, a Layer or a Neuron; None for any other shape.

    A neuron is what has a list of Values `w` and a Value `b`, so that classes of the user's count too.
    """
    layers = getattr(model, "layers", None) or [model]
    if not isinstance(layers, list):
        return None
    found = [list(getattr(layer, "neurons", None) or [layer]) for layer in layers]
    neurons = [neuron for layer in found for neuron in layer]
    return found if all(_is_neuron(neuron) for neuron in neurons) else None


def _is_neuron(thing: Any) -> bool:
    weights, bias = getattr(thing, "w", None), getattr(thing, "b", None)
    parts = [*weights, bias] if isinstance(weights, list) and weights else [None]
    return all(isinstance(getattr(part, "data", None), float) for part in parts)


def weights_chart(layers: Sequence[Sequence[Any]]) -> tuple[str, str]:
    """Return an SVG with a panel for each layer, and what it shows in words; both empty for a large model.

    A row is a neuron, a column an input, the last its bias. All layers share the scale; a cell that holds
    no number shows the weight's sign.
    """
    tables = [[[p.data for p in (*neuron.w, neuron.b)] for neuron in layer] for layer in layers]
    sides = [max(len(table), *map(len, table)) for table in tables]
    if sum(len(row) for table in tables for row in table) > MOST_WEIGHTS or max(sides) > MOST_SIDE:
        return "", ""
    numbers = [x for table in tables for row in table for x in row]
    limit = max((abs(x) for x in numbers if abs(x) < float("inf")), default=0.0)
    cell = (46, 22) if max(sides) <= WITH_NUMBERS else (13, 13)
    left = float(MARGIN)
    drawn: list[str] = []
    for place, table in enumerate(tables):
        drawn += _panel(place, table, limit, left, cell)
        left += max(ROW_NAMES + cell[0] * max(map(len, table)), 60) + GAP
    height = HEAD + cell[1] * max(map(len, tables)) + FOOT
    largest = f"; largest distance from 0: {number_text(limit, 3)}" if limit else ""
    drawn.append(
        text(MARGIN, height - 10, f"orange +, blue −, white 0{largest}", anchor="start", colour="#595959", size=11)
    )
    count = f"{len(numbers)} weight{'' if len(numbers) == 1 else 's'}"
    title = f"Heatmap of {count}{largest}"
    return chart(max(left - GAP + MARGIN, 340), height, title, drawn), title


def _panel(place: int, table: Table, limit: float, left: float, cell: tuple[int, int]) -> Iterator[str]:
    """Give the elements of one layer."""
    width, height = cell
    columns = max(map(len, table))
    start = left + ROW_NAMES
    yield text(start, MARGIN + 6, f"layer {place}", anchor="start", size=12, bold=True)
    for column in _marked(columns, cell[0]):
        name = "b" if column == columns - 1 else str(column)
        yield text(start + (column + 0.5) * width, HEAD - 6, name, colour="#595959", size=10)
    for row in _marked(len(table), cell[1]):
        yield text(start - 5, HEAD + (row + 0.5) * height + 3.5, str(row), anchor="end", colour="#595959", size=10)
    yield from _cells(table, limit, (start, HEAD), cell)
    yield (
        f'<rect x="{start:g}" y="{HEAD}" width="{columns * width}" height="{len(table) * height}"'
        ' fill="none" stroke="#8c8c8c"/>'
    )


def _marked(count: int, size: int) -> Iterator[int]:
    """Give the rows or columns whose names have room: all, or every fourth and the last."""
    step = 1 if size > 20 else 4
    yield from (place for place in range(count - 1) if place % step == 0 and (step == 1 or place < count - 2))
    yield count - 1


def _cells(table: Table, limit: float, origin: tuple[float, float], cell: tuple[int, int]) -> Iterator[str]:
    """Give the cells: one path for all of a colour, then the numbers or the signs."""
    width, height = cell
    squares: dict[str, str] = {}
    signs = {False: "", True: ""}  # by whether the ground is dark
    numbers = []
    for i, row in enumerate(table):
        for j, number in enumerate(row):
            x, y = origin[0] + j * width, origin[1] + i * height
            shade = _shade(number, limit)
            colour = (BLUE if number < 0 else ORANGE)[shade]
            squares[colour] = squares.get(colour, "") + f"M{x:g},{y:g}h{width}v{height}h-{width}z"
            dark = shade > 4
            if width > 20 or number != number:
                ink = "#ffffff" if dark else "#1a1a1a"
                numbers.append(text(x + width / 2, y + height / 2 + 4, short(number), colour=ink, size=11))
            elif shade:
                upright = "" if number < 0 else f"M{x + width / 2:g},{y + 4:g}v{height - 8}"
                signs[dark] += f"M{x + 4:g},{y + height / 2:g}h{width - 8}{upright}"
    yield from (f'<path d="{path}" fill="{colour}"/>' for colour, path in squares.items())
    for dark, path in signs.items():
        if path:
            yield f'<path d="{path}" stroke="{"#ffffff" if dark else "#1a1a1a"}" stroke-width="0.8"/>'
    yield from numbers


def _shade(number: float, limit: float) -> int:
    """Return which of the shades, from white to the strongest; nan is white."""
    if number != number or number == 0:
        return 0
    share = 1.0 if abs(number) >= limit else abs(number) / limit
    return min(5, 1 + int(5 * share))


def short(number: float) -> str:
    """Return a number that fits into a cell, with a real minus sign."""
    return number_text(number, 3 if 0.1 <= abs(number) < 1e4 else 2 if abs(number) >= 0.001 else 1).replace("-", "−")
