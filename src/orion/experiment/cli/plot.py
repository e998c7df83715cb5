"""``orion-executor plot``: pictures of an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from orion.experiment.cli.opened import name_option, opened, storage_option

__all__ = ["plot"]


@click.command()
@click.argument("kind", type=click.Choice(["history", "parallel", "importance", "timeline", "slice", "pareto"]))
@name_option
@storage_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="FILE.png or FILE.html. [default: KIND.png]"
)
def plot(kind: str, name: str, storage: str, output: Path | None) -> None:
    """Draw an experiment: history, parallel coordinates, importance, the workers' timeline, slice, pareto."""
    from orion.experiment.views.study_plots import draw

    output = Path(f"{kind}.png") if output is None else output
    with opened(storage) as database:
        draw(database, name, kind, output)
    click.echo(f"{kind} of {name} drawn in {output}")
