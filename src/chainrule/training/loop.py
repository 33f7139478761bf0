"""The training loop: batches, updates, figures; whole after an interrupt, finite after a divergence."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np

from chainrule.engine import Value, no_grad, read_data, read_grad, write_data, zero_grad
from chainrule.training.batches import Batches
from chainrule.training.callbacks import Callback
from chainrule.training.history import History
from chainrule.training.inputs import Floats
from chainrule.training.interrupt import Interrupts
from chainrule.training.objective import Objective
from chainrule.training.progress import Progress


class DivergenceWarning(RuntimeWarning):
    """The loss or the weights stopped being finite numbers, and the training ended there."""


@dataclass(frozen=True)
class Samples:
    """Rows for the model, targets as the loss wants them, and the same targets as an array."""

    rows: list[list[float]]
    targets: list[Any]
    numbers: Floats

    def batch(self, chosen: Sequence[int]) -> Samples:
        """Return some of the samples."""
        rows, targets = self.rows, self.targets
        return Samples([rows[i] for i in chosen], [targets[i] for i in chosen], self.numbers[list(chosen)])


@dataclass(frozen=True)
class Plan:
    """Everything that a training needs, checked."""

    model: Any
    batches: Batches
    outputs: int
    objective: Objective
    optimizer: Any
    training: Samples
    validation: Samples | None
    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    callbacks: Sequence[Callback]
    visible: bool


class _DivergedError(Exception):
    """The training cannot go on; the message says what is not finite, and where."""


def train(plan: Plan) -> History:
    """Run a plan and return its history; the model is left whole however it ends."""
    training = _Training(plan)
    recorded = training.recorded()
    for callback in plan.callbacks:
        callback.on_train_begin(plan.model, plan.optimizer, recorded)
    with Interrupts() as interrupts, training.progress:
        try:
            training.run(interrupts)
        except KeyboardInterrupt:
            training.history.stopped = f"interrupted in epoch {len(training.history) + 1}"
            training.history.interrupted = True
        except _DivergedError as reason:
            training.history.stopped = str(reason)
            training.history.diverged = True
        finally:
            training.history.executor = plan.batches.executor()
            training.history.fallback = plan.batches.fallback
            # A gradient left behind would make the next backward() of the person's own warn.
            zero_grad(training.parameters)
        interrupts.hold()
        for callback in plan.callbacks:
            callback.on_train_end()
    training.progress.finish(training.history.stopped)
    if training.history.diverged:  # last, because a person may have made warnings errors
        warnings.warn(f"{training.history.stopped}: {training.advice()}", DivergenceWarning, stacklevel=3)
    return training.history


@final
class _Training:
    """One training while it runs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parameters: list[Value] = list(plan.model.parameters())
        self.layers, self.layer_of = layer_groups(plan.model)
        self.history = History()
        rows = len(plan.training.rows)
        self.cuts = [*range(0, rows, plan.batch_size), rows]
        for start, end in pairwise(self.cuts):
            plan.batches.expect(end - start, plan.epochs)
        if plan.validation is not None:
            plan.batches.expect(len(plan.validation.rows), plan.epochs)
        self.progress = Progress(plan.epochs, len(self.cuts) - 1, plan.visible)
        # The weights with which the loss was last seen to be finite.
        self.safe = read_data(self.parameters)
        self.started = time.perf_counter()

    def recorded(self) -> tuple[str, ...]:
        """Return the names of the figures that each epoch will have."""
        shown = ("loss", self.plan.objective.metric) if self.plan.objective.metric else ("loss",)
        validated = () if self.plan.validation is None else tuple(f"val_{name}" for name in shown)
        return (*shown, *validated, "rate", "seconds")

    def run(self, interrupts: Interrupts) -> None:
        """Train until the last epoch, or until a callback asks to stop."""
        plan = self.plan
        generator = np.random.default_rng(plan.seed)
        order = np.arange(len(plan.training.rows))
        for epoch in range(1, plan.epochs + 1):
            rate = float(plan.optimizer.lr)
            if plan.shuffle:
                generator.shuffle(order)
            plan.batches.begin_epoch()
            logs, norms = self.one_epoch(order.tolist(), interrupts)
            logs |= self.validated()
            logs |= {"rate": rate, "seconds": time.perf_counter() - self.started}
            # An interrupt between two lists would leave them of different lengths.
            interrupts.hold()
            self.history.append(logs, norms)
            interrupts.release()
            self.progress.epoch(logs)
            # All of them hear of the epoch, also when the first asks to stop.
            asking = [callback for callback in plan.callbacks if callback.on_epoch_end(epoch, logs) is True]
            if asking and epoch < plan.epochs:
                self.history.stopped = asking[0].reason()
            if asking:
                return

    def one_epoch(self, order: list[int], interrupts: Interrupts) -> tuple[dict[str, float], dict[str, float]]:
        """Go through the training rows once; return loss and metric, and the gradient norm per layer."""
        plan, rows = self.plan, len(order)
        loss = metric = 0.0
        norms = np.zeros(len(self.layers))
        for start, end in pairwise(self.cuts):
            samples = plan.training.batch(order[start:end])
            outputs, value = self.forward(samples)
            gradient = self.backward(value)
            self.update(interrupts)
            # One full batch must give its loss unrounded: the share is then exactly 1.
            loss += value.data * ((end - start) / rows)
            metric += plan.objective.total(outputs, samples.numbers)
            with np.errstate(over="ignore"):
                norms += np.sqrt(np.bincount(self.layer_of, gradient * gradient, len(self.layers)))
            self.progress.batch()
        norms /= len(self.cuts) - 1
        figures = {"loss": loss} | plan.objective.finish(metric, rows, plan.outputs)
        return figures, dict(zip(self.layers, norms.tolist(), strict=True))

    def forward(self, samples: Samples) -> tuple[Floats, Value]:
        """Return the outputs, shape (rows,) or (rows, outputs), and the loss."""
        loss, values = self.plan.batches(samples.rows, samples.targets)
        return numbers_of(values, self.plan.outputs), loss

    def backward(self, loss: Value) -> Floats:
        """Fill the gradients of this batch and return them; raise when anything is not finite."""
        if not math.isfinite(loss.data):
            write_data(self.parameters, self.safe)
            raise _DivergedError(f"the loss became {loss.data} in epoch {len(self.history) + 1}")
        zero_grad(self.parameters)
        loss.backward()
        gradient: Floats = read_grad(self.parameters)
        self.require_finite("a gradient", gradient)
        return gradient

    def require_finite(self, what: str, numbers: Floats) -> None:
        """Raise when a weight or gradient is not finite."""
        if not np.isfinite(numbers).all():
            raise _DivergedError(f"{what} became nan or infinite in epoch {len(self.history) + 1}")

    def update(self, interrupts: Interrupts) -> None:
        """Apply the optimizer's step wholly or not at all."""
        interrupts.hold()
        self.safe = read_data(self.parameters)
        try:
            self.plan.optimizer.step()
            self.require_finite("a weight", read_data(self.parameters))
        except BaseException:
            write_data(self.parameters, self.safe)
            raise
        interrupts.release()

    def validated(self) -> dict[str, float]:
        """Return loss and metric on the validation rows."""
        plan = self.plan
        if plan.validation is None:
            return {}
        with no_grad():
            outputs, loss = self.forward(plan.validation)
        total = plan.objective.total(outputs, plan.validation.numbers)
        metric = plan.objective.finish(total, len(plan.validation.rows), plan.outputs)
        return {f"val_{name}": figure for name, figure in {"loss": loss.data, **metric}.items()}

    def advice(self) -> str:
        """Return the likeliest fix of a divergence."""
        largest = max(max(map(abs, row)) for row in self.plan.training.rows)
        rate = float(self.plan.optimizer.lr)
        kept = "the model keeps its last finite weights; "
        if largest > 100:
            return f"{kept}scale the inputs (they reach {largest:g}) to about -1 to 1"
        return f"{kept}train again with a smaller rate (it was {rate:g}; try {rate / 10:g})"


def numbers_of(values: list[Value], outputs: int) -> Floats:
    """Return the numbers of all outputs, row after row, with shape (rows,) or (rows, outputs)."""
    numbers: Floats = read_data(values)
    return numbers if outputs == 1 else numbers.reshape(-1, outputs)


def layer_groups(model: Any) -> tuple[list[str], Any]:
    """Return the names of a model's layers, and for each parameter the number of its layer."""
    if not hasattr(model, "named_parameters"):
        return ["all"], np.zeros(len(model.parameters()), dtype=np.intp)
    names = [layer_name(name) for name, _ in model.named_parameters()]
    layers = list(dict.fromkeys(names))
    number = {layer: i for i, layer in enumerate(layers)}
    return layers, np.array([number[name] for name in names], dtype=np.intp)


def layer_name(parameter: str) -> str:
    """Return the layer of a parameter: 'layers.0' for 'layers.0.neurons.3.w.1', 'w' for 'w.1'."""
    parts = parameter.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]
