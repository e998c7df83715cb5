"""The trials of one experiment in the database: claimed, recorded and taken back, in steps that a kill cannot split.

A trial is one row of Optuna's study. Its claim, the user attribute ``orion:claim``, says which driver runs it and
which attempt this is. Claims are written and judged under :meth:`DriverLock.exclusive`, so a
running trial without one, or whose driver has ended, was left behind.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import asdict, dataclass
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from orion.experiment.errors import ExperimentMismatch, StorageError
from orion.experiment.result import Direction, ExperimentResult, TrialRecord
from orion.experiment.samplers import Samplers
from orion.experiment.schedule import Tally, may_start
from orion.experiment.search_space import SearchSpace
from orion.experiment.seeds import trial_seed
from orion.experiment.storage import Database, quiet_optuna, storage_errors
from orion.experiment.verdicts import Completed, Failed, Pruned

__all__ = ["Claim", "Trials", "load_result"]

_ATTEMPTS = "orion:attempts"
_CLAIM = "orion:claim"
_CODE = "orion:code:"
_FAILURE = "orion:failure"
_SEED = "orion:seed"
_SPACE = "orion:space"

_STATES = {
    TrialState.COMPLETE: "completed",
    TrialState.FAIL: "failed",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


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
        direction: Direction,
        *,
        seed: int | None = None,
        pruner: BasePruner | None = None,
    ) -> None:
        self._database = database
        self._space = space
        self._samplers = samplers
        self.tally = Tally()
        """How many trials are in which state; other drivers' as of the last claim."""
        self.n_objectives = 1
        with database.lock.exclusive(), storage_errors(database.path), quiet_optuna():
            self._study = _open_study(database, name, direction)
            self._study_id = database.storage.get_study_id_from_name(name)
            self._check_space()
            self._seed = self._known_seed() if seed is None else seed
            if pruner is not None:
                self._study.pruner = pruner
            self._count()

    def take_back(self) -> int:
        """Queue the running trials that no living driver works on; return how many interrupted ones are queued now."""
        interrupted = 0
        with self._database.lock.exclusive(), storage_errors(self._database.path):
            for trial in self._study.get_trials(deepcopy=False):
                claim = trial.user_attrs.get(_CLAIM)
                if trial.state is TrialState.RUNNING:
                    if claim is None or not self._database.lock.is_alive(claim["driver"]):
                        self._queue(trial.number)
                        interrupted += 1
                elif trial.state is TrialState.WAITING and claim is not None:
                    interrupted += 1
            self._count()
        return interrupted

    def claim(self, max_trials: int) -> Claim | None:
        """Take a queued trial, or make a new one; ``None`` if there are, or will be, ``max_trials`` finished ones."""
        with self._database.lock.exclusive(), storage_errors(self._database.path):
            following = self._count()
            if not may_start(self.tally, max_trials):
                return None
            self._study.sampler = self._samplers.for_trial(following)
            trial = self._study.ask(self._space.distributions)
            attributes = trial.user_attrs
            attempt = attributes.get(_CLAIM, {}).get("attempt", 0) + 1
            driver = {"driver": self._database.lock.driver, "host": socket.gethostname(), "pid": os.getpid()}
            trial.set_user_attr(_CLAIM, {**driver, "attempt": attempt})
            self._moved("running", from_state="waiting" if self.tally.waiting else None)
            seed = trial_seed(self._seed, trial.number)
            return Claim(trial.number, trial.params, attempt, seed, attributes.get(_ATTEMPTS, []), trial)

    def record(self, claim: Claim, end: Completed | Pruned | Failed, attempt: dict[str, Any]) -> TrialRecord:
        """Write a trial's end to the database, with a record of its last attempt; return it as it is recorded."""
        with storage_errors(self._database.path):
            try:
                self._set_attribute(claim.number, _ATTEMPTS, [*claim.history, attempt])
                if isinstance(end, Completed):
                    for key, value in end.attributes.items():
                        self._set_attribute(claim.number, key, value)
                    trial = self._study.tell(claim.number, end.values)
                elif isinstance(end, Pruned):
                    trial = self._study.tell(claim.number, state=TrialState.PRUNED)
                else:
                    self._set_attribute(claim.number, _FAILURE, attempt["failure"])
                    trial = self._study.tell(claim.number, state=TrialState.FAIL)
            except (ValueError, KeyError, UpdateFinishedTrialError) as error:
                raise StorageError(
                    f"trial {claim.number} was changed by something else while it ran: {error}"
                ) from error
        record = _as_record(trial)
        self._moved(record.state, from_state="running")
        return record

    def requeue(self, claim: Claim, attempt: dict[str, Any] | None = None) -> None:
        """Queue a trial again, with its number and parameters, and record how the attempt ended, if it has begun."""
        with storage_errors(self._database.path):
            if attempt is not None:
                self._set_attribute(claim.number, _ATTEMPTS, [*claim.history, attempt])
            self._queue(claim.number)
        self._moved("waiting", from_state="running")

    def note_code(self, name: str, record: dict[str, Any]) -> None:
        """Record with the experiment, under a name that its attempts give, what code runs them."""
        with storage_errors(self._database.path):
            if _CODE + name not in self._study.user_attrs:
                self._study.set_user_attr(_CODE + name, record)

    def result(self) -> ExperimentResult:
        """Return all trials as they are recorded."""
        with storage_errors(self._database.path):
            return _as_result(self._study)

    def _check_space(self) -> None:
        recorded = self._study.user_attrs.get(_SPACE)
        if recorded is None:
            if any(trial.state is not TrialState.WAITING for trial in self._study.get_trials(deepcopy=False)):
                raise ExperimentMismatch(
                    f"{self._study.study_name!r} in {self._database.path} was not made by this program; "
                    "choose another name"
                )
            # The space last: killed before it, the next run does both again.
            if self._space.defaults:
                self._study.enqueue_trial(self._space.defaults, skip_if_exists=True)
            self._study.set_user_attr(_SPACE, self._space.record())
            return
        differences = self._space.differences(recorded)
        if differences:
            raise ExperimentMismatch(
                f"experiment {self._study.study_name!r} in {self._database.path} has another search space "
                f"({'; '.join(differences)}); choose another name, or the space it was made with"
            )

    def _known_seed(self) -> int:
        """Return what the seeds of trials are derived from, where the user has given none: drawn once."""
        seed = self._study.user_attrs.get(_SEED)
        if seed is None:
            seed = secrets.randbits(31)
            self._study.set_user_attr(_SEED, seed)
        return int(seed)

    def _queue(self, number: int) -> None:
        self._database.storage.set_trial_state_values(self._trial_id(number), TrialState.WAITING)

    def _set_attribute(self, number: int, key: str, value: Any) -> None:
        self._database.storage.set_trial_user_attr(self._trial_id(number), key, value)

    def _trial_id(self, number: int) -> int:
        return self._database.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _count(self) -> int:
        """Count the trials in the database; return the number of the next one: the first queued, or a new one."""
        counts = dict.fromkeys(_STATES.values(), 0)
        trials = self._study.get_trials(deepcopy=False)
        following = len(trials)
        for trial in trials:
            counts[_STATES[trial.state]] += 1
            if trial.state is TrialState.WAITING:
                following = min(following, trial.number)
        self.tally = Tally(**counts)
        return following

    def _moved(self, to_state: str, *, from_state: str | None) -> None:
        """Keep the tally up to date without reading all trials again."""
        counts = asdict(self.tally)
        counts[to_state] += 1
        if from_state is not None:
            counts[from_state] -= 1
        self.tally = Tally(**counts)


def load_result(database: Database, name: str) -> ExperimentResult:
    """Return the recorded trials of an experiment.

    Raises
    ------
    StorageError
        If there is none of that name; the message lists those that there are.
    """
    with storage_errors(database.path):
        try:
            return _as_result(optuna.load_study(study_name=name, storage=database.storage))
        except KeyError:
            names = optuna.get_all_study_names(database.storage)
            known = ", ".join(names) or "none"
            raise StorageError(f"{database.path} has no experiment {name!r}; it has {known}") from None


def _open_study(database: Database, name: str, direction: Direction) -> optuna.Study:
    try:
        return optuna.create_study(storage=database.storage, study_name=name, direction=direction)
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=database.storage)
    recorded = study.direction.name.lower()
    if recorded != direction:
        raise ExperimentMismatch(
            f"experiment {name!r} in {database.path} is to {recorded} its objective, not to {direction} it; "
            "choose another name"
        )
    return study


def _as_result(study: optuna.Study) -> ExperimentResult:
    direction: Direction = "maximize" if study.direction.name == "MAXIMIZE" else "minimize"
    return ExperimentResult(study.study_name, direction, tuple(map(_as_record, study.get_trials(deepcopy=False))))


def _as_record(trial: FrozenTrial) -> TrialRecord:
    state = _STATES[trial.state]
    values = tuple(trial.values) if state == "completed" and trial.values is not None else None
    return TrialRecord(
        number=trial.number,
        state=state,
        parameters=trial.params,
        value=values[0] if values is not None and len(values) == 1 else None,
        attributes={key: value for key, value in trial.user_attrs.items() if not key.startswith("orion:")},
        failure=trial.user_attrs.get(_FAILURE) if state == "failed" else None,
        attempt=trial.user_attrs.get(_CLAIM, {}).get("attempt", 1),
        seconds=trial.duration.total_seconds() if trial.duration is not None else None,
        values=values,
        intermediate=trial.intermediate_values,
        attempts=tuple(trial.user_attrs.get(_ATTEMPTS, ())),
    )
