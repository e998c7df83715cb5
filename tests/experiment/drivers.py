"""Drivers of experiments as processes, and an objective that waits until a test lets it go on."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

__all__ = ["Gate", "Start"]

GATED_OBJECTIVE = '''
import os
from pathlib import Path

HERE = Path(__file__).parent


def objective(x):
    """Return x squared; once a few calls have been made, wait at the gate until it is opened."""
    with open(HERE / "calls", "a") as calls:
        calls.write(f"{x!r}\\n")
    if len((HERE / "calls").read_text().splitlines()) > 4 and not (HERE / "open").exists():
        with open(HERE / "waiting", "w") as waiting:  # a named pipe: tells the test that a trial waits here
            waiting.write("x")
        with open(HERE / "gate"):  # another one, which nobody opens for writing
            pass
    return x * x
'''

Start = Callable[..., "subprocess.Popen[str]"]


class Gate:
    """An objective that waits from its fifth call on, until the gate is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gated.py").write_text(GATED_OBJECTIVE)
        os.mkfifo(folder / "gate")
        os.mkfifo(folder / "waiting")
        self.waiting = os.open(folder / "waiting", os.O_RDWR)  # for writing too, lest it is at its end in between

    def wait_for(self, trials: int, driver: subprocess.Popen[str]) -> None:
        """Block until that many trials wait at the gate."""
        ended = os.pidfd_open(driver.pid)
        try:
            while trials:
                ready, _, _ = select.select([self.waiting, ended], [], [])
                assert self.waiting in ready, driver.communicate()
                trials -= len(os.read(self.waiting, trials))
        finally:
            os.close(ended)

    def open(self) -> None:
        """Let later calls pass."""
        (self.folder / "open").touch()

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()
