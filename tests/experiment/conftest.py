"""What the tests of experiments share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.experiment.drivers import Gate, Start


@pytest.fixture
def trials_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the folders of trials, which are in the current one if the storage is a server, in the test's."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    os.close(gate.waiting)


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
