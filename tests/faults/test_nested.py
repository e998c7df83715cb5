"""Point 8: nested work of any depth with any number of workers; deaths and limits in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orion.executor.errors import TaskTimeout, WorkerLost
from orion.executor.testing import tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import await_that


def test_fifty_deep_with_one_worker(start: Start) -> None:
    executor = start(1)
    depth = 50 if "child_processes" not in executor.limitations else 15  # an interpreter for each level
    assert executor.submit(tasks.nested_get, executor, depth).get() == depth
    assert executor.submit(tasks.identity, 1).get() == 1


@pytest.mark.parametrize("n_workers", [1, 2])
def test_two_hundred_children(start: Start, n_workers: int) -> None:
    executor = start(n_workers)
    assert executor.submit(tasks.nested_sum, executor, 1, 200).get() == 200


def test_a_tree(start: Start) -> None:
    executor = start(2)
    assert executor.submit(tasks.nested_sum, executor, 3, 4).get() == 64


def test_a_child_that_dies_is_the_parents_to_handle(start: Start) -> None:
    executor = start(1)
    assert executor.submit(misdeeds.survive_child, executor).get() == ("WorkerLost", 5)


def test_a_parent_that_dies_takes_its_children_along(start: Start, tmp_path: Path) -> None:
    executor = start(2)
    lock, started = tmp_path / "lock", tmp_path / "started"
    future = executor.submit(misdeeds.die_with_nested, executor, lock, started)
    with pytest.raises(WorkerLost):
        future.get()
    await_that(lambda: not tasks.is_locked(lock))
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_parent_over_its_time_takes_its_children_along(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    lock, started = tmp_path / "lock", tmp_path / "started"
    future = executor.options(timeout=2.0).submit(misdeeds.wait_for_nested, executor, lock, started)
    with pytest.raises(TaskTimeout):
        future.get()
    await_that(lambda: not lock.exists() or not tasks.is_locked(lock))
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_child_over_its_time_is_told_above(start: Start) -> None:
    executor = start(1)
    assert executor.submit(misdeeds.limit_child, executor).get() == "TaskTimeout"


def test_a_task_can_cancel_what_it_has_submitted(start: Start) -> None:
    executor = start(1)
    assert executor.submit(misdeeds.cancel_child, executor).get() == (True, "CancelledError")


def test_a_large_array_goes_down_and_comes_up(start: Start) -> None:
    executor = start(1)
    assert executor.submit(misdeeds.nested_arrays, executor, 4, 1_000_000).get() == 4 * 1_000_000


def test_nested_tasks_from_threads_of_a_task(start: Start) -> None:
    executor = start(2)
    assert executor.submit(misdeeds.nested_in_threads, executor, 8).get() == list(range(8))


def test_closing_with_nested_work_in_flight(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    future = executor.submit(misdeeds.wait_for_nested, executor, tmp_path / "lock", tmp_path / "started")
    tasks.wait_for_file(tmp_path / "started")
    executor.close()
    assert future.ready()
    await_that(lambda: not tasks.is_locked(tmp_path / "lock"))
