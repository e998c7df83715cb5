"""Progress on a terminal."""

from __future__ import annotations

from typing import TextIO

from rich import progress
from rich.console import Console
from rich.markup import escape

__all__ = ["make_display"]


class Bar:
    """One line that changes; it does not fill the terminal, so that Ctrl-C does not start another."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.completed:.0f}/{task.total:.0f}{task.fields[state]}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task(escape(label), total=total, state="")
        self._bar.start()

    def update(self, done: int, failed: int) -> None:
        self._bar.update(self._task, completed=done, state=f" [red]{failed} failed[/red]" if failed else "")

    def close(self) -> None:
        self._bar.stop()


def make_display(label: str, total: int, stream: TextIO) -> Bar:
    """Return a bar that is shown from now on."""
    return Bar(label, total, stream)
