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
    """Turns SIGINT and SIGTERM into ``KeyboardInterrupt``, except within :meth:`held`; made by :meth:`taken`.

    Parameters
    ----------
    drain
        Whether the first signal only counts: what runs may finish.
    """

    def __init__(self, *, drain: bool = False) -> None:
        self.received = 0
        self._drain = drain
        self._held = False
        self._waiting = False
        self._told = False

    @property
    def draining(self) -> bool:
        """Whether there was one signal, and what runs may finish."""
        return self._drain and self.received == 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Raise a signal that only counts too, once, within a ``with`` block: also if it came before."""
        self._waiting = True
        try:
            self._tell()
            yield
        finally:
            self._waiting = False

    @classmethod
    @contextmanager
    def taken(cls, *, drain: bool = False) -> Iterator[Interrupts]:
        """Take the signals within a ``with`` block. They reach the main thread only: in others nothing changes."""
        interrupts = cls(drain=drain)
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
        before = self._counted()
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._counted() and not before:
            raise KeyboardInterrupt

    def _counted(self) -> int:
        """Return how many signals there were that stop what runs."""
        return self.received - 1 if self._drain and self.received else self.received

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.received += 1
        if self.draining:
            if self._waiting:
                self._tell()
        elif not self._held or self.received >= _PATIENCE:
            raise KeyboardInterrupt

    def _tell(self) -> None:
        if self.draining and not self._told:
            self._told = True
            raise KeyboardInterrupt
