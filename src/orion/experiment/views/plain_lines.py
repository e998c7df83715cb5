"""Progress where there is no terminal."""

from __future__ import annotations

from typing import TextIO

from orion.experiment.recording.result import TrialRecord, describe_end, format_value, shorten
from orion.experiment.views.progress import Progress, Reporter

__all__ = ["PlainReporter"]


class PlainReporter(Reporter):
    """One line for the start and one for each finished trial, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def started(self, _progress: Progress, opening: str) -> None:
        """Print what the run found."""
        print(opening, file=self._stream, flush=True)

    def trial_retried(self, _progress: Progress, number: int, reason: str) -> None:
        """Print why a trial is tried again."""
        print(f"trial {number} is tried again: {shorten(reason, 200)}", file=self._stream, flush=True)

    def noted(self, progress: Progress, text: str) -> None:
        """Print a line about the whole run."""
        print(f"{progress.name}: {text}", file=self._stream, flush=True)

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None:
        """Print a trial's end."""
        parameters = " ".join(f"{name}={format_value(value)}" for name, value in record.parameters.items())
        end = describe_end(record)
        best = "" if progress.best is None else f", best {format_value(progress.best.value)}"
        place = f"[{progress.tally.done}/{progress.max_trials}]"
        print(f"{place} trial {record.number}: {end} ({parameters}){best}", file=self._stream, flush=True)
