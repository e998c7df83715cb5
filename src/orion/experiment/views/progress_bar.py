"""Progress on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from rich import progress as bar
from rich.console import Console
from rich.markup import escape

from orion.experiment.recording.result import TrialRecord, format_value, shorten
from orion.experiment.views.progress import Progress, Reporter

__all__ = ["BarReporter"]

_MOST_VALUES = 3


class BarReporter(Reporter):
    """One line that changes: done, failed, running, the best value so far, the time; failures scroll by above it.

    The line does not fill the terminal: the ``^C`` that a terminal adds on Ctrl-C must not start another one.

    Parameters
    ----------
    stream
        A terminal; ``None``: the output of a notebook's cell.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._values: dict[int, tuple[int, float]] = {}
        self._bar = bar.Progress(
            bar.TextColumn("{task.description}"),
            bar.BarColumn(),
            bar.TextColumn("{task.completed:.0f}/{task.total:.0f}{task.fields[state]}"),
            bar.TimeElapsedColumn(),
            bar.TextColumn("left"),
            bar.TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task("", total=1, state="")

    def started(self, progress: Progress, opening: str) -> None:
        """Print what the run found, and begin to show the bar."""
        self._print(opening)
        self._bar.reset(
            self._task,
            total=progress.max_trials,
            completed=progress.tally.done,
            description=escape(progress.name),
            state=_state(progress),
        )
        self._bar.start()

    def trial_started(self, progress: Progress, _number: int, _attempt: int, _parameters: Mapping[str, Any]) -> None:
        """Show how many trials run."""
        self._update(progress)

    def trial_reported(self, progress: Progress, number: int, step: int, value: float) -> None:
        """Show the last value of a running trial."""
        self._values[number] = step, value
        self._update(progress)

    def trial_retried(self, progress: Progress, number: int, reason: str) -> None:
        """Print why a trial is tried again."""
        self._values.pop(number, None)
        self._print(f"trial {number} is tried again: {shorten(reason, 200)}")
        self._update(progress)

    def noted(self, _progress: Progress, text: str) -> None:
        """Print a line about the whole run."""
        self._print(text)

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None:
        """Show how many trials are done, and print a failure."""
        self._values.pop(record.number, None)
        if record.failure is not None:
            self._print(f"trial {record.number} failed: {shorten(record.reason, 200)}")
        self._update(progress)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.refresh()  # which stopping leaves out in a notebook
        self._bar.stop()

    def _print(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)

    def _update(self, progress: Progress) -> None:
        self._bar.update(self._task, completed=progress.tally.done, state=_state(progress) + self._last_values())

    def _last_values(self) -> str:
        """Return the last value of each running trial that has reported one, of a few of them."""
        shown = [f"{number}: {format_value(value)}@{step}" for number, (step, value) in sorted(self._values.items())]
        return f" [dim]({', '.join(shown[:_MOST_VALUES])})[/dim]" if shown else ""


def _state(progress: Progress) -> str:
    text = ""
    if progress.tally.failed:
        text += f" [red]{progress.tally.failed} failed[/red]"
    if progress.tally.pruned:
        text += f" [yellow]{progress.tally.pruned} pruned[/yellow]"
    if progress.tally.running:
        text += f" {progress.tally.running} running"
    if progress.best is not None:
        text += f" [green]best {format_value(progress.best.value)}[/green]"
    return text
