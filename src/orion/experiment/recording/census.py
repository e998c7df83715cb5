"""Counting trials by state without looking at each of them every time."""

from __future__ import annotations

from dataclasses import replace

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from orion.experiment.recording.records import BRANCHED, STATES
from orion.experiment.recording.tally import Tally

__all__ = ["Census"]


class Census:
    """How many trials of a study are in which state.

    Trials that have finished stay as they are, and new ones are added behind: only those that were new or
    unfinished at the last count are looked at.

    Parameters
    ----------
    storage, study_id
        Where the study is.
    """

    def __init__(self, storage: BaseStorage, study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self._finished = Tally()
        self._open: set[int] = set()  # places of unfinished trials
        self._seen = 0
        self.tally = Tally()
        """As of the last count, and what was said of changes since then."""
        self.queued: FrozenTrial | None = None
        """The first trial that waits to be run."""
        self.inherited = 0
        """How many trials are another experiment's; they are in no other number."""
        self.size = 0
        """How many trials there are: the number of the next new one."""

    def count(self) -> None:
        """Count the trials in the storage."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._open.update(range(self._seen, len(trials)))
        self._seen = self.size = len(trials)
        self.queued = None
        current = {"running": 0, "waiting": 0}
        for place in sorted(self._open):
            trial = trials[place]
            state = STATES[trial.state]
            if trial.state.is_finished():
                if BRANCHED in trial.user_attrs:
                    self.inherited += 1
                else:
                    self._finished = _changed(self._finished, state, 1)
                self._open.discard(place)
                continue
            current[state] += 1
            if trial.state is TrialState.WAITING and self.queued is None:
                self.queued = trial
        self.tally = replace(self._finished, **current)

    def moved(self, to_state: str, *, from_state: str | None) -> None:
        """Take note that a trial has changed its state, or is new, until the next count."""
        self.tally = _changed(self.tally, to_state, 1)
        if from_state is None:
            self.size += 1
        else:
            self.tally = _changed(self.tally, from_state, -1)
        if from_state == "waiting":
            self.queued = None


def _changed(tally: Tally, state: str, by: int) -> Tally:
    return replace(tally, **{state: getattr(tally, state) + by})
