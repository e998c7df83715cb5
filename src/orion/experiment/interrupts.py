"""Ctrl-C and SIGTERM: taken at once while the driver waits, held back while it writes to the database."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 3


class Interrupts:
    """Turns SIGINT and SIGTERM into ``KeyboardInterrupt``, except within :meth:`held`; made by :meth:`taken`."""

    def __init__(self) -> None:
        self.received = 0
        self._held = False

    @classmethod
    @contextmanager
    def taken(cls) -> Iterator[Interrupts]:
        """Take the signals within a ``with`` block. They reach the main thread only: in others nothing changes."""
        interrupts = cls()
        previous: dict[int, Any] = {}
        try:
            if threading.current_thread() is threading.main_thread():
                for number in _SIGNALS:
                    if signal.getsignal(number) is not signal.SIG_IGN:  # as a shell does for its background jobs
                        previous[number] = signal.signal(number, interrupts._on_signal)
            yield interrupts
        finally:
            for taken, handler in previous.items():
                signal.signal(taken, handler if handler is not None else signal.SIG_DFL)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals back: the first is raised on leaving, the second is ignored, the third is raised at once."""
        before = self.received
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.received and not before:
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.received += 1
        if not self._held or self.received >= _PATIENCE:
            raise KeyboardInterrupt
