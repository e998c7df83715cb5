"""Running experiments through the Python interface."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.distributions import FloatDistribution

from orion.executor import create_executor
from orion.experiment import (
    ArgumentError,
    Experiment,
    ExperimentError,
    ExperimentInterrupted,
    ExperimentMismatch,
    ObjectiveError,
    StorageError,
)

ENGINES = ["single", "thread", "process"]
SPACE = {"x": "uniform(-5, 5)"}


def square(x: float) -> float:
    return x * x


def make(folder: Path, **options: Any) -> Experiment:
    return Experiment("e", options.pop("space", SPACE), folder / "e.db", **options)


@pytest.mark.parametrize("engine", ENGINES)
def test_trials_are_run_and_recorded(engine: str, tmp_path: Path) -> None:
    experiment = make(tmp_path, space={"x": "uniform(-5, 5)", "k": "choices([1, 2])", "y": FloatDistribution(0, 1)})
    result = experiment.run(lambda x, k, y: {"objective": x * k + y, "doubled": 2 * x}, 9, engine, 2, progress=False)
    assert result.counts == {"completed": 9}
    assert [trial.number for trial in result.trials] == list(range(9))
    for trial in result.trials:
        x, k, y = (trial.parameters[name] for name in ("x", "k", "y"))
        assert trial.value == x * k + y
        assert trial.attributes == {"doubled": 2 * x}
        assert trial.attempt == 1
        assert trial.seconds is not None
    assert result.best is not None
    assert result.best.value == min(trial.value for trial in result.trials if trial.value is not None)
    assert experiment.result() == result


def test_maximize(tmp_path: Path) -> None:
    result = make(tmp_path, direction="maximize").run(square, 5, "single", progress=False)
    assert result.best is not None
    assert result.best.value == max(trial.value for trial in result.trials if trial.value is not None)


class Odd(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"odd {first}")


def troubled(case: str) -> Any:
    if case == "raises":
        raise ValueError("no\nway")
    if case == "odd":
        raise Odd(1, 2)
    if case == "exits":
        sys.exit(3)
    if case == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"none": None, "nan": math.nan, "text": "0.5", "lacks": {"x": 1}, "fine": 1.0}[case]


class EachOnce(optuna.samplers.BaseSampler):
    """Suggests every choice once, in order."""

    def infer_relative_search_space(self, study: optuna.Study, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: optuna.Study, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: optuna.Study, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return param_distribution.choices[trial.number]


@pytest.mark.parametrize("engine", ENGINES)
def test_failing_trials_are_recorded_with_their_reason_and_stop_nothing(engine: str, tmp_path: Path) -> None:
    expected = {
        "raises": "ValueError: no way",
        "odd": "odd 1",
        "exits": "SystemExit: 3",
        "none": "InvalidResult: the objective returned None",
        "nan": "InvalidResult: the objective returned nan",
        "text": "InvalidResult: the objective returned '0.5' (str)",
        "lacks": "InvalidResult: the objective returned a mapping without",
        "fine": "",
    }
    if engine == "process":
        expected["dies"] = "WorkerLost: "
    experiment = make(tmp_path, space={"case": f"choices({list(expected)!r})"}, sampler=EachOnce())
    result = experiment.run(troubled, len(expected), engine, 2, progress=False)
    assert result.counts == {"completed": 1, "failed": len(expected) - 1}
    for trial in result.trials:
        case = trial.parameters["case"]
        assert expected[case] in trial.reason
        if trial.failure is not None:
            assert trial.failure["traceback"]
            assert "\n" not in trial.reason
    assert result.best is not None
    assert result.best.parameters == {"case": "fine"}


def test_a_trial_that_runs_too_long_is_stopped_and_fails(tmp_path: Path) -> None:
    result = make(tmp_path).run(lambda x: threading.Event().wait(), 2, "process", 2, trial_timeout=0.2, progress=False)
    assert result.counts == {"failed": 2}
    assert all(trial.reason.startswith("TaskTimeout: ") for trial in result.trials)
    assert result.best is None


def test_running_again_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make(tmp_path).run(square, 4, "single")
    assert capfd.readouterr().err.startswith("e: new experiment, 4 trials\n[1/4] trial 0: ")
    first = make(tmp_path).result()
    second = make(tmp_path).run(square, 7, "single")
    assert capfd.readouterr().err.startswith("e: continuing: 4 of 7 done\n[5/7] trial 4: ")
    assert second.trials[:4] == first.trials
    assert second.counts == {"completed": 7}
    assert make(tmp_path).run(square, 5, "single") == second
    assert capfd.readouterr().err == "e: 7 trials are done already; ask for more than that to go on\n"


def test_a_seed_makes_an_interrupted_experiment_the_same_as_one_that_was_not(tmp_path: Path) -> None:
    whole = Experiment("whole", SPACE, tmp_path / "e.db", seed=1).run(square, 14, "single", progress=False)
    for count in (3, 11, 14):
        parts = Experiment("parts", SPACE, tmp_path / "e.db", seed=1).run(square, count, "single", progress=False)
    assert [trial.parameters for trial in parts.trials] == [trial.parameters for trial in whole.trials]


def test_default_values_are_tried_first_and_once(tmp_path: Path) -> None:
    space = {
        "x": "uniform(-5, 5, default_value=2)",
        "y": "uniform(0, 1)",
        "k": "choices(['a', 'b'], default_value='b')",
    }
    for count in (1, 3):
        result = make(tmp_path, space=space).run(lambda x, y, k: x, count, "single", progress=False)
    assert result.trials[0].parameters["x"] == 2
    assert result.trials[0].parameters["k"] == "b"
    assert [trial.parameters["x"] == 2 for trial in result.trials] == [True, False, False]


def test_workers_are_kept_full_without_a_barrier(tmp_path: Path) -> None:
    """The first trial ends last: it waits until all others have been run by the second worker."""
    others = threading.Semaphore(0)

    def objective(x: float) -> float:
        if threading.current_thread() is first[0]:
            for _ in range(7):
                assert others.acquire(timeout=30)
        else:
            others.release()
        return x

    first: list[threading.Thread] = []

    def chosen(x: float) -> float:
        if not first:
            first.append(threading.current_thread())
        return objective(x)

    result = make(tmp_path).run(_Unpicklable(chosen), 8, "thread", 2, progress=False)
    assert result.counts == {"completed": 8}


class _Unpicklable:
    """A function that travels to threads as it is, not as a copy."""

    registry: ClassVar[list[Any]] = []

    def __init__(self, function: Any) -> None:
        self.registry.append(function)
        self.place = len(self.registry) - 1

    def __call__(self, x: float) -> float:
        return float(self.registry[self.place](x))


def test_each_end_is_recorded_before_the_next_trial_is_asked_for(tmp_path: Path) -> None:
    seen = []

    def objective(x: float) -> float:
        study = optuna.load_study(study_name="e", storage=f"sqlite:///{tmp_path}/e.db")
        seen.append(sum(trial.state.is_finished() for trial in study.get_trials()))
        return x

    make(tmp_path).run(_Unpicklable(objective), 4, "single", progress=False)
    assert seen == [0, 1, 2, 3]


def test_an_executor_that_is_given_stays_open(tmp_path: Path) -> None:
    with create_executor("thread", n_workers=2) as executor:
        make(tmp_path).run(square, 4, executor, progress=False)
        assert executor.submit(square, 3).get() == 9
        with pytest.raises(ArgumentError, match="n_workers"):
            make(tmp_path).run(square, 4, executor, 3, progress=False)


def test_an_executor_closed_by_somebody_else_costs_no_trial(tmp_path: Path) -> None:
    executor = create_executor("thread", n_workers=1)

    def objective(x: float) -> float:
        if len(calls) == 1:
            executor.close()
        calls.append(x)
        return x

    calls: list[float] = []
    with pytest.raises(ExperimentError, match="closed"):
        make(tmp_path).run(_Unpicklable(objective), 4, executor, progress=False)
    assert make(tmp_path).result().counts == {"completed": 1, "waiting": 1}
    result = make(tmp_path).run(square, 4, "single", progress=False)
    assert result.counts == {"completed": 4}
    assert result.trials[1].attempt > 1


@pytest.mark.parametrize(
    ("arguments", "options", "error", "reason"),
    [
        ((3, 5), {}, ObjectiveError, "not callable"),
        ((lambda y: y, 5), {}, ObjectiveError, "cannot be called"),
        ((square, 0), {}, ArgumentError, "max_trials"),
        ((square, 2.5), {}, ArgumentError, "max_trials"),
        ((square, 5, "proces"), {}, ArgumentError, "process"),
        ((square, 5, 7), {}, ArgumentError, ""),
        ((square, 5, "thread", 0), {}, ArgumentError, "n_workers"),
        ((square, 5, "thread", -2), {}, ArgumentError, "n_workers"),
        ((square, 5, "thread"), {"trial_timeout": 1.0}, ArgumentError, "a thread cannot be stopped"),
        ((square, 5, "process"), {"trial_timeout": 0}, ArgumentError, "time limit"),
        ((square, 5, "process"), {"trial_timeout": math.nan}, ArgumentError, "time limit"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(
    arguments: Any, options: Any, error: type[ExperimentError], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        make(tmp_path).run(*arguments, **options)
    assert reason in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        (("", SPACE), {}, "needs a name"),
        (("e", SPACE), {"direction": "down"}, "minimize or maximize"),
        (("e", SPACE), {"sampler": "best"}, "the samplers are"),
    ],
)
def test_what_is_no_experiment_is_refused(arguments: Any, options: Any, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Experiment(*arguments, **options)
    assert reason in str(caught.value)


def test_another_space_or_direction_under_the_same_name_is_refused(tmp_path: Path) -> None:
    first = make(tmp_path).run(square, 3, "single", progress=False)
    with pytest.raises(ExperimentMismatch, match=r"x was uniform\(-5, 5\) and is now uniform\(0, 5\)"):
        make(tmp_path, space={"x": "uniform(0, 5)"}).run(square, 5, "single", progress=False)
    with pytest.raises(ExperimentMismatch, match="is to minimize its objective, not to maximize it"):
        make(tmp_path, direction="maximize").run(square, 5, "single", progress=False)
    assert make(tmp_path).result() == first


def test_a_study_of_optunas_own_is_left_alone(tmp_path: Path) -> None:
    study = optuna.create_study(study_name="e", storage=f"sqlite:///{tmp_path}/e.db")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with pytest.raises(ExperimentMismatch, match="not made by this program"):
        make(tmp_path).run(square, 3, "single", progress=False)
    assert len(study.trials) == 2


def test_an_objective_that_cannot_travel_is_refused_and_its_trial_kept(tmp_path: Path) -> None:
    lock = threading.Lock()
    with pytest.raises(ExperimentError, match="trial 0 cannot be started"):
        make(tmp_path).run(lambda x: lock.locked(), 3, "process", 1, progress=False)
    assert make(tmp_path).result().counts == {"waiting": 1}
    assert make(tmp_path).run(square, 3, "single", progress=False).counts == {"completed": 3}


def test_a_database_that_fails_in_the_middle_ends_the_run_with_one_line(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        with sqlite3.connect(tmp_path / "e.db") as connection:
            connection.execute("DROP TABLE trial_values")
        connection.close()
        return x

    with pytest.raises(StorageError) as caught:
        make(tmp_path).run(_Unpicklable(objective), 3, "single", progress=False)
    assert "\n" not in str(caught.value)


def test_ctrl_c_in_the_single_engine_queues_the_trial_again(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        calls.append(x)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return x

    calls: list[float] = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ExperimentInterrupted) as caught:
        make(tmp_path).run(_Unpicklable(objective), 5, "single", progress=False)
    assert (caught.value.done, caught.value.max_trials, caught.value.requeued) == (2, 5, 1)
    assert signal.getsignal(signal.SIGINT) is before
    interrupted = make(tmp_path).result().trials[2]
    assert interrupted.state == "waiting"
    result = make(tmp_path).run(_Unpicklable(objective), 5, "single", progress=False)
    assert result.counts == {"completed": 5}
    assert result.trials[2].parameters == interrupted.parameters
    assert [trial.attempt for trial in result.trials] == [1, 1, 2, 1, 1]


def test_trials_of_a_driver_that_lives_are_left_to_it(tmp_path: Path) -> None:
    """Two drivers share an experiment: neither takes the other's trials, and together they run as many as asked for."""
    ran: list[float] = []
    both = threading.Barrier(2, timeout=30)

    def objective(x: float) -> float:
        if len(ran) < 2:
            both.wait()
        ran.append(x)
        return x

    travelling = _Unpicklable(objective)
    drivers = [
        threading.Thread(target=lambda: make(tmp_path).run(travelling, 12, "single", progress=False)) for _ in range(2)
    ]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    result = make(tmp_path).result()
    assert result.counts == {"completed": 12}
    assert sorted(ran) == sorted(trial.parameters["x"] for trial in result.trials)


def test_a_result_shows_itself_as_a_table(tmp_path: Path) -> None:
    result = make(tmp_path, seed=1).run(square, 3, "single", progress=False)
    lines = str(result).splitlines()
    assert lines[0] == "e: 3 completed (minimize)"
    assert lines[1].split() == ["trial", "objective", "x", "seconds"]
    assert len(lines) == 6
    assert result.best is not None
    assert lines[3].split()[0] == str(result.best.number)
