"""A Slurm cluster that loses its controller, or a node: one of its own, since others would lose it too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from orion.executor.base import Future
from orion.executor.errors import EngineLost, WorkerLost
from orion.executor.slurm_backend import Slurm
from orion.executor.testing import tasks
from tests.services import slurm
from tests.services.debian import needs

pytestmark = [pytest.mark.engines, pytest.mark.timeout(400), needs(slurm.SOFTWARE)]

PATIENCE = 150.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("slurm") / "own"
    command = [sys.executable, "-m", "tests.services.slurm"]
    root = Path(__file__).parents[2]
    subprocess.run([*command, "start", folder], cwd=root, stdout=subprocess.DEVNULL, check=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm.environment(folder).items():
            patch.setenv(name, value)
        yield folder
        subprocess.run([*command, "stop", folder], cwd=root, check=True)


def test_what_is_pending_survives_a_controller_that_comes_back(cluster: Path, tmp_path: Path) -> None:
    """Results arrive meanwhile; what is submitted meanwhile becomes a job afterwards."""
    with start(tmp_path, patience=PATIENCE) as executor:
        early, late = (held(executor, tmp_path, name) for name in ("early", "late"))
        kill_controller(cluster)
        submitted = executor.submit(tasks.identity, 3)
        (tmp_path / "release early").touch()
        assert early.get(PATIENCE) == "early"
        start_controller()
        assert submitted.get(PATIENCE) == 3
        assert not late.ready()
        (tmp_path / "release late").touch()
        assert late.get(PATIENCE) == "late"


def test_what_is_pending_fails_when_the_controller_stays_away(cluster: Path, tmp_path: Path) -> None:
    """The job goes on, and whoever attaches once there is a controller has its result."""
    executor = start(tmp_path, patience=1.0)
    running = held(executor, tmp_path, "running")
    kill_controller(cluster)
    try:
        with pytest.raises(EngineLost, match=r"has not answered.*Slurm\.attach") as raised:
            running.get(PATIENCE)
        assert "\n" not in str(raised.value)
        with pytest.raises(EngineLost):
            executor.submit(tasks.identity, 1)
        with pytest.raises(EngineLost, match="does not answer"):
            start(tmp_path / "another")
    finally:
        start_controller()
    left = executor.detach()
    (tmp_path / "release running").touch()
    with Slurm.attach(left) as again:
        assert again.wait(again.futures) == ["running"]


def test_a_host_that_is_lost_is_named(cluster: Path, tmp_path: Path) -> None:
    wait_until(lambda: "idle" in slurm_says("sinfo", "--noheader", "--nodes=n2", "--partition=debug", "--format=%T"))
    with start(tmp_path, directives={"nodelist": "n2"}) as executor:
        future = held(executor, tmp_path, "held")
        kill_node(cluster, "n2")
        with pytest.raises(WorkerLost, match="lost with its node") as raised:
            future.get(PATIENCE)
        assert "n2" in str(raised.value)
        assert "NODE_FAIL" in str(raised.value)


def start(folder: Path, **settings: object) -> Slurm:
    quick: dict[str, object] = {"poll_interval": 0.05, "lookup_interval": 0.5, "file_lag": 0.5, **settings}
    return Slurm(4, folder=folder / "slurm", **quick)  # type: ignore[arg-type]  # of several types


def held(executor: Slurm, folder: Path, name: str) -> Future[str]:
    """Return a task that runs until the test releases it."""
    started = folder / f"started {name}"
    # A controller takes its time to write down what jobs there are, to start again, and to be missed.
    future = executor.submit(tasks.touch_and_wait, started, folder / f"release {name}", name, 2 * PATIENCE)
    tasks.wait_for_file(started, PATIENCE)
    return future


def kill_controller(cluster: Path) -> None:
    """Kill it as soon as it has written down what jobs there are: within five seconds of a change, perhaps already."""
    now = time.time()
    wait_until(lambda: (cluster / "state/job_state").stat().st_mtime > now or time.time() > now + 10)
    pid = int((cluster / "pid/slurmctld").read_text())
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        each.kill()
    wait_until(lambda: not psutil.pid_exists(pid) or process.status() == psutil.STATUS_ZOMBIE)


def start_controller() -> None:
    subprocess.run(["slurmctld"], check=True, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})
    wait_until(lambda: subprocess.run(["scontrol", "ping"], check=False, capture_output=True).returncode == 0)


def slurm_says(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def kill_node(cluster: Path, name: str) -> None:
    """End all that runs on a node at once, as its power would."""
    daemon = psutil.Process(int((cluster / f"pid/slurmd.{name}").read_text()))
    mark = f"SLURMD_NODENAME={name}\0".encode()
    ours = bytes(cluster)
    for process in [daemon, *psutil.process_iter()]:
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            command = b"".join(part.encode() for part in process.cmdline())
        except (OSError, psutil.Error):
            continue
        if process == daemon or (ours in environment and (mark in environment or b"slurmstepd" in command)):
            os.kill(process.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not come to pass"
        time.sleep(0.02)
