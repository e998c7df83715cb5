"""Experiments that start from the trials of another one, and changes that are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orion.experiment import ArgumentError, Experiment, ExperimentMismatch, StorageError
from orion.experiment.cli.app import main

OBJECTIVE = """
def first(x):
    return x

def second(x):
    return -x
"""


def total(x: float, k: str = "a") -> dict[str, float]:
    return {"objective": x, "twice": 2 * x}


def test_a_branch_starts_from_the_trials_that_are_in_its_space(tmp_path: Path) -> None:
    old = Experiment("old", {"x": "uniform(0, 1)"}, tmp_path / "e.db", sampler="random", seed=1)
    trials = old.run(total, 10, "single", progress=False).trials
    space = {"x": "uniform(0, 0.6)", "k": "choices(['a', 'b'], default_value='a')"}
    new = Experiment("new", space, tmp_path / "e.db", branch_of="old")
    for count in (2, 3):
        result = new.run(total, count, "single", progress=False)
    fitting = [trial for trial in trials if trial.parameters["x"] <= 0.6]
    assert 0 < len(fitting) < 10
    copied = result.trials[: len(fitting)]
    assert [trial.parameters for trial in copied] == [{**trial.parameters, "k": "a"} for trial in fitting]
    assert [(trial.value, trial.attributes) for trial in copied] == [(it.value, it.attributes) for it in fitting]
    assert len(result.trials) == len(fitting) + 3


def test_what_cannot_be_branched_is_refused(tmp_path: Path) -> None:
    Experiment("old", {"x": "uniform(0, 1)"}, tmp_path / "e.db").run(total, 2, "single", progress=False)
    with pytest.raises(StorageError, match="has no experiment 'none'; it has old"):
        Experiment("new", {"x": "uniform(0, 1)"}, tmp_path / "e.db", branch_of="none").run(total, 2, "single")
    other: dict[str, Any] = {"branch_of": "old", "direction": "maximize"}
    with pytest.raises(ExperimentMismatch, match="other directions"):
        Experiment("new", {"x": "uniform(0, 1)"}, tmp_path / "e.db", **other).run(total, 2)
    with pytest.raises(ArgumentError, match="from itself"):
        Experiment("old", {"x": "uniform(0, 1)"}, branch_of="old")


def test_another_objective_or_limit_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asked.py").write_text(OBJECTIVE)
    run = ("run", "-n", "e", "--space", "x=uniform(0, 1)", "--executor", "single")
    assert main([*run, "asked.py:first", "--max-trials", "2"]) == 0
    assert main([*run, "asked.py:first", "--max-trials", "3"]) == 0
    capsys.readouterr()
    assert main([*run, "asked.py:second", "--max-trials", "4", "--patience", "9"]) == 2
    refusal = capsys.readouterr().err
    assert "objective was first and is now second; patience was none and is now 9" in refusal
    assert "--yes" in refusal
    assert main([*run, "asked.py:second", "--max-trials", "4", "--yes"]) == 0
    assert "objective was first and is now second" in capsys.readouterr().err
    assert main([*run, "asked.py:first", "--max-trials", "2", "--branch", "f"]) == 0
    assert "f: it started from 4 trials of another experiment" in capsys.readouterr().err


def test_several_objectives(tmp_path: Path) -> None:
    experiment = Experiment(
        "e", {"x": "uniform(0, 1)"}, tmp_path / "e.db", sampler="nsgaii", seed=1, direction=["minimize", "maximize"]
    )
    result = experiment.run(lambda x: (x, x * x), 6, "single", progress=False)
    assert result.counts == {"completed": 6}
    assert result.directions == ("minimize", "maximize")
    assert len(result.front()) == 6
    assert all(trial.values == (trial.parameters["x"], trial.parameters["x"] ** 2) for trial in result.trials)


def test_a_sweep_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swept.py").write_text(OBJECTIVE)
    (tmp_path / "s.csv").write_text("x\n0.5\n2\n1\n")
    assert main(["run", "-n", "e", "swept.py:first", "--settings", "s.csv", "--executor", "single", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert [trial.parameters["x"] for trial in Experiment("e", None).result().trials] == [0.5, 2, 1]
