"""Progress where there is no terminal: plain lines, or nothing."""

from __future__ import annotations

from typing import TextIO

from orion.experiment.progress import Progress
from orion.experiment.result import TrialRecord, format_value, shorten

__all__ = ["PlainReporter", "SilentReporter"]


class SilentReporter:
    """Shows nothing."""

    def started(self, progress: Progress, opening: str) -> None: ...

    def trial_started(self, progress: Progress) -> None: ...

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None: ...

    def close(self) -> None: ...


class PlainReporter(SilentReporter):
    """One line for the start and one for each finished trial, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def started(self, progress: Progress, opening: str) -> None:
        print(opening, file=self._stream, flush=True)

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None:
        parameters = " ".join(
            f"{name}={format_value(value)}" for name, value in record.parameters.items()
        )
        end = (
            format_value(record.value)
            if record.failure is None
            else f"failed, {shorten(record.reason, 120)}"
        )
        best = (
            ""
            if progress.best is None
            else f", best {format_value(progress.best.value)}"
        )
        place = f"[{progress.tally.done}/{progress.max_trials}]"
        print(
            f"{place} trial {record.number}: {end} ({parameters}){best}",
            file=self._stream,
            flush=True,
        )
