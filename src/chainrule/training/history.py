"""What happened in a training, epoch by epoch: losses, metrics, rate, gradient norms, time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.files import write_whole
from chainrule.plain_json import json_text, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class History:
    """One entry per finished epoch in each list that was recorded; a list that was not recorded is empty.

    Attributes:
        epochs: the numbers of the epochs, from 1.
        loss: mean loss over the training rows, each taken before the update that its batch made.
        accuracy: share of right answers on the training rows, 0 to 1 (classifiers).
        rmse: root of the mean squared error on the training rows, in the targets' unit (regressors).
        val_loss: as `loss`, for the validation rows at the end of the epoch; so are the next two.
        val_accuracy: see `accuracy`.
        val_rmse: see `rmse`.
        rate: the optimizer's learning rate in the epoch.
        seconds: time since the start of the training, at the end of the epoch.
        gradient_norm: for each layer, the length of its gradient vector, mean over the epoch's batches.
        stopped: why the training ended before its last epoch; empty when it did not.
        interrupted: whether a person stopped it (Ctrl-C).
        diverged: whether it ended because the loss, a gradient or a weight was no finite number.
        executor: what computed the batches: 'eager', 'tape' (the compiler's interpreter) or 'native' (machine code);
            several where batches of different sizes ran differently.
        fallback: why batches ran eagerly although the training was long enough to compile them; else empty.
    """

    epochs: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    rmse: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    val_rmse: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    gradient_norm: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""
    interrupted: bool = False
    diverged: bool = False
    executor: str = "eager"
    fallback: str = ""

    def __len__(self) -> int:
        """Return the number of finished epochs."""
        return len(self.epochs)

    def __bool__(self) -> bool:
        """Return True: a history is an answer even when no epoch was finished."""
        return True

    def append(self, logs: dict[str, float], gradient_norm: dict[str, float]) -> None:
        """Add one finished epoch."""
        self.epochs.append(len(self.epochs) + 1)
        for name, number in logs.items():
            getattr(self, name).append(number)
        for layer, norm in gradient_norm.items():
            self.gradient_norm.setdefault(layer, []).append(norm)

    def recorded(self) -> dict[str, list[float]]:
        """Return the lists that hold something, by name."""
        lists = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_CURVES}
        return {name: numbers for name, numbers in lists.items() if numbers}

    def to_json(self) -> dict[str, Any]:
        """Return the history as plain JSON; nan and infinities become "nan", "inf" and "-inf"."""
        curves = {"epochs": self.epochs, **self.recorded(), "gradient_norm": self.gradient_norm}
        whole: dict[str, Any] = plain({**curves, "stopped": self.stopped})
        return whole

    def save(self, path: str | Path) -> None:
        """Write `to_json()` to a file.

        Raises:
            WriteError: the file cannot be written; what was there is unchanged.
        """
        write_whole(path, json_text(self.to_json(), indent=1).encode())

    def plot(self) -> Axes:
        """Draw the loss curves and return the matplotlib Axes; nothing is shown.

        Raises:
            MissingLibraryError: matplotlib is not installed.
        """
        from chainrule.views.plotting.plots import plot_history

        return plot_history(self)

    def _repr_html_(self) -> str:
        from chainrule.views.notebooks.histories import history_html

        return history_html(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from chainrule.views.notebooks.histories import history_bundle

        del include, exclude  # the caller chooses among all of these
        return history_bundle(self)

    def __repr__(self) -> str:
        if not self.epochs:
            return f"History(no epoch finished{': ' + self.stopped if self.stopped else ''})"
        ends = ", ".join(f"{name} {_short(numbers[-1])}" for name, numbers in self.recorded().items())
        plural = "epoch" if len(self) == 1 else "epochs"
        why = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"History({len(self)} {plural}: {ends}{why})"


_NOT_CURVES = ("epochs", "gradient_norm", "stopped", "interrupted", "diverged", "executor", "fallback")


def _short(number: float) -> str:
    return f"{number:.4g}"
