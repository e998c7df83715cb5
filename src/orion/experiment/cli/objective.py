"""What ``orion-executor run`` is given to run: a function in a file, or a command."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["find_objective", "parse_space"]

_TRIAL = "trial"


def find_objective(
    arguments: Sequence[str], space: dict[str, str], metric: str | None, settings: Path | None = None
) -> tuple[Callable[..., Any], dict[str, Any] | list[dict[str, Any]] | None]:
    """Return the objective that the arguments name, and its space; ``None`` if it defines the space as it runs.

    If there is a file of settings, the space is a list of these.

    Parameters
    ----------
    arguments
        ``FILE.py:FUNCTION``, or a command and its arguments.
    space
        The priors given with ``--space``.
    metric
        Where a command's result is in its output.
    settings
        A file of the settings to run.
    """
    given = None
    if settings is not None:
        from orion.experiment.space.given_settings import read_settings

        if space:
            raise click.UsageError("give --space or --settings, not both")
        given = read_settings(settings)
    if len(arguments) > 1 or shutil.which(arguments[0]) is not None:
        from orion.experiment.objectives.commands import Command

        command = Command(arguments, space, metric=metric)
        if not command.space:
            raise click.UsageError(
                "the command has no parameters: write --lr~'loguniform(1e-5, 1)' for one of its options, say"
            )
        if given is not None and set(given[0]) != set(command.space):
            raise click.UsageError(
                f"{settings} has the parameters {', '.join(given[0])}, and the command {', '.join(command.space)}"
            )
        return command, command.space if given is None else given
    from orion.experiment.objectives.loading import load_objective

    if metric is not None:
        raise click.UsageError("--metric is for commands; a function returns its result")
    function = load_objective(arguments[0])
    if given is not None:
        return function, given
    if not space and not _takes_a_trial(function):
        raise click.UsageError("give each parameter of the function with --space, such as --space x='uniform(0, 1)'")
    return function, space or None


def parse_space(arguments: Sequence[str]) -> dict[str, str]:
    """Return name and prior of each ``--space`` argument."""
    space: dict[str, str] = {}
    for argument in arguments:
        name, equals, prior = argument.partition("=")
        name = name.strip()
        if not equals or not name:
            raise click.UsageError(f"--space {argument!r}: write NAME=PRIOR, such as lr='loguniform(1e-5, 1)'")
        if name in space:
            raise click.UsageError(f"--space {name}: given twice")
        space[name] = prior
    return space


def _takes_a_trial(function: Callable[..., Any]) -> bool:
    try:
        return next(iter(inspect.signature(function).parameters), None) == _TRIAL
    except (ValueError, TypeError):
        return False
