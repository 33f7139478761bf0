"""What a training minimises and shows: the loss by name or as given, and the metric that goes with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import losses
from chainrule.engine import Value
from chainrule.errors import ArgumentError, ArityError, ChainruleError
from chainrule.training.inputs import Floats

Loss = Callable[[Sequence[Any], Sequence[Any]], Value]
NAMES = ("mse", "hinge", "cross_entropy", "binary_cross_entropy")


@dataclass(frozen=True)
class Objective:
    """A loss and its metric.

    Attributes:
        name: the loss, as in `chainrule.losses`, that decides what outputs mean; empty for a loss of one's
            own with targets of which nothing is known, which has no metric.
        loss: what is called with the predictions and targets of a batch.
        threshold: the output above which a classifier of one output says 'yes'.
        unit: what one unit of a regression's target is worth, in the unit of the rmse that is shown.
        own: whether the loss is a person's own, which checks its targets itself.
    """

    name: str
    loss: Loss
    threshold: float = 0.0
    unit: float = 1.0
    own: bool = False

    @property
    def metric(self) -> str:
        """Return 'rmse' for mse, 'accuracy' for a classifier's loss, '' where neither is known."""
        return "rmse" if self.name == "mse" else "accuracy" if self.name else ""

    def total(self, outputs: Floats, targets: Floats) -> float:
        """Return a batch's share of the metric: squared errors summed, or the number of right answers."""
        if self.name == "mse":
            with np.errstate(over="ignore"):
                return float(np.square(outputs - targets).sum())
        if not self.name:
            return 0.0
        return float((self.decide(outputs) == self.classes(targets)).sum())

    def finish(self, total: float, rows: int, outputs: int) -> dict[str, float]:
        """Return the metric of `rows` samples, by its name, from the sum of their shares."""
        if self.name == "mse":
            return {"rmse": self.unit * math.sqrt(total / (rows * outputs))}
        return {"accuracy": total / rows} if self.name else {}

    def check(self, targets: Floats, outputs: int, what: str = "y") -> None:
        """Raise the error that names the first target which the loss cannot take."""
        if not self.own:
            check(self.name, targets, outputs, what)

    def decide(self, outputs: Floats) -> Any:
        """Return the class that each row of outputs stands for."""
        return outputs.argmax(axis=1) if outputs.ndim == 2 else outputs > self.threshold

    def classes(self, targets: Floats) -> Any:
        """Return the class that each target stands for, as `decide` numbers them."""
        if self.name == "cross_entropy":
            return targets
        return targets > (0.0 if self.name == "hinge" else 0.5)

    def prepare(self, targets: Floats) -> list[Any]:
        """Return targets as the loss wants them: class numbers as int, everything else as float."""
        prepared: list[Any] = (targets.astype(int) if self.name == "cross_entropy" else targets).tolist()
        return prepared


def choose(loss: str | Loss | None, targets: Floats, outputs: int, sigmoid: bool, unit: float = 1.0) -> Objective:
    """Return the objective for a loss given by name, by function, or not at all.

    Without a loss the targets decide: −1 and +1 mean hinge, 0 and 1 binary cross-entropy (mse where the
    model's last activation is already a sigmoid), whole numbers for a model of several outputs
    cross-entropy, all else mse.

    Raises:
        ArgumentError: an unknown name, or targets that the loss cannot take.
        ArityError: targets and outputs have different widths.
    """
    natural = natural_loss(targets, outputs)
    threshold = 0.5 if sigmoid else 0.0
    name = natural if loss is None else loss
    if callable(name):
        name = next((known for known in NAMES if getattr(losses, known) is loss), "")
        if callable(loss) and not name:
            return Objective(_if_fitting(natural, targets, outputs), loss, threshold, unit, own=True)
    if name not in NAMES:
        raise ArgumentError(f"loss={loss!r} is not known: choose {', '.join(NAMES)}, or pass a function")
    if loss is None and sigmoid and name == "binary_cross_entropy":
        # That loss takes the number before the sigmoid; on probabilities the squared error is the honest one.
        return Objective(name, losses.mse, threshold, unit)
    check(name, targets, outputs)
    return Objective(name, getattr(losses, name), threshold, unit)


def _if_fitting(name: str, targets: Floats, outputs: int) -> str:
    """Return the name if the targets are such as that loss takes, else nothing."""
    try:
        check(name, targets, outputs)
    except ChainruleError:
        return ""
    return name


def natural_loss(targets: Floats, outputs: int) -> str:
    """Return the name of the loss that targets ask for by themselves."""
    if targets.ndim == 2:
        return "mse"
    values = set(np.unique(targets).tolist()) if len(targets) else set()
    if outputs > 1:
        return "cross_entropy"
    if values <= {-1.0, 1.0}:
        return "hinge"
    return "binary_cross_entropy" if values <= {0.0, 1.0} else "mse"


def check(name: str, targets: Floats, outputs: int, what: str = "y") -> None:
    """Raise the error that names the first target which a loss cannot take."""
    width = targets.shape[1] if targets.ndim == 2 else 1
    if name == "cross_entropy":
        if outputs == 1:
            raise ArgumentError(
                "cross_entropy needs one output per class and the model has one output: "
                "use binary_cross_entropy, or give the last layer as many neurons as there are classes"
            )
        if width != 1:
            raise ArityError(f"cross_entropy takes one class number per row, and {what} has {width} columns")
        allowed = (targets == np.floor(targets)) & (targets >= 0) & (targets < outputs)
        _refuse(name, targets, allowed, f"class numbers from 0 to {outputs - 1}, one per output", what)
        return
    if width != outputs:
        raise ArityError(
            f"the model has {outputs} outputs and {what} has {width} per row: make the last layer as wide "
            f"as {what}{', or use cross_entropy with class numbers' if name == 'mse' and width == 1 else ''}"
        )
    if name == "hinge":
        _refuse(name, targets, np.abs(targets) == 1, "-1 and +1 (2*y - 1 turns 0 and 1 into these)", what)
    elif name == "binary_cross_entropy":
        allowed = (targets >= 0) & (targets <= 1)
        _refuse(name, targets, allowed, "0 and 1 ((y + 1) / 2 turns -1 and +1 into these)", what)


def _refuse(name: str, targets: Floats, allowed: Any, wanted: str, what: str) -> None:
    if not np.all(allowed):
        row = int(np.flatnonzero(~np.asarray(allowed).reshape(len(targets), -1).all(axis=1))[0])
        raise ArgumentError(f"{what}[{row}] is {targets[row]}, and {name} takes {wanted}")
