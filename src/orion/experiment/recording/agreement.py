"""Making an experiment's study, or finding it and checking that it is the one that is meant."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.trial import FrozenTrial, TrialState

from orion.experiment.errors import ExperimentMismatch
from orion.experiment.recording.branching import branch
from orion.experiment.recording.records import BRANCHED, SEED, SPACE, find_study
from orion.experiment.recording.result import Direction
from orion.experiment.space.search_space import SearchSpace
from orion.experiment.storage import Database

__all__ = ["known_seed", "open_study"]


def open_study(
    database: Database, name: str, space: SearchSpace, directions: Sequence[Direction], branch_of: str | None = None
) -> optuna.Study:
    """Return the study of an experiment, which is made if there is none of that name.

    Parameters
    ----------
    database, name
        Where it is.
    space, directions
        What is searched, and for what.
    branch_of
        The experiment whose trials it starts from, when it is made.

    Raises
    ------
    ExperimentMismatch
        If it exists with another space or direction.
    StorageError
        If there is no experiment to start from.
    """
    old = None if branch_of is None else find_study(database, branch_of)
    if old is not None and _directions(old) != list(directions):
        raise ExperimentMismatch(f"{name!r} cannot start from {branch_of!r}, which has other directions")
    try:
        study = optuna.create_study(storage=database.storage, study_name=name, directions=list(directions))
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=database.storage)
    recorded = _directions(study)
    if recorded != list(directions):
        raise ExperimentMismatch(
            f"experiment {name!r} in {database.name} is to {' and '.join(recorded)} its objective, "
            f"not to {' and '.join(directions)} it; choose another name"
        )
    _agree_on_space(database, study, space, old)
    return study


def _directions(study: optuna.Study) -> list[str]:
    return [direction.name.lower() for direction in study.directions]


def known_seed(study: optuna.Study) -> int:
    """Return what the seeds of trials are derived from, where the user has given none: drawn once."""
    seed = study.user_attrs.get(SEED)
    if seed is None:
        seed = secrets.randbits(31)
        study.set_user_attr(SEED, seed)
    return int(seed)


def _agree_on_space(database: Database, study: optuna.Study, space: SearchSpace, old: optuna.Study | None) -> None:
    recorded = study.user_attrs.get(SPACE)
    if recorded is None:
        if any(not _is_ours(trial) for trial in study.get_trials(deepcopy=False)):
            raise ExperimentMismatch(
                f"{study.study_name!r} in {database.name} was not made by this program; choose another name"
            )
        # The space last: killed before it, the next run does all of it again.
        if old is not None:
            branch(study, old, space)
        if space.defaults:
            study.enqueue_trial(space.defaults, skip_if_exists=True)
        study.set_user_attr(SPACE, space.record())
        return
    differences = space.differences(recorded)
    if differences:
        raise ExperimentMismatch(
            f"experiment {study.study_name!r} in {database.name} has another search space "
            f"({'; '.join(differences)}); start another experiment from its trials (--branch NEW), choose another "
            "name, or use the space it was made with"
        )


def _is_ours(trial: FrozenTrial) -> bool:
    """Return whether a trial may be there before the space is recorded."""
    return trial.state is TrialState.WAITING or BRANCHED in trial.user_attrs
