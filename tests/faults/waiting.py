"""How tests wait, and run scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

from orion.executor.testing.tasks import PATIENCE

__all__ = ["await_that", "environment", "run_python", "start_python"]


def await_that(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE / 2
    while not condition():
        assert time.monotonic() < deadline, "this did not come to pass"
        time.sleep(0.005)


def environment() -> dict[str, str]:
    """Return an environment in which other interpreters find the same modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}


def run_python(code: str, *arguments: str, timeout: float = PATIENCE / 2) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start_python(code: str, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """Start a script in an interpreter, and a session, of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        text=True,
        start_new_session=True,
        **{"env": environment(), **settings},
    )
