"""The cluster of tests/services/ray_cluster.py, managed by its commands, as a person does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import ray_cluster

__all__ = ["PATIENCE", "environment_from", "manage", "short_folder"]

PATIENCE = 280.0
"""Seconds that a command may take, also on a busy machine."""


def manage(action: str, folder: Path, *options: str, **environment: str) -> str:
    """Run a command of the cluster in ``folder``; return what it has printed."""
    command = [sys.executable, ray_cluster.__file__, action, str(folder), *options]
    env = {**os.environ, **environment}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=env)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def environment_from(printed: str) -> dict[str, str]:
    """Return the environment of which ``start`` has printed how it is exported."""
    pairs = [line.removeprefix("export ").partition("=") for line in printed.splitlines()]
    return {name: value for name, _, value in pairs}


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a folder that does not exist yet, with a short path, since Ray puts sockets there."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as parent:
        yield Path(parent) / "c"
