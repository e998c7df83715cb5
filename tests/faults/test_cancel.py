"""Point 5: what is cancelled never runs, or is stopped with its tree."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from orion.executor.testing import tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import await_that


def test_a_queued_task_never_runs(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    running = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "release", 1)
    tasks.wait_for_file(tmp_path / "started")
    queued = [executor.submit(tasks.record, tmp_path, "run") for _ in range(100)]
    assert all(future.cancel() for future in queued)
    (tmp_path / "release").touch()
    assert running.get() == 1
    executor.close(drain=True)
    assert tasks.recorded(tmp_path, "run") == 0


def test_a_running_task_is_stopped_and_its_slot_used(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(tasks.hold_lock_against_all, tmp_path / "lock", tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.get()
    assert executor.submit(tasks.identity, 1).get() == 1
    await_that(lambda: not tasks.is_locked(tmp_path / "lock"))


@pytest.mark.usefixtures("linux_only")
def test_a_daemon_of_the_old_school_is_stopped(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(misdeeds.fork_twice, tmp_path / "lock", tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    assert executor.submit(tasks.is_locked, tmp_path / "lock").get() is False


def test_a_suspended_task_is_stopped(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(misdeeds.suspend, tmp_path / "pid")
    tasks.wait_for_file(tmp_path / "pid")
    assert future.cancel()
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_task_in_compiled_code_is_stopped(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(misdeeds.hold_the_gil, tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_cancelled_task_is_asked_first_with_grace(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.options(grace=30).submit(misdeeds.tidy_up_when_asked, tmp_path / "tidied", tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    tasks.wait_for_file(tmp_path / "tidied")


def test_cancelling_a_task_cancels_what_it_has_submitted(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(misdeeds.wait_for_nested, executor, tmp_path / "lock", tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    assert future.cancel()
    await_that(lambda: not tasks.is_locked(tmp_path / "lock"))
    assert executor.submit(tasks.identity, 1).get() == 1


def test_the_next_task_is_never_hit(start: Start) -> None:
    """Short tasks, cancelled at random moments: what was not cancelled has its result."""
    executor = start(2)
    for _ in range(20):
        futures = [executor.submit(tasks.identity, n) for n in range(10)]
        hit = [future.cancel() if n % 2 == 0 else False for n, future in enumerate(futures)]
        for n, future in enumerate(futures):
            if not hit[n]:
                assert future.get() == n
