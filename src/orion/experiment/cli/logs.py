"""``orion-executor logs``: what a trial has printed."""

from __future__ import annotations

import sys

import click

from orion.experiment.cli.place import place_options

__all__ = ["logs"]


@click.command()
@click.argument("trial", type=int)
@place_options
@click.option("--attempt", type=int, metavar="N", help="Which attempt. [default: the last]")
@click.option("-f", "--follow", is_flag=True, help="Go on as it prints, until it has ended.")
def logs(trial: int, name: str, storage: str, folder: str | None, attempt: int | None, follow: bool) -> None:
    """Show what a trial has printed: standard output and, on standard error, standard error."""
    from orion.experiment.errors import ArgumentError
    from orion.experiment.recording.folders import TrialFolders, default_root
    from orion.experiment.views.log_reading import read_log

    folders = TrialFolders(default_root(storage) if folder is None else folder, name)
    place = folders.last_attempt(trial) if attempt is None else folders.attempt(trial, attempt)
    if place is None or not place.is_dir():
        which = f"trial {trial}" if attempt is None else f"attempt {attempt} of trial {trial}"
        raise ArgumentError(f"{which} of {name} has no folder in {folders.path}: it has not begun, or is elsewhere")

    def write(stream: str, piece: bytes) -> None:
        target = getattr(sys, stream).buffer
        target.write(piece)
        target.flush()

    read_log(place, write, follow=follow)
