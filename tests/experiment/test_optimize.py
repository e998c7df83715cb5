"""``optimize``: what ``study.optimize`` does, with other workers than threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from orion.executor import WorkerLost, create_executor
from orion.experiment import ArgumentError, optimize
from tests.experiment.kept import Kept

ENGINES = ["single", "thread", "process"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def quadratic(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    depth = trial.suggest_int("depth", 1, 4)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    trial.set_user_attr("pid", os.getpid())
    return x * x + depth + (kind == "a")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_trials_as_optunas_own(engine: str) -> None:
    ours, theirs = (optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1)) for _ in range(2))
    optimize(ours, quadratic, n_trials=15, executor=engine)
    theirs.optimize(quadratic, n_trials=15)
    assert [(trial.params, trial.values, trial.state) for trial in ours.trials] == [
        (trial.params, trial.values, trial.state) for trial in theirs.trials
    ]
    elsewhere = {trial.user_attrs["pid"] for trial in ours.trials} - {os.getpid()}
    assert bool(elsewhere) == (engine == "process")


def pruned(trial: Any) -> float:
    for step in range(5):
        trial.report(trial.number, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(trial.number)


def test_pruning_is_as_in_optunas_own() -> None:
    ours, theirs = (
        optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1)) for _ in range(2)
    )
    optimize(ours, pruned, n_trials=6)
    theirs.optimize(pruned, n_trials=6)
    assert [(trial.state, trial.value, trial.intermediate_values) for trial in ours.trials] == [
        (trial.state, trial.value, trial.intermediate_values) for trial in theirs.trials
    ]
    assert ours.trials[-1].state is optuna.trial.TrialState.PRUNED


def test_workers_that_reach_the_driver_by_the_network_only(tmp_path: Path) -> None:
    """And an address that is no machine's is refused before anything runs."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1)
    study = optuna.create_study(pruner=pruner)
    optimize(study, pruned, n_trials=4, address="127.0.0.2")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    with pytest.raises(ArgumentError, match=r"203\.0\.113\.1"):
        optimize(study, pruned, n_trials=1, address="203.0.113.1")
    assert len(study.trials) == 4


def two_values(trial: Any) -> tuple[float, float]:
    x = trial.suggest_float("x", 0, 1)
    return x, 1 - x


def test_several_objectives_and_a_storage(tmp_path: Path) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/o.db", directions=["minimize", "maximize"])
    optimize(study, two_values, n_trials=6, n_jobs=2)
    assert len(study.trials) == 6
    assert all(trial.values[0] + trial.values[1] == 1 for trial in study.trials)
    study._storage.remove_session()
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined]  # it has one


def stops(trial: Any) -> float:
    if trial.number == 3:
        trial.study.stop()
    return 1.0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_objective_or_a_callback_may_stop_the_study(engine: str) -> None:
    study = optuna.create_study()
    optimize(study, stops, executor=engine)
    assert len(study.trials) == 4

    def callback(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        seen.append((trial.number, trial.value))
        if trial.number == 6:
            study.stop()

    seen: list[tuple[int, float | None]] = []
    optimize(study, lambda trial: 2.0, n_trials=10, callbacks=[callback], executor=engine)
    assert seen == [(4, 2.0), (5, 2.0), (6, 2.0)]


def fails(trial: Any) -> Any:
    if trial.number == 1:
        raise ValueError("odd")
    if trial.number == 2:
        return "no number"
    if trial.number == 3:
        os._exit(3)
    return 1.0


@pytest.mark.filterwarnings("ignore:.*could not be cast to float")
def test_what_is_caught_fails_its_trial_only() -> None:
    study = optuna.create_study()
    optimize(study, fails, n_trials=5, catch=(ValueError, WorkerLost))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "FAIL", "FAIL", "COMPLETE"]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_caught_is_raised_and_no_trial_is_left_running(engine: str) -> None:
    study = optuna.create_study()
    with pytest.raises(ValueError, match="odd"):
        optimize(study, fails, n_trials=5, executor=engine)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL"]


def test_jobs_run_at_the_same_time_and_an_executor_stays_open() -> None:
    both = threading.Barrier(2, timeout=30)
    study = optuna.create_study()
    with create_executor("thread", n_workers=2) as executor:
        optimize(study, Kept(lambda trial: both.wait() * 0.0), n_trials=4, executor=executor)
        assert executor.submit(int).get() == 0
    assert len(study.trials) == 4


def test_a_time_limit_starts_no_new_trials() -> None:
    study = optuna.create_study()
    optimize(study, lambda trial: 1.0, timeout=0.2, executor="single")
    assert study.trials
    before = len(study.trials)
    optimize(study, lambda trial: 1.0, timeout=0, executor="single")
    assert len(study.trials) == before


def test_ctrl_c_leaves_no_trial_running() -> None:
    def objective(trial: Any) -> float:
        if trial.number == 2:
            raise KeyboardInterrupt
        return 1.0

    study = optuna.create_study()
    with pytest.raises(KeyboardInterrupt):
        optimize(study, objective, n_trials=5, executor="single")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_progress_bar(capfd: pytest.CaptureFixture[str]) -> None:
    optimize(optuna.create_study(), lambda trial: 1.0, n_trials=3, show_progress_bar=True, executor="single")
    assert "Best trial: 0. Best value: 1" in capfd.readouterr().err


def test_an_unknown_engine_and_a_nested_call_are_refused() -> None:
    study = optuna.create_study()
    with pytest.raises(ArgumentError, match="process"):
        optimize(study, quadratic, n_trials=1, executor="proces")
    with pytest.raises(RuntimeError, match="Nested"):
        study.optimize(lambda trial: optimize(study, quadratic, n_trials=1), n_trials=1)


def test_optunas_example_with_one_line_changed() -> None:
    example = Path(__file__).parents[2] / "examples" / "optuna_pruning.py"
    run = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True)
    assert "Number of finished trials:  20\n" in run.stdout
    pruned, complete = (
        int(run.stdout.partition(f"Number of {state} trials:")[2].split()[0]) for state in ("pruned", "complete")
    )
    assert pruned + complete == 20
    assert pruned
    assert run.stderr.count("finished with value") == complete
