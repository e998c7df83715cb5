"""``orion-executor show`` and ``best``: an experiment's trials, and the best of them."""

from __future__ import annotations

import json
import sys

import click

from orion.experiment.cli.opened import name_option, result_of, storage_option

__all__ = ["best", "show"]


@click.command()
@name_option
@storage_option
def show(name: str, storage: str) -> None:
    """Show all trials of an experiment, and why those that failed did."""
    result = result_of(storage, name)
    click.echo(result.summary())
    if result.trials:
        click.echo(result.table(result.trials))
    if result.failures():
        click.echo("failures:")
        for failure in result.failures():
            numbers = ", ".join(map(str, failure.trials[:10])) + (", …" if len(failure.trials) > 10 else "")
            click.echo(f"  {len(failure.trials)} by {failure.cause}: {failure.reason} (trials {numbers})")
    if result.best is not None:
        click.echo(f"best: trial {result.best.number}")


@click.command()
@name_option
@storage_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def best(name: str, storage: str, as_json: bool) -> int:
    """Show the best trial of an experiment: its value and its parameters.

    Of several objectives, all trials that no other one beats in each are shown.
    """
    result = result_of(storage, name)
    found = result.front()
    if not found:
        click.echo(f"{name}: no trial has completed", err=True)
        return 1
    if as_json:
        rows = [{"trial": it.number, "values": it.values, "parameters": it.parameters} for it in found]
        json.dump(rows[0] if len(result.directions) == 1 else rows, sys.stdout)
        click.echo()
    else:
        click.echo(result.table(found))
    return 0
