"""Paragraph "Worker death"."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, BaseExecutor, Future
from orion.executor.errors import WorkerLost
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class WorkerDeathTests(Conformance):
    """Only the task that ran there fails; the rest runs elsewhere; the worker is replaced."""

    def test_the_exit_of_a_worker_is_told(self) -> None:
        executor = self._start_mortal()
        for code in (0, 3):
            error = self._lost(executor.options(name="trial 7").submit(faults.exit_with, code))
            assert "trial 7" in str(error)
            if self.keeps(executor, "exit_status"):
                assert error.exitcode == code
                assert f"code {code}" in str(error)
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_the_signal_that_killed_a_worker_is_told(self) -> None:
        executor = self._start_mortal()
        for number in faults.FATAL_SIGNALS:
            error = self._lost(executor.submit(faults.kill_self, int(number)))
            assert "kill_self" in str(error)
            assert "ikely cause" in str(error)
            if self.keeps(executor, "exit_status"):
                assert error.signal == number
                assert number.name in str(error)
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_tasks_behind_a_lost_one_run_elsewhere(self) -> None:
        executor = self._start_mortal(1)
        count = self.lot(50)
        futures: list[Future[Any]] = [executor.submit(tasks.identity, number) for number in range(5)]
        futures.append(executor.submit(faults.kill_self, faults.KILL))
        futures += [executor.submit(tasks.identity, number) for number in range(5, count)]
        self._lost(futures.pop(5))
        assert executor.wait(futures) == list(range(count))

    def test_a_task_beside_a_lost_one_is_not_disturbed(self, tmp_path: Path) -> None:
        executor = self._start_mortal(2)
        held = self.hold(executor, tmp_path)
        self._lost(executor.submit(faults.exit_with, 1))
        assert not held.future.ready()
        held.release()
        assert held.future.get() == "held"

    def test_no_task_runs_twice(self, tmp_path: Path) -> None:
        executor = self._start_mortal(2)
        futures: list[Future[Any]] = []
        count = self.lot(20)
        for number in range(count):
            futures.append(executor.submit(tasks.record, tmp_path, f"task{number}", number))
            if number % 5 == 0:
                executor.submit(faults.exit_with, 1)
        assert executor.wait(futures) == list(range(count))
        assert [tasks.recorded(tmp_path, f"task{number}") for number in range(count)] == [1] * count

    def test_dead_workers_are_replaced(self, tmp_path: Path) -> None:
        executor = self._start_mortal(2)
        for _ in range(3):
            dying = [executor.submit(faults.exit_with, 1) for _ in range(2)]
            for future in dying:
                self._lost(future)
        if self.keeps(executor, "concurrency"):
            helds = [self.hold(executor, tmp_path) for _ in range(2)]
            for held in helds:
                held.release()
            assert executor.wait([held.future for held in helds]) == ["held", "held"]

    def test_every_worker_may_die_at_once(self) -> None:
        executor = self._start_mortal(2)
        futures: list[Future[Any]] = [executor.submit(faults.kill_self, faults.KILL) for _ in range(6)]
        results = tasks.drain(executor, futures)
        assert all(isinstance(result, AsyncException) for result in results)
        assert {type(r.exception) for r in results if isinstance(r, AsyncException)} == {WorkerLost}
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_worker_that_dies_idle_harms_no_task(self, tmp_path: Path) -> None:
        executor = self._start_mortal(1)
        go, lock, started = tmp_path / "go", tmp_path / "lock", tmp_path / "started"
        assert executor.submit(faults.exit_later, go, lock, started).get() == "returned"
        self.await_file(started)
        go.touch()
        self.await_that(lambda: not tasks.is_locked(lock))
        assert executor.wait([executor.submit(tasks.identity, number) for number in range(5)]) == list(range(5))

    def test_death_while_loading_an_argument(self) -> None:
        executor = self._start_mortal(1)
        doomed = executor.submit(tasks.identity, faults.DeadlyToLoad(5))
        fine = executor.submit(tasks.identity, 1)
        self._lost(doomed)
        assert fine.get() == 1

    def test_death_while_pickling_the_result(self) -> None:
        executor = self._start_mortal(1)
        doomed = executor.submit(faults.make, faults.DeadlyToDump, 5)
        fine = executor.submit(tasks.identity, 1)
        self._lost(doomed)
        assert fine.get() == 1

    def test_death_in_a_finalizer(self) -> None:
        executor = self._start_mortal(1)
        doomed = executor.submit(faults.make_and_drop, faults.DeadlyToCollect, 5)
        fine = executor.submit(tasks.identity, 1)
        self._lost(doomed)
        assert fine.get() == 1

    def test_a_worker_without_descriptors_is_lost_or_answers(self) -> None:
        """The task closed the worker's way to the driver: it must not be waited for in vain."""
        executor = self._start_mortal(1)
        broken = executor.submit(faults.close_descriptors)
        broken.wait()
        if not broken.successful():
            self._lost(broken)
        assert executor.submit(tasks.identity, 1).get() == 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
    def test_a_task_that_forks_and_returns_twice_ends_once(self) -> None:
        executor = self._start_mortal(1)
        assert executor.submit(faults.fork_and_return).get() == "parent"
        count = self.lot(20)
        futures = [executor.submit(tasks.identity, number) for number in range(count)]
        assert executor.wait(futures) == list(range(count))

    @pytest.mark.parametrize("own_session", [False, True])
    def test_processes_of_a_lost_task_end_too(self, tmp_path: Path, own_session: bool) -> None:
        executor = self._start_mortal(1)
        self.needs(executor, "child_processes")
        lock = tmp_path / "lock"
        self._lost(executor.submit(tasks.spawn_child_and_hang, lock, tmp_path / "started", own_session, die=True))
        self.await_that(lambda: not tasks.is_locked(lock))

    def test_a_lost_task_is_returned_by_async_get(self) -> None:
        executor = self._start_mortal()
        futures: list[Future[Any]] = [executor.submit(faults.exit_with, 3)]
        (result,) = executor.async_get(futures)
        assert futures == []
        assert isinstance(result, AsyncException)
        assert isinstance(result.exception, WorkerLost)
        assert "exit_with" in result.traceback
        with pytest.raises(WorkerLost):
            result.value  # noqa: B018 - reading it raises

    def test_one_death_among_many_tasks(self) -> None:
        """One clear error, and every other result."""
        executor = self._start_mortal(2)
        count = self.lot(200)
        futures: list[Future[Any]] = [executor.submit(tasks.identity, number) for number in range(count)]
        futures[count // 2] = executor.submit(faults.kill_self, faults.KILL)
        results = tasks.drain(executor, futures)
        assert len(results) == count
        assert [type(r.exception) for r in results if isinstance(r, AsyncException)] == [WorkerLost]

    def _start_mortal(self, n_workers: int = 2) -> BaseExecutor:
        executor = self.start(n_workers)
        self.needs(executor, "worker_death")
        return executor

    def _lost(self, future: Future[Any]) -> WorkerLost:
        with pytest.raises(WorkerLost) as raised:
            future.get()
        assert future.ready()
        assert not future.successful()
        return raised.value
