"""The main job on Slurm: the same table as on the engine of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OBJECTIVE = """
def objective(x):
    if x > 0.9:
        raise ValueError("too large")
    return x * x
"""

QUICK = [f"--executor-option={option}" for option in ("poll_interval=0.05", "lookup_interval=0.5", "directives={}")]


@pytest.mark.engines
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("slurm_cluster")
def test_the_same_experiment_gives_the_same_table(tmp_path: Path) -> None:
    process, slurm = (table(tmp_path, engine, *options) for engine, options in (("process", []), ("slurm", QUICK)))
    assert process[0] == "e: 6 completed, 2 failed (minimize)"
    assert len(process) == 3 + 6
    assert slurm == process


@pytest.mark.usefixtures("slurm_cluster")
@pytest.mark.engines
def test_an_unknown_partition_is_one_line(tmp_path: Path) -> None:
    run = start(tmp_path, "slurm", "--executor-option=partition=nowhere")
    assert run.returncode == 2
    assert "nowhere" in run.stderr
    assert run.stderr.count("\n") == 1


def table(folder: Path, engine: str, *options: str) -> list[str]:
    """Return what is printed of the trials, without what they took."""
    (folder / engine).mkdir()
    run = start(folder / engine, engine, *options)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    seconds = lines[1].index("seconds") - 4
    return [lines[0], *(line[:seconds].rstrip() for line in lines[1:-1])]


def start(folder: Path, engine: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "task.py").write_text(OBJECTIVE)
    space = ["--space", "x=uniform(0, 1)", "--sampler", "random", "--seed", "11", "--max-trials", "8"]
    command = [sys.executable, "-m", "orion.experiment", "run", "-n", "e", "task.py:objective", *space]
    command += ["--executor", engine, *options, "--n-workers", "2"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
