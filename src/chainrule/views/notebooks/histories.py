"""How a History shows itself in a notebook: the curves, and the last epochs as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chainrule.views.drawing.picture import LONGEST_HINT, legible
from chainrule.views.drawing.svg import escape
from chainrule.views.notebooks.progress import training_chart
from chainrule.views.notebooks.values import bundle, details_html, image_html, table_html
from chainrule.views.tracing.numbers import number_text

EPOCHS = 10
COLUMNS = {
    "loss": "loss",
    "val_loss": "validation loss",
    "accuracy": "accuracy",
    "val_accuracy": "validation accuracy",
    "rmse": "RMSE",
    "val_rmse": "validation RMSE",
    "rate": "rate",
    "seconds": "seconds",
}


class Training(Protocol):
    """What a display looks at: chainrule's History."""

    epochs: list[int]
    stopped: str

    def recorded(self) -> Mapping[str, Sequence[float]]:
        """Return the series that hold something, by name."""


def history_html(history: Training) -> str:
    """Return the curves of a training and its last epochs; bounded, however many there were."""
    series = history.recorded()
    count = len(history.epochs)
    why = f" Stopped: {escape(legible(history.stopped, LONGEST_HINT))}." if history.stopped else ""
    if not count:
        return f"<p>No epoch finished.{why}</p>"
    svg, title = training_chart(series)
    head = f"<p>{escape(title)}.{why}</p>"
    image = image_html(svg.encode(), title) if svg else ""
    columns = [name for name in COLUMNS if len(series.get(name, ())) == count]
    last = range(max(count - EPOCHS, 0), count)
    rows = [[f"{history.epochs[k]:,}", *(number_text(float(series[name][k])) for name in columns)] for k in last]
    table = table_html(["epoch", *(COLUMNS[name] for name in columns)], rows)
    words = f"The last {len(rows)} epochs as a table" if count > EPOCHS else "The epochs as a table"
    return head + image + details_html(words, table)


def history_bundle(history: Training) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for a History: HTML, and its repr as text."""
    return bundle(history, history_html(history))
