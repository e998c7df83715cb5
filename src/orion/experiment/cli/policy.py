"""The options of ``orion-executor run`` that say when to end, what to try again, and what to stop early."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

__all__ = ["Policy", "policy_options"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Policy:
    """What the options say; names and meanings are those of ``Experiment.run``."""

    timeout: float | None
    trial_timeout: float | None
    patience: int | None
    max_broken: int | None
    retries: dict[str, int]
    pruner: str | None
    drain: bool
    gpus_per_trial: float | None
    gpus: list[str] | None
    folder: str | None
    address: str | None


_OPTIONS = [
    click.option("--timeout", type=float, metavar="SECONDS", help="End this run then; what runs is queued again."),
    click.option("--trial-timeout", type=float, metavar="SECONDS", help="Stop and fail a trial that runs longer."),
    click.option("--patience", type=int, metavar="N", help="End after N finished trials without a better one."),
    click.option(
        "--max-broken", type=int, metavar="N", help="End with an error once N trials of this run have failed."
    ),
    click.option("--fail-fast", is_flag=True, help="End with an error at the first failed trial."),
    click.option(
        "--retries",
        metavar="CAUSE=N",
        multiple=True,
        help="Try a trial again after a failure: exception, timeout, memory, lost, preempted. [default: once after the "
        "last three]",
    ),
    click.option("--pruner", help="What ends trials early by their reported values: median, hyperband, halving, …"),
    click.option("--drain", is_flag=True, help="On Ctrl-C let running trials finish; the second one stops them."),
    click.option(
        "--gpus-per-trial", type=float, metavar="N", help="GPUs that each trial has for itself: 1, 2, or 0.5."
    ),
    click.option("--gpus", metavar="0,1,…", help="Which GPUs there are. [default: all that are visible]"),
    click.option("--folder", metavar="FOLDER", help="Where the trials' folders are. [default: beside the storage]"),
    click.option(
        "--address",
        metavar="HOST[:PORT]",
        help="Where to listen for trials on other machines: an address of this one. [default: as the engine says]",
    ),
]


def policy_options(function: F) -> F:
    """Add the options to a command, which receives them as ``policy``."""

    @functools.wraps(function)
    def command(*, fail_fast: bool, retries: tuple[str, ...], gpus: str | None, **options: Any) -> Any:
        names = {field.name for field in fields(Policy)} & options.keys()
        values = {name: options.pop(name) for name in names}
        if fail_fast:
            values["max_broken"] = 1
        devices = None if gpus is None else [name.strip() for name in gpus.split(",") if name.strip()]
        return function(policy=Policy(retries=_parse_retries(retries), gpus=devices, **values), **options)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value]  # a command of click, whatever it was before


def _parse_retries(arguments: tuple[str, ...]) -> dict[str, int]:
    budgets = {}
    for argument in arguments:
        cause, _, number = argument.partition("=")
        if not number.strip().isdecimal():
            raise click.UsageError(f"--retries {argument!r}: write CAUSE=N, such as lost=2")
        budgets[cause.strip()] = int(number)
    return budgets
