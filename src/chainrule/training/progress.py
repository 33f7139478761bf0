"""Progress on stderr: a bar with the time left on a terminal, elsewhere one plain line per epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from chainrule.console import animated, console

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

MOST_LINES = 20  # off a terminal, about so many lines for a whole training
LONGEST_SILENCE = 30.0  # … but one at least every so many seconds, while epochs go by
_SHOWN = ("loss", "accuracy", "rmse", "val_loss", "val_accuracy", "val_rmse")


@final
class Progress:
    """Shows a training of `epochs` epochs of `batches` batches each; silent unless `visible`."""

    def __init__(self, epochs: int, batches: int, visible: bool = True) -> None:
        self.epochs = epochs
        self.batches = batches
        self.visible = visible
        self._started = 0.0
        self._epoch = 0
        self._last = ""
        self._said = 0
        self._spoke = 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        self._started = time.perf_counter()
        if self.visible and animated(sys.stderr):
            self._bar = _bar()
            self._task = self._bar.add_task("", total=self.epochs * self.batches, epoch=f"0/{self.epochs}", logs="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def batch(self) -> None:
        """Hear of one finished batch."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def epoch(self, logs: Mapping[str, float]) -> None:
        """Hear of a finished epoch and its figures."""
        self._epoch += 1
        if not self.visible:
            return
        self._last = figures(logs)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, epoch=f"{self._epoch}/{self.epochs}", logs=self._last)
        elif self._due():
            self._line()

    def finish(self, stopped: str) -> None:
        """Say how the training ended, after the bar is gone."""
        if not self.visible:
            return
        if self._epoch and self._said != self._epoch:
            self._line(over=True)
        seconds = time.perf_counter() - self._started
        plural = "epoch" if self._epoch == 1 else "epochs"
        ending = f"; stopped: {stopped}" if stopped else ""
        self._say(f"{self._epoch} {plural} in {duration(seconds)}{ending}")

    def _due(self) -> bool:
        step = max(1, round(self.epochs / MOST_LINES))
        silent = time.perf_counter() - self._spoke
        return self._epoch in (1, self.epochs) or self._epoch % step == 0 or silent > LONGEST_SILENCE

    def _line(self, over: bool = False) -> None:
        self._said, self._spoke = self._epoch, time.perf_counter()
        seconds = self._spoke - self._started
        left = seconds / max(self._epoch, 1) * (self.epochs - self._epoch)
        width = len(str(self.epochs))
        rest = f"  at most {duration(left)} left" if self._epoch < self.epochs and not over else ""
        self._say(f"epoch {self._epoch:{width}}/{self.epochs}  {self._last}{rest}")

    def _say(self, text: str) -> None:
        console(sys.stderr).print(text, soft_wrap=True)


def figures(logs: Mapping[str, float]) -> str:
    """Return the figures of an epoch as one short line."""
    return "  ".join(
        f"{name} {logs[name]:.1%}" if "accuracy" in name else f"{name} {logs[name]:.4g}"
        for name in _SHOWN
        if name in logs
    )


def duration(seconds: float) -> str:
    """Return a time as people say it: '0.4 s', '12 s', '3 min 20 s', '2 h 5 min'."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _bar() -> Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    screen = console(sys.stderr)
    # On a narrow screen the bar goes first, and the figures are cut at the end.
    bars = [BarColumn(bar_width=min(20, screen.width // 6))] if screen.width >= 60 else []
    return Progress(
        TextColumn("epoch {task.fields[epoch]}", table_column=Column(no_wrap=True)),
        *bars,
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        TextColumn("left ", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[logs]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        console=screen,
        transient=True,
        expand=True,
    )
