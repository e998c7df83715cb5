"""Where a running experiment stands, and who is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Literal, TextIO

from orion.experiment.recording.result import Direction, ExperimentResult, TrialRecord, rank
from orion.experiment.recording.tally import Tally

__all__ = ["Progress", "Reporter", "make_reporter"]


class Progress:
    """Where a running experiment stands.

    Parameters
    ----------
    result
        What earlier runs have found.
    max_trials
        How many finished trials there are to be in the end, earlier runs included.
    reporter
        Told of every change.
    """

    def __init__(self, result: ExperimentResult, max_trials: int, reporter: Reporter) -> None:
        self.name = result.name
        self.max_trials = max_trials
        self.tally = Tally()
        self.best = result.best
        self._direction: Direction = result.direction
        self._reporter = reporter

    def started(self, tally: Tally, interrupted: int) -> None:
        """Take note that the run begins; ``interrupted`` of the queued trials were running when a driver ended."""
        self.tally = tally
        self._reporter.started(self, self._opening(interrupted))

    def trial_started(self, tally: Tally, number: int, attempt: int, parameters: Mapping[str, Any]) -> None:
        """Take note that a trial was handed to a worker."""
        self.tally = tally
        self._reporter.trial_started(self, number, attempt, parameters)

    def trial_reported(self, number: int, step: int, value: float) -> None:
        """Take note of an intermediate value."""
        self._reporter.trial_reported(self, number, step, value)

    def trial_retried(self, tally: Tally, number: int, reason: str) -> None:
        """Take note that an attempt failed, and that the trial is queued to be tried again."""
        self.tally = tally
        self._reporter.trial_retried(self, number, reason)

    def draining(self) -> None:
        """Take note that no more trials are started, and that what runs may finish."""
        self.noted(f"no more trials are started; {self.tally.running} running ones may finish. Again to stop them")

    def noted(self, text: str) -> None:
        """Take note of something that concerns the whole run."""
        self._reporter.noted(self, text)

    def trial_ended(self, tally: Tally, record: TrialRecord) -> None:
        """Take note that a trial has been recorded."""
        self.tally = tally
        if record.value is not None:
            candidates = [record] if self.best is None else [self.best, record]
            self.best = min(candidates, key=lambda trial: rank(trial, self._direction))
        self._reporter.trial_ended(self, record)

    def _opening(self, interrupted: int) -> str:
        """Return what the run found: a new experiment, or how much of one is done."""
        tally = self.tally
        if tally.done >= self.max_trials:
            return f"{self.name}: {tally.done} trials are done already; ask for more than that to go on"
        if not (tally.done or tally.waiting or tally.running):
            return f"{self.name}: new experiment, {self.max_trials} trials"
        text = f"{self.name}: continuing: {tally.done} of {self.max_trials} done"
        if tally.failed or tally.pruned:
            parts = [
                f"{count} {state}" for state, count in (("failed", tally.failed), ("pruned", tally.pruned)) if count
            ]
            text += f" ({' and '.join(parts)})"
        if interrupted:
            text += f", {interrupted} interrupted {'trial' if interrupted == 1 else 'trials'} queued again"
        if tally.waiting > interrupted:
            text += f", {tally.waiting - interrupted} more queued"
        if tally.running:
            text += f", {tally.running} running in another driver"
        return text


class Reporter:
    """Shows a run's progress; this one shows nothing.

    Methods are called one at a time: in the thread of ``Experiment.run``, and ``trial_reported`` in another.
    """

    def started(self, progress: Progress, opening: str) -> None:
        """Show that the run begins; ``opening`` says what it found."""

    def trial_started(self, progress: Progress, number: int, attempt: int, parameters: Mapping[str, Any]) -> None:
        """Show that a trial was handed to a worker."""

    def trial_reported(self, progress: Progress, number: int, step: int, value: float) -> None:
        """Show an intermediate value."""

    def trial_retried(self, progress: Progress, number: int, reason: str) -> None:
        """Show that an attempt failed, and that the trial is tried again."""

    def noted(self, progress: Progress, text: str) -> None:
        """Show a line about the whole run."""

    def trial_ended(self, progress: Progress, record: TrialRecord) -> None:
        """Show a finished trial."""

    def close(self) -> None:
        """Nothing follows."""


def make_reporter(shown: bool | Literal["json"], stream: TextIO | None = None) -> Reporter:
    """Return what shows a run's progress.

    Parameters
    ----------
    shown
        Whether to show it; ``"json"``: as events for other programs.
    stream
        Where; by default standard error, and standard output for events. A terminal gets a bar, and so does a notebook
        if ipywidgets is installed.
    """
    if not shown:
        return Reporter()
    if shown == "json":
        from orion.experiment.views.json_events import JSONReporter

        return JSONReporter(sys.stdout if stream is None else stream)
    notebook = stream is None and _in_notebook()
    stream = sys.stderr if stream is None else stream
    if (notebook and find_spec("ipywidgets") is not None) or stream.isatty():
        from orion.experiment.views.progress_bar import BarReporter

        return BarReporter(None if notebook else stream)
    from orion.experiment.views.plain_lines import PlainReporter

    return PlainReporter(stream)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"
