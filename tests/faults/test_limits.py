"""Point 4: limits stop the whole tree, and what a task starts works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from orion.executor.errors import OutOfMemory, TaskTimeout, WorkerLost
from orion.executor.testing import faults, tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import await_that


@pytest.mark.usefixtures("linux_only")
@pytest.mark.parametrize("limit", ["timeout", "memory"])
def test_a_limit_stops_a_daemon_of_the_old_school(start: Start, tmp_path: Path, limit: str) -> None:
    """Its parent has ended, and its session is its own."""
    executor = start()
    lock, started = tmp_path / "lock", tmp_path / "started"
    if limit == "timeout":
        future: Any = executor.options(timeout=1.0).submit(misdeeds.fork_twice, lock, started)
    else:
        future = executor.options(memory_gb=0.2).submit(misdeeds.fork_twice_and_use_memory, lock, started, 0.4)
    with pytest.raises(TaskTimeout if limit == "timeout" else OutOfMemory):
        future.get()
    assert started.exists()
    assert not lock.exists() or not tasks.is_locked(lock)  # the error is told when nothing is left


@pytest.mark.usefixtures("linux_only")
def test_memory_of_children_counts(start: Start, tmp_path: Path) -> None:
    future = start().options(memory_gb=0.3).submit(misdeeds.children_use_memory, 3, 0.15)
    with pytest.raises(OutOfMemory):
        future.get()


def test_shared_memory_counts_once(start: Start) -> None:
    """Children that share their parent's memory do not add to it."""
    assert start().options(memory_gb=0.6).submit(misdeeds.children_share_memory, 4, 0.2).get() == 4


@pytest.mark.usefixtures("linux_only")
def test_a_slot_is_free_when_the_tree_is_gone(start: Start, tmp_path: Path) -> None:
    """The next task finds nothing of the one before."""
    executor = start(1)
    lock, started = tmp_path / "lock", tmp_path / "started"
    doomed = executor.options(timeout=1.0).submit(misdeeds.fork_twice, lock, started)
    after = executor.submit(tasks.is_locked, lock)
    with pytest.raises(TaskTimeout):
        doomed.get()
    assert after.get() is False


def test_sigterm_comes_first_with_grace(start: Start, tmp_path: Path) -> None:
    executor = start()
    view = executor.options(timeout=0.5, grace=30)
    with pytest.raises(TaskTimeout):
        view.submit(misdeeds.tidy_up_when_asked, tmp_path / "tidied").get()
    assert (tmp_path / "tidied").exists()
    assert executor.submit(tasks.identity, 1).get() == 1


def test_what_ignores_sigterm_is_killed_after_its_grace(start: Start, tmp_path: Path) -> None:
    executor = start()
    lock = tmp_path / "lock"
    with pytest.raises(TaskTimeout):
        executor.options(timeout=0.4, grace=0.2).submit(tasks.hold_lock_against_all, lock, tmp_path / "started").get()
    await_that(lambda: not tasks.is_locked(lock))


def test_a_timeout_in_compiled_code_is_kept(start: Start) -> None:
    """Which holds the GIL, so that no handler of Python's would run."""
    with pytest.raises(TaskTimeout):
        start().options(timeout=0.3).submit(misdeeds.hold_the_gil).get()


def test_retries_count_deaths_and_name_the_attempt(start: Start, tmp_path: Path) -> None:
    executor = start()
    future = executor.options(retries=3).submit(misdeeds.die_until, tmp_path, 3)
    assert future.get() == 3
    assert future.attempt == 3


def test_retries_end(start: Start, tmp_path: Path) -> None:
    future = start().options(retries=2).submit(misdeeds.die_until, tmp_path, 99)
    with pytest.raises(WorkerLost):
        future.get()
    assert tasks.recorded(tmp_path, "run") == 3


def test_nothing_is_retried_unasked(start: Start, tmp_path: Path) -> None:
    with pytest.raises(WorkerLost):
        start().submit(misdeeds.die_until, tmp_path, 99).get()
    assert tasks.recorded(tmp_path, "run") == 1


def test_a_time_limit_holds_for_each_attempt(start: Start, tmp_path: Path) -> None:
    future = start().options(timeout=0.4, retries=1, retry_on=TaskTimeout).submit(misdeeds.hang_once, tmp_path)
    assert future.get() == 2


@pytest.mark.parametrize(
    ("task", "args", "value"),
    [
        (misdeeds.output_of_process, (), "from below\n"),
        (misdeeds.pool_of_processes, (4,), [4, 3, 2, 1]),
        (misdeeds.one_process, ("fork", True), 7),
        (misdeeds.one_process, ("fork", False), 7),
        (misdeeds.one_process, ("spawn", True), 7),
        (misdeeds.one_process, ("forkserver", False), 7),
    ],
    ids=["subprocess", "multiprocessing.Pool", "fork, daemonic", "fork", "spawn, daemonic", "forkserver"],
)
def test_processes_in_a_task_work(start: Start, task: Any, args: tuple[Any, ...], value: Any) -> None:
    executor = start()
    assert executor.submit(task, *args).get() == value
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_pool_in_a_task_runs_functions_of_the_script(start: Start) -> None:
    """They are found in the worker's ``__main__``, by the pool's own processes too."""
    script_function = misdeeds.as_if_in_script("def square(x):\n    return x * x\n", "square")
    task = misdeeds.as_if_in_script(
        "import multiprocessing\n"
        "def square(x):\n    return x * x\n"
        "def task():\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        return pool.map(square, range(4))\n",
        "task",
    )
    assert script_function(3) == 9
    assert start().submit(task).get() == [0, 1, 4, 9]


def test_a_data_loader_works(start: Start) -> None:
    pytest.importorskip("torch")
    executor = start(2)
    futures = [executor.submit(misdeeds.sum_with_data_loader, 100, 2) for _ in range(3)]
    assert executor.wait(futures) == [4950] * 3


def test_time_stopped_in_the_driver_is_nobodys_fault(start: Start) -> None:
    """A result that was there in time counts, though the driver looks at it late."""
    executor = start()
    executor.submit(tasks.identity, 1).get()
    future = executor.options(timeout=1.0).submit(time.sleep, 0.3)
    with executor._pool.lock:  # nothing is heard or enforced meanwhile
        time.sleep(1.5)
    assert future.get() is None


def test_limits_on_many_tasks_at_once(start: Start) -> None:
    executor = start(2)
    limited = executor.options(timeout=0.2)
    futures: list[Any] = [limited.submit(time.sleep, 30 if n % 3 == 0 else 0) for n in range(12)]
    ends = [
        type(result.exception) if hasattr(result, "exception") else None for result in tasks.drain(executor, futures)
    ]
    assert ends.count(TaskTimeout) == 4
    assert ends.count(None) == 8
    assert executor.submit(faults.make, int).get() == 0
