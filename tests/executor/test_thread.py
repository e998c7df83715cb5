"""What is particular about the engine of threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.testing import tasks
from orion.executor.thread_backend import ThreadExecutor


def workers() -> int:
    return sum(thread.name == "orion-thread-worker" for thread in threading.enumerate())


def await_workers(count: int) -> None:
    deadline = time.monotonic() + 30
    while workers() > count:
        assert time.monotonic() < deadline, "threads are left behind"
        time.sleep(0.005)


def test_threads_start_when_there_is_work() -> None:
    with ThreadExecutor(64) as executor:
        assert workers() == 0
        executor.submit(tasks.identity, 1).get()
        assert workers() == 1
    await_workers(0)


def test_idle_threads_are_used_again() -> None:
    with ThreadExecutor(8) as executor:
        seen = {executor.submit(threading.get_ident).get() for _ in range(50)}
        assert len(seen) <= 8
        assert workers() <= 8
    await_workers(0)


def test_threads_that_took_the_place_of_waiting_ones_go_again() -> None:
    with ThreadExecutor(2) as executor:
        assert executor.submit(tasks.nested_sum, executor, 3, 3).get() == 27
        executor.wait([executor.submit(tasks.identity, number) for number in range(20)])
        await_workers(2)
    await_workers(0)


def test_closing_does_not_wait_for_a_task_that_runs(tmp_path: Path) -> None:
    """A thread cannot be stopped: it ends when its task does."""
    executor = ThreadExecutor(1)
    release = tmp_path / "release"
    future = executor.submit(tasks.touch_and_wait, tmp_path / "started", release, 1)
    tasks.wait_for_file(tmp_path / "started")
    executor.close()
    assert future.ready()
    assert workers() == 1
    release.touch()
    await_workers(0)


def test_a_task_may_close_its_own_executor() -> None:
    executor = ThreadExecutor(2)
    future = executor.submit(_close, executor)
    future.wait()
    assert future.ready()
    await_workers(0)


def test_cancelling_many_queued_tasks_is_quick(tmp_path: Path) -> None:
    """Also the last of many: the queue is not searched for each with a comparison in Python."""
    with ThreadExecutor(1) as executor:
        release = tmp_path / "release"
        held = executor.submit(tasks.touch_and_wait, tmp_path / "started", release, 1)
        tasks.wait_for_file(tmp_path / "started")
        queued = [executor.submit(tasks.identity, number) for number in range(1000)]
        assert all(future.cancel() for future in reversed(queued))
        release.touch()
        assert held.get() == 1
    await_workers(0)


def test_a_thread_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ThreadExecutor(2) as executor:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                executor.submit(tasks.identity, 1)
        assert executor.submit(tasks.identity, 2).get() == 2
    await_workers(0)


def test_fewer_threads_do_the_work_when_no_more_are_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadExecutor(4) as executor:
        assert executor.submit(tasks.identity, 1).get() == 1

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            futures: list[Any] = [executor.submit(tasks.identity, number) for number in range(10)]
            assert executor.wait(futures) == list(range(10))
    await_workers(0)


def _close(executor: BaseExecutor) -> None:
    executor.close()
