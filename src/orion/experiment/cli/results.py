"""``orion-executor results`` and ``list``: tables for other programs, and of all experiments."""

from __future__ import annotations

import csv
import json
import sys

import click

from orion.experiment.cli.opened import name_option, opened, result_of, storage_option

__all__ = ["list_experiments", "results"]


@click.command()
@name_option
@storage_option
@click.option("--csv", "form", flag_value="csv", help="Comma-separated, with a head.")
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
def results(name: str, storage: str, form: str | None) -> None:
    """Print every trial with its parameters, values, attributes and times."""
    result = result_of(storage, name)
    rows = result.rows()
    if form == "json":
        for row in rows:
            click.echo(json.dumps(row))
    elif form == "csv":
        head = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(sys.stdout, head, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        click.echo(result.table(result.trials) if result.trials else result.summary())


@click.command("list")
@storage_option
def list_experiments(storage: str) -> None:
    """List the experiments of a storage."""
    from orion.experiment.recording.records import load_results
    from orion.experiment.recording.result import format_table, format_value

    with opened(storage) as database:
        found = load_results(database)
    if not found:
        click.echo(f"{storage} has no experiments")
        return
    states = ("completed", "pruned", "failed", "running", "waiting")
    rows = [
        [
            result.name,
            *(str(result.counts.get(state, "")) for state in states),
            "" if result.best is None else ", ".join(map(format_value, result.best.values or ())),
            ", ".join(result.directions),
        ]
        for result in found
    ]
    click.echo(format_table(["experiment", *states, "best", "direction"], rows))
