"""Plots of training with matplotlib: the loss curve and the decision boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError, ArityError, MissingLibraryError, NumberError
from chainrule.graph import Value, no_grad

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From the Okabe–Ito palette, which is told apart with any colour vision. Markers and dashes differ
# as well, so that no meaning rests on colour alone.
CLASS_COLOURS = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = "os^DvPX*"
DASHES = ("-", "--", "-.", ":")
# Points of the grid along each side: 4,900 forward passes of the moons network take 0.3 s, 3 s uncompiled.
GRID = 70
_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "font.size": 11.0,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "savefig.dpi": 150,
    # Fixed names inside an SVG file, instead of random ones: the same plot gives the same bytes.
    "svg.hashsalt": "chainrule",
}
Model = Callable[[list[float]], "Value | Sequence[Value]"]


class Recorded(Protocol):
    """What `fit` returns, as far as a plot looks at it."""

    def recorded(self) -> Mapping[str, Sequence[float]]:
        """Return the series that hold something, by name."""


Series = Mapping[str, Sequence[float]]


def plot_history(history: Recorded | Series, ax: Axes | None = None) -> Axes:
    """Plot the losses of a training, per epoch; return the Axes (nothing is shown).

    Losses that are positive and span two decades get a logarithmic axis.

    Args:
        history: what `fit` returns, or a mapping like {"loss": […], "val_loss": […]}; each series
            whose name ends in "loss" is a line, one number an epoch.
        ax: where to draw; a new figure when it is None.

    Raises:
        ArgumentError: there is no loss in history, or it is something else.
        MissingLibraryError: matplotlib is not installed.
    """
    series = _losses(history)
    with _axes(ax) as axes:
        from matplotlib.ticker import MaxNLocator

        for k, (name, losses) in enumerate(series.items()):
            epochs = np.arange(1, len(losses) + 1)
            axes.plot(
                epochs,
                losses,
                label=_NAMES.get(name, name.replace("_", " ")),
                color=LINE_COLOURS[k % len(LINE_COLOURS)],
                linestyle=DASHES[k % len(DASHES)],
                # A marker every so often keeps lines apart; one epoch alone would draw nothing.
                marker=MARKERS[k % len(MARKERS)],
                markevery=max(1, len(losses) // 10),
                markersize=5,
            )
        if _spans_decades(np.concatenate(list(series.values()))):
            axes.set_yscale("log")
        axes.set(xlabel="epoch", ylabel="loss", title="Loss while training")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return axes


_NAMES = {"loss": "training loss", "val_loss": "validation loss"}


def _losses(history: Recorded | Series) -> dict[str, NDArray[np.float64]]:
    series = history if isinstance(history, Mapping) else getattr(history, "recorded", lambda: None)()
    if series is None:
        raise ArgumentError(f"plot_history() got {type(history).__name__}: give it what fit() returned")
    losses = {name: numbers for name, numbers in series.items() if name.endswith("loss") and len(numbers)}
    if not losses:
        known = ", ".join(series) or "nothing"
        raise ArgumentError(f"there is no loss to plot; the history holds {known}: train first")
    return {name: np.asarray(numbers, dtype=np.float64) for name, numbers in losses.items()}


def _spans_decades(losses: NDArray[np.float64]) -> bool:
    finite = losses[np.isfinite(losses)]
    return bool(finite.size) and finite.min() > 0 and finite.max() >= 100 * finite.min()


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
    samples, labels = _samples(X), np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != samples.shape[:1]:
        raise ArityError(
            f"plot_boundary() got {len(samples)} samples and labels of shape {labels.shape}: "
            "give one label for each sample"
        )
    classes = np.unique(labels)
    xs, ys = (_span(samples[:, k]) for k in (0, 1))
    scores = _class_scores(model, xs, ys)
    with _axes(ax) as axes:
        _fill(axes, xs, ys, scores)
        for place, (index, name) in enumerate(_indices(classes, scores.shape[2])):
            mine = samples[labels == name]
            axes.scatter(
                mine[:, 0],
                mine[:, 1],
                label=str(name),
                color=CLASS_COLOURS[index % len(CLASS_COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                edgecolors="black",
                linewidths=0.6,
                s=40,
            )
        axes.set(xlabel="x0", ylabel="x1", title="Decision boundary")
        axes.set(xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]))
        axes.legend(title="class")
    return axes


def _indices(classes: NDArray[Any], outputs: int) -> list[tuple[int, Any]]:
    """Return (output of the model, label) for each class that is among the samples."""
    numbered = np.issubdtype(classes.dtype, np.integer) and classes[0] >= 0
    if numbered and classes[-1] < outputs:
        return [(int(name), name) for name in classes]
    return list(enumerate(classes))


def _samples(X: ArrayLike) -> NDArray[np.float64]:
    try:
        samples = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NumberError(f"plot_boundary() needs samples of numbers: {error}") from None
    if samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
        raise ArityError(
            f"plot_boundary() got X of shape {samples.shape}: it draws a plane, so give it "
            "at least one sample, and two numbers for each"
        )
    bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
    if bad.size:
        raise ArgumentError(
            f"sample {bad[0]} of X is {samples[bad[0]].tolist()}, which has no place in the "
            "plane: leave such samples out"
        )
    return samples


def _span(column: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = column.min(), column.max()
    margin = 0.15 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, GRID)


def _class_scores(model: Model, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a score for each class over the grid, of shape (len(ys), len(xs), classes)."""
    with no_grad():
        rows = [[_scores(model([float(x), float(y)])) for x in xs] for y in ys]
    scores = np.array(rows)
    # A single score stands for the upper class, and its negative for the lower one.
    return np.concatenate([-scores, scores], axis=2) if scores.shape[2] == 1 else scores


def _scores(output: object) -> list[float]:
    outputs: Sequence[Any] = output if isinstance(output, (list, tuple)) else [output]
    if not outputs or not all(isinstance(score, (Value, float, int)) for score in outputs):
        raise ArgumentError(
            f"the model returned {type(output).__name__} for one point: plot_boundary() needs "
            "a Value, or a list of one Value for each class"
        )
    return [float(score) for score in outputs]


def _fill(axes: Axes, xs: NDArray[np.float64], ys: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
    """Colour lightly where each class wins, with a line where its lead ends; nan stays white."""
    for k in range(scores.shape[2]):
        others = np.delete(scores, k, axis=2).max(axis=2)
        lead = np.ma.masked_invalid(scores[:, :, k] - others)
        if lead.count() and lead.max() > 0:
            colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
            axes.contourf(xs, ys, lead, levels=[0.0, np.inf], colors=[colour], alpha=0.25)
            if lead.min() < 0:
                axes.contour(xs, ys, lead, levels=[0.0], colors="black", linewidths=1.5)


@contextmanager
def _axes(ax: Axes | None) -> Iterator[Axes]:
    """Give the Axes to draw on, in our style; a new figure when there is none."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingLibraryError(
            "plots need matplotlib, which is not installed: pip install 'chainrule[plot]'"
        ) from error
    with plt.rc_context(_STYLE):
        yield plt.subplots(layout="constrained")[1] if ax is None else ax
