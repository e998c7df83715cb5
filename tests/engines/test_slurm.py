"""What is Slurm's own: lost nodes and jobs, limits of the cluster, drivers that end and drivers that take over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, Future
from orion.executor.errors import (
    EngineLost,
    EngineNotInstalled,
    ExecutorClosed,
    ExecutorError,
    OutOfMemory,
    Preempted,
    TaskTimeout,
    WorkerLost,
)
from orion.executor.slurm_backend import Slurm
from orion.executor.testing import tasks
from tests.services.slurm_files import can_limit_memory

PATIENCE = 100.0

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300), pytest.mark.usefixtures("slurm_cluster")]


def start(tmp_path: Path, n_workers: int = 2, **settings: Any) -> Slurm:
    quick = {"poll_interval": 0.05, "lookup_interval": 0.5, "file_lag": 0.5}
    directives = {"exclude": "n2", **settings.pop("directives", {})}  # one test has that node fail
    return Slurm(n_workers, folder=tmp_path / "slurm", directives=directives, **{**quick, **settings})


def running_job(executor: Slurm, tmp_path: Path, name: str = "trial 7") -> tuple[Future[str], str]:
    """Return a task that runs until the test releases it, and what Slurm calls its job."""
    started = tmp_path / f"started {name}"
    future = executor.options(name=name).submit(tasks.touch_and_wait, started, tmp_path / "release", "held")
    tasks.wait_for_file(started, PATIENCE)
    (claim,) = [path for path in (executor.folder / "claims").iterdir() if int(path.name.split(".")[0]) == future._id]
    return future, claim.read_text().split('"job": "')[1].split('"')[0]


def pid_of_keeper(executor: Slurm, future: Future[Any]) -> int:
    claim = next(path for path in (executor.folder / "claims").iterdir() if int(path.name.split(".")[0]) == future._id)
    return int(claim.read_text().split('"pid": ')[1].rstrip("}"))


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not come to pass"
        time.sleep(0.02)


def describe(number: int) -> str:
    print(f"the {number}th line")
    print("what it said last", flush=True)
    os._exit(number)


HUNGRY = "exec tail /dev/zero"  # in search of the end of a line


class TestLostJobs:
    def test_a_job_that_somebody_cancels_is_named_so(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            future, job = running_job(executor, tmp_path)
            beside, _ = running_job(executor, tmp_path, "trial 8")
            slurm("scancel", job)
            with pytest.raises(WorkerLost, match="CANCELLED") as raised:
                future.get(PATIENCE)
            assert "trial 7" in str(raised.value)
            assert job in str(raised.value)
            assert not beside.ready()
            (tmp_path / "release").touch()
            assert beside.get(PATIENCE) == "held"

    def test_a_job_that_is_cancelled_before_it_starts_is_named_so(self, tmp_path: Path) -> None:
        with start(tmp_path, directives={"hold": True}) as executor:
            future = executor.submit(tasks.identity, 1)
            wait_until(lambda: f"orion-{executor.folder.name}" in slurm("squeue", "--noheader", "--format=%j"))
            slurm("scancel", f"--name=orion-{executor.folder.name}")
            with pytest.raises(WorkerLost, match="CANCELLED"):
                future.get(PATIENCE)

    def test_a_job_whose_process_is_killed_is_lost_with_the_signal(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            future, _ = running_job(executor, tmp_path)
            os.kill(pid_of_keeper(executor, future), signal.SIGKILL)
            with pytest.raises(WorkerLost, match="trial 7") as raised:
                future.get(PATIENCE)
            assert raised.value.signal == signal.SIGKILL
            assert executor.submit(tasks.identity, 1).get(PATIENCE) == 1

    def test_a_node_that_fails_is_named_and_its_task_can_be_retried(self, tmp_path: Path) -> None:
        with start(tmp_path, directives={"exclude": "n1,n3"}) as executor:
            future, _ = running_job(executor, tmp_path)
            again = executor.options(retries=1, name="trial 9")
            started, release = tmp_path / "again", tmp_path / "release"
            retried = again.submit(tasks.touch_and_wait, started, release, "done")
            tasks.wait_for_file(started, PATIENCE)
            slurm("scontrol", "update", "nodename=n2", "state=down", "reason=test")
            try:
                with pytest.raises(WorkerLost, match="NODE_FAIL") as raised:
                    future.get(PATIENCE)
                assert "n2" in str(raised.value)
            finally:
                wait_until(lambda: slurm("sinfo", "--noheader", "--nodes=n2", "--format=%T").strip() != "down")
            release.touch()
            assert retried.get(PATIENCE) == "done"
            assert retried.attempt == 2

    def test_a_job_at_the_limit_of_its_time_is_told_apart(self, tmp_path: Path) -> None:
        with start(tmp_path, time=60.0) as executor:
            future = executor.submit(tasks.wait_for_file, tmp_path / "never", 3 * PATIENCE)
            with pytest.raises(TaskTimeout, match="TIMEOUT") as raised:
                future.get(2 * PATIENCE)
            assert "DUE TO TIME LIMIT" in raised.value.report.last_output

    def test_a_job_that_gives_way_to_others_is_told_apart_and_can_be_retried(self, tmp_path: Path) -> None:
        with start(tmp_path, partition="spare") as executor:
            future, _ = running_job(executor, tmp_path)
            again = executor.options(retries=1, retry_on=Preempted)
            started, release = tmp_path / "again", tmp_path / "release"
            retried = again.submit(tasks.touch_and_wait, started, release, "done")
            tasks.wait_for_file(started, PATIENCE)
            slurm("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true")
            with pytest.raises(Preempted, match="PREEMPTED") as raised:
                future.get(PATIENCE)
            assert "trial 7" in str(raised.value)
            release.touch()
            assert retried.get(PATIENCE) == "done"
            assert retried.attempt == 2

    @pytest.mark.skipif(not can_limit_memory(), reason="no control groups here by which Slurm could limit memory")
    def test_a_job_that_uses_more_memory_than_it_has_is_told_apart(self, tmp_path: Path) -> None:
        with start(tmp_path, partition="small") as executor:
            future = executor.options(name="trial 7").submit(tasks.use_memory, 0.5, tmp_path / "started")
            with pytest.raises(OutOfMemory, match="task 'trial 7' used more memory than Slurm gave its job"):
                future.get(PATIENCE)

    @pytest.mark.skipif(not can_limit_memory(), reason="no control groups here by which Slurm could limit memory")
    def test_a_job_whose_every_process_runs_out_of_memory_is_told_apart(self, tmp_path: Path) -> None:
        """Nobody is left in it to say so, but Slurm does."""
        hungry = start(tmp_path, partition="small", python=["/bin/sh", "-c", HUNGRY])
        with hungry as executor, pytest.raises(OutOfMemory, match="OUT_OF_MEMORY"):
            executor.submit(tasks.identity, 1).get(PATIENCE)

    def test_the_last_lines_of_the_log_stand_in_the_error(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            error = executor.submit(describe, 7)
            with pytest.raises(WorkerLost) as raised:
                error.get(PATIENCE)
        assert raised.value.exitcode == 7
        assert raised.value.report.last_output.splitlines()[-2:] == ["the 7th line", "what it said last"]
        assert raised.value.report.run_time is not None
        (log,) = (executor.folder / "logs").iterdir()
        assert "what it said last" in log.read_text()

    def test_a_python_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with start(tmp_path, python=["/no/such/python"]) as executor:
            with pytest.raises(WorkerLost, match="/no/such/python") as raised:
                executor.submit(tasks.identity, 1).get(PATIENCE)
            assert "FAILED" in str(raised.value)


@pytest.mark.parametrize("retries", [0, 1])
def test_one_kill_during_three_hundred_tasks(tmp_path: Path, retries: int) -> None:
    with start(tmp_path, 30) as executor:
        view = executor.options(retries=retries)
        doomed = view.options(name="the doomed").submit(die_once, tmp_path / "killed")
        futures: list[Future[Any]] = [doomed, *(view.submit(tasks.identity, number) for number in range(299))]
        results = tasks.drain(executor, futures)
    assert len(results) == 300
    failed = [result.exception for result in results if isinstance(result, AsyncException)]
    if retries:
        assert failed == []
        assert doomed.attempt == 2
    else:
        (error,) = failed
        assert isinstance(error, WorkerLost)
        assert error.signal == signal.SIGKILL
        assert "the doomed" in str(error)


def die_once(mark: Path) -> str:
    """Kill the job, the process that watches over this one included, the first time."""
    if mark.exists():
        return "survived"
    mark.touch()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(PATIENCE)
    return "not reached"


class TestController:
    def test_when_it_is_lost_all_that_is_pending_fails_and_submit_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        executor = start(tmp_path, 1, patience=1.0)
        running, _ = running_job(executor, tmp_path)
        queued = executor.submit(tasks.identity, 1)
        with monkeypatch.context() as patch:
            patch.setenv("SLURM_CONF", str(unreachable(tmp_path)))
            for future in (running, queued):
                with pytest.raises(EngineLost, match="has not answered"):
                    future.get(PATIENCE)
            with pytest.raises(EngineLost):
                executor.submit(tasks.identity, 1)
            with pytest.raises(EngineLost, match="does not answer"):
                start(tmp_path)
        assert executor.submit(tasks.identity, 1).get(PATIENCE) == 1
        (tmp_path / "release").touch()
        executor.close()

    def test_it_is_asked_about_all_jobs_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls, real = tmp_path / "calls", shutil.which("squeue")
        wrapper = tmp_path / "bin" / "squeue"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\necho "$@" >>"{calls}"\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
        with start(tmp_path, 10, directives={"hold": True}, lookup_interval=0.2) as executor:
            futures = [executor.submit(tasks.identity, number) for number in range(10)]
            wait_until(lambda: calls.exists() and len(calls.read_text().splitlines()) >= 3)
            before, begin = len(calls.read_text().splitlines()), time.monotonic()
            wait_until(lambda: len(calls.read_text().splitlines()) >= before + 5)
            assert time.monotonic() - begin >= 4 * 0.2  # ten jobs, one look-up an interval
            assert not any(future.ready() for future in futures)
            executor.close()

    def test_many_at_once_are_one_array(self, tmp_path: Path) -> None:
        with start(tmp_path, 10, directives={"hold": True}) as executor:
            for number in range(10):
                executor.submit(tasks.identity, number)
            wait_until(lambda: sum(1 for _ in (executor.folder / "batches").glob("*.job")) > 0)
            wait_until(lambda: not executor._pool.ledger.queued)
            assert sum(1 for _ in (executor.folder / "batches").glob("*.job")) <= 2
            executor.close()

    def test_there_is_no_thread_when_nothing_is_pending(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            assert executor.submit(tasks.identity, 1).get(PATIENCE) == 1
            wait_until(lambda: all(thread.name != "orion-slurm" for thread in threading.enumerate()))


def unreachable(folder: Path) -> Path:
    """Return a configuration by which no controller is found: nobody listens on that port."""
    lines = Path(os.environ["SLURM_CONF"]).read_text().splitlines()
    lines = ["SlurmctldPort=1" if line.startswith("SlurmctldPort=") else line for line in lines]
    conf = folder / "slurm.conf"
    conf.write_text("\n".join(lines))
    return conf


DRIVER = """
import sys, time
from pathlib import Path
from orion.executor.slurm_backend import Slurm
from orion.executor.testing import tasks
from tests.services.slurm_files import can_limit_memory

folder = Path(sys.argv[1])
executor = Slurm(2, folder=folder / "slurm", poll_interval=0.05, lookup_interval=0.5, file_lag=0.5)
early = executor.submit(tasks.record, folder, "early", "early")
early.get()
for number in range(2):
    executor.submit(tasks.touch_and_wait, folder / f"started{number}", folder / "release", number)
for number in range(2, 5):
    executor.options(name=f"trial {number}").submit(tasks.record, folder, f"run{number}", number)
executor.submit(tasks.fail_with, ValueError, "wrong")
for number in range(2):
    tasks.wait_for_file(folder / f"started{number}")
print(executor.folder, flush=True)
time.sleep(600)
"""


class TestAttaching:
    def test_another_driver_takes_over_after_a_kill(self, tmp_path: Path) -> None:
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, tmp_path], stdout=subprocess.PIPE, text=True)
        with driver:
            assert driver.stdout is not None
            left = Path(driver.stdout.readline().strip())
            with pytest.raises(ExecutorError, match=f"process {driver.pid}"):
                Slurm.attach(tmp_path / "slurm")
            driver.kill()
        with Slurm.attach(tmp_path / "slurm") as executor:
            assert executor.folder == left
            futures = executor.futures
            assert [future.name for future in futures[3:6]] == ["trial 2", "trial 3", "trial 4"]
            (tmp_path / "release").touch()
            assert executor.wait(futures[:-1]) == ["early", 0, 1, 2, 3, 4]
            with pytest.raises(ValueError, match="wrong"):
                futures[-1].get(PATIENCE)
            assert executor.submit(tasks.identity, "more").get(PATIENCE) == "more"
        for label in ("early", "run2", "run3", "run4"):
            assert tasks.recorded(tmp_path, label) == 1

    def test_what_was_detached_is_collected_later(self, tmp_path: Path) -> None:
        with start(tmp_path, 1) as executor:
            first, _ = running_job(executor, tmp_path)
            second = executor.submit(tasks.identity, 2)
            left = executor.detach()
        for future in (first, second):
            with pytest.raises(ExecutorClosed, match="goes on"):
                future.get()
        with pytest.raises(ExecutorClosed):
            executor.submit(tasks.identity, 1)
        (tmp_path / "release").touch()
        wait_until(lambda: sum(1 for _ in (left / "results").glob("[!.]*")) == 2)  # without any driver
        with Slurm.attach(left) as again:
            assert again.wait(again.futures) == ["held", 2]

    def test_an_executor_that_was_closed_leaves_nothing_but_logs(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            executor.submit(tasks.identity, 1).get(PATIENCE)
        assert [path.name for path in executor.folder.iterdir()] == ["logs"]
        with pytest.raises(ExecutorError, match="left anything"):
            Slurm.attach(tmp_path / "slurm")

    def test_a_folder_that_is_used_again_does_not_give_old_results(self, tmp_path: Path) -> None:
        with start(tmp_path) as first, start(tmp_path) as second:
            assert first.submit(tasks.identity, 1).get(PATIENCE) == 1
            assert second.submit(tasks.identity, 2).get(PATIENCE) == 2
            assert first.folder != second.folder
            first.detach()
            second.detach()
        with pytest.raises(ExecutorError, match="attach to one of"):
            Slurm.attach(tmp_path / "slurm")
        for left, value in ((first, 1), (second, 2)):
            with Slurm.attach(left.folder) as executor:
                assert executor.wait(executor.futures) == [value]

    def test_a_detached_task_that_was_cancelled_never_runs(self, tmp_path: Path) -> None:
        with start(tmp_path, 1) as executor:
            running_job(executor, tmp_path)
            queued = executor.submit(tasks.record, tmp_path, "ran")
            assert queued.cancel()
            with pytest.raises(CancelledError):
                queued.get()
            left = executor.detach()
        (tmp_path / "release").touch()
        with Slurm.attach(left) as again:
            assert again.futures[0].get(PATIENCE) == "held"
            assert len(again.futures) == 1
        assert tasks.recorded(tmp_path, "ran") == 0

    def test_a_folder_that_others_can_write_into_is_refused(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            left = executor.detach()
        for path in (left, left.parent):
            path.chmod(0o770)
            with pytest.raises(ExecutorError, match="chmod go-w"):
                Slurm.attach(left.parent)
            path.chmod(0o700)
        (tmp_path / "slurm").chmod(0o777)
        with pytest.raises(ExecutorError, match="chmod go-w"):
            start(tmp_path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_folder_of_somebody_else_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "slurm"
        folder.mkdir(mode=0o755)
        os.chown(folder, 65534, 65534)
        for attempt in (lambda: start(tmp_path), lambda: Slurm.attach(folder)):
            with pytest.raises(ExecutorError, match="another user"):
                attempt()


class TestBadInput:
    def test_an_unknown_partition_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(ExecutorError, match="nowhere") as raised:
            start(tmp_path, partition="nowhere")
        assert "\n" not in str(raised.value)

    def test_a_host_without_slurm_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EngineLost, match="no sbatch") as raised:
            start(tmp_path)
        assert "\n" not in str(raised.value)

    def test_a_missing_library_names_the_command_that_installs_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(EngineNotInstalled, match=r"pip install 'orion-executor\[slurm\]'"):
            start(tmp_path)

    def test_what_slurm_refuses_is_an_outcome_of_that_task(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor:
            future = executor.options(cpus=1000, name="too large").submit(tasks.identity, 1)
            with pytest.raises(ExecutorError, match="refused the job of task 'too large'"):
                future.get(PATIENCE)
            assert executor.submit(tasks.identity, 1).get(PATIENCE) == 1

    @pytest.mark.parametrize(
        ("directives", "words"),
        [
            ({"array": "0-3"}, "by the engine itself"),
            ({"partition": "debug"}, "argument of its own"),
            ({"comment": "two\nlines"}, "one line"),
            ({"--comment": "dashes"}, "without dashes"),
            ({"comment": 1.5}, "takes a string"),
            ({"no-such-directive": "1"}, "no-such-directive"),
        ],
    )
    def test_directives_are_checked(self, tmp_path: Path, directives: dict[str, Any], words: str) -> None:
        with pytest.raises((TypeError, ValueError, ExecutorError), match=words):
            start(tmp_path, directives=directives)

    def test_values_never_become_commands(self, tmp_path: Path) -> None:
        """Neither those of directives nor the path of the folder."""
        odd = tmp_path / "odd $(touch pwned) 'name; touch pwned"
        comment = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned`' \" \\"
        with start(odd, directives={"comment": comment}) as executor:
            assert executor.submit(os.getcwd).get(PATIENCE) == os.getcwd()
        assert not list(tmp_path.rglob("pwned"))

    def test_part_of_a_gpu_is_refused(self, tmp_path: Path) -> None:
        with start(tmp_path) as executor, pytest.raises(ExecutorError, match="whole GPUs"):
            executor.options(gpus=0.5)

    @pytest.mark.parametrize("settings", [{"time": 0}, {"time": "1:00"}, {"poll_interval": 0}, {"patience": -1}])
    def test_bad_times_are_refused(self, tmp_path: Path, settings: dict[str, Any]) -> None:
        with pytest.raises((TypeError, ValueError), match=next(iter(settings))):
            start(tmp_path, **settings)
