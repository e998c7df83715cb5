"""Objectives that are Python functions. They run in the workers: nothing heavy is imported before it is needed."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orion.experiment.errors import ObjectiveError
from orion.experiment.objectives.commands import Command
from orion.experiment.trial.attempt import Attempt, Objective
from orion.experiment.trial.measured import Measured, measured

__all__ = ["DefineByRun", "FunctionObjective", "as_objective"]

_SEED = "seed"


@dataclass(frozen=True)
class FunctionObjective:
    """A function of the parameters, which are passed by name.

    Parameters
    ----------
    function
        The user's.
    takes_seed
        Whether the trial's seed is passed to it too.
    """

    function: Callable[..., Any]
    takes_seed: bool = False

    def __call__(self, attempt: Attempt) -> Measured:
        """Call the function and return what its result stands for."""
        assignment = attempt.assignment
        extra = {_SEED: assignment.seed} if self.takes_seed else {}
        return measured(self.function(**assignment.parameters, **extra), assignment.n_objectives)

    def describe(self) -> dict[str, Any]:
        """Return where the function is."""
        return _described(self.function)


@dataclass(frozen=True)
class DefineByRun:
    """A function of an Optuna trial, which suggests the parameters as the function asks for them."""

    function: Callable[[Any], Any]

    def __call__(self, attempt: Attempt) -> Measured:
        """Call the function with a stand-in for the trial, and return what its result stands for."""
        assignment = attempt.assignment
        return measured(self.function(_trial(attempt)), assignment.n_objectives)

    def describe(self) -> dict[str, Any]:
        """Return where the function is."""
        return {**_described(self.function), "define_by_run": True}


def as_objective(function: Callable[..., Any], parameters: Mapping[str, object]) -> Objective:
    """Return the objective that a function stands for, after checking, without a call, that it can be called.

    Parameters
    ----------
    function
        A function of the parameters by name, and of ``seed`` if it likes; or of an Optuna trial, if the space is empty;
        or a :class:`Command`.
    parameters
        The parameters of the space.

    Raises
    ------
    ObjectiveError
        If it is not callable, or does not take them.
    """
    if isinstance(function, Command):
        if function.space.keys() != parameters.keys():
            raise ObjectiveError("the experiment of a command has the command's space: Experiment(name, command.space)")
        return function
    if not callable(function):
        raise ObjectiveError(f"the objective must be a function of the parameters; {function!r} is not callable")
    name = getattr(function, "__name__", repr(function))
    if inspect.iscoroutinefunction(function):
        raise ObjectiveError(f"{name} is an async function; the objective must be an ordinary one")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # some built-in functions have none
        return FunctionObjective(function) if parameters else DefineByRun(function)
    if not parameters:
        _bind(signature, name, "a trial, which it asks for its parameters since there is no search space", None)
        return DefineByRun(function)
    seeded = _SEED not in parameters and _SEED in signature.parameters
    shown = f"the parameters of the space ({', '.join(parameters)})"
    _bind(signature, name, shown, **dict.fromkeys([*parameters, *[_SEED] * seeded]))
    return FunctionObjective(function, seeded)


def _trial(attempt: Attempt) -> Any:
    assignment = attempt.assignment
    if assignment.snapshot is not None:
        from orion.experiment.line.proxy import TrialProxy

        return TrialProxy(attempt.caller, assignment.number, assignment.snapshot)
    from optuna.trial import FixedTrial

    return FixedTrial(assignment.parameters, assignment.number)


def _described(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        file = inspect.getsourcefile(function)
    except TypeError:  # a callable object, say
        file = None
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return {"function": name, "file": None if file is None else os.path.abspath(file)}


def _bind(signature: inspect.Signature, name: str, what: str, *args: object, **kwargs: object) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ObjectiveError(f"{name}{signature} cannot be called with {what}: {error}") from None
