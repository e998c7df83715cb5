"""Paragraph "Cancel"."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, Future
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class CancelTests(Conformance):
    """What has not started never runs; what runs is stopped where the engine can; the answer is true."""

    def test_a_task_that_has_not_started_never_runs(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        by_future = executor.submit(tasks.record, tmp_path, "run")
        by_executor = executor.submit(tasks.record, tmp_path, "run")
        after = executor.submit(tasks.identity, 1)
        assert by_future.cancel() is True
        assert executor.cancel(by_executor) is True
        for future in (by_future, by_executor):
            assert future.ready()
            assert not future.successful()
            with pytest.raises(CancelledError):
                future.get()
        held.release()
        assert after.get() == 1
        assert held.future.get() == "held"
        executor.close(drain=True)
        assert tasks.recorded(tmp_path, "run") == 0

    def test_cancelling_twice_takes_effect_once(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.hold(executor, tmp_path)
        future = executor.submit(tasks.identity, 1)
        assert future.cancel() is True
        assert future.cancel() is False

    def test_a_task_that_has_ended_cannot_be_cancelled(self) -> None:
        executor = self.start()
        good, bad = executor.submit(tasks.identity, 1), executor.submit(tasks.fail_with, ValueError, "wrong")
        good.wait()
        bad.wait()
        assert good.cancel() is False
        assert bad.cancel() is False
        assert good.get() == 1
        with pytest.raises(ValueError, match="wrong"):
            bad.get()

    def test_a_running_task_is_stopped_or_goes_on(self, tmp_path: Path) -> None:
        """An engine that declares ``cancel_running`` returns false, and the task ends as if nothing had been."""
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        if not self.keeps(executor, "cancel_running"):
            assert held.future.cancel() is False
            assert not held.future.ready()
            held.release()
            assert held.future.get() == "held"
        else:
            assert held.future.cancel() is True
            assert held.future.ready()
            with pytest.raises(CancelledError):
                held.future.get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_running_task_that_resists_is_stopped(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "cancel_running")
        lock, started = tmp_path / "lock", tmp_path / "started"
        future = executor.submit(tasks.hold_lock_against_all, lock, started)
        self.await_file(started)
        assert tasks.is_locked(lock)
        assert future.cancel() is True
        self.await_that(lambda: not tasks.is_locked(lock))
        assert executor.submit(tasks.identity, 1).get() == 1

    @pytest.mark.parametrize("own_session", [False, True])
    def test_the_processes_of_a_cancelled_task_are_stopped(self, tmp_path: Path, own_session: bool) -> None:
        executor = self.start(1)
        self.needs(executor, "cancel_running", "child_processes")
        lock, started = tmp_path / "lock", tmp_path / "started"
        future = executor.submit(tasks.spawn_child_and_hang, lock, started, own_session)
        self.await_file(started)
        assert future.cancel() is True
        self.await_that(lambda: not tasks.is_locked(lock))

    def test_other_tasks_are_not_disturbed_by_a_cancelled_one(self, tmp_path: Path) -> None:
        executor = self.start(2)
        doomed, beside = self.hold(executor, tmp_path), self.hold(executor, tmp_path)
        queued = [executor.submit(tasks.record, tmp_path, f"run{n}", n) for n in range(10)]
        doomed.future.cancel()
        for number in (0, 4, 9):
            queued[number].cancel()
        doomed.release()
        beside.release()
        assert beside.future.get() == "held"
        rest = [number for number in range(10) if number not in (0, 4, 9)]
        assert executor.wait([queued[number] for number in rest]) == rest
        assert [tasks.recorded(tmp_path, f"run{n}") for n in range(10)] == [int(n in rest) for n in range(10)]

    def test_cancelling_wakes_those_who_wait(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.hold(executor, tmp_path)
        future: Future[Any] = executor.submit(tasks.identity, 1)
        if "background" in executor.limitations:
            future.cancel()  # else those who wait would run it
        got = self.in_thread(future.get)
        taken = self.in_thread(lambda: executor.async_get([future]))
        future.cancel()
        with pytest.raises(CancelledError):
            got.result()
        (result,) = taken.result()
        assert isinstance(result, AsyncException)
        assert isinstance(result.exception, CancelledError)

    def test_a_future_of_another_executor_is_refused(self) -> None:
        executor, other = self.start(), self.start()
        future = other.submit(tasks.identity, 1)
        with pytest.raises(ValueError, match="another executor"):
            executor.cancel(future)
        assert future.get() == 1

    def test_cancelling_races_with_starting(self, tmp_path: Path) -> None:
        """Whatever the answer, it is true: what was cancelled has no result, the rest has."""
        executor = self.start(2)
        futures = [executor.submit(tasks.record, tmp_path, f"run{number}", number) for number in range(60)]
        cancelled = [future.cancel() for future in futures]
        for number, future in enumerate(futures):
            if cancelled[number]:
                with pytest.raises(CancelledError):
                    future.get()
            else:
                assert future.get() == number
                assert tasks.recorded(tmp_path, f"run{number}") == 1
        assert executor.submit(tasks.identity, 1).get() == 1
