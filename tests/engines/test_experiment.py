"""The main job on engines past one machine: the same table as on the engine of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

OBJECTIVE = """
def objective(x):
    if x > 0.9:
        raise ValueError("too large")
    return x * x
"""

STUDY = """
import sys
import optuna
from orion.experiment import optimize

def quadratic(trial):
    return (trial.suggest_float("x", -1, 1) - 0.5) ** 2

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
optimize(study, quadratic, n_trials=6, n_jobs=1, executor=sys.argv[1])
print([(trial.params, trial.value) for trial in study.trials])
"""

TABLE = ["e: 6 completed, 2 failed (minimize)", 3 + 6]
OPTIONS = {
    "process": [],
    "dask": [],
    "futures": ["pool=concurrent.futures:ThreadPoolExecutor"],
    "joblib": [],
    "slurm": ["poll_interval=0.05", "lookup_interval=0.5", "directives={}"],
}


@pytest.mark.parametrize("engine", ["dask", "futures", "joblib", "slurm"])
def test_the_same_experiment_gives_the_same_table(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if engine == "slurm":
        request.getfixturevalue("slurm_cluster")
    expected, found = (table(tmp_path, name) for name in ("process", engine))
    assert [expected[0], len(expected)] == TABLE
    assert found == expected


@pytest.mark.usefixtures("slurm_cluster")
def test_an_unknown_partition_is_one_line(tmp_path: Path) -> None:
    run = start(tmp_path, "slurm", "partition=nowhere")
    assert run.returncode == 2
    assert "nowhere" in run.stderr
    assert run.stderr.count("\n") == 1


def test_an_address_where_no_scheduler_is_is_one_line(tmp_path: Path) -> None:
    run = start(tmp_path, "dask", "address=tcp://127.0.0.1:9")
    assert run.returncode == 2
    assert "tcp://127.0.0.1:9 cannot be reached" in run.stderr
    assert run.stderr.count("\n") == 1


def test_optuna_trials_on_dask_are_those_of_optuna(tmp_path: Path) -> None:
    """They ask the study, which is in the driver, for suggestions."""
    (tmp_path / "study.py").write_text(STUDY)
    single, dask = (
        subprocess.run(
            [sys.executable, "study.py", engine], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=True
        ).stdout
        for engine in ("single", "dask")
    )
    assert single.count("'x'") == 6
    assert dask == single


def table(folder: Path, engine: str) -> list[str]:
    """Return what is printed of the trials, without what they took."""
    (folder / engine).mkdir()
    run = start(folder / engine, engine, *OPTIONS[engine])
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    seconds = lines[1].index("seconds") - 4
    return [lines[0], *(line[:seconds].rstrip() for line in lines[1:-1])]


def start(folder: Path, engine: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "task.py").write_text(OBJECTIVE)
    space = ["--space", "x=uniform(0, 1)", "--sampler", "random", "--seed", "11", "--max-trials", "8"]
    command = [sys.executable, "-m", "orion.experiment", "run", "-n", "e", "task.py:objective", *space]
    command += ["--executor", engine, *(f"--executor-option={option}" for option in options), "--n-workers", "2"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
