"""The Ray engine on a cluster of two nodes, and what it says when parts of that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orion.executor.base import AsyncException, BaseExecutor
from orion.executor.errors import OptionNotSupported, WorkerLost
from orion.executor.ray_backend import Ray
from orion.executor.testing import tasks
from tests.engines.ray_here import nothing_left_but_ray
from tests.engines.ray_nodes import PATIENCE, environment_from, manage, short_folder
from tests.leftovers import Standing, left_since
from tests.services import ray_cluster

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

N_TASKS = 300


@pytest.fixture(autouse=True)
def nothing_left_behind(ray_nodes: Path) -> Iterator[None]:
    with nothing_left_but_ray(descriptors=True):
        yield


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user does."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )


def lost_among(results: list[Any]) -> list[AsyncException[Any]]:
    return [result for result in results if isinstance(result, AsyncException)]


def drain_until(executor: BaseExecutor, futures: list[Any], enough: Callable[[list[Any]], bool]) -> list[Any]:
    results: list[Any] = []
    while not enough(results):
        results += executor.async_get(futures, PATIENCE)
    return results


def say_who_runs(folder: Path, number: int) -> int:
    """Say which process and which host run this; the first tasks wait until they may go on."""
    host = next(parent for parent in psutil.Process().parents() if parent.name().startswith("ray::Host"))
    (folder / f"{number}.{os.getpid()}.{host.pid}").touch()
    if number < 30:
        tasks.wait_for_file(folder / "go", PATIENCE)
    return number


@pytest.mark.parametrize("victim", ["worker", "host"])
@pytest.mark.parametrize("retries", [0, 1])
def test_one_of_three_is_killed_among_many_tasks(ray_nodes: Path, tmp_path: Path, victim: str, retries: int) -> None:
    with Ray(3) as executor:
        view = executor.options(retries=retries)
        futures: list[Any] = [view.submit(say_who_runs, tmp_path, number) for number in range(N_TASKS)]
        while len(running := [file.name.split(".") for file in tmp_path.glob("*.*.*")]) < 3:
            assert not futures[-1].ready()
            futures[-1].wait(0.01)
        number, worker, host = running[0]
        os.kill(int(worker if victim == "worker" else host), signal.SIGKILL)
        doomed = futures[int(number)]
        (tmp_path / "go").touch()
        results = tasks.drain(executor, futures)
    lost = lost_among(results)
    assert len(results) == N_TASKS
    if retries:
        assert lost == []
        assert sorted(result.value for result in results) == list(range(N_TASKS))
        assert doomed.attempt == 2
        return
    assert [(result.future, type(result.exception)) for result in lost] == [(doomed, WorkerLost)]
    assert "kill -9" in str(lost[0].exception) or "SIGKILL" in str(lost[0].exception)
    assert "say_who_runs" in str(lost[0].exception)
    kept = sorted(result.value for result in results if not isinstance(result, AsyncException))
    assert kept == [other for other in range(N_TASKS) if other != int(number)]


def test_what_ran_on_a_lost_node_is_named_and_the_rest_goes_on(ray_nodes: Path, tmp_path: Path) -> None:
    with Ray(4) as executor:
        futures: list[Any] = []
        for number in range(4):
            named = executor.options(name=f"trial {number}")
            futures.append(named.submit(tasks.touch_and_wait, tmp_path / f"on{number}", tmp_path / "go", number))
        for number in range(4):
            tasks.wait_for_file(tmp_path / f"on{number}", PATIENCE)
        queued = [executor.submit(tasks.identity, number) for number in range(20)]
        manage("kill", ray_nodes, "--node", "1")
        lost = lost_among(drain_until(executor, futures, lambda results: len(results) >= 2))
        assert [type(result.exception) for result in lost] == [WorkerLost, WorkerLost]
        for result in lost:
            assert repr(result.future.name) in str(result.exception)
            assert "node" in str(result.exception)
        (tmp_path / "go").touch()
        assert len(executor.wait(futures)) == 2
        assert executor.wait(queued) == list(range(20))
    manage("revive", ray_nodes, "--node", "1")


def test_a_task_whose_only_node_is_lost_is_told(ray_nodes: Path, tmp_path: Path) -> None:
    with Ray(1, task_resources={"node1": 0.5}) as executor:
        running = executor.submit(tasks.touch_and_wait, tmp_path / "on", tmp_path / "never", 1)
        queued = executor.submit(tasks.identity, 1)
        tasks.wait_for_file(tmp_path / "on", PATIENCE)
        manage("kill", ray_nodes, "--node", "1")
        with pytest.raises(WorkerLost, match="touch_and_wait"):
            running.get(PATIENCE)
        with pytest.raises(OptionNotSupported, match="no node of the Ray cluster has that"):
            queued.get(PATIENCE)
    manage("revive", ray_nodes, "--node", "1")


def test_a_wrong_token_is_refused_in_one_line(ray_nodes: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0" * 48)
    command = [sys.executable, "-m", "orion.experiment", "engines", "check", "ray"]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(token)},
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stdout + ended.stderr
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if "does not connect to" in line]
    assert os.environ["RAY_ADDRESS"] in line
    assert "token" in line


def test_a_ray_that_the_user_has_initialised_is_left_running(ray_nodes: Path) -> None:
    code = """
import signal
import ray
ray.init(logging_level="error")
handler = lambda *_: None
signal.signal(signal.SIGTERM, handler)
from orion.executor import create_executor
with create_executor("ray") as executor:
    print("workers", executor.n_workers, "value", executor.submit(pow, 2, 5).get())
assert signal.getsignal(signal.SIGTERM) is handler
print("ray has", ray.get(ray.put(7)), "and nodes", len(ray.nodes()) >= 2)
"""
    ended = python(code)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["workers 4 value 32", "ray has 7 and nodes True"]


LOSE_THE_HEAD = """
import pathlib, sys
from orion.executor import create_executor, EngineLost
from orion.executor.testing import tasks
folder = pathlib.Path(sys.argv[1])
with create_executor("ray", n_workers=2) as executor:
    futures = [executor.submit(tasks.touch_and_wait, folder / f"on{n}", folder / "never", n) for n in range(5)]
    tasks.wait_for_file(folder / "on1", 200)
    (folder / "ready").touch()
    results = []
    while futures:
        results += executor.async_get(futures)
    print(*[type(result.exception).__name__ for result in results])
    try:
        executor.submit(pow, 2, 3)
    except EngineLost as error:
        print("submit:", error)
print("closed")
"""


def test_losing_the_head_fails_what_is_pending_and_what_comes(tmp_path: Path) -> None:
    with short_folder() as folder:
        address = environment_from(manage("start", folder))
        driver = subprocess.Popen(
            [sys.executable, "-c", LOSE_THE_HEAD, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **address},
        )
        try:
            tasks.wait_for_file(tmp_path / "ready", PATIENCE)
            manage("kill", folder, "--node", "0")
            said, problems = driver.communicate(timeout=PATIENCE)
        finally:
            driver.kill()
            manage("stop", folder)
    lines = said.splitlines()
    kinds = lines[0].split()
    assert len(kinds) == 5, problems
    assert kinds.count("EngineLost") >= 3, "those that had not begun"
    assert set(kinds) <= {"EngineLost", "WorkerLost"}, "what ran on the head's own node is lost with that"
    assert lines[1].startswith(f"submit: the Ray cluster at {address['RAY_ADDRESS']} is gone")
    assert lines[2:] == ["closed"]
    assert driver.returncode == 0


def test_the_commands_of_the_cluster_leave_nothing() -> None:
    with short_folder() as folder:
        before = Standing.now()
        manage("start", folder)
        assert (folder / "token").stat().st_mode & 0o777 == 0o600
        members = [process for number in range(2) for process in ray_cluster._members(folder, number)]
        assert len(members) > 4
        manage("stop", folder)
        assert not folder.exists()
        assert not [process for process in members if process.is_running()]
        assert left_since(before, 10.0) == []
