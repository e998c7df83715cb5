"""Opening what the commands that look at experiments are to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from orion.experiment.recording.result import ExperimentResult
    from orion.experiment.storage import Database

__all__ = ["name_option", "opened", "result_of", "storage_option"]

F = TypeVar("F", bound=Callable[..., Any])

name_option = click.option("-n", "--name", required=True, help="The experiment's name.")
storage_option = click.option("--storage", default="experiments.db", show_default=True, help="Where it is recorded.")


@contextmanager
def opened(storage: str, *, read_only: bool = True) -> Iterator[Database]:
    """Open a storage within a ``with`` block, by default only to look at it; it is not made."""
    from orion.experiment.storage import open_database

    database = open_database(storage, create=False, read_only=read_only)
    try:
        yield database
    finally:
        database.close()


def result_of(storage: str, name: str) -> ExperimentResult:
    """Return the trials of an experiment."""
    from orion.experiment.recording.records import load_result

    with opened(storage) as database:
        return load_result(database, name)
