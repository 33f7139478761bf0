"""Plots of training with matplotlib: the loss curve and the decision boundary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from chainrule.errors import ArgumentError
from chainrule.views.plotting.style import CLASS_COLOURS, DASHES, LINE_COLOURS, MARKERS, styled_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from chainrule.views.plotting.regions import Model, Regions


class Recorded(Protocol):
    """What `fit` returns, as far as a plot looks at it."""

    def recorded(self) -> Mapping[str, Sequence[float]]:
        """Return the series that hold something, by name."""


Series = Mapping[str, Sequence[float]]


def plot_history(history: Recorded | Series, ax: Axes | None = None) -> Axes:
    """Plot the losses of a training, per epoch; return their Axes (nothing is shown).

    Losses that are positive and span two decades get a logarithmic axis. In a figure of its own the plot has
    a second panel below where accuracies were recorded: `axes.figure.axes[1]`.

    Args:
        history: what `fit` returns, or a mapping like {"loss": […], "val_loss": […]}; each series
            whose name ends in "loss" or "accuracy" is a line, one number an epoch.
        ax: where to draw the losses; a new figure when it is None.

    Raises:
        ArgumentError: there is no loss in history, or it is something else.
        MissingLibraryError: matplotlib is not installed.
    """
    losses, accuracies = _losses_and_accuracies(history)
    with styled_axes(ax) as given:
        from matplotlib.ticker import MaxNLocator

        axes, below = _two_panels(given) if ax is None and accuracies else (given, None)
        if below is not None:
            _lines(below, accuracies)
            below.set(ylabel="accuracy", ylim=(-0.05, 1.05))
        _lines(axes, losses)
        if _spans_decades(losses):
            axes.set_yscale("log")
        axes.set(ylabel="loss", title="Loss while training" if below is None else "Training")
        axes.legend()
        lowest = axes if below is None else below
        lowest.set(xlabel="epoch")
        lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def _two_panels(axes: Axes) -> tuple[Axes, Axes]:
    """Replace the one Axes of a new figure by two that share their epochs."""
    figure = axes.figure
    axes.remove()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    return upper, lower


def _lines(axes: Axes, series: Mapping[str, list[float]]) -> None:
    for k, (name, numbers) in enumerate(series.items()):
        axes.plot(
            range(1, len(numbers) + 1),
            numbers,
            label=_NAMES.get(name, name.replace("_", " ")),
            color=LINE_COLOURS[k % len(LINE_COLOURS)],
            linestyle=DASHES[k % len(DASHES)],
            # A marker every so often keeps lines apart; one epoch alone would draw nothing.
            marker=MARKERS[k % len(MARKERS)],
            markevery=max(1, len(numbers) // 10),
            markersize=5,
        )


_NAMES = {
    "loss": "training loss",
    "val_loss": "validation loss",
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
}


def _losses_and_accuracies(history: Recorded | Series) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    series = history if isinstance(history, Mapping) else getattr(history, "recorded", lambda: None)()
    if series is None:
        raise ArgumentError(f"plot_history() got {type(history).__name__}: give it what fit() returned")
    losses, accuracies = (
        {
            name: [float(number) for number in series[name]]
            for name in series
            if name.endswith(end) and len(series[name])
        }
        for end in ("loss", "accuracy")
    )
    if not losses:
        known = ", ".join(series) or "nothing"
        raise ArgumentError(f"there is no loss to plot; the history holds {known}: train first")
    return losses, accuracies


def _spans_decades(series: Mapping[str, list[float]]) -> bool:
    finite = [loss for losses in series.values() for loss in losses if math.isfinite(loss)]
    return bool(finite) and min(finite) > 0 and max(finite) >= 100 * min(finite)


def plot_boundary(model: Model, X: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> Axes:
    """Plot how `model` divides the plane, with the samples; return the Axes (nothing is shown).

    The model is asked about a grid of 70 × 70 points, and records no graph.

    Args:
        model: takes a list of two floats; returns a Value, whose sign is the class, or a list of one
            Value for each class, of which the largest wins.
        X: samples, of shape (samples, 2).
        y: a label for each sample; in sorted order they are the model's classes, and whole numbers
            from 0 are the places of its outputs.
        ax: where to draw; a new figure when it is None.

    Raises:
        ArityError: the shapes do not fit.
        NumberError: a sample is not numbers.
        ArgumentError: a sample is not finite, or the model returns something else.
        MissingLibraryError: matplotlib is not installed.
    """
    # Here, not above: whoever imports chainrule does not wait for numpy.
    from chainrule.views.plotting.regions import regions_of

    regions = regions_of(model, X, y)
    with styled_axes(ax) as axes:
        _fill(axes, regions)
        for place, (index, name, samples) in enumerate(regions.samples):
            axes.scatter(
                samples[:, 0],
                samples[:, 1],
                label=str(name),
                color=CLASS_COLOURS[index % len(CLASS_COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                edgecolors="black",
                linewidths=0.6,
                s=40,
            )
        axes.set(xlabel="x0", ylabel="x1", title="Decision boundary")
        axes.set(xlim=regions.xs[[0, -1]], ylim=regions.ys[[0, -1]])
        axes.legend(title="class")
    return axes


def _fill(axes: Axes, regions: Regions) -> None:
    """Colour lightly where each class wins, with a line where its lead ends; nan stays white."""
    for k, lead in enumerate(regions.leads):
        if lead.count() and lead.max() > 0:
            colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
            axes.contourf(regions.xs, regions.ys, lead, levels=[0.0, math.inf], colors=[colour], alpha=0.25)
            if lead.min() < 0:
                axes.contour(regions.xs, regions.ys, lead, levels=[0.0], colors="black", linewidths=1.5)
