"""Kill a driver with SIGKILL while it is busy, again and again, and count what is left 2 seconds later.

Run it as ``python -m tests.faults.kill_driver 200``.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil

from tests.faults.waiting import environment, start_python

__all__ = ["rounds"]

SECONDS = 2.0
_MARK = "ORION_KILLED_DRIVER"

# Tasks of all kinds: short ones, long ones, children in a session of their own, deaths, arrays.
DRIVER = """
    import os, pathlib, random, subprocess, sys, time
    from orion.executor.process_backend import ProcessExecutor

    def child():
        subprocess.run(["sleep", "60"], start_new_session=random.random() < 0.5)

    def work(kind, data):
        if kind == 0:
            child()
        elif kind == 1:
            os._exit(1)
        elif kind == 2:
            time.sleep(60)
        return data

    executor = ProcessExecutor(2)
    executor.submit(len, "abc").get()
    print("busy", flush=True)
    while True:
        futures = [executor.submit(work, random.randrange(20), bytes(random.choice([10, 10**6]))) for _ in range(50)]
        time.sleep(random.random() / 10)
        for future in futures[::2]:
            future.cancel()
"""


def rounds(number: int, folder: Path) -> list[str]:
    """Kill so many drivers; return what was left of them, in words."""
    left = []
    for _ in range(number):
        mark = uuid.uuid4().hex
        driver = start_python(DRIVER, str(folder), stdout=subprocess.PIPE, env={**environment(), _MARK: mark})
        assert driver.stdout is not None
        assert driver.stdout.readline() == "busy\n"
        time.sleep(random.random() / 2)  # any moment will do
        driver.kill()
        driver.communicate()
        deadline = time.monotonic() + SECONDS
        while (alive := _bearing(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        left += alive
    return left


def _bearing(mark: str) -> list[str]:
    """Return the processes, in words, that have inherited a driver's environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_MARK) == mark:
                found.append(f"{process.pid}: {' '.join(process.cmdline())}")
    return found


if __name__ == "__main__":
    count = int(sys.argv[1])
    found = rounds(count, Path(tempfile.gettempdir()))
    print(f"{count} drivers killed, {len(found)} processes left after {SECONDS} s")
    sys.exit(bool(found))
