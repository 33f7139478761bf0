"""How a History shows itself in a notebook: curves, the last epochs as a table, bounded."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.training import History
from chainrule.views.notebooks.progress import LEFT, MOST_POINTS, RIGHT, WIDTH, ticks
from tests.views.markup import KEPT, SVG, Reader, images, texts


def made(**series: list[float]) -> History:
    """A history with these series."""
    history = History(**series)  # type: ignore[arg-type]
    history.epochs = list(range(1, len(next(iter(series.values()))) + 1))
    return history


def curves(picture: Any) -> list[list[tuple[float, float]]]:
    """The points of each line."""
    lines = [path.get("d") for path in picture.iter(f"{SVG}path") if path.get("stroke-linejoin")]
    return [[(float(x), float(y)) for x, y in re.findall(r"([-\d.]+),([-\d.]+)", line)] for line in lines]


def test_curves_table_and_words() -> None:
    history = made(loss=[3.0, 2.0, 1.0], val_loss=[3.5, 2.5, 2.0], accuracy=[0.25, 0.5, 0.75], rate=[0.1] * 3)
    html = history._repr_html_()
    read = Reader(html)
    assert read.tags <= KEPT
    assert read.image["alt"] == "3 epochs; at the end training loss 1, validation loss 2, training accuracy 0.75"
    assert read.rows == [
        ["epoch", "loss", "validation loss", "accuracy", "rate"],
        ["1", "3", "3.5", "0.25", "0.1"],
        ["2", "2", "2.5", "0.5", "0.1"],
        ["3", "1", "2", "0.75", "0.1"],
    ]
    assert history._repr_mimebundle_() == {"text/html": html, "text/plain": repr(history)}


def test_lines_lie_where_the_numbers_are() -> None:
    [picture] = images(made(loss=[4.0, 3.0, 1.0, 0.0], accuracy=[0.0, 0.5, 0.5, 1.0])._repr_html_())
    loss, accuracy = curves(picture)
    for line, expected in ((loss, [0, 0.25, 0.75, 1]), (accuracy, [1, 0.5, 0.5, 0])):
        xs, ys = [x for x, _ in line], [y for _, y in line]
        assert (xs[0], xs[-1]) == (LEFT, WIDTH - RIGHT)
        assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
        span = max(ys) - min(ys)
        assert [(y - min(ys)) / span for y in ys] == pytest.approx(expected, abs=0.01)


def test_losses_over_two_decades_are_logarithmic() -> None:
    [picture] = images(made(loss=[100.0, 10.0, 1.0])._repr_html_())
    [line] = curves(picture)
    assert line[1][1] - line[0][1] == pytest.approx(line[2][1] - line[1][1], abs=0.2)
    assert "loss, logarithmic" in texts(picture)


def test_lines_differ_by_more_than_colour() -> None:
    [picture] = images(made(loss=[2.0, 1.0], val_loss=[2.0, 1.5])._repr_html_())
    pens = [path for path in picture.iter(f"{SVG}path") if path.get("stroke-linejoin")]
    assert len({pen.get("stroke-dasharray") for pen in pens}) == 2
    assert {"training", "validation"} <= set(texts(picture))


def test_a_gap_where_a_loss_is_not_finite() -> None:
    [picture] = images(made(loss=[3.0, math.nan, math.inf, 1.0])._repr_html_())
    [path] = [each.get("d", "") for each in picture.iter(f"{SVG}path") if each.get("stroke-linejoin")]
    assert path.count("M") == 2
    assert "L" not in path


@pytest.mark.parametrize("losses", [[math.nan], [math.inf, math.nan]])
def test_nothing_finite_is_told_in_words(losses: list[float]) -> None:
    html = made(loss=losses)._repr_html_()
    assert images(html) == []
    assert "at the end training loss nan" in html


def test_no_epoch() -> None:
    history = History()
    history.stopped = "<b>bold</b>"
    assert history._repr_html_() == "<p>No epoch finished. Stopped: &lt;b&gt;bold&lt;/b&gt;.</p>"


def test_why_it_stopped_is_told() -> None:
    history = made(loss=[1.0])
    history.stopped = "the loss is nan"
    assert "1 epoch; at the end training loss 1. Stopped: the loss is nan." in Reader(history._repr_html_()).words


def test_long_training_stays_small_and_keeps_its_peaks() -> None:
    losses = [1.0 + (k == 54_321) for k in range(100_000)]
    html = made(loss=losses, val_loss=losses, accuracy=losses, val_accuracy=losses)._repr_html_()
    assert len(html) < 60_000
    assert len(Reader(html).rows) == 11
    [picture] = images(html)
    for line in curves(picture):
        assert len(line) <= MOST_POINTS + 2
    ys = [y for _, y in curves(picture)[0]]
    assert ys.count(min(ys)) == 1


@given(st.lists(st.floats(), min_size=1, max_size=30), st.lists(st.floats(0, 1), max_size=30))
def test_any_numbers_can_be_shown(losses: list[float], accuracies: list[float]) -> None:
    for picture in images(made(loss=losses, accuracy=accuracies)._repr_html_()):
        height = float(picture.get("height", "0"))
        for line in curves(picture):
            assert all(LEFT <= x <= WIDTH - RIGHT and 0 <= y <= height for x, y in line)


@given(st.floats(-1e300, 1e300), st.floats(1e-290, 1e300))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    span = max(span, 1e-9 * abs(low))
    high = low + span
    found = ticks(low, high)
    assert len(found) <= 7
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 3, [0, 0.5, 1, 1.5, 2, 2.5, 3]), (1, 120, [20, 40, 60, 80, 100, 120])]
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
