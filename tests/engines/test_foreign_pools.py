"""Pools of other libraries on this machine: MPI and Parsl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

SERVICES = Path(__file__).parents[1] / "services"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def output_of(command: list[str | Path]) -> str:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tasks_run_on_ranks_of_mpi() -> None:
    """A killed rank would end the whole job, so what is told here is what happens to tasks."""
    printed = output_of([SERVICES / "mpi.sh", "3", SERVICES / "mpi_example.py"])
    assert printed.split() == ["[0,", "1,", "4,", "9,", "16]", "4", "WorkerLost", "TaskTimeout", "KeyError"]


def test_one_killed_worker_of_parsl_costs_one_task() -> None:
    printed = output_of([sys.executable, SERVICES / "parsl_example.py"])
    assert printed.split() == ["1024", "WorkerLost", "TaskTimeout", "299", "1", "WorkerLost"]
