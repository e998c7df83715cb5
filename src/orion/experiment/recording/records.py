"""How trials are written in Optuna's study, and reading them.

What is ours stands in user attributes whose names begin with ``orion:``.
"""

from __future__ import annotations

from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from orion.experiment.errors import StorageError
from orion.experiment.recording.result import Direction, ExperimentResult, TrialRecord
from orion.experiment.storage import Database

__all__ = [
    "ATTEMPTS",
    "BRANCHED",
    "CLAIM",
    "CODE",
    "FAILURE",
    "SEED",
    "SPACE",
    "STATES",
    "TERMS",
    "as_record",
    "as_result",
    "find_study",
    "interrupted_attempt",
    "load_result",
    "load_results",
]

# Of a trial:
ATTEMPTS = "orion:attempts"  # the records of its attempts that have ended
BRANCHED = "orion:branched"  # which trial of which experiment it is a copy of
CLAIM = "orion:claim"  # who runs it, or did last, and which attempt that is
FAILURE = "orion:failure"
# Of the study:
CODE = "orion:code:"  # and a name: what code has run its trials
SEED = "orion:seed"
SPACE = "orion:space"
TERMS = "orion:terms"  # under which it was run last

STATES = {
    TrialState.COMPLETE: "completed",
    TrialState.FAIL: "failed",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def interrupted_attempt(trial: FrozenTrial, seed: int) -> dict[str, Any] | None:
    """Return the record of an attempt whose driver was killed with it; ``None`` if it had recorded the end itself.

    When the attempt ended is not known. What began it is the driver, by the claim.
    """
    claim = trial.user_attrs.get(CLAIM)
    recorded = trial.user_attrs.get(ATTEMPTS, ())
    if claim is None or any(attempt["attempt"] == claim["attempt"] for attempt in recorded):
        return None
    return {
        "attempt": claim["attempt"],
        "outcome": "interrupted",
        "engine": claim.get("engine"),
        "seed": seed,
        "code": claim.get("code"),
        "started": claim.get("started"),
        "ended": None,
        "driver": {"host": claim["host"], "pid": claim["pid"]},
    }


def load_result(database: Database, name: str) -> ExperimentResult:
    """Return the recorded trials of an experiment.

    Raises
    ------
    StorageError
        If there is none of that name; the message lists those that there are.
    """
    with database.errors():
        return as_result(find_study(database, name))


def load_results(database: Database) -> list[ExperimentResult]:
    """Return the recorded trials of all experiments."""
    with database.errors():
        names = optuna.get_all_study_names(database.storage)
        return [as_result(find_study(database, name)) for name in sorted(names)]


def find_study(database: Database, name: str) -> optuna.Study:
    """Return the study of an experiment.

    Raises
    ------
    StorageError
        If there is none of that name; the message lists those that there are.
    """
    try:
        return optuna.load_study(study_name=name, storage=database.storage)
    except KeyError:
        known = ", ".join(optuna.get_all_study_names(database.storage)) or "none"
        raise StorageError(f"{database.name} has no experiment {name!r}; it has {known}") from None


def as_result(study: optuna.Study) -> ExperimentResult:
    """Return the trials of a study."""
    directions: list[Direction] = [
        "maximize" if it is StudyDirection.MAXIMIZE else "minimize" for it in study.directions
    ]
    trials = tuple(map(as_record, study.get_trials(deepcopy=False)))
    return ExperimentResult(study.study_name, directions[0], trials, tuple(directions[1:]))


def as_record(trial: FrozenTrial) -> TrialRecord:
    """Return one trial."""
    state = STATES[trial.state]
    values = tuple(trial.values) if state == "completed" and trial.values is not None else None
    return TrialRecord(
        number=trial.number,
        state=state,
        parameters=trial.params,
        value=values[0] if values is not None and len(values) == 1 else None,
        attributes={key: value for key, value in trial.user_attrs.items() if not key.startswith("orion:")},
        failure=trial.user_attrs.get(FAILURE) if state == "failed" else None,
        attempt=trial.user_attrs.get(CLAIM, {}).get("attempt", 1),
        seconds=trial.duration.total_seconds() if trial.duration is not None else None,
        values=values,
        intermediate=trial.intermediate_values,
        attempts=tuple(trial.user_attrs.get(ATTEMPTS, ())),
    )
