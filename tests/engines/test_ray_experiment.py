"""The main job on Ray: the same trials, with the same seed, as on the engine of processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from orion.experiment import optimize
from tests.engines.ray_here import nothing_left_but_ray
from tests.engines.ray_nodes import PATIENCE

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(300),
]


@pytest.fixture(autouse=True)
def nothing_left_behind(ray_nodes: Path) -> Iterator[None]:
    with nothing_left_but_ray(descriptors=True):
        yield


OBJECTIVES = """
from orion.experiment import report

def fails_at_times(x, depth):
    if x > 0.8:
        raise ValueError("too large")
    return x * x + depth

def reports(x, depth):
    for step in range(3):
        report(x + depth + step, step)
    return x + depth
"""
SCRIPT = """
import sys
x = float(sys.argv[1].partition("=")[2])
for step in range(3):
    print(f"loss={x * x + step}")
"""
SPACE = ["--space", "x=uniform(0, 1)", "--space", "depth=randint(1, 4)"]
JOBS = {
    "failures": ["task.py:fails_at_times", *SPACE, "--n-workers", "2"],
    "pruning": ["task.py:reports", *SPACE, "--pruner", "median", "--n-workers", "1"],
    "commands": ["--metric", "loss", "--n-workers", "2", "--", sys.executable, "script.py", "--x=~uniform(0, 1)"],
}


@pytest.mark.parametrize("job", JOBS)
def test_the_same_experiment_gives_the_same_table(tmp_path: Path, job: str) -> None:
    process, ray = (table(tmp_path / engine, engine, JOBS[job]) for engine in ("process", "ray"))
    assert len(process) > 6
    assert ray == process
    expected = {"failures": "failed", "pruning": "pruned", "commands": "e: 14 completed (minimize)"}[job]
    assert expected in process[0]


def table(folder: Path, engine: str, job: list[str]) -> list[str]:
    """Return what is printed of the trials, without what they took."""
    folder.mkdir()
    (folder / "task.py").write_text(OBJECTIVES)
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "orion.experiment", "run", "-n", "e", "--executor", engine]
    command += ["--sampler", "random", "--seed", "11", "--max-trials", "14", *job]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    seconds = lines[1].index("seconds") - 4
    return [lines[0], *(line[:seconds].rstrip() for line in lines[1:-1])]


def reports(trial: Any) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(3):
        trial.report(x + step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(x)


def test_optimize_finds_the_same_trials_as_optunas_own() -> None:
    studies = [
        optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3), pruner=optuna.pruners.MedianPruner(2))
        for _ in range(2)
    ]
    optimize(studies[0], reports, n_trials=12, executor="ray")
    studies[1].optimize(reports, n_trials=12)
    ours, theirs = ([(trial.params, trial.state, trial.value) for trial in study.trials] for study in studies)
    assert ours == theirs
    assert optuna.trial.TrialState.PRUNED in {trial.state for trial in studies[0].trials}
