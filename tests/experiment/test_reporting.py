"""Intermediate values, pruning, and objectives that define their space, on every engine."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import optuna
import pytest

from orion.experiment import ArgumentError, Experiment, TrialPruned, report
from tests.experiment.each_in_turn import EachInTurn

ENGINES = ["single", "thread", "process"]
SPACE = {"x": "uniform(0, 1)"}


@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_recorded_and_bad_trials_end_early(engine: str, tmp_path: Path) -> None:
    def objective(trial_number: int) -> float:
        try:
            for step in range(3):
                report(trial_number * 10 + step, step)
        except Exception:
            pass
        return 1.0

    space = {"trial_number": "choices([0, 1, 2, 3, 4])"}
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1)
    experiment = Experiment("e", space, tmp_path / "e.db", sampler=EachInTurn())
    result = experiment.run(objective, 5, engine, 1, pruner=pruner, progress=False)
    assert [trial.state for trial in result.trials] == ["completed"] * 2 + ["pruned"] * 3
    for trial in result.trials:
        steps = 3 if trial.state == "completed" else 2
        assert trial.intermediate == {step: 10 * trial.number + step for step in range(steps)}
        assert trial.attempts[0]["outcome"] == trial.state


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_pruner_values_are_only_recorded(engine: str, tmp_path: Path) -> None:
    def objective(x: float) -> float:
        for step in range(2):
            report(step, step)
        return x

    result = Experiment("e", SPACE, tmp_path / "e.db").run(objective, 8, engine, 2, progress=False)
    assert result.counts == {"completed": 8}
    assert all(trial.intermediate == {0: 0.0, 1: 1.0} for trial in result.trials)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_optuna_objective(engine: str, tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.suggest_categorical("kind", ["plain", "deep"]) == "deep":
            trial.suggest_int("depth", 1, 5)
        trial.report(x, 0)
        trial.set_user_attr("seen", len(trial.params))
        if trial.number == 3:
            raise optuna.TrialPruned
        return x

    result = Experiment("e", None, tmp_path / "e.db", seed=1).run(objective, 8, engine, 2, progress=False)
    assert [trial.state for trial in result.trials] == ["completed"] * 3 + ["pruned"] + ["completed"] * 4
    for trial in result.trials:
        assert set(trial.parameters) == {"x", "kind"} | ({"depth"} if trial.parameters["kind"] == "deep" else set())
        assert trial.attributes == {"seen": len(trial.parameters)}
        assert trial.intermediate == {0: trial.parameters["x"]}


def test_an_objective_can_stop_the_study(tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        if trial.number == 2:
            trial.study.stop()
        return float(trial.suggest_float("x", 0, 1))

    result = Experiment("e", None, tmp_path / "e.db").run(objective, 50, "process", 1, progress=False)
    assert result.counts == {"completed": 3}


def test_a_thread_of_the_objective_reports_for_it(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        thread = threading.Thread(target=report, args=(x, 0))
        thread.start()
        thread.join()
        return x

    result = Experiment("e", SPACE, tmp_path / "e.db").run(objective, 2, "process", 2, progress=False)
    assert all(trial.intermediate == {0: trial.parameters["x"]} for trial in result.trials)


def test_a_child_of_the_objective_reports_for_it(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        child = os.fork()
        if child == 0:
            report(x, 1)
            os._exit(0)
        report(x, 0)
        os.waitpid(child, 0)
        return x

    result = Experiment("e", SPACE, tmp_path / "e.db").run(objective, 2, "process", 1, progress=False)
    assert all(trial.intermediate == dict.fromkeys((0, 1), trial.parameters["x"]) for trial in result.trials)


def test_outside_of_a_trial_nothing_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(1.0, 0)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("ORION_RESULTS_PATH", "results.json")
    report(1, step=3)
    assert capsys.readouterr().out == '{"step": 3, "objective": 1.0}\n'


def test_pruners_by_name(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="the pruners are none, median"):
        Experiment("e", SPACE, tmp_path / "e.db").run(lambda x: x, 1, "single", pruner="best", progress=False)
    for name in ("median", "Percentile", "halving", "hyperband", "none"):
        Experiment(name, SPACE, tmp_path / "e.db").run(lambda x: x, 1, "single", pruner=name, progress=False)


def test_a_pruned_trial_is_no_exception() -> None:
    assert not issubclass(TrialPruned, Exception)
