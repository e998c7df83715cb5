"""Tasks that are measured; every library finds them by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["call", "die", "echo", "noop", "report_start_and_sleep", "spin", "wait_for"]


def noop(number: int = 0) -> int:
    return number


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Call what a library does not take as a task itself."""
    return function(*args)


def echo(value: Any) -> Any:
    return value


def spin(loops: int) -> None:
    """Compute: the same amount whatever else the machine does."""
    for _ in range(loops):
        pass


def die(record: str) -> None:
    """Record the moment, and be killed."""
    Path(record).write_text(repr(time.monotonic()))
    os.kill(os.getpid(), signal.SIGKILL)


def report_start_and_sleep(record: str, seconds: float) -> None:
    """Record the moment at which the task began; then take long."""
    Path(record).write_text(repr(time.monotonic()))
    time.sleep(seconds)


def wait_for(path: str) -> None:
    """End once a file is there."""
    while not os.path.exists(path):
        time.sleep(0.001)
