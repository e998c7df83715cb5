"""The command ``orion-executor`` and how it reports errors."""

from __future__ import annotations

import shlex
import sys

import click

from orion.executor.errors import ExecutorError
from orion.experiment.cli.dashboard import dashboard
from orion.experiment.cli.engines import engines
from orion.experiment.cli.logs import logs
from orion.experiment.cli.plot import plot
from orion.experiment.cli.rerun import rerun
from orion.experiment.cli.results import list_experiments, results
from orion.experiment.cli.run import run
from orion.experiment.cli.show import best, show
from orion.experiment.errors import ExperimentError, ExperimentInterrupted

__all__ = ["main"]

REFUSED = 2
INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def app() -> None:
    """Search for the parameters of a function, in parallel, with nothing lost."""


for command in (run, list_experiments, show, results, best, plot, logs, rerun, dashboard, engines):
    app.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 if no trial completed, 2 if refused, 130 if interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status: object = app.main(arguments, prog_name="orion-executor", standalone_mode=False)
    except click.ClickException as error:
        return _refuse(error.format_message())
    except (ExperimentError, ExecutorError) as error:
        return _refuse(str(error))
    except click.Abort as error:  # what click makes of KeyboardInterrupt
        found = error.__cause__ if isinstance(error.__cause__, ExperimentInterrupted) else "interrupted"
        click.echo(f"{found}\nto go on: {shlex.join(['orion-executor', *arguments])}", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left, as head does
        sys.stderr.close()
        return 1
    return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    click.echo(f"orion-executor: {message}", err=True)
    return REFUSED
