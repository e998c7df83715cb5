"""The Ray engine, on a Ray that is started here; test_ray_contract.py has the whole contract."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import psutil
import pytest

from orion.executor import create_executor, ray_backend
from orion.executor.base import AsyncException, BaseExecutor
from orion.executor.errors import (
    EngineLost,
    EngineNotInstalled,
    ExecutorError,
    OptionNotSupported,
    WorkerLost,
)
from orion.executor.ray_backend import Ray
from orion.executor.testing import tasks
from orion.executor.testing.conformance.cancel import CancelTests
from orion.executor.testing.conformance.memory_limit import MemoryLimitTests
from orion.executor.testing.conformance.nested import NestedWorkTests
from orion.executor.testing.conformance.resources import ResourcesTests
from orion.executor.testing.conformance.worker_death import WorkerDeathTests
from tests.engines.ray_here import local_ray, nothing_left_but_ray

PATIENCE = 60.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", autouse=True)
def ray_here(ray_token: Path) -> Iterator[None]:
    with local_ray(ray_token):
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(ray_here: None) -> Iterator[None]:
    with nothing_left_but_ray():
        yield


class TestContract(WorkerDeathTests, CancelTests, NestedWorkTests, MemoryLimitTests, ResourcesTests):
    """The parts that depend most on the engine; test_ray_contract.py has all of it."""

    engine_name = "ray"
    patience = 120.0  # a host is an interpreter that Ray starts, beside other tests

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Ray(n_workers)

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        return Ray(n_workers)


def host_pid() -> int:
    """Return the process of the host that runs this, an ancestor of its worker."""
    return next(parent.pid for parent in psutil.Process().parents() if parent.name().startswith("ray::Host"))


def touch_and_say_host(folder: Path) -> int:
    """Say which host runs this, in a file, and hang."""
    pid = host_pid()
    (folder / "pid.part").write_text(str(pid))
    (folder / "pid.part").rename(folder / "pid")
    tasks.wait_for_file(folder / "never")
    return pid


def test_a_killed_host_fails_the_task_that_it_ran_and_no_other(tmp_path: Path) -> None:
    with Ray(2) as executor:
        doomed = executor.options(name="trial 7").submit(touch_and_say_host, tmp_path)
        others = [executor.submit(tasks.identity, number) for number in range(20)]
        tasks.wait_for_file(tmp_path / "pid")
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerLost) as raised:
            doomed.get()
        assert "trial 7" in str(raised.value)
        assert f"process {pid}" in str(raised.value)
        assert "SIGKILL" in str(raised.value) or "kill -9" in str(raised.value)
        assert executor.wait(others) == list(range(20))
        assert executor.submit(tasks.identity, 1).get() == 1


def test_retries_run_the_task_of_a_killed_host_again(tmp_path: Path) -> None:
    def task() -> int:
        tasks.record(tmp_path, "run")
        if tasks.recorded(tmp_path, "run") == 1:
            os.kill(host_pid(), signal.SIGKILL)
            tasks.wait_for_file(tmp_path / "never")
        return tasks.recorded(tmp_path, "run")

    with Ray(1) as executor:
        future = executor.options(retries=1).submit(task)
        assert future.get() == future.attempt == 2


def test_what_the_task_of_a_lost_host_submitted_is_cancelled(tmp_path: Path) -> None:
    def parent(executor: BaseExecutor) -> None:
        executor.submit(tasks.record, tmp_path, "child")
        touch_and_say_host(tmp_path)

    with Ray(1) as executor:
        future = executor.submit(parent, executor)
        tasks.wait_for_file(tmp_path / "pid")
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        future.wait()
        assert not future.successful()
    assert tasks.recorded(tmp_path, "child") == 0


def test_arrays_from_the_object_store_are_not_copied() -> None:
    with Ray(1) as executor:
        array = executor.submit(numpy.arange, 300_000).get()
        sent = executor.submit(numpy.sum, array).get()
    assert not array.flags.writeable
    assert not array.flags.owndata
    assert sent == array.sum(), "it can be read when the executor is closed, too"


def test_the_resources_of_a_task_are_asked_of_ray(tmp_path: Path) -> None:
    import ray

    def held() -> dict[str, float]:
        total, free = ray.cluster_resources(), ray.available_resources()
        return {name: total[name] - free.get(name, 0.0) for name in ("CPU", "GPU", "memory")}

    with Ray(1) as executor:
        greedy = executor.options(cpus=3, gpus=0.5, memory_gb=0.25)
        task = greedy.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "release", None)
        tasks.wait_for_file(tmp_path / "started")
        during = held()
        while during["GPU"] < 0.5 and not task.ready():  # Ray tells it some time later
            during = held()
        assert during["CPU"] >= 3
        assert during["GPU"] == 0.5
        assert during["memory"] >= 0.25e9
        (tmp_path / "release").touch()


def test_what_no_node_has_is_refused_when_it_is_asked_for() -> None:
    with Ray(1) as executor:
        for wanted in ({"cpus": 1000}, {"gpus": 3}, {"gpus": 1.5}, {"memory_gb": 1e6}):
            with pytest.raises(OptionNotSupported):
                executor.options(**wanted)
    with pytest.raises(OptionNotSupported, match="tpu"):
        Ray(1, task_resources={"tpu": 1})


def test_a_task_sees_no_gpu_unless_it_asks_for_one() -> None:
    with Ray(1) as executor:
        assert executor.submit(lambda: os.environ.get("CUDA_VISIBLE_DEVICES")).get() == ""


def test_a_nested_task_that_asks_for_more_than_there_is_fails() -> None:
    def task(executor: BaseExecutor) -> str:
        future = executor.options(cpus=1000).submit(tasks.identity, 1)
        future.wait()
        try:
            future.get()
        except OptionNotSupported as error:
            return str(error)
        return "ran"

    with Ray(1) as executor:
        assert "1000 CPUs" in executor.submit(task, executor).get()


def test_an_address_where_nothing_is_is_told_at_once() -> None:
    code = "from orion.executor import create_executor; create_executor('ray', address='127.0.0.1:1')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (
        ended.stderr.strip()
        .splitlines()[-1]
        .startswith("orion.executor.errors.EngineLost: there is no Ray cluster at 127.0.0.1:1: ")
    )


def test_an_address_where_something_else_is_is_told() -> None:
    from orion.executor._ray.watch import check_reachable

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(EngineLost, match="no Ray control service"):
            check_reachable(f"127.0.0.1:{port}")
        thread.join()
    with pytest.raises(ValueError, match="host:port"):
        check_reachable("nonsense")


def test_a_second_cluster_in_the_same_process_is_refused() -> None:
    with pytest.raises(ExecutorError, match="can have one only"):
        Ray(1, address="127.0.0.1:1")
    with pytest.raises(ExecutorError, match="fewer than asked for"):
        Ray(1, num_gpus=100)


def test_the_command_that_installs_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_backend, "HAS_RAY", False)
    with pytest.raises(EngineNotInstalled, match=r"pip install 'orion-executor\[ray\]'"):
        create_executor("ray")


def test_tasks_run_in_the_drivers_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with Ray(1) as executor:
            assert executor.submit(os.getcwd).get() == str(tmp_path / name)


def test_bad_arguments_are_refused() -> None:
    for wrong in ({"idle_timeout": 0}, {"object_store_gb": -1}):
        with pytest.raises(ValueError, match="positive"):
            Ray(1, **wrong)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError, match="task_resources"):
        Ray(1, num_workers=3)


def test_hosts_that_have_nothing_to_do_serve_the_next_executor() -> None:
    """Since it takes long to start one."""
    pids = set()
    for _ in range(2):
        with Ray(1) as executor:
            pids.add(executor.submit(host_pid).get())
    assert len(pids) == 1


def test_hosts_give_back_what_they_hold_when_they_are_idle() -> None:
    with Ray(1, idle_timeout=0.2) as executor:
        host = psutil.Process(executor.submit(host_pid).get())
        host.wait(60)
        assert executor.submit(tasks.identity, 1).get() == 1


def test_after_each_task_that_is_stopped_the_next_one_runs(tmp_path: Path) -> None:
    """However soon it is stopped after it has begun."""
    with Ray(1) as executor:
        for number in range(40):
            doomed = executor.submit(tasks.touch_and_wait, tmp_path / f"started{number}", tmp_path / "never", None)
            tasks.wait_for_file(tmp_path / f"started{number}")
            assert doomed.cancel()
            assert executor.submit(tasks.identity, number).get(PATIENCE) == number


def test_every_lost_task_is_told_once(tmp_path: Path) -> None:
    """All hosts are killed at once while there is more work than hosts."""
    with Ray(3) as executor:
        futures: list[Any] = [executor.submit(_die_with_host, tmp_path) for _ in range(6)]
        results = tasks.drain(executor, futures)
        lost = [result for result in results if isinstance(result, AsyncException)]
        assert {type(result.exception) for result in lost} == {WorkerLost}
        assert len(results) == len(lost) == 6


def _die_with_host(folder: Path) -> None:
    os.kill(host_pid(), signal.SIGKILL)
    tasks.wait_for_file(folder / "never")
