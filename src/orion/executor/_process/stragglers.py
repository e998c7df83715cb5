"""What is left when the template itself was killed, which else sees to it that nothing is.

The kernel ends the workers then, but not what their tasks had started. That is known by a mark in the environment,
which a process inherits; one that has cleared its environment is not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

__all__ = ["MARK", "end_stragglers"]

MARK = "ORION_EXECUTOR_POOL"
_PAUSE_SECONDS = 0.002


def end_stragglers(mark: str, timeout: float) -> None:
    """Kill every process that bears a mark, and wait until there is none, at most ``timeout`` seconds."""
    wanted = f"{MARK}={mark}".encode()
    deadline = time.monotonic() + timeout
    while (found := _bearing(wanted)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)  # no event tells that a process of others has ended


def _bearing(wanted: bytes) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # not ours, or ended
                if wanted in file.read().split(b"\0"):
                    found.append(int(name))
    return found
