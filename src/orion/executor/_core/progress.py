"""Showing how many tasks have ended, wherever the program runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol, TextIO, TypeVar

from orion.executor._core.future import Future

__all__ = ["Display", "shown"]

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 5.0


class Display(Protocol):
    """What shows the progress."""

    def update(self, done: int, failed: int) -> None:
        """Show that so many have ended, so many of them by failing."""

    def close(self) -> None:
        """Nothing follows."""


def shown(completed: Iterator[Future[T]], futures: Sequence[Future[Any]], label: str) -> Iterator[Future[T]]:
    """Pass ``completed`` on, and show how many of ``futures`` it has come to."""
    display = _display(label, len(futures), sys.stderr)
    done = failed = 0
    try:
        display.update(done, failed)
        for future in completed:
            done += 1
            failed += not future.successful()
            display.update(done, failed)
            yield future
            del future  # else its result would be kept until the next has come
    finally:
        display.close()


def _display(label: str, total: int, stream: TextIO) -> Display:
    """Return the best display that the place and what is installed allow."""
    kind = None
    if _in_notebook():
        kind = "orion.executor._core.progress_widget"
    elif stream.isatty():
        kind = "orion.executor._core.progress_bar"
    if kind is not None:
        try:
            made: Display = import_module(kind).make_display(label, total, stream)
        except ModuleNotFoundError:
            pass
        else:
            return made
    return Lines(label, total, stream)


def _in_notebook() -> bool:
    """Whether this is a Jupyter kernel, the shell of which has a name of its own."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class Lines:
    """A line at the start, every few seconds, and at the end."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self._label = label
        self._total = total
        self._stream = stream
        self._began = time.monotonic()
        self._next_line = self._began

    def update(self, done: int, failed: int) -> None:
        now = time.monotonic()
        if now >= self._next_line or done == self._total:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            failures = f", {failed} failed" if failed else ""
            line = f"{self._label}: {done}/{self._total}{failures} ({now - self._began:.1f} s)"
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing: each line is complete."""
