"""When so many trials have brought nothing better that no more are started. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Sequence

from orion.experiment.recording.result import Direction, TrialRecord, rank

__all__ = ["Patience"]


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
