"""Callbacks: what is told at the end of each epoch, and may ask to stop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

from chainrule.engine import read_data, write_data
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.training.inputs import Floats

# A function of (epoch, logs) is a callback too; True asks to stop.
EpochFunction = Callable[[int, Mapping[str, float]], "bool | None"]


class Callback(ABC):
    """Told about a training; only `on_epoch_end` must be written."""

    def on_train_begin(self, model: Any, optimizer: Any, recorded: tuple[str, ...]) -> None:  # noqa: B027 - hearing of it is optional
        """Hear of a training that starts; `recorded` names what `logs` will hold."""

    @abstractmethod
    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> bool | None:
        """Hear of a finished epoch (counted from 1); return True to stop the training."""

    def on_train_end(self) -> None:  # noqa: B027 - hearing of it is optional
        """Hear that the training is over, also when it was interrupted or diverged."""

    def reason(self) -> str:
        """Return why the callback asked to stop, for `History.stopped`."""
        return f"{type(self).__name__} asked to"


@final
class Function(Callback):
    """A plain function of (epoch, logs) as a callback."""

    def __init__(self, function: EpochFunction) -> None:
        self.function = function

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> bool | None:
        """Call the function."""
        return self.function(epoch, logs)

    def reason(self) -> str:
        """Return the function's name."""
        return f"{getattr(self.function, '__name__', 'a callback')} asked to"


@final
class EarlyStopping(Callback):
    """Stops when a figure has not improved for `patience` epochs, and brings the best weights back.

    Args:
        monitor: which figure of the logs: 'val_loss', 'loss', 'val_accuracy', … Accuracies shall rise,
            all others fall.
        patience: how many epochs without improvement are allowed.
        min_delta: by how much a figure must improve to count.
        restore_best: whether the model ends with the weights of its best epoch.

    Raises:
        ArgumentError: patience below 1, a negative min_delta, or a monitor that is not recorded.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        if patience < 1:
            raise ArgumentError(f"EarlyStopping(patience={patience}): pass 1 or more epochs")
        if not min_delta >= 0:
            raise ArgumentError(f"EarlyStopping(min_delta={min_delta}): pass 0 or more")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best = restore_best
        self.best = math.nan
        self.best_epoch = 0
        self._parameters: list[Any] = []
        self._weights: Floats | None = None

    def on_train_begin(self, model: Any, optimizer: Any, recorded: tuple[str, ...]) -> None:  # noqa: ARG002 - as in Callback
        """Forget earlier trainings and check that the figure will be there."""
        if self.monitor not in recorded:
            fix = "pass validation_data" if self.monitor.startswith("val_") else "choose another monitor"
            raise ArgumentError(
                f"EarlyStopping watches '{self.monitor}', and this training records {', '.join(recorded)}: {fix}"
            )
        self.best, self.best_epoch, self._weights = math.nan, 0, None
        self._parameters = list(model.parameters())

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> bool:
        """Remember the weights of a best epoch; ask to stop when the best is too long ago."""
        if self._improves(logs[self.monitor]):
            if self.restore_best:
                self._weights = read_data(self._parameters)
            self.best, self.best_epoch = logs[self.monitor], epoch
        return epoch - self.best_epoch >= self.patience

    def on_train_end(self) -> None:
        """Bring the best weights back."""
        if self._weights is not None:
            write_data(self._parameters, self._weights)

    def reason(self) -> str:
        """Return what has not improved, and since when."""
        if not self.best_epoch:
            return f"{self.monitor} was never a number in {self.patience} epochs"
        kept = ", whose weights the model has" if self.restore_best else ""
        return f"{self.monitor} has not improved since epoch {self.best_epoch}{kept}"

    def _improves(self, figure: float) -> bool:
        if math.isnan(figure):
            return False
        if math.isnan(self.best):
            return True
        gain = figure - self.best if "accuracy" in self.monitor else self.best - figure
        return gain > self.min_delta
