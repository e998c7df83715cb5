"""``orion-executor engines``: the engines there are, and a test of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orion.executor.engines import Engine

__all__ = ["engines"]


@click.group(invoke_without_command=True)
@click.pass_context
def engines(context: click.Context) -> None:
    """List the engines: installed or not, and what each can honour."""
    if context.invoked_subcommand is not None:
        return
    from orion.executor.engines import engines as known

    if sys.stdout.isatty():
        _show_table(known())
    else:
        for engine in known():
            click.echo("\t".join((engine.name, _state(engine), _refused(engine))))


@engines.command()
@click.argument("name")
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="An argument of the engine.")
@click.option("-m", "--module", "modules", multiple=True, help="A module that tasks will import.")
def check(name: str, options: tuple[str, ...], modules: tuple[str, ...]) -> int:
    """Try an engine on your own cluster, for about a minute, and say what is wrong.

    For example: orion-executor engines check dask -o address=tcp://10.0.0.1:8786 -m torch
    """
    from orion.executor.self_test import self_test

    is_good = True
    for finding in self_test(name, dict(map(_parsed, options)), modules=modules):
        click.echo(f"{'ok  ' if finding.is_good else 'BAD '} {finding.text}")
        is_good = is_good and finding.is_good
    return 0 if is_good else 1


def _parsed(option: str) -> tuple[str, Any]:
    key, equals, text = option.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{option!r} is no KEY=VALUE", param_hint="--option")
    for kind in (int, float):
        try:
            return key, kind(text)
        except ValueError:
            continue
    return key, {"true": True, "false": False}.get(text.lower(), text)


def _state(engine: Engine) -> str:
    return f"{engine.library} {engine.version}" if engine.is_installed else f"not installed: {engine.install}"


def _refused(engine: Engine) -> str:
    if engine.limitations is None:
        return "(not known)"
    return "refuses " + ", ".join(sorted(engine.limitations)) if engine.limitations else "honours all"


def _show_table(known: list[Engine]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("engine", "installed", "what it cannot honour")
    for engine in known:
        table.add_row(engine.name, escape(_state(engine)), _refused(engine))
    Console().print(table)
