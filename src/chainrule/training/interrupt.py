"""Ctrl-C at a safe moment: while an update is being applied, the interrupt waits for its end."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import final


@final
class Interrupts:
    """A context in which `hold()` … `release()` is not torn by Ctrl-C.

    Outside the main thread, or where a program handles SIGINT itself, nothing is changed: no
    KeyboardInterrupt can arise there (or the program has decided what one means).
    """

    def __init__(self) -> None:
        self._installed = False
        self._held = False
        self._pending = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def hold(self) -> None:
        """Begin a part that must not be torn."""
        self._held = True

    def release(self) -> None:
        """End it; an interrupt that came meanwhile is raised now."""
        self._held = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - Python's signature
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt
