"""Paragraph "Options", ``retries``: runs a task again after the failures that it names."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.errors import WorkerLost
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class RetriesTests(Conformance):
    """By default after a lost worker only; never silently."""

    def test_a_failure_is_not_retried_unless_asked(self, tmp_path: Path) -> None:
        executor = self.start(1)
        future = executor.submit(tasks.record_and_raise, tmp_path, "run", 5)
        with pytest.raises(ValueError, match="run 1"):
            future.get()
        assert tasks.recorded(tmp_path, "run") == future.attempt == 1

    def test_only_a_lost_worker_is_retried_by_default(self, tmp_path: Path) -> None:
        executor = self._start_retrying(1)
        future = executor.options(retries=3).submit(tasks.record_and_raise, tmp_path, "run", 5)
        with pytest.raises(ValueError, match="run 1"):
            future.get()
        assert tasks.recorded(tmp_path, "run") == future.attempt == 1

    def test_named_failures_are_retried(self, tmp_path: Path) -> None:
        executor = self._start_retrying(1)
        patient = executor.options(retries=3, retry_on=(KeyError, ValueError))
        future = patient.submit(tasks.record_and_raise, tmp_path, "run", 3)
        assert future.get() == 3
        assert tasks.recorded(tmp_path, "run") == future.attempt == 3
        assert [result.value for result in executor.async_get([future])] == [3]

    def test_subclasses_of_named_failures_are_retried(self, tmp_path: Path) -> None:
        executor = self._start_retrying(1)
        future = executor.options(retries=1, retry_on=Exception).submit(tasks.record_and_raise, tmp_path, "run", 2)
        assert future.get() == 2

    def test_the_last_failure_is_the_outcome(self, tmp_path: Path) -> None:
        executor = self._start_retrying(1)
        future = executor.options(retries=2, retry_on=ValueError).submit(tasks.record_and_raise, tmp_path, "run", 9)
        with pytest.raises(ValueError, match="run 3"):
            future.get()
        assert tasks.recorded(tmp_path, "run") == future.attempt == 3

    def test_a_retried_task_starts_from_the_same_arguments(self, tmp_path: Path) -> None:
        """What the first run did to them is not seen by the second."""

        def task(items: list[int]) -> list[int]:
            items.append(1)
            tasks.record_and_raise(tmp_path, "run", 2)
            return items

        executor = self._start_retrying(1)
        assert executor.options(retries=1, retry_on=ValueError).submit(task, [0]).get() == [0, 1]

    def test_other_tasks_go_on_meanwhile(self, tmp_path: Path) -> None:
        executor = self._start_retrying(2)
        patient = executor.options(retries=5, retry_on=ValueError)
        futures = [patient.submit(tasks.record_and_raise, tmp_path, f"run{n}", n % 4 + 1) for n in range(12)]
        assert executor.wait(futures) == [n % 4 + 1 for n in range(12)]

    def test_a_cancelled_task_is_not_retried(self, tmp_path: Path) -> None:
        executor = self._start_retrying(1)
        held = self.hold(executor, tmp_path)
        patient = executor.options(retries=3, retry_on=(CancelledError, WorkerLost))
        future = patient.submit(tasks.record, tmp_path, "run")
        assert future.cancel()
        held.release()
        executor.submit(tasks.identity, 1).get()
        assert tasks.recorded(tmp_path, "run") == 0
        with pytest.raises(CancelledError):
            future.get()

    def test_a_lost_worker_is_retried(self, tmp_path: Path) -> None:
        def task() -> int:
            tasks.record(tmp_path, "run")
            if tasks.recorded(tmp_path, "run") == 1:
                faults.exit_with(1)
            return tasks.recorded(tmp_path, "run")

        executor = self._start_retrying(1)
        self.needs(executor, "worker_death")
        future = executor.options(retries=1).submit(task)
        assert future.get() == future.attempt == 2

    def test_a_worker_may_be_lost_each_time(self) -> None:
        executor = self._start_retrying(2)
        self.needs(executor, "worker_death")
        future = executor.options(retries=2).submit(faults.exit_with, 1)
        with pytest.raises(WorkerLost):
            future.get()
        assert future.attempt == 3
        assert executor.submit(tasks.identity, 1).get() == 1

    def _start_retrying(self, n_workers: int) -> BaseExecutor:
        executor = self.start(n_workers)
        self.needs(executor, "retries")
        return executor
