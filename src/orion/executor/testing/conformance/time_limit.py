"""Paragraph "Options", ``timeout``: limits the task's own running time, and stops it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, BaseExecutor, Future
from orion.executor.errors import OptionNotSupported, TaskTimeout
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class TimeLimitTests(Conformance):
    """An engine that declares ``timeout`` refuses the option instead."""

    def test_a_time_limit_is_honoured_or_refused(self) -> None:
        executor = self.start(1)
        reason = executor.limitations.get("timeout")
        if reason is None:
            assert executor.options(timeout=self.patience).submit(tasks.identity, 1).get() == 1
        else:
            with pytest.raises(OptionNotSupported) as raised:
                executor.options(timeout=self.patience)
            assert reason in str(raised.value)

    def test_a_task_that_runs_too_long_is_stopped(self, tmp_path: Path) -> None:
        executor = self._start_limiting(1)
        lock, started = tmp_path / "lock", tmp_path / "started"
        future = executor.options(timeout=0.5, name="trial 7").submit(tasks.hold_lock, lock, started)
        fine = executor.submit(tasks.identity, 1)
        error = self._timed_out(future)
        assert "trial 7" in str(error)
        assert "0.5" in str(error)
        self._await_stopped(lock)
        assert fine.get() == 1

    def test_a_task_that_resists_is_stopped(self, tmp_path: Path) -> None:
        executor = self._start_limiting(1)
        lock, started = tmp_path / "lock", tmp_path / "started"
        self._timed_out(executor.options(timeout=0.5).submit(tasks.hold_lock_against_all, lock, started))
        self._await_stopped(lock)
        assert executor.submit(tasks.identity, 1).get() == 1

    @pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system cannot stop processes")
    def test_a_task_whose_process_is_stopped_ends_at_its_limit(self) -> None:
        executor = self._start_limiting(1)
        self._timed_out(executor.options(timeout=0.3).submit(faults.kill_self, signal.SIGSTOP))
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_task_is_asked_to_end_before_it_is_killed(self, tmp_path: Path) -> None:
        """With ``grace``: what the task started may tidy up, also when the worker has ended at once."""
        executor = self._start_limiting(1)
        self.needs(executor, "grace")
        started, asked = tmp_path / "started", tmp_path / "asked"
        limit = 1.0
        while not started.exists():  # as many seconds as the machine needs to start a process
            limited = executor.options(timeout=limit, grace=self.patience)
            self._timed_out(limited.submit(tasks.spawn_polite_child, started, asked))
            limit *= 2
        assert asked.exists()

    def test_a_task_that_does_not_end_when_asked_is_killed(self, tmp_path: Path) -> None:
        executor = self._start_limiting(1)
        self.needs(executor, "grace")
        lock, started = tmp_path / "lock", tmp_path / "started"
        limited = executor.options(timeout=0.5, grace=0.2)
        self._timed_out(limited.submit(tasks.hold_lock_against_all, lock, started))
        self._await_stopped(lock)

    @pytest.mark.parametrize("own_session", [False, True])
    def test_processes_of_a_task_that_do_not_end_when_asked_are_killed(self, tmp_path: Path, own_session: bool) -> None:
        """Also if the worker itself has ended by then."""
        executor = self._start_limiting(1)
        self.needs(executor, "grace")
        if own_session:
            self.needs(executor, "child_processes")
        lock, started = tmp_path / "lock", tmp_path / "started"
        limited = executor.options(timeout=1.0, grace=0.2)
        self._timed_out(limited.submit(tasks.spawn_child_and_hang, lock, started, own_session, False, True))
        self._await_stopped(lock)
        assert executor.submit(tasks.identity, 1).get() == 1

    @pytest.mark.parametrize("own_session", [False, True])
    def test_the_processes_of_a_task_that_runs_too_long_are_stopped(self, tmp_path: Path, own_session: bool) -> None:
        executor = self._start_limiting(1)
        self.needs(executor, "child_processes")
        lock, started = tmp_path / "lock", tmp_path / "started"
        limited = executor.options(timeout=1.0)
        self._timed_out(limited.submit(tasks.spawn_child_and_hang, lock, started, own_session))
        self._await_stopped(lock)

    def test_time_in_the_queue_does_not_count(self, tmp_path: Path) -> None:
        executor = self._start_limiting(1)
        held = self.hold(executor, tmp_path)
        limit = 0.5
        queued = [executor.options(timeout=limit).submit(tasks.identity, number) for number in range(3)]
        time.sleep(1.2 * limit)  # time has to pass, that is the point
        assert not any(future.ready() for future in queued)
        held.release()
        assert executor.wait(queued) == [0, 1, 2]

    def test_a_task_beside_one_that_runs_too_long_is_not_disturbed(self, tmp_path: Path) -> None:
        executor = self._start_limiting(2)
        held = self.hold(executor, tmp_path)
        self._timed_out(executor.options(timeout=0.2).submit(tasks.wait_for_file, tmp_path / "never"))
        assert not held.future.ready()
        held.release()
        assert held.future.get() == "held"

    def test_many_limits_at_once(self, tmp_path: Path) -> None:
        executor = self._start_limiting(2)
        limited = executor.options(timeout=0.2)
        futures: list[Future[Any]] = []
        for number in range(4):
            futures.append(limited.submit(tasks.wait_for_file, tmp_path / "never"))
            futures.append(executor.submit(tasks.identity, number))
        results = tasks.drain(executor, futures)
        failed = [result for result in results if isinstance(result, AsyncException)]
        assert [type(result.exception) for result in failed] == [TaskTimeout] * 4
        assert sorted(result.value for result in results if result not in failed) == [0, 1, 2, 3]

    def test_a_stopped_task_is_not_retried_unless_asked(self, tmp_path: Path) -> None:
        executor = self._start_limiting(1)
        self.needs(executor, "retries")
        started, never = tmp_path / "started", tmp_path / "never"
        once = executor.options(timeout=0.5, retries=1).submit(tasks.touch_and_wait, started, never, 1)
        self._timed_out(once)
        assert once.attempt == 1
        twice = executor.options(timeout=0.5, retries=1, retry_on=TaskTimeout)
        future = twice.submit(tasks.touch_and_wait, started, never, 1)
        self._timed_out(future)
        assert future.attempt == 2

    def _start_limiting(self, n_workers: int) -> BaseExecutor:
        executor = self.start(n_workers)
        self.needs(executor, "timeout")
        return executor

    def _timed_out(self, future: Future[Any]) -> TaskTimeout:
        with pytest.raises(TaskTimeout) as raised:
            future.get()
        assert not isinstance(raised.value, TimeoutError), "a loop that waits for a result would go on for ever"
        assert not future.successful()
        return raised.value

    def _await_stopped(self, lock: Path) -> None:
        """Wait until the task is gone; if the machine was slow it was stopped before it had begun."""
        self.await_that(lambda: not lock.exists() or not tasks.is_locked(lock))
