"""How many trials there are in which state, and whether one more may start. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orion.experiment.result import Direction, TrialRecord, rank

__all__ = ["Patience", "Tally", "may_start"]


@dataclass(frozen=True)
class Tally:
    """How many trials of an experiment are in which state.

    Parameters
    ----------
    completed, pruned, failed
        Finished trials; all count as done.
    running
        Trials that some driver works on, this one included.
    waiting
        Trials that are queued: stopped ones, those to be tried again, and those with default values.
    """

    completed: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    pruned: int = 0

    @property
    def done(self) -> int:
        """How many trials have finished."""
        return self.completed + self.pruned + self.failed


def may_start(tally: Tally, max_trials: int) -> bool:
    """Return whether one more trial may start without there being more than ``max_trials`` in the end."""
    return tally.done + tally.running < max_trials


class Patience:
    """Counts the finished trials since the best one.

    Parameters
    ----------
    limit
        How many may follow without a better one; ``None`` for any number.
    trials
        Those of earlier runs.
    direction
        What better means; of several objectives, the first one counts.
    """

    def __init__(self, limit: int | None, trials: Sequence[TrialRecord], direction: Direction) -> None:
        self.limit = limit
        self._direction = direction
        self._best: TrialRecord | None = None
        self._since = 0
        for trial in trials:
            if trial.state in ("completed", "pruned", "failed"):
                self.note(trial)

    def note(self, trial: TrialRecord) -> None:
        """Take note of a finished trial."""
        better = bool(trial.values) and (
            self._best is None or rank(trial, self._direction)[0] < rank(self._best, self._direction)[0]
        )
        self._best, self._since = (trial, 0) if better else (self._best, self._since + 1)

    def exhausted(self) -> bool:
        """Return whether enough trials have followed the best one; before there is any, never."""
        return self.limit is not None and self._best is not None and self._since >= self.limit
