"""The trials of one experiment in the database: claimed, recorded and taken back, in steps that a kill cannot split.

A trial is one row of Optuna's study. Its claim, a user attribute, says which driver runs it and which attempt this is;
a new trial is made with it. Claims are written and judged under the drivers' lock, so a running trial
whose driver has ended was left behind. Every step may be done again: if the connection to the database is
lost in the middle, it is.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from orion.experiment.recording.agreement import known_seed, open_study
from orion.experiment.recording.census import Census
from orion.experiment.recording.records import (
    ATTEMPTS,
    CLAIM,
    CODE,
    FAILURE,
    TERMS,
    as_record,
    as_result,
    interrupted_attempt,
)
from orion.experiment.recording.result import Direction, ExperimentResult, TrialRecord
from orion.experiment.recording.tally import Tally, may_start
from orion.experiment.recording.verdicts import Completed, Failed, Pruned
from orion.experiment.sampling.samplers import Samplers
from orion.experiment.sampling.seeds import trial_seed
from orion.experiment.space.search_space import SearchSpace
from orion.experiment.storage import Database, quiet_optuna

__all__ = ["Claim", "Trials"]


@dataclass(frozen=True)
class Claim:
    """A trial that this driver is to run.

    Parameters
    ----------
    number, parameters, attempt
        Which trial, with what, and how often it was started, this time included.
    seed
        The trial's own.
    history
        The records of its earlier attempts.
    trial
        Optuna's; whoever uses it holds the same lock as those who use the study.
    """

    number: int
    parameters: dict[str, Any]
    attempt: int
    seed: int
    history: list[dict[str, Any]]
    trial: optuna.Trial


class Trials:
    """The trials of an experiment, as its driver sees them.

    Opening makes the experiment if there is none of that name.

    Raises
    ------
    ExperimentMismatch
        If it exists with another space or direction.
    StorageError
        If the database fails, here or in any method.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        space: SearchSpace,
        samplers: Samplers,
        directions: Sequence[Direction],
        *,
        seed: int | None = None,
        pruner: BasePruner | None = None,
        branch_of: str | None = None,
    ) -> None:
        self._database = database
        self._storage = database.storage
        self._space = space
        self._samplers = samplers
        self.n_objectives = len(directions)
        with database.durable(), quiet_optuna():
            self._study = database.attempt(lambda: self._open(name, space, directions, branch_of))
            if pruner is not None:
                self._study.pruner = pruner
            self._study_id = database.attempt(lambda: self._storage.get_study_id_from_name(name))
            self._seed = database.attempt(lambda: known_seed(self._study)) if seed is None else seed
        self._origin: dict[str, Any] = {}  # of this run: its engine and its code
        self.taken_back: list[tuple[int, dict[str, Any]]] = []
        """Numbers of trials whose driver was killed, and the records of their attempts."""
        self._census = Census(self._storage, self._study_id)
        self._census_is_true = False
        database.attempt(self._census.count)

    @property
    def tally(self) -> Tally:
        """How many trials are in which state; other drivers' as of the last claim."""
        return self._census.tally

    @property
    def inherited(self) -> int:
        """How many trials are another experiment's, which this one started from."""
        return self._census.inherited

    def take_back(self) -> int:
        """Queue the running trials that no living driver works on; return how many interrupted ones are queued now."""
        return self._database.attempt(self._take_back)

    def claim(self, max_trials: int) -> Claim | None:
        """Take a queued trial, or make a new one; ``None`` if there are, or will be, ``max_trials`` finished ones."""
        return self._database.attempt(lambda: self._claim(max_trials))

    def record(self, claim: Claim, end: Completed | Pruned | Failed, attempt: dict[str, Any]) -> TrialRecord | None:
        """Write a trial's end to the database, with a record of its last attempt.

        Returns
        -------
        TrialRecord or None
            The trial as it is recorded now; ``None`` if the trial is another driver's now, which took this one for
            dead: then nothing is recorded.
        """
        with self._database.durable():
            record = self._database.attempt(lambda: self._record(claim, end, attempt))
        if record is not None:
            self._census.moved(record.state, from_state="running")
        return record

    def requeue(self, claim: Claim, attempt: dict[str, Any] | None = None) -> None:
        """Queue a trial again, with its number and parameters, and record how the attempt ended, if it has begun."""
        with self._database.durable():
            self._database.attempt(lambda: self._requeue(claim, attempt))

    def note_code(self, name: str, record: dict[str, Any], engine: str) -> None:
        """Record with the experiment, under a name that its attempts give, what code runs them, on what engine."""
        self._origin = {"engine": engine, "code": name}

        def note() -> None:
            if CODE + name not in self._study.user_attrs:
                self._study.set_user_attr(CODE + name, record)

        self._database.attempt(note)

    def known_terms(self) -> dict[str, Any]:
        """Return under which terms the experiment was run last; empty if it was not."""
        return self._database.attempt(lambda: dict(self._study.user_attrs.get(TERMS, {})))

    def note_terms(self, terms: dict[str, Any]) -> None:
        """Record under which terms the experiment is run."""
        self._database.attempt(lambda: self._study.set_user_attr(TERMS, terms))

    def result(self) -> ExperimentResult:
        """Return all trials as they are recorded."""
        return self._database.attempt(lambda: as_result(self._study))

    def _open(
        self, name: str, space: SearchSpace, directions: Sequence[Direction], branch_of: str | None
    ) -> optuna.Study:
        with self._database.lock.exclusive():
            return open_study(self._database, name, space, directions, branch_of)

    def _take_back(self) -> int:
        interrupted = 0
        with self._database.lock.exclusive():
            for trial in self._storage.get_all_trials(self._study_id, deepcopy=False):
                claim = trial.user_attrs.get(CLAIM)
                if trial.state is TrialState.RUNNING:
                    if claim is None or not self._database.lock.is_alive(claim["driver"]):
                        self._note_interrupted(trial)
                        self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
                        interrupted += 1
                elif trial.state is TrialState.WAITING and claim is not None:
                    interrupted += 1
            self._census.count()
        return interrupted

    def _note_interrupted(self, trial: FrozenTrial) -> None:
        attempt = interrupted_attempt(trial, trial_seed(self._seed, trial.number))
        if attempt is not None:
            attempts = [*trial.user_attrs.get(ATTEMPTS, ()), attempt]
            self._storage.set_trial_user_attr(trial._trial_id, ATTEMPTS, attempts)
            self.taken_back.append((trial.number, attempt))

    def _claim(self, max_trials: int) -> Claim | None:
        with self._database.lock.exclusive():
            self._update_census()
            if not may_start(self.tally, max_trials):
                return None
            queued = self._census.queued
            self._census_is_true = False  # if this fails midway
            self._study.sampler = self._samplers.for_trial(self._census.size if queued is None else queued.number)
            trial, attempt = self._begin(queued)
            for name, distribution in self._space.distributions.items():
                _suggest(trial, name, distribution)
            self._census.moved("running", from_state=None if queued is None else "waiting")
            self._census_is_true = True
        seed = trial_seed(self._seed, trial.number)
        history = [] if queued is None else queued.user_attrs.get(ATTEMPTS, [])
        return Claim(trial.number, trial.params, attempt, seed, history, trial)

    def _update_census(self) -> None:
        """Count the trials, unless nobody else can have changed them, and none waits, which would have to be found."""
        unchanged = self._database.unchanged()
        if not (unchanged and self._census_is_true) or self.tally.waiting:
            self._census.count()

    def _begin(self, queued: FrozenTrial | None) -> tuple[optuna.Trial, int]:
        """Make a trial that runs and is ours, from a queued one or a new one, as ``study.ask`` does."""
        self._study._thread_local.cached_all_trials = None
        attempt = 1 if queued is None else queued.user_attrs.get(CLAIM, {}).get("attempt", 0) + 1
        claim = {
            "driver": self._database.lock.driver, "host": socket.gethostname(), "pid": os.getpid(),
            "attempt": attempt, "started": time.time(), **self._origin,
        }  # fmt: skip
        if queued is None:
            running = create_trial(state=TrialState.RUNNING, user_attrs={CLAIM: claim})
            trial_id = self._storage.create_new_trial(self._study_id, running)
        else:
            trial_id = queued._trial_id
            self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            self._storage.set_trial_user_attr(trial_id, CLAIM, claim)
        return optuna.Trial(self._study, trial_id), attempt

    def _record(self, claim: Claim, end: Completed | Pruned | Failed, attempt: dict[str, Any]) -> TrialRecord | None:
        trial_id = claim.trial._trial_id
        with self._database.lock.exclusive():
            trial = self._own(claim)
            if trial is None:
                return None
            if trial.state.is_finished():  # it was recorded, and the connection was lost before that was heard
                return as_record(trial)
            attributes: dict[str, Any] = {ATTEMPTS: [*claim.history, attempt]}
            if isinstance(end, Completed):
                attributes |= end.attributes
            elif isinstance(end, Failed):
                attributes[FAILURE] = attempt["failure"]
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial_id, key, value)
            finished = self._finish(trial, end)
        finished.user_attrs = {**trial.user_attrs, **attributes}
        return as_record(finished)

    def _finish(self, trial: FrozenTrial, end: Completed | Pruned | Failed) -> FrozenTrial:
        """Set a trial's last state, as ``study.tell`` does, and return the trial with it."""
        values: list[float] | None
        if isinstance(end, Completed):
            state, values = TrialState.COMPLETE, list(end.values)
        elif isinstance(end, Pruned):
            state, values = TrialState.PRUNED, _last_value(trial)
        else:
            state, values = TrialState.FAIL, None
        self._study._thread_local.cached_all_trials = None
        try:
            self._study.sampler.after_trial(self._study, trial, state, values)
        finally:
            self._storage.set_trial_state_values(trial._trial_id, state, values)
        finished = copy(trial)  # to read it once more would cost as much as to write it
        finished.state, finished.values, finished.datetime_complete = state, values, datetime.now()
        return finished

    def _requeue(self, claim: Claim, attempt: dict[str, Any] | None) -> None:
        trial_id = claim.trial._trial_id
        with self._database.lock.exclusive():
            trial = self._own(claim)
            if trial is None or trial.state is not TrialState.RUNNING:
                return
            if attempt is not None:
                self._storage.set_trial_user_attr(trial_id, ATTEMPTS, [*claim.history, attempt])
            self._storage.set_trial_state_values(trial_id, TrialState.WAITING)
            self._census.moved("waiting", from_state="running")

    def _own(self, claim: Claim) -> FrozenTrial | None:
        """Return a trial that was claimed as it is now; ``None`` if another driver has taken it since."""
        trial = self._storage.get_trial(claim.trial._trial_id)
        last = trial.user_attrs.get(CLAIM, {})
        ours = (last.get("driver"), last.get("attempt")) == (self._database.lock.driver, claim.attempt)
        return trial if ours and trial.state is not TrialState.WAITING else None


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, FloatDistribution):
        trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, IntDistribution):
        trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    else:
        assert isinstance(distribution, CategoricalDistribution)
        trial.suggest_categorical(name, distribution.choices)


def _last_value(trial: FrozenTrial) -> list[float] | None:
    """Return what the value of a pruned trial is, for samplers that learn from it."""
    step = trial.last_step
    value = math.nan if step is None else trial.intermediate_values[step]
    return None if math.isnan(value) else [value]
