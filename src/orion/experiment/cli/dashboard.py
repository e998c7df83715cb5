"""``orion-executor dashboard``: Optuna's dashboard on a storage of ours."""

from __future__ import annotations

import click

from orion.experiment.cli.opened import opened, storage_option

__all__ = ["dashboard"]

_HOST = "127.0.0.1"  # whoever can reach it can change experiments


@click.command()
@storage_option
@click.option("--port", type=int, default=8080, show_default=True, help="Where to listen on this machine; 0: any.")
def dashboard(storage: str, port: int) -> None:
    """Serve Optuna's dashboard for the experiments of a storage, to this machine only, until Ctrl-C."""
    from wsgiref.simple_server import make_server

    from orion.experiment.errors import ArgumentError

    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise ArgumentError("the dashboard needs optuna-dashboard: pip install 'orion-executor[dashboard]'") from None
    with opened(storage, read_only=False) as database:
        try:
            server = make_server(_HOST, port, wsgi(database.storage))
        except (OSError, OverflowError) as error:
            raise ArgumentError(f"cannot listen on port {port}: {error}") from None
        with server:
            click.echo(f"http://{_HOST}:{server.server_port}/ (Ctrl-C to end)")
            server.serve_forever()
