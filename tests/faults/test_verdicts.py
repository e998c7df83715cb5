"""Point 3: a verdict on every lost task."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor._process import ends, memory
from orion.executor.errors import OutOfMemory, TaskStopped, TaskTimeout, WorkerLost
from orion.executor.process_backend import ProcessExecutor
from orion.executor.testing import faults, tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start


def verdict_on(future: Any) -> TaskStopped:
    with pytest.raises(TaskStopped) as raised:
        future.get()
    return raised.value


def test_an_exit_is_told_with_its_code(start: Start) -> None:
    error = verdict_on(start().options(name="trial 7").submit(faults.exit_with, 3))
    assert isinstance(error, WorkerLost)
    assert (error.exitcode, error.signal) == (3, None)
    assert "trial 7" in str(error)
    assert "code 3" in str(error)


def test_a_signal_is_told_with_its_name_and_likely_cause(start: Start) -> None:
    error = verdict_on(start().submit(misdeeds.die_by, signal.SIGBUS))
    assert isinstance(error, WorkerLost)
    assert (error.exitcode, error.signal) == (None, signal.SIGBUS)
    assert "SIGBUS" in str(error)
    assert "Likely cause: a mapped file was truncated" in str(error)


def test_pid_and_run_time_are_told(start: Start) -> None:
    executor = start()
    pid = executor.submit(os.getpid).get()
    error = verdict_on(executor.submit(misdeeds.use_and_die, 0.0, 0.3))
    assert error.report.pid == pid
    assert error.report.run_time is not None
    assert error.report.run_time >= 0.3
    assert f"process {pid}" in str(error)


@pytest.mark.usefixtures("linux_only")
def test_peak_memory_is_told(start: Start) -> None:
    error = verdict_on(start().submit(misdeeds.use_and_die, 0.3, 0.0))
    assert error.report.peak_memory_gb is not None
    assert 0.3 <= error.report.peak_memory_gb < 0.6
    assert "peak memory 0.3" in str(error)


@pytest.mark.usefixtures("linux_only")
@pytest.mark.parametrize("how", ["death", "timeout"])
def test_the_last_lines_that_it_printed_are_told(start: Start, how: str) -> None:
    view = start().options(timeout=1.0) if how == "timeout" else start()
    error = verdict_on(view.submit(misdeeds.print_lines, 1000, how == "death"))
    assert error.report.last_output.splitlines() == [f"line {n}" for n in range(990, 1000)]
    assert "line 999" in str(error)


@pytest.mark.usefixtures("linux_only")
def test_the_last_lines_are_those_of_that_task(start: Start) -> None:
    executor = start()
    executor.submit(misdeeds.hello).get()
    assert verdict_on(executor.submit(faults.exit_with, 1)).report.last_output == ""


@pytest.mark.usefixtures("linux_only")
def test_the_place_of_a_crash_is_told(start: Start) -> None:
    error = verdict_on(start().submit(misdeeds.read_null))
    assert "in read_null" in error.report.crash
    assert "Segmentation fault" in str(error)


def test_a_time_limit_is_told_apart(start: Start) -> None:
    error = verdict_on(start().options(timeout=0.3, name="trial 7").submit(misdeeds.print_lines, 0, False))
    assert type(error) is TaskTimeout
    assert error.report.run_time is not None
    assert 0.3 <= error.report.run_time < 5
    assert "trial 7" in str(error)


def test_a_memory_limit_is_told_apart(start: Start, tmp_path: Path) -> None:
    error = verdict_on(start().options(memory_gb=0.2).submit(tasks.use_memory, 0.4, tmp_path / "started"))
    assert type(error) is OutOfMemory
    assert "memory limit of 0.2 GB" in str(error)


def test_a_cancelled_task_is_told_apart(start: Start, tmp_path: Path) -> None:
    executor = start()
    future = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "never", 1)
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    with pytest.raises(CancelledError, match="touch_and_wait"):
        future.get()


def test_a_kill_while_the_kernel_kills_for_memory_is_out_of_memory(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter of such kills, which /proc/vmstat holds, is read when a worker was killed."""
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 1\noom_kill 4\noom_kill_other 9\n")
    read = memory._read
    monkeypatch.setattr(memory, "_read", lambda path: read(str(vmstat) if path == "/proc/vmstat" else path))
    assert ends.kernel_kills() == 4
    executor = start()
    assert type(verdict_on(executor.submit(misdeeds.die_by, signal.SIGKILL))) is WorkerLost
    vmstat.write_text("oom_kill 5\n")
    assert type(verdict_on(executor.submit(misdeeds.die_by, signal.SIGTERM))) is WorkerLost
    assert type(verdict_on(executor.submit(misdeeds.die_by, signal.SIGKILL))) is OutOfMemory
    assert type(verdict_on(executor.submit(misdeeds.die_by, signal.SIGKILL))) is WorkerLost


MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.mark.skipif(not os.access(MEMORY_GROUPS / "cgroup.procs", os.W_OK), reason="no memory cgroup can be made here")
def test_the_kernel_runs_out_of_memory(tmp_path: Path) -> None:
    """In a memory cgroup of its own, which the worker joins."""
    group = MEMORY_GROUPS / f"orion-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text("100000000")
        with ProcessExecutor(1, initializer=misdeeds.join_group, initargs=(group,)) as executor:
            assert executor.submit(tasks.identity, 1).get() == 1
            error = verdict_on(executor.submit(tasks.use_memory, 0.5, tmp_path / "started"))
            assert type(error) is OutOfMemory
            assert "the kernel" in str(error)
            assert executor.submit(tasks.identity, 2).get() == 2
    finally:
        subprocess.run(["rmdir", str(group)], check=True)
