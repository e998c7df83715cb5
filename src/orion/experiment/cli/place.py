"""The options that say where an experiment's trials are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["place_options"]

F = TypeVar("F", bound=Callable[..., Any])


def place_options(function: F) -> F:
    """Add ``--name``, ``--storage`` and ``--folder`` to a command."""
    for option in (
        click.option("--folder", metavar="FOLDER", help="Where the trials' folders are. [default: beside the storage]"),
        click.option("--storage", default="experiments.db", show_default=True, help="Where it is recorded."),
        click.option("-n", "--name", required=True, help="The experiment's name."),
    ):
        function = option(function)
    return function
