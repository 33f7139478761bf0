"""Plots: what is on the Axes, in which colours, and what is refused."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from chainrule.engine import Value
from chainrule.errors import ArgumentError, ArityError, MissingLibraryError, NumberError
from chainrule.training.history import History
from chainrule.views.plotting.plots import plot_boundary, plot_history
from chainrule.views.plotting.regions import GRID
from chainrule.views.plotting.style import CLASS_COLOURS

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib, of the plot extra, is missing")
matplotlib.use("Agg")

SQUARE = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]


@pytest.fixture(autouse=True)
def closed_figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a test drew; a plot that shows itself fails."""
    import matplotlib.pyplot as plt

    def shown(*_: object, **__: object) -> None:
        raise AssertionError("a plot function must not call show()")

    monkeypatch.setattr(plt, "show", shown)
    yield
    plt.close("all")


def history(**series: list[float]) -> History:
    """Return a history with these series."""
    made = History(**series)  # type: ignore[arg-type]
    made.epochs = list(range(1, len(next(iter(series.values()))) + 1))
    return made


def slanted(point: list[float]) -> Value:
    """Return a Value that is positive above the line x0 + x1 = 1."""
    score: Value = Value(point[0]) + point[1] - 1.0
    return score


def three(point: list[float]) -> list[Value]:
    """Return scores of which the first wins on the left, the second on the right, the third above."""
    return [Value(-point[0]), Value(point[0]), Value(2 * point[1])]


def hexes(collection: Any) -> set[str]:
    """Return the face colours of something drawn."""
    return {matplotlib.colors.to_hex(colour).upper() for colour in collection.get_facecolors()}


def test_the_loss_curves() -> None:
    axes: Any = plot_history(history(loss=[3.0, 2.0, 1.0], val_loss=[3.5, 2.5, 2.0], rate=[0.1, 0.2, 0.3]))
    assert [line.get_label() for line in axes.lines] == ["training loss", "validation loss"]
    assert [list(line.get_ydata()) for line in axes.lines] == [[3.0, 2.0, 1.0], [3.5, 2.5, 2.0]]
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "loss", "linear")
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert all(len({look[k] for look in looks}) == 2 for k in range(3))


def test_accuracies_have_a_panel_of_their_own() -> None:
    axes: Any = plot_history(history(loss=[3.0, 2.0], accuracy=[0.5, 0.75], val_accuracy=[0.25, 0.5]))
    upper, lower = axes.figure.axes
    assert upper is axes
    assert [line.get_label() for line in upper.lines] == ["training loss"]
    assert [list(line.get_ydata()) for line in lower.lines] == [[0.5, 0.75], [0.25, 0.5]]
    assert (upper.get_xlabel(), lower.get_xlabel(), lower.get_ylabel()) == ("", "epoch", "accuracy")
    assert upper.get_xlim() == lower.get_xlim()
    low, high = lower.get_ylim()
    assert low < 0.0
    assert high > 1.0


def test_given_axes_hold_the_losses_alone() -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    plot_history(history(loss=[3.0, 2.0], accuracy=[0.5, 0.75]), ax=axes)
    assert figure.axes == [axes]


def test_a_history_plots_itself() -> None:
    assert history(loss=[2.0, 1.0]).plot().lines[0].get_label() == "training loss"


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([100.0, 1.0], "log"),
        ([99.0, 1.0], "linear"),
        ([100.0, 0.0], "linear"),
        ([100.0, -1.0], "linear"),
        ([math.nan, math.inf, 100.0, 1.0], "log"),
        ([math.nan], "linear"),
    ],
)
def test_losses_over_two_decades_get_a_logarithmic_axis(losses: list[float], scale: str) -> None:
    assert plot_history({"loss": losses}).get_yscale() == scale


def test_one_epoch_can_be_seen() -> None:
    assert plot_history({"loss": [1.0]}).lines[0].get_marker() not in {"", "None"}


@pytest.mark.parametrize("empty", [{}, {"loss": []}, {"accuracy": [1.0]}])
def test_no_loss_is_refused(empty: dict[str, list[float]]) -> None:
    with pytest.raises(ArgumentError, match="no loss to plot"):
        plot_history(empty)


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"plot_history\(\) got list"):
        plot_history([1.0, 2.0])  # type: ignore[arg-type]


def test_given_axes_are_used_and_the_style_does_not_leak() -> None:
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    _, axes = plt.subplots()
    assert plot_history({"loss": [1.0]}, ax=axes) is axes
    assert plot_boundary(slanted, SQUARE, [-1, 1, 1, -1], ax=axes) is axes
    assert dict(plt.rcParams) == before


def test_the_same_plot_gives_the_same_svg() -> None:
    import io

    def drawn() -> bytes:
        buffer = io.BytesIO()
        figure: Any = plot_boundary(slanted, SQUARE, [0, 1, 1, 0]).figure
        with matplotlib.rc_context({"svg.hashsalt": "test"}):
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    assert drawn() == drawn()


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], [0, 1, 1, 0], [[0], [1], [1], [0]], list("nyyn")])
def test_a_value_divides_the_plane_by_its_sign(labels: list[Any]) -> None:
    axes: Any = plot_boundary(slanted, SQUARE, labels)
    fills = [c for c in axes.collections if c.get_alpha() == 0.25]
    assert [hexes(fill) for fill in fills] == [{CLASS_COLOURS[0]}, {CLASS_COLOURS[1]}]
    lower, upper = (np.vstack([path.vertices for path in fill.get_paths()]) for fill in fills)
    assert lower.sum(axis=1).max() <= 1 + 1e-9
    assert upper.sum(axis=1).min() >= 1 - 1e-9
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == sorted({str(name) for name in np.ravel(labels)}, key=str)


def test_samples_have_their_classes_colour_and_their_own_marker() -> None:
    axes: Any = plot_boundary(slanted, SQUARE, [-1, 1, 1, -1])
    samples = [c for c in axes.collections if c.get_alpha() is None and len(c.get_offsets()) == 2]
    assert [hexes(points) for points in samples] == [{CLASS_COLOURS[0]}, {CLASS_COLOURS[1]}]
    shapes = {len(points.get_paths()[0].vertices) for points in samples}
    assert len(shapes) == 2


def test_the_largest_of_several_values_wins() -> None:
    axes: Any = plot_boundary(three, [[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0], [-1.0, -0.5]], [0, 1, 2, 0])
    fills = {hexes(c).pop(): c for c in axes.collections if c.get_alpha() == 0.25}
    assert set(fills) == set(CLASS_COLOURS[:3])
    left = np.vstack([path.vertices for path in fills[CLASS_COLOURS[0]].get_paths()])
    assert left[:, 0].max() <= 0.02


def test_numbered_classes_keep_their_outputs_colour() -> None:
    axes: Any = plot_boundary(three, SQUARE, [0, 2, 2, 0])
    samples = [c for c in axes.collections if c.get_alpha() is None and len(c.get_offsets()) == 2]
    assert [hexes(points) for points in samples] == [{CLASS_COLOURS[0]}, {CLASS_COLOURS[2]}]


def test_the_model_is_asked_a_bounded_number_of_times_and_records_nothing() -> None:
    asked = []

    def model(point: list[float]) -> Value:
        asked.append(slanted(point))
        assert [type(x) for x in point] == [float, float]
        return asked[-1]

    plot_boundary(model, np.tile(SQUARE, (100, 1)), np.tile([0, 1, 1, 0], 100))
    assert len(asked) == GRID * GRID
    assert all(output._prev == () for output in asked)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1.0, 0.0])
def test_a_model_without_a_boundary_is_drawn(number: float) -> None:
    assert plot_boundary(lambda _: Value(number), SQUARE, [0, 1, 1, 0]).get_title() == "Decision boundary"


def test_one_sample_is_drawn() -> None:
    low, high = plot_boundary(slanted, [[3.0, 3.0]], [1]).get_xlim()
    assert low < 3.0 < high


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ([[1.0, 2.0, 3.0]], [1], ArityError, r"shape \(1, 3\)"),
        ([1.0, 2.0], [1, 1], ArityError, r"shape \(2,\)"),
        (np.empty((0, 2)), [], ArityError, r"shape \(0, 2\)"),
        (SQUARE, [1, 2], ArityError, "4 samples and labels of shape"),
        ([[1.0, 2.0], [3.0]], [1, 1], NumberError, "samples of numbers"),
        ([["a", "b"]], [1], NumberError, "samples of numbers"),
        ([[1.0, 2.0], [math.nan, 1.0]], [1, 1], ArgumentError, r"sample 1 of X is \[nan, 1.0\]"),
    ],
)
def test_data_that_does_not_fit_is_refused(X: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plot_boundary(slanted, X, y)


@pytest.mark.parametrize("output", [None, [], "x", [[Value(1.0)]]])
def test_a_model_that_returns_something_else_is_refused(output: Any) -> None:
    with pytest.raises(ArgumentError, match=type(output).__name__):
        plot_boundary(lambda _: output, SQUARE, [0, 1, 1, 0])


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'chainrule\[plot\]'"):
        plot_history({"loss": [1.0]})
