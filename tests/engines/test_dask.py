"""The engine of Dask: the whole contract against a scheduler and workers with TLS; faults; clusters of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from distributed.security import Security

from orion.executor import create_executor
from orion.executor.base import AsyncException, BaseExecutor
from orion.executor.dask_backend import Dask
from orion.executor.errors import EngineLost, WorkerLost
from orion.executor.testing import ExecutorConformance, tasks
from orion.executor.testing.conformance.cancel import CancelTests
from orion.executor.testing.conformance.exceptions import ExceptionTests
from orion.executor.testing.conformance.nested import NestedWorkTests
from orion.executor.testing.conformance.outcome import OutcomeTests
from tests.services.dask_tls import SOFTWARE
from tests.services.debian import needs

pytestmark = [pytest.mark.timeout(300), needs(SOFTWARE)]


def service(action: str, folder: Path, *arguments: str) -> None:
    """Start or stop a scheduler and workers."""
    command = [sys.executable, "-m", "tests.services.dask_tls", action, folder, *arguments]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, timeout=110)


def tls(folder: Path) -> Security:
    return Security(
        tls_ca_file=str(folder / "ca.pem"),
        tls_client_cert=str(folder / "cert.pem"),
        tls_client_key=str(folder / "key.pem"),
    )


def address_of(folder: Path) -> str:
    return (folder / "address").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a service with four workers."""
    folder = tmp_path_factory.mktemp("dask") / "service"
    service("start", folder, "4")
    yield folder
    service("stop", folder)


async def several_questions(client: Client) -> None:
    await asyncio.gather(*(client.scheduler.identity() for _ in range(16)))


@pytest.fixture(scope="module")
def client(served: Path) -> Iterator[Client]:
    with Client(address_of(served), security=tls(served), set_as_default=False) as client:
        # What Dask's client keeps open once it was needed is there before the first test; and it ends with the last of
        # this file, since it may connect anew at any time, which other tests would be told to have left behind.
        with Dask(1, client=client) as executor:
            assert executor.submit(tasks.identity, bytes(50_000_000)).get() == bytes(50_000_000)
        # It asks the scheduler something every two seconds, and keeps as many connections as were needed at a time.
        client.sync(several_questions, client)
        yield client


@pytest.mark.engines
class TestDask(ExecutorConformance):
    engine_name = "dask"

    @pytest.fixture(autouse=True)
    def connect(self, client: Client) -> None:
        self._client = client

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Dask(n_workers, client=self._client)

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        return Dask(n_workers, gpus=gpus)


class TestDaskInShort(OutcomeTests, ExceptionTests, CancelTests, NestedWorkTests):
    """Part of the contract; all of it takes longer (make test-engines)."""

    @pytest.fixture(autouse=True)
    def connect(self, client: Client) -> None:
        self._client = client

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Dask(n_workers, client=self._client)


class TestAddress:
    """A scheduler that is there, by its address."""

    def test_a_scheduler_with_tls_is_used(self, served: Path) -> None:
        with create_executor("dask", address=address_of(served), security=tls(served)) as executor:
            assert executor.n_workers == 4
            assert executor.submit(pow, 2, 10).get() == 1024

    def test_without_the_certificate_one_line_says_so(self, served: Path) -> None:
        with pytest.raises(EngineLost, match=r"cannot be reached.*certificates"):
            Dask(address=address_of(served))

    def test_a_wrong_address_is_told_in_one_line(self) -> None:
        with pytest.raises(EngineLost, match="tcp://127.0.0.1:9 cannot be reached") as raised:
            Dask(address="tcp://127.0.0.1:9")
        assert "\n" not in str(raised.value)

    def test_only_one_way_to_a_cluster_may_be_given(self, client: Client) -> None:
        with pytest.raises(TypeError, match="one of client, address and cluster"):
            Dask(client=client, address="tcp://127.0.0.1:9")
        with pytest.raises(TypeError, match="of its own"):
            Dask(client=client, gpus=2)


class TestLostWorker:
    """A Dask worker itself is killed, with all that it runs."""

    @pytest.mark.parametrize("retries", [0, 1])
    def test_only_what_it_was_running_is_lost(self, client: Client, retries: int, tmp_path: Path) -> None:
        def record_and_wait(label: str) -> None:  # travels by value: the workers know nothing of this module
            tasks.record(tmp_path, label)
            tasks.touch_and_wait(tmp_path / f"started-{label}", tmp_path / "go", 0)

        with Dask(3, client=client) as executor:
            view = executor.options(retries=retries)
            futures: list[Any] = [view.submit(tasks.record, tmp_path, f"task{n}", n) for n in range(50)]
            futures += [view.submit(record_and_wait, f"task{n}") for n in range(50, 53)]
            futures += [view.submit(tasks.record, tmp_path, f"task{n}", n) for n in range(53, 300)]
            for number in range(50, 53):
                tasks.wait_for_file(tmp_path / f"started-task{number}")
            _kill_a_busy_worker(client)
            lost = tasks.take(executor, futures) if not retries else []
            while not retries and not any(isinstance(result, AsyncException) for result in lost):
                lost += tasks.take(executor, futures)
            (tmp_path / "go").touch()
            results = lost + tasks.drain(executor, futures)
        failed = [result for result in results if isinstance(result, AsyncException)]
        assert len(results) == 300
        assert [type(result.exception) for result in failed] == [WorkerLost] * (1 - retries)
        assert all("record_and_wait" in str(result.exception) for result in failed)
        runs = [tasks.recorded(tmp_path, f"task{number}") for number in range(300)]
        assert sorted(runs) == [1] * 299 + [1 + retries]

    def test_what_it_had_not_begun_runs_elsewhere(self, client: Client, tmp_path: Path) -> None:
        """All workers have tasks waiting; one is killed."""
        with Dask(client=client) as executor:
            helds = [executor.submit(tasks.touch_and_wait, tmp_path / f"s{n}", tmp_path / "go", n) for n in range(4)]
            for number in range(4):
                tasks.wait_for_file(tmp_path / f"s{number}")
            waiting = [executor.submit(tasks.record, tmp_path, f"w{n}", n) for n in range(20)]
            _kill_a_busy_worker(client)
            lost = tasks.take(executor, helds)
            (tmp_path / "go").touch()
            assert executor.wait(waiting) == list(range(20))
        assert [type(result.exception) for result in lost if isinstance(result, AsyncException)] == [WorkerLost]
        assert [tasks.recorded(tmp_path, f"w{n}") for n in range(20)] == [1] * 20


@pytest.mark.engines
class TestOwnCluster:
    """A cluster that the executor starts, and closes."""

    def test_it_needs_no_guard_and_leaves_nothing(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "from orion.executor import create_executor\n"
            "with create_executor('dask', n_workers=2) as executor:\n"
            "    print(executor.n_workers, executor.wait([executor.submit(lambda n=n: n * n) for n in range(4)]))\n"
        )
        done = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True, timeout=100)
        assert done.stdout == "2 [0, 1, 4, 9]\n"
        assert done.stderr == ""

    def test_each_task_sees_its_own_gpu(self, tmp_path: Path) -> None:
        with Dask(2, gpus=2) as executor:
            one, both = executor.options(gpus=1), executor.options(gpus=2)
            seen = [one.submit(tasks.wait_and_say_gpus, tmp_path / f"started{n}", tmp_path / "go") for n in range(2)]
            for number in range(2):
                tasks.wait_for_file(tmp_path / f"started{number}")
            (tmp_path / "go").touch()
            assert sorted(executor.wait(seen)) == ["0", "1"]
            assert both.submit(tasks.wait_and_say_gpus, tmp_path / "started2", tmp_path / "go").get() == "0,1"
            with pytest.raises(ValueError, match=r"gpus=3.*the most .* is 2"):
                executor.options(gpus=3)


@pytest.mark.engines
def test_a_lost_scheduler_fails_what_is_pending_and_what_comes(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    service("start", folder, "1")
    try:
        executor = Dask(address=address_of(folder), security=tls(folder))
        held = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "never", 1)
        waiting = executor.submit(tasks.identity, 1)
        tasks.wait_for_file(tmp_path / "started")
        os.killpg(int((folder / "scheduler.pid").read_text()), 9)
        for future in (held, waiting):
            with pytest.raises(EngineLost, match="cannot be reached any more"):
                future.get(timeout=60)
        with pytest.raises(EngineLost):
            executor.submit(tasks.identity, 1)
        executor.close()
    finally:
        service("stop", folder)


def _kill_a_busy_worker(client: Client) -> None:
    """Kill a Dask worker that runs something."""

    def busy(dask_scheduler: Any) -> list[int]:
        return [worker.pid for worker in dask_scheduler.workers.values() if worker.processing]

    pids = client.run_on_scheduler(busy)
    assert pids, "no worker has anything to do"
    os.kill(pids[0], 9)
