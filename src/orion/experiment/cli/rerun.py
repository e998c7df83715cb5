"""``orion-executor rerun``: run a trial again as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orion.experiment.cli.place import place_options

if TYPE_CHECKING:
    from orion.experiment.recording.result import TrialRecord
    from orion.experiment.trial.attempt import Ended

__all__ = ["rerun"]


@click.command()
@click.argument("trial", type=int)
@click.argument("objective", metavar="[FILE.py:FUNCTION]", required=False)
@place_options
def rerun(trial: int, objective: str | None, name: str, storage: str, folder: str | None) -> int:
    """Run a trial again, here and now: with the same parameters, seed and objective.

    What is recorded stays as it is; what the trial prints is shown, and kept in a folder of its own.
    """
    from orion.experiment.objectives.loading import load_objective
    from orion.experiment.recording.folders import TrialFolders, default_root
    from orion.experiment.rerunning import find_recorded_objective, find_trial, load_with_code, rerun

    result, codes = load_with_code(storage, name)
    found = find_trial(result, trial)
    code = codes.get(found.attempts[-1]["code"], {})
    described = code.get("objective") or {}
    folders = TrialFolders(default_root(storage) if folder is None else folder, name)
    if described.get("folder") and os.path.isdir(described["folder"]):
        os.chdir(described["folder"])  # the paths in a command are relative to that
    function = find_recorded_objective(code) if objective is None else load_objective(objective)
    click.echo(f"trial {trial} again: {found.parameters}, seed {found.attempts[-1]['seed']}", err=True)
    ended, place = rerun(
        function,
        name,
        found,
        folders,
        n_objectives=len(found.values or (0,)),
        define_by_run=bool(described.get("define_by_run")),
    )
    if "command" in described:
        _show(place)
    click.echo(f"recorded: {_recorded(found)}\nnow:      {_now(ended)}\nin {place}")
    return 0 if ended.failure is None else 1


def _show(place: Path) -> None:
    for stream in ("stderr", "stdout"):
        click.echo((place / stream).read_bytes(), nl=False, err=stream == "stderr")


def _recorded(trial: TrialRecord) -> str:
    from orion.experiment.recording.result import describe_end

    return describe_end(trial)


def _now(ended: Ended) -> str:
    if ended.failure is not None:
        return f"failed, {ended.failure.kind}: {ended.failure.message}\n{ended.failure.traceback}".rstrip()
    return "pruned" if ended.values is None else ", ".join(f"{value:.6g}" for value in ended.values)
