"""``orion-executor run``: run trials of an objective."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orion.experiment.cli.engine import engine
from orion.experiment.cli.objective import find_objective, parse_space
from orion.experiment.cli.policy import Policy, policy_options

if TYPE_CHECKING:
    from orion.experiment.recording.result import Direction

__all__ = ["run"]

_MAX_TRIALS = 40


@click.command()
@click.argument("objective", metavar="FILE.py:FUNCTION | -- COMMAND …", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-n", "--name", required=True, help="The experiment's name; running it again goes on with it.")
@click.option(
    "--space",
    "space",
    metavar="NAME=PRIOR",
    multiple=True,
    help="A parameter, such as lr='loguniform(1e-5, 1)'; also uniform, randint, choices([…]).",
)
@click.option(
    "--max-trials",
    type=int,
    help="How many finished trials there are to be in the end, those of earlier runs and failed ones included. "
    "[default: 40; all of a grid or of given settings]",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run these settings instead of suggested ones: a CSV, JSON lines or YAML file.",
)
@click.option("--executor", default="process", show_default=True, help="The engine: single, thread, process, …")
@click.option(
    "--executor-option",
    "executor_options",
    metavar="NAME=VALUE",
    multiple=True,
    help="A further argument of the engine, such as partition=debug for slurm.",
)
@click.option("--n-workers", type=int, default=-1, show_default=True, help="Trials at a time; -1: one per CPU.")
@click.option(
    "--storage",
    default="experiments.db",
    show_default=True,
    help="Where to record: a file, or a URL.",
)
@click.option(
    "--sampler",
    default="tpe",
    show_default=True,
    help="tpe, random, grid, cmaes, qmc, gp or nsgaii.",
)
@click.option("--seed", type=int, help="Make the suggestions reproducible.")
@click.option(
    "--direction",
    type=click.Choice(["minimize", "maximize"]),
    default=["minimize"],
    show_default=True,
    multiple=True,
    help="Once for each objective.",
)
@click.option("--branch", metavar="NEW", help="Start a new experiment of that name from the trials of --name.")
@click.option("-y", "--yes", is_flag=True, help="Go on although the objective or the limits have changed.")
@click.option("--json", "as_json", is_flag=True, help="Print events on standard output, one JSON object a line.")
@click.option("--metric", metavar="NAME", help="The value to read from a command's output: a name, or a pattern.")
@policy_options
@click.option(
    "--trace", type=click.Path(path_type=Path), metavar="FILE", help="Write who was busy when (.json, .html)."
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Write a picture of the progress.")
def run(
    objective: tuple[str, ...],
    name: str,
    space: tuple[str, ...],
    max_trials: int | None,
    settings: Path | None,
    executor: str,
    executor_options: tuple[str, ...],
    n_workers: int,
    storage: str,
    sampler: str,
    seed: int | None,
    direction: tuple[Direction, ...],
    branch: str | None,
    yes: bool,
    as_json: bool,
    metric: str | None,
    policy: Policy,
    trace: Path | None,
    plot: Path | None,
) -> int:
    """Run trials of a function or a command until there are enough, and show the best ones.

    FILE.py:FUNCTION (or MODULE:FUNCTION) names a function of the parameters. It returns the number to minimize, or a
    mapping with it under "objective". A function of an Optuna trial needs no --space.

    A COMMAND has its parameters among its arguments, as --lr~'loguniform(1e-5, 1)', or in a configuration file, as
    lr: orion~loguniform(1e-5, 1). Its result is what it writes to the file named in ORION_RESULTS_PATH, or the last
    JSON line that it prints, or what --metric finds. No shell is involved.

    A trial that fails is recorded with its reason, and the others go on.

    Ctrl-C stops the running trials; the same command goes on where it was.
    """
    # Before the user's file, whose folder may hide modules that these import.
    from orion.experiment.experiment import Experiment

    function, found = find_objective(objective, parse_space(space), metric, settings)
    experiment = Experiment(
        branch or name,
        found,
        storage,
        sampler=sampler,
        seed=seed,
        direction=direction,
        branch_of=None if branch is None else name,
    )
    if plot is not None:
        from orion.experiment.views.plot import check_plot

        check_plot(plot)
    if max_trials is None and settings is None and sampler.lower() != "grid":
        max_trials = _MAX_TRIALS
    with engine(executor, n_workers, executor_options, trace, policy.gpus_per_trial) as chosen:
        result = experiment.run(
            function,
            max_trials,
            *chosen,
            **vars(policy),
            progress="json" if as_json else True,
            on_change=None if yes else _agree,
        )
    if not as_json:
        click.echo(f"{result}\nrecorded in {storage}")
    if plot is not None:
        from orion.experiment.views.plot import write_plot

        write_plot(result, plot)
        if not as_json:
            click.echo(f"progress drawn in {plot}")
    if trace is not None and not as_json:
        click.echo(f"trace written to {trace}")
    return 0 if result.best is not None else 1


def _agree(changed: list[str]) -> None:
    """Ask whether to go on with another objective or other limits; where nobody can be asked, refuse."""
    from orion.experiment.errors import ExperimentMismatch

    text = f"since the last run of this experiment {'; '.join(changed)}"
    if sys.stdin.isatty():
        click.confirm(f"{text}. Go on with the new?", abort=True, err=True)
    else:
        raise ExperimentMismatch(f"{text}; --yes goes on with the new, --branch NEW starts another experiment")
