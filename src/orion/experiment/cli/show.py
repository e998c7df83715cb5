"""``orion-executor show``: the trials of an experiment."""

from __future__ import annotations

import click

__all__ = ["show"]


@click.command()
@click.option("-n", "--name", required=True, help="The experiment's name.")
@click.option("--storage", default="experiments.db", show_default=True, help="The SQLite file it is recorded in.")
def show(name: str, storage: str) -> None:
    """Show all trials of an experiment, with the reasons of those that failed."""
    from orion.experiment.records import load_result
    from orion.experiment.storage import open_database

    database = open_database(storage, create=False)
    try:
        result = load_result(database, name)
    finally:
        database.close()
    click.echo(result.summary())
    if result.trials:
        click.echo(result.table(result.trials))
    if result.best is not None:
        click.echo(f"best: trial {result.best.number}")
