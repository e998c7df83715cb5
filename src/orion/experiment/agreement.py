"""Making an experiment's study, or finding it and checking that it is the one that is meant."""

from __future__ import annotations

import secrets

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.trial import TrialState

from orion.experiment.errors import ExperimentMismatch
from orion.experiment.records import SEED, SPACE
from orion.experiment.result import Direction
from orion.experiment.search_space import SearchSpace
from orion.experiment.storage import Database, quiet_optuna

__all__ = ["known_seed", "open_study"]


def open_study(database: Database, name: str, space: SearchSpace, direction: Direction) -> optuna.Study:
    """Return the study of an experiment, which is made if there is none of that name.

    Raises
    ------
    ExperimentMismatch
        If it exists with another space or direction.
    """
    with quiet_optuna():
        try:
            study = optuna.create_study(storage=database.storage, study_name=name, direction=direction)
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=name, storage=database.storage)
    recorded = study.direction.name.lower()
    if recorded != direction:
        raise ExperimentMismatch(
            f"experiment {name!r} in {database.name} is to {recorded} its objective, not to {direction} it; "
            "choose another name"
        )
    _agree_on_space(database, study, space)
    return study


def known_seed(study: optuna.Study) -> int:
    """Return what the seeds of trials are derived from, where the user has given none: drawn once."""
    seed = study.user_attrs.get(SEED)
    if seed is None:
        seed = secrets.randbits(31)
        study.set_user_attr(SEED, seed)
    return int(seed)


def _agree_on_space(database: Database, study: optuna.Study, space: SearchSpace) -> None:
    recorded = study.user_attrs.get(SPACE)
    if recorded is None:
        if any(trial.state is not TrialState.WAITING for trial in study.get_trials(deepcopy=False)):
            raise ExperimentMismatch(
                f"{study.study_name!r} in {database.name} was not made by this program; choose another name"
            )
        # The space last: killed before it, the next run does both again.
        if space.defaults:
            study.enqueue_trial(space.defaults, skip_if_exists=True)
        study.set_user_attr(SPACE, space.record())
        return
    differences = space.differences(recorded)
    if differences:
        raise ExperimentMismatch(
            f"experiment {study.study_name!r} in {database.name} has another search space "
            f"({'; '.join(differences)}); choose another name, or the space it was made with"
        )
