"""Progress for other programs: one JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

from orion.experiment.recording.result import TrialRecord
from orion.experiment.views.progress import Progress, Reporter

__all__ = ["JSONReporter"]


class JSONReporter(Reporter):
    """Writes an event for everything that happens: its name, the time in seconds since 1970, and what it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def started(self, progress: Progress, opening: str) -> None:
        """Write that the run begins, with what it found."""
        self._write("started", progress, max_trials=progress.max_trials, text=opening)

    def trial_started(self, progress: Progress, number: int, attempt: int, parameters: Mapping[str, Any]) -> None:
        """Write that a trial was handed to a worker."""
        self._write("trial_started", progress, trial=number, attempt=attempt, parameters=dict(parameters))

    def trial_reported(self, progress: Progress, number: int, step: int, value: float) -> None:
        """Write an intermediate value."""
        self._write("trial_reported", progress, trial=number, step=step, value=value)

    def trial_retried(self, progress: Progress, number: int, reason: str) -> None:
        """Write that an attempt failed, and that the trial is tried again."""
        self._write("trial_retried", progress, trial=number, reason=reason)

    def noted(self, progress: Progress, text: str) -> None:
        """Write a line about the whole run."""
        self._write("noted", progress, text=text)

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None:
        """Write a trial's end, and what is best now."""
        best = None if progress.best is None else {"trial": progress.best.number, "values": progress.best.values}
        self._write(
            "trial_ended", progress, trial=record.number, state=record.state, values=record.values,
            parameters=record.parameters, attributes=record.attributes, reason=record.reason or None, best=best,
        )  # fmt: skip

    def _write(self, event: str, progress: Progress, **content: Any) -> None:
        line = {"event": event, "time": time.time(), "experiment": progress.name, **content, **asdict(progress.tally)}
        print(json.dumps(line), file=self._stream, flush=True)
