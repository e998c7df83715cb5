"""Ray on a cluster of two nodes: the whole contract, and what happens when parts of the cluster die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orion.executor.base import AsyncException, BaseExecutor
from orion.executor.errors import EngineLost, WorkerLost
from orion.executor.ray_backend import Ray
from orion.executor.testing import ExecutorConformance, tasks
from tests.engines.ray_here import local_ray, of_ray
from tests.leftovers import Standing, left_since
from tests.services import ray_cluster

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("ray-engines"), pytest.mark.timeout(300)]

N_TASKS = 300


class TestContract(ExecutorConformance):
    """All of it, on a Ray that is started here."""

    engine_name = "ray"

    @pytest.fixture(scope="class", autouse=True)
    def ray_here(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with local_ray(tmp_path_factory.mktemp("ray")):
            yield

    @pytest.fixture(autouse=True)
    def nothing_left_behind(self, ray_here: None) -> Iterator[None]:
        before = Standing.now()
        yield
        left = left_since(before, 10.0, of_ray)
        assert not left, "left behind by this test:\n  " + "\n  ".join(left)

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Ray(n_workers)

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        return Ray(n_workers)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a cluster of two nodes, which this process would connect to."""
    folder = tmp_path_factory.mktemp("r") / "c"
    for name, value in ray_cluster.start(folder, nodes=2, cpus=2).items():
        monkeypatch.setenv(name, value)
    try:
        yield folder
    finally:
        ray_cluster.stop(folder)


def record_and_say_worker(folder: Path, number: int) -> int:
    """Say which process and which host run this, and take a moment."""
    host = next(parent for parent in psutil.Process().parents() if parent.name().startswith("ray::Host"))
    (folder / f"{number}.{os.getpid()}.{host.pid}").touch()
    tasks.wait_for_file(folder / ("go" if number < 60 else "."))
    return number


@pytest.mark.parametrize("victim", ["worker", "host"])
@pytest.mark.parametrize("retries", [0, 1])
def test_one_of_three_is_killed_among_many_tasks(cluster: Path, tmp_path: Path, victim: str, retries: int) -> None:
    with Ray(3) as executor:
        view = executor.options(retries=retries)
        futures: list[Any] = [view.submit(record_and_say_worker, tmp_path, number) for number in range(N_TASKS)]
        while len(running := [file.name.split(".") for file in tmp_path.glob("*.*.*")]) < 3:
            futures[-1].wait(0.01)
        number, worker, host = running[0]
        os.kill(int(worker if victim == "worker" else host), signal.SIGKILL)
        (tmp_path / "go").touch()
        results = tasks.drain(executor, futures.copy())
    lost = [result for result in results if isinstance(result, AsyncException)]
    assert len(results) == N_TASKS
    if retries:
        assert lost == []
        assert sorted(result.value for result in results) == list(range(N_TASKS))
        return
    assert [type(result.exception) for result in lost] == [WorkerLost]
    assert lost[0].future is futures[int(number)]
    assert "SIGKILL" in str(lost[0].exception)
    assert sorted(result.value for result in results if result not in lost) == sorted(
        set(range(N_TASKS)) - {int(number)}
    )


def test_what_ran_on_a_lost_node_fails_and_the_rest_goes_on(cluster: Path, tmp_path: Path) -> None:
    with Ray(4) as executor:
        assert executor.n_workers == 4
        futures: list[Any] = []
        for number in range(4):
            futures.append(
                executor.submit(tasks.touch_and_wait, tmp_path / f"started{number}", tmp_path / "release", number)
            )
        queued = [executor.submit(tasks.identity, number) for number in range(20)]
        for number in range(4):
            tasks.wait_for_file(tmp_path / f"started{number}")
        ray_cluster.kill(cluster, 1)
        lost = executor.async_get(futures)
        while len(lost) < 2:
            lost += executor.async_get(futures)
        assert {type(result.exception) for result in lost if isinstance(result, AsyncException)} == {WorkerLost}
        assert len(lost) == 2
        assert "node" in str(lost[0].exception)  # type: ignore[union-attr]  # see above
        (tmp_path / "release").touch()
        assert len(executor.wait(futures)) == 2
        assert executor.wait(queued) == list(range(20))


def test_a_task_whose_only_node_is_lost_is_told(cluster: Path, tmp_path: Path) -> None:
    with Ray(1, task_resources={"node1": 0.5}) as executor:
        running = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "never", 1)
        queued = executor.submit(tasks.identity, 1)
        tasks.wait_for_file(tmp_path / "started")
        ray_cluster.kill(cluster, 1)
        with pytest.raises(WorkerLost):
            running.get()
        with pytest.raises(Exception, match="no node of the Ray cluster has that"):
            queued.get()


def test_losing_the_head_fails_what_is_pending(cluster: Path, tmp_path: Path) -> None:
    with Ray(2) as executor:
        futures = [
            executor.submit(tasks.touch_and_wait, tmp_path / f"started{number}", tmp_path / "never", number)
            for number in range(4)
        ]
        for number in range(2):
            tasks.wait_for_file(tmp_path / f"started{number}")
        for process in ray_cluster.gcs_of(cluster):
            process.kill()
        results = tasks.drain(executor, futures)
        assert {type(result.exception) for result in results if isinstance(result, AsyncException)} == {EngineLost}
        assert len(results) == 4
        with pytest.raises(EngineLost, match="is gone"):
            executor.submit(tasks.identity, 1)


def test_a_wrong_token_is_refused_in_words(cluster: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0" * 48)
    code = "from orion.executor import create_executor; create_executor('ray')"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(token)},
    )
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("orion.executor.errors.EngineLost: Ray does not connect to 127.0.0.1:")
    assert "token" in last


def test_the_main_job_finds_the_same_as_with_processes(cluster: Path, tmp_path: Path) -> None:
    """The same experiment, with the same seed and one trial at a time."""
    (tmp_path / "objective.py").write_text("def objective(x, depth):\n    return (x - 0.3) ** 2 + depth\n")
    tables = []
    for engine in ("process", "ray"):
        command = [
            *("-m", "orion.experiment", "run", "-n", "same", f"{tmp_path}/objective.py:objective"),
            *("--space", "x=uniform(0, 1)", "--space", "depth=randint(1, 4)", "--max-trials", "12", "--seed", "1"),
            *("--executor", engine, "--n-workers", "1", "--storage", f"{tmp_path}/{engine}.db"),
        ]
        ended = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=200, check=False)
        assert ended.returncode == 0, ended.stderr
        tables.append([line.split()[:-1] for line in ended.stdout.splitlines() if line[:1].isdigit()])
    assert tables[0] == tables[1]
    assert len(tables[0]) >= 10


def test_the_commands_of_the_cluster_leave_nothing(tmp_path: Path) -> None:
    """As a person uses them."""
    folder = tmp_path / "c"
    script = [sys.executable, ray_cluster.__file__]
    before = Standing.now()
    started = subprocess.run([*script, "start", str(folder)], capture_output=True, text=True, timeout=250, check=True)
    assert "export RAY_ADDRESS=127.0.0.1:" in started.stdout
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    members = [process for number in range(2) for process in ray_cluster._members(folder, number)]
    subprocess.run([*script, "stop", str(folder)], timeout=250, check=True)
    assert not folder.exists()
    assert not [process for process in members if process.is_running()]
    assert left_since(before, 10.0) == []


def test_a_ray_that_was_initialised_before_is_left_running(tmp_path: Path) -> None:
    code = """
import signal
signal.signal(signal.SIGTERM, print)
import ray
ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, _temp_dir=TEMP)
signal.signal(signal.SIGTERM, print)
from orion.executor import create_executor
with create_executor("ray") as executor:
    print("workers", executor.n_workers, "value", executor.submit(pow, 2, 5).get())
assert ray.is_initialized()
assert signal.getsignal(signal.SIGTERM) is print
print("ray runs", ray.get(ray.put(7)))
""".replace("TEMP", repr(str(tmp_path / "r")))
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=False, env=os.environ
    )
    assert ended.returncode == 0, ended.stderr
    assert "workers 2 value 32" in ended.stdout
    assert "ray runs 7" in ended.stdout


def test_losing_the_cluster_fails_what_is_pending_and_what_comes(tmp_path: Path) -> None:
    """In a process of its own, since the others of this module need their Ray."""
    code = """
import sys, pathlib, psutil
from orion.executor import create_executor, EngineLost
from orion.executor.testing import tasks
folder = pathlib.Path(sys.argv[1])
with create_executor("ray", n_workers=2) as executor:
    futures = [executor.submit(tasks.touch_and_wait, folder / "started", folder / "never", 1) for _ in range(5)]
    tasks.wait_for_file(folder / "started")
    (gcs,) = [child for child in psutil.Process().children(recursive=True) if child.name() == "gcs_server"]
    gcs.kill()
    results = []
    while futures:
        results += executor.async_get(futures)
    print(*[type(result.exception).__name__ for result in results])
    try:
        executor.submit(pow, 2, 3)
    except EngineLost as error:
        print("submit:", error)
print("left", [child.name() for child in psutil.Process().children(recursive=True)])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "EngineLost EngineLost EngineLost EngineLost EngineLost" in ended.stdout
    assert "submit: the Ray cluster at" in ended.stdout
    assert "left []" in ended.stdout
