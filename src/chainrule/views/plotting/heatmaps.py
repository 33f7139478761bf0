"""A model's weights or gradients as heatmaps, a panel a layer: orange is positive, blue negative."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from chainrule.errors import ArgumentError
from chainrule.views.plotting.style import styled_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beyond this many columns and rows the numbers inside the cells could not be read.
WITH_NUMBERS = 12


class Layered(Protocol):
    """What a heatmap looks at: an MLP, or anything with layers of neurons."""

    layers: list[Any]


def plot_parameters(model: Layered, of: str = "data", axes: list[Axes] | None = None) -> list[Axes]:
    """Draw each layer's weights, or their gradients, as a heatmap; return an Axes a layer (nothing is shown).

    A row is a neuron, a column one of its inputs, the last column its bias; white is 0, and all layers share
    the scale.

    Args:
        model: has `layers`, whose `neurons` have weights `w` and a bias `b`.
        of: "data" for the weights, "grad" for their gradients.
        axes: where to draw, one for each layer; a new figure when it is None.

    Raises:
        ArgumentError: the model has no layers of neurons, `of` is something else, or too few axes.
        MissingLibraryError: matplotlib is not installed.
    """
    if of not in ("data", "grad"):
        raise ArgumentError(f"plot_parameters() got of={of!r}: choose 'data' or 'grad'")
    layers = getattr(model, "layers", None)
    if not layers or not all(hasattr(layer, "neurons") for layer in layers):
        raise ArgumentError(f"plot_parameters() draws layers of neurons, but {type(model).__name__} has none")
    if axes is not None and len(axes) != len(layers):
        raise ArgumentError(f"plot_parameters() got {len(axes)} axes for {len(layers)} layers: give one each")
    tables = [[[getattr(p, of) for p in (*n.w, n.b)] for n in layer.neurons] for layer in layers]
    limit = max((abs(x) for table in tables for row in table for x in row if math.isfinite(x)), default=0.0) or 1.0
    with styled_axes(None if axes is None else axes[0]) as first:
        from matplotlib.colors import LinearSegmentedColormap

        scale = LinearSegmentedColormap.from_list("blue to orange", ["#005A8C", "#FFFFFF", "#C66900"])
        panels = axes or _panels(first, tables)
        for k, (panel, table) in enumerate(zip(panels, tables, strict=True)):
            image = panel.imshow(table, cmap=scale, vmin=-limit, vmax=limit)
            panel.set(xlabel="input (last: bias)", ylabel="neuron" if k == 0 else "", title=f"layer {k}")
            panel.grid(visible=False)
            panel.set_xticks(range(len(table[0])), [*map(str, range(len(table[0]) - 1)), "b"])
            panel.set_yticks(range(len(table)))
            if max(len(table), len(table[0])) <= WITH_NUMBERS:
                _write_numbers(panel, table, limit)
        panels[-1].figure.colorbar(image, ax=panels, label="weight" if of == "data" else "gradient")
        for panel in panels:
            panel.set_anchor("N")  # cells are squares; a layer of few neurons hangs from the top
    return panels


def _panels(first: Axes, tables: list[list[list[float]]]) -> list[Axes]:
    """Replace the one Axes of a new figure by one a layer, as wide as it has inputs."""
    figure = first.figure
    first.remove()
    widths = [max(len(table[0]), 3) for table in tables]
    figure.set_size_inches(min(3.0 + 0.45 * sum(widths), 16.0), 4.8)  # type: ignore[union-attr]  # a whole figure
    panels = figure.subplots(1, len(tables), width_ratios=widths, squeeze=False)
    return list(panels[0])


def _write_numbers(panel: Axes, table: list[list[float]], limit: float) -> None:
    for i, row in enumerate(table):
        for j, number in enumerate(row):
            dark = abs(number) > 0.6 * limit
            label = f"{number:.2g}".replace("-", "\u2212")
            panel.text(j, i, label, ha="center", va="center", fontsize=7, color="white" if dark else "black")
