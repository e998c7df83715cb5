"""A user's program that uses each interface; type checkers find nothing in it. See test_typing.py."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Iterator

from typing_extensions import assert_type

from orion.executor import AsyncException, AsyncResult, BaseExecutor, Future, WorkerLost, create_executor
from orion.experiment import Command, Experiment, ExperimentResult, TrialRecord, optimize, report


def scale(value: float, factor: int = 2) -> float:
    return value * factor


def label(number: int) -> str:
    return str(number)


def by_hand(executor: BaseExecutor) -> None:
    future = executor.submit(scale, 1.0, factor=3)
    assert_type(future, Future[float])
    assert_type(future.get(timeout=1.0), float)
    assert_type(executor.wait([future]), list[float])
    for result in executor.async_get([future]):
        assert_type(result, AsyncResult[float] | AsyncException[float])
        assert_type(result.value, float)
    assert_type(executor.options(timeout=1.0, retries=2).submit(label, 1), Future[str])


def iterated(executor: BaseExecutor) -> None:
    assert_type(executor.map(label, range(3), in_flight=2), Iterator[str])
    assert_type(executor.map(scale, [1.0], [2]), Iterator[float])
    futures = [executor.submit(label, number) for number in range(3)]
    assert_type(executor.as_completed(futures), Iterator[Future[str]])
    assert_type(executor.progress(futures), Iterator[Future[str]])


async def awaited() -> None:
    async with create_executor("process", n_workers=2) as executor:
        assert_type(executor, BaseExecutor)
        assert_type(await executor.submit(label, 1), str)


def as_the_standard_library(executor: BaseExecutor) -> None:
    with executor.as_concurrent() as pool:
        future = pool.submit(label, 1)
        assert_type(future, concurrent.futures.Future[str])
        assert_type(pool.map(label, [1], chunksize=2), Iterator[str])
    pools: list[concurrent.futures.Executor] = [executor.as_concurrent()]
    pools[0].shutdown(cancel_futures=True)


def observed(executor: BaseExecutor) -> None:
    with executor.trace("run.json") as trace:
        captured = executor.options(output="capture", logs="INFO").submit(label, 1)
    assert_type(captured.output, str)
    assert_type([run.outcome for run in trace.runs()], list[str])
    assert_type(executor.counters()["failed"], dict[str, int])


def failed(future: Future[float]) -> int | None:
    try:
        future.get()
    except WorkerLost as error:
        assert_type(error.report.peak_memory_gb, float | None)
        return error.signal or error.exitcode
    return None


def tuned(executor: BaseExecutor) -> float | None:
    def objective(lr: float, depth: int, seed: int) -> float:
        report(lr, depth)
        return lr * depth * seed

    experiment = Experiment("tuned", {"lr": "loguniform(1e-3, 1)", "depth": "randint(1, 6)"}, "experiments.db", seed=1)
    result = experiment.run(objective, max_trials=20, executor=executor, trial_timeout=60.0, retries={"lost": 2})
    assert_type(result, ExperimentResult)
    assert_type(result.trials, tuple[TrialRecord, ...])
    return result.best.value if result.best is not None else None


def tuned_command() -> ExperimentResult:
    command = Command(["python", "train.py", "--lr~loguniform(1e-3, 1)"], metric="loss")
    return Experiment("command", command.space).run(command, max_trials=3, gpus_per_trial=0.5, gpus=[0, "1"])


def tuned_study() -> None:
    import optuna

    study = optuna.create_study()
    optimize(study, lambda trial: float(trial.suggest_float("x", 0, 1)), n_trials=os.cpu_count(), executor="thread")
