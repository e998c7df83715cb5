"""What ``orion-executor run`` runs trials on: an engine by its name, with the options that it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orion.executor import BaseExecutor

__all__ = ["engine"]


@contextmanager
def engine(
    name: str,
    n_workers: int,
    arguments: Sequence[str],
    trace: Path | None = None,
    gpus_per_trial: float | None = None,
) -> Iterator[tuple[str | BaseExecutor, int]]:
    """Yield ``executor`` and ``n_workers`` as ``Experiment.run`` takes them.

    Parameters
    ----------
    name, n_workers
        Of the engine.
    arguments
        Further arguments of its constructor, as ``NAME=VALUE``.
    trace
        Where to write who was busy when.
    gpus_per_trial
        What trials are to have.
    """
    if not arguments and trace is None:
        yield name, n_workers
        return
    from orion.executor import ExecutorError, create_executor
    from orion.experiment.running.engine import defaults

    options = defaults(name, gpus_per_trial) | dict(map(_parse, arguments))
    try:
        executor = create_executor(name, n_workers=n_workers, **options)
    except (ExecutorError, TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    try:
        with nullcontext() if trace is None else _recording(executor, trace):
            yield executor, -1
    finally:
        executor.close()


def _recording(executor: BaseExecutor, trace: Path) -> AbstractContextManager[object]:
    try:
        return executor.trace(trace)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error


def _parse(argument: str) -> tuple[str, Any]:
    """Return name and value; what is JSON, such as a number, true or a list, is read as that, all else is text."""
    name, equals, value = argument.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--executor-option {argument!r}: write NAME=VALUE, such as partition=debug")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
