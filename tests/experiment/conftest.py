"""What the tests of experiments share: objective files, and the command line as a process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

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


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    os.close(gate.waiting)


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


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start ``orion-executor`` in a process group of its own, in the test's folder; nothing of it outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "orion.experiment", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def no_process_left(start: Start) -> Iterator[Callable[[int], None]]:
    """Collect the processes below one that is about to end, and check afterwards that they have ended too."""
    watched: list[psutil.Process] = []

    def watch(pid: int) -> None:
        below = psutil.Process(pid).children(recursive=True)
        assert below, "the driver should have workers by now"
        watched.extend(below)

    yield watch
    _, alive = psutil.wait_procs(watched, timeout=10)
    for process in alive:
        process.kill()
    assert not [process for process in alive if process.is_running()], "processes outlived their driver"
