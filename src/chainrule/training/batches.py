"""What a batch gives: its loss and its outputs; compiled where the training is long enough to pay for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, final

from chainrule import engine
from chainrule.engine import Value
from chainrule.errors import ArgumentError, StaleTraceError
from chainrule.training.frozen import Settings, settings_of

Mode: TypeAlias = Literal["auto"] | bool
# About what an eager batch takes for each row and parameter. By sizes and not by a clock, so that the same training
# takes the same way each time.
SECONDS = 25e-9 if engine.compiled else 2e-6
# Below this, nothing is compiled: loading the compiler and tracing take a good part of it.
WORTH = 0.1
# The second of these calls is compared with eager code, and then each of so many: see `_Compiled`.
CHECKED = 1000
# A model whose settings change from epoch to epoch is traced anew so often.
RETRACES = 3


def side_by_side(predictions: list[Any]) -> list[Value]:
    """Return the outputs of several rows one behind the other; a row has a Value or a list of them."""
    if isinstance(predictions[0], Value):
        return predictions
    return [value for row in predictions for value in row]


# (rows, targets) -> (the loss, the outputs of all rows one behind the other)
Batch: TypeAlias = Callable[[Sequence[Any], Sequence[Any]], tuple[Value, list[Value]]]


def batch_of(forward: Callable[[Any], Any], loss: Callable[[Any, Any], Any]) -> Batch:
    """Return the function that runs a batch as Python."""

    def run(rows: Sequence[Any], targets: Sequence[Any]) -> tuple[Value, list[Value]]:
        predictions = [forward(row) for row in rows]
        value = loss(predictions, targets)
        if not isinstance(value, Value):
            raise ArgumentError(
                f"the loss function returned {type(value).__name__} {value!r:.60}: "
                "compute it from the predictions with Value operations, without .data or float()"
            )
        return value, side_by_side(predictions)

    return run


def without_gradients_of_outputs(batch: Batch) -> Batch:
    """Return the function that is compiled: outputs are only looked at, so no gradient is computed for them."""

    def run(rows: Sequence[Any], targets: Sequence[Any]) -> tuple[Value, list[Value]]:
        loss, outputs = batch(rows, targets)
        return loss, [value.detach() for value in outputs]

    return run


@final
class Batches:
    """Runs the batches of a training; under 'auto' each size as pays best, and eagerly what cannot be compiled.

    Attributes:
        fallback: why batches run eagerly that were to be compiled; empty when none do.
    """

    def __init__(self, model: Any, forward: Callable[[Any], Any], loss: Callable[[Any, Any], Any], mode: Mode) -> None:
        self.model, self.mode = model, mode
        self.eager = batch_of(forward, loss)
        self.traceable = without_gradients_of_outputs(self.eager)
        self.parameters = len(model.parameters())
        self.expected: dict[int, int] = {}
        self.functions: dict[int, Batch] = {}
        self.settings: Settings | None = None
        self.changes = 0
        self.fallback = ""

    def expect(self, rows: int, times: int) -> None:
        """Say that batches of so many rows will come so often."""
        self.expected[rows] = self.expected.get(rows, 0) + times

    def begin_epoch(self) -> None:
        """Trace anew where the model's settings have changed; under 'auto' give up when they do so again and again."""
        if self.settings is None or self.settings == settings_of(self.model):
            return
        self.functions, self.settings = {}, None
        self.changes += 1
        if self.changes == RETRACES and self.mode == "auto":
            self.fall_back("the model's settings change while it is trained")

    def __call__(self, rows: Sequence[Any], targets: Sequence[Any]) -> tuple[Value, list[Value]]:
        """Return the loss, and the outputs of all rows one behind the other."""
        function = self.functions.get(len(rows))
        if function is None:
            function = self.functions[len(rows)] = self._way(len(rows))
        return function(rows, targets)

    def fall_back(self, why: str) -> None:
        """Run everything eagerly from now on."""
        self.fallback, self.settings = why, None
        self.functions.clear()

    def executor(self) -> str:
        """Return what runs the batches: 'native', 'tape', 'eager', or two of them."""
        return ", ".join(dict.fromkeys(getattr(way, "executor", "eager") for way in self.functions.values())) or "eager"

    def _way(self, rows: int) -> Batch:
        """Return how batches of so many rows are run."""
        if self.mode is False or self.fallback:
            return self.eager
        if self.mode == "auto" and SECONDS * self.expected.get(rows, 0) * rows * self.parameters < WORTH:
            return self.eager
        if self.settings is None:
            self.settings = settings_of(self.model)
        return _Compiled(self, rows)


@final
class _Compiled:
    """Batches of one size, compiled, and compared with eager code now and then.

    What a trace cannot see, such as a number in a list that the model's own code changes, would be frozen in
    silence; the second batch, whose rows are others, shows most of it.
    """

    def __init__(self, batches: Batches, rows: int) -> None:
        from chainrule.compiler.function import CompiledFunction, Options

        self.batches = batches
        times = batches.expected.get(rows) if batches.mode == "auto" else None
        options = Options(expected_calls=times, say=self.say, title="the batch")
        self.function = CompiledFunction(batches.traceable, options)
        self.calls = 0

    @property
    def executor(self) -> str:
        """What runs these batches."""
        return self.function.report().executor

    def __call__(self, rows: Sequence[Any], targets: Sequence[Any]) -> tuple[Value, list[Value]]:
        """Run a batch."""
        result: tuple[Value, list[Value]] = self.function(rows, targets)
        self.calls += 1
        if self.calls == 1:
            self._require_still()
        elif self.calls == 2 or self.calls % CHECKED == 0:
            return self._compared(result, rows, targets)
        return result

    def say(self, why: str) -> None:
        """Take note of why batches run eagerly; who asked for compiled ones is told.

        Raises:
            ArgumentError: they were asked for with compile=True.
        """
        if self.batches.mode is True:
            raise ArgumentError(f"compile=True, and {why}; or leave compile at 'auto'")
        self.batches.fall_back(why)

    def _require_still(self) -> None:
        """Fall back where the trace has changed the model: it would not change again."""
        if self.batches.settings is not None and self.batches.settings != settings_of(self.batches.model):
            self.say("the model changes its own settings when it is called")

    def _compared(
        self, result: tuple[Value, list[Value]], rows: Sequence[Any], targets: Sequence[Any]
    ) -> tuple[Value, list[Value]]:
        """Return the result if eager code gives the same, else what that gives."""
        try:
            self.function.compare(result, (rows, targets), {})
        except StaleTraceError as error:
            self.say(str(error))
            return self.batches.eager(rows, targets)
        return result
