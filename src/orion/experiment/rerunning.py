"""Running a trial again, as it was: the same parameters, seed and objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna

from orion.experiment.errors import ArgumentError, ObjectiveError
from orion.experiment.objectives.functions import as_objective
from orion.experiment.recording.folders import TrialFolders
from orion.experiment.recording.records import CODE, load_result
from orion.experiment.recording.result import ExperimentResult, TrialRecord
from orion.experiment.storage import open_database
from orion.experiment.trial.attempt import Assignment, Ended, carry_out

__all__ = ["find_recorded_objective", "find_trial", "load_with_code", "rerun"]


def find_trial(result: ExperimentResult, number: int) -> TrialRecord:
    """Return a trial that has run.

    Raises
    ------
    ArgumentError
        If there is none of that number, or no attempt of it has ended yet.
    """
    if not 0 <= number < len(result.trials):
        raise ArgumentError(f"{result.name} has no trial {number}; it has {len(result.trials)} trials, counted from 0")
    trial = result.trials[number]
    if not trial.attempts:
        raise ArgumentError(f"trial {number} of {result.name} is {trial.state}: no attempt of it has ended yet")
    return trial


def find_recorded_objective(code: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the objective that a record of code names.

    Raises
    ------
    ObjectiveError
        If it cannot be found again.
    """
    described: Mapping[str, Any] = code.get("objective") or {}
    if "command" in described:
        from orion.experiment.objectives.commands import Command

        return Command(described["command"], described["space"], metric=described["metric"])
    if described.get("file") and str(described.get("function", "")).isidentifier():
        from orion.experiment.objectives.loading import load_objective

        return load_objective(f"{described['file']}:{described['function']}")
    raise ObjectiveError("the objective is no function of a file that can be found again: name it, as FILE.py:FUNCTION")


def rerun(
    objective: Callable[..., Any],
    name: str,
    trial: TrialRecord,
    folders: TrialFolders,
    *,
    n_objectives: int = 1,
    define_by_run: bool = False,
) -> tuple[Ended, Path]:
    """Run a trial again, here and now; nothing is recorded but its folder, which is returned with its end.

    Parameters
    ----------
    objective
        What to run.
    name
        The experiment's.
    trial
        As it is recorded.
    folders
        The experiment's.
    n_objectives
        How many numbers it has to return.
    define_by_run
        Whether it is a function of an Optuna trial.
    """
    last = trial.attempts[-1]
    task = as_objective(objective, {} if define_by_run else trial.parameters)
    folder = folders.begin_rerun(trial.number)
    assignment = Assignment(
        experiment=name,
        number=trial.number,
        attempt=last["attempt"],
        parameters=trial.parameters,
        seed=last["seed"],
        n_objectives=n_objectives,
        folder=str(folder),
        in_driver=True,
        in_drivers_thread=True,
    )
    return carry_out(task, assignment), folder


def load_with_code(storage: str, name: str) -> tuple[ExperimentResult, dict[str, Any]]:
    """Return what is recorded of an experiment, and the records of the code that ran it, by their names."""
    database = open_database(storage, create=False, read_only=True)
    try:
        result = load_result(database, name)
        attributes = optuna.load_study(study_name=name, storage=database.storage).user_attrs
        return result, {key[len(CODE) :]: code for key, code in attributes.items() if key.startswith(CODE)}
    finally:
        database.close()
