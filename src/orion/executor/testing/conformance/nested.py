"""Paragraph "Nested work"."""

from __future__ import annotations

from pathlib import Path

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.errors import WorkerLost
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class NestedWorkTests(Conformance):
    """A task submits work to the executor that runs it, and waits for it, without a deadlock."""

    @pytest.mark.parametrize("n_workers", [1, 2])
    def test_a_task_may_wait_for_a_tree_of_tasks(self, n_workers: int) -> None:
        executor = self._start_nesting(n_workers)
        assert executor.submit(tasks.nested_sum, executor, 3, 3).get() == 27

    @pytest.mark.parametrize("n_workers", [1, 2])
    def test_a_task_may_get_from_a_chain_of_tasks(self, n_workers: int) -> None:
        executor = self._start_nesting(n_workers)
        assert executor.submit(tasks.nested_get, executor, 12).get() == 12

    @pytest.mark.parametrize("n_workers", [1, 2])
    def test_a_task_may_use_async_get(self, n_workers: int) -> None:
        executor = self._start_nesting(n_workers)
        assert sorted(executor.submit(tasks.nested_async_get, executor, 10).get()) == list(range(10))

    @pytest.mark.parametrize("n_workers", [1, 2])
    def test_many_tasks_may_wait_at_once(self, n_workers: int) -> None:
        """More than there are workers."""
        executor = self._start_nesting(n_workers)
        futures = [executor.submit(tasks.nested_sum, executor, 1, 3) for _ in range(8)]
        assert executor.wait(futures) == [3] * 8

    def test_a_task_sees_the_states_of_nested_futures(self) -> None:
        executor = self._start_nesting(1)
        assert executor.submit(tasks.nested_states, executor).get() == (True, True, "identity")

    def test_a_task_sees_the_number_of_workers(self) -> None:
        executor = self._start_nesting(2)
        assert executor.submit(tasks.workers_seen, executor).get() == executor.n_workers

    def test_a_nested_failure_reaches_the_task_that_waits(self) -> None:
        executor = self._start_nesting(1)
        assert executor.submit(tasks.nested_failure, executor).get() == ("KeyError", "from below")

    def test_a_nested_failure_goes_through(self) -> None:
        def task(executor: BaseExecutor) -> None:
            executor.submit(tasks.fail_with, ValueError, "from below").get()

        executor = self._start_nesting(1)
        with pytest.raises(ValueError, match="from below"):
            executor.submit(task, executor).get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_what_cannot_be_serialised_is_refused_in_the_task(self) -> None:
        executor = self._start_nesting(1)
        future = executor.submit(tasks.nested_unserialisable, executor, faults.Unpicklable)
        assert future.get() == "NotSerializable"

    def test_a_view_may_be_the_argument(self) -> None:
        def task(view: BaseExecutor) -> str:
            return view.submit(tasks.identity, 1).name

        executor = self._start_nesting(1)
        assert executor.submit(task, executor.options(name="from a view")).get() == "from a view"

    def test_an_executor_may_be_inside_an_argument_or_a_closure(self) -> None:
        def task(box: dict[str, list[BaseExecutor]]) -> int:
            return box["here"][0].submit(tasks.identity, 1).get() + executor.submit(tasks.identity, 2).get()

        executor = self._start_nesting(1)
        assert executor.submit(task, {"here": [executor]}).get() == 3

    def test_nested_work_that_nobody_waits_for_is_done(self, tmp_path: Path) -> None:
        with self._start_nesting(1) as executor:
            future = executor.submit(tasks.submit_and_forget, executor, tmp_path, "run")
        assert future.get() == "submitted"
        assert tasks.recorded(tmp_path, "run") == 1

    def test_leaving_the_block_finishes_nested_work(self) -> None:
        with self._start_nesting(1) as executor:
            future = executor.submit(tasks.nested_sum, executor, 2, 3)
        assert future.get() == 9

    def test_closing_in_the_midst_of_nested_work_does_not_hang(self, tmp_path: Path) -> None:
        def task(executor: BaseExecutor, started: Path, release: Path) -> int:
            return executor.submit(tasks.touch_and_wait, started, release, 1).get()

        executor = self._start_nesting(1)
        started, release = tmp_path / "started", tmp_path / "release"
        future = executor.submit(task, executor, started, release)
        self.see_to(executor, future)
        self.await_file(started)
        executor.close()
        release.touch()
        assert future.ready()

    def test_a_worker_lost_below_is_told_above(self) -> None:
        def task(executor: BaseExecutor) -> str:
            future = executor.submit(faults.exit_with, 3)
            future.wait()
            try:
                future.get()
            except WorkerLost as error:
                return type(error).__name__
            return "nothing"

        executor = self._start_nesting(1)
        self.needs(executor, "worker_death")
        assert executor.submit(task, executor).get() == "WorkerLost"

    def _start_nesting(self, n_workers: int) -> BaseExecutor:
        executor = self.start(n_workers)
        self.needs(executor, "nested")
        return executor
