"""How many trials there are in which state, and whether one more may start. Nothing here does I/O."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Tally", "may_start"]


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
