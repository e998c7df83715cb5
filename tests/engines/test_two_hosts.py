"""Experiments whose trials run on another host than their driver: reports, pruning and suggestions reach it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest

from orion.executor import BaseExecutor
from orion.executor.dask_backend import Dask
from orion.experiment import Experiment, optimize, report
from tests.leftovers import Standing, left_since
from tests.services.other_host import NAME, Host, can_be_made, other_host

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not can_be_made(), reason="network namespaces cannot be made here"),
]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Hold tests to what all are held to, but for the semaphores that come and go with Dask's workers."""
    before = Standing.now()
    yield
    left = [what for what in left_since(before, 10.0, of_the_worker) if "/sem.mp-" not in what]
    assert not left, "left behind by this test:\n  " + "\n  ".join(left)


def of_the_worker(thing: object, _: str) -> bool:
    """Return whether something is a process below Dask's worker, which the tests of this module share."""
    if not isinstance(thing, psutil.Process):
        return False
    try:
        return any("dask worker" in " ".join(parent.cmdline()) for parent in thing.parents())
    except psutil.Error:  # it has ended
        return True


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with other_host() as host:
        yield host


@pytest.fixture(scope="module")
def scheduler(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler on this host, and a worker with two threads on the other one."""
    folder = tmp_path_factory.mktemp("two-hosts")
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        common = ["--no-dashboard", "--host"]
        scheduler = ["scheduler", *common, host.here, "--port", "0", "--scheduler-file", str(file)]
        stack.enter_context(started(scheduler, folder / "scheduler.log"))
        address = address_in(file)
        options = ["--no-nanny", "--nthreads", "2", "--local-directory", str(folder), "--death-timeout", "60"]
        worker = ["worker", address, *common, host.there, *options]
        stack.enter_context(started(worker, folder / "worker.log", host.enter))
        yield address


@contextmanager
def started(command: list[str], log: Path, enter: list[str] | None = None) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            [*(enter or []), sys.executable, "-m", "dask", *command], stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def address_in(file: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return str(json.loads(text)["address"])
        time.sleep(0.05)
    raise AssertionError("the scheduler has not started")


@pytest.fixture
def executor(scheduler: str) -> Iterator[BaseExecutor]:
    with Dask(2, address=scheduler) as executor:
        yield executor


def by_run(trial: Any) -> float:
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("host", socket.gethostname())
    for step in range(3):
        trial.report(x + trial.number, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    if trial.number == 7:
        trial.study.stop()
    return float(x)


def check(study: optuna.Study) -> None:
    """Check that trials have run elsewhere, and that all that they asked and reported has arrived."""
    assert len(study.trials) >= 8
    assert {trial.user_attrs["host"] for trial in study.trials} == {NAME} != {socket.gethostname()}
    states = [trial.state.name for trial in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"}, states
    assert all(trial.intermediate_values and 0 <= trial.params["x"] <= 1 for trial in study.trials)


def test_optimize_in_memory(executor: BaseExecutor, host: Host) -> None:
    assert executor.driver_host == host.here
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.ThresholdPruner(upper=6.5, n_warmup_steps=1)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), pruner=pruner)
    optimize(study, by_run, n_trials=8, n_jobs=2, executor=executor)
    check(study)


def reports(x: float) -> dict[str, object]:
    for step in range(3):
        report(x, step)
    return {"objective": x, "host": socket.gethostname()}


def test_an_experiment(executor: BaseExecutor, tmp_path: Path) -> None:
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "e.db", sampler="random", seed=1)
    pruner = optuna.pruners.ThresholdPruner(upper=0.7, n_warmup_steps=1)
    result = experiment.run(reports, 8, executor, pruner=pruner, progress=False)
    assert set(result.counts) == {"completed", "pruned"}
    for trial in result.trials:
        assert trial.attempts[-1]["host"] == NAME
        if trial.state == "completed":
            assert trial.attributes["host"] == NAME
            assert trial.intermediate == dict.fromkeys(range(3), trial.value)
        else:
            assert list(trial.intermediate) == [0, 1]
            assert trial.intermediate[1] > 0.7


def test_an_address_that_the_workers_do_not_reach_is_told(executor: BaseExecutor, tmp_path: Path) -> None:
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "e.db", sampler="random", seed=1)
    result = experiment.run(reports, 1, executor, address="127.0.0.1", progress=False)
    (trial,) = result.trials
    assert trial.state == "failed"
    assert f"on {NAME} cannot reach its driver at 127.0.0.1, port " in trial.reason
    assert "--address" in trial.reason
