"""The scripted executor does what its script says."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, BaseExecutor, Future
from orion.executor.errors import OptionNotSupported, TaskTimeout, WorkerLost
from orion.executor.testing import ScriptedExecutor, tasks
from orion.executor.testing.conformance._base import Background


def completions(executor: BaseExecutor, pending: list[Future[Any]]) -> list[Any]:
    """Return the values in the order of completion, the types of errors for failures."""
    return [
        type(result.exception) if isinstance(result, AsyncException) else result.value
        for result in tasks.drain(executor, pending)
    ]


def submit(executor: BaseExecutor, count: int) -> list[Future[Any]]:
    return [executor.submit(tasks.identity, number) for number in range(count)]


def test_without_a_script_tasks_complete_in_the_order_of_submission() -> None:
    with ScriptedExecutor() as executor:
        assert completions(executor, submit(executor, 5)) == [0, 1, 2, 3, 4]


def test_tasks_complete_in_the_scripted_order() -> None:
    with ScriptedExecutor(order=[3, 1, 0]) as executor:
        assert completions(executor, submit(executor, 6)) == [3, 1, 0, 2, 4, 5]


def test_each_call_returns_one() -> None:
    with ScriptedExecutor(order=[2, 0, 1]) as executor:
        pending = submit(executor, 3)
        assert [[result.value for result in executor.async_get(pending)] for _ in range(3)] == [[2], [0], [1]]


def test_the_order_counts_among_what_is_pending() -> None:
    """Task 2 comes first, but nobody waits for it before it is submitted."""
    with ScriptedExecutor(order=[2, 1, 0]) as executor:
        pending = submit(executor, 2)
        values = [result.value for result in executor.async_get(pending)]
        pending.append(executor.submit(tasks.identity, 2))
        assert values + completions(executor, pending) == [1, 2, 0]


def test_those_whose_turn_is_earlier_complete_too() -> None:
    with ScriptedExecutor(order=[1, 2]) as executor:
        first, second, third = submit(executor, 3)
        assert third.get() == 2
        assert second.ready()
        assert not first.ready()


def test_wait_returns_in_the_order_given() -> None:
    with ScriptedExecutor(order=[2, 0]) as executor:
        assert executor.wait(submit(executor, 3)) == [0, 1, 2]


def test_a_scripted_failure_comes_instead_of_the_task(tmp_path: Path) -> None:
    with ScriptedExecutor(failures={1: WorkerLost("gone", signal=9)}) as executor:
        pending: list[Future[Any]] = [executor.submit(tasks.record, tmp_path, f"run{n}", n) for n in range(3)]
        lost = pending[1]
        assert completions(executor, pending) == [0, WorkerLost, 2]
        assert tasks.recorded(tmp_path, "run1") == 0
        with pytest.raises(WorkerLost) as raised:
            lost.get()
        assert raised.value.signal == 9


def test_one_failure_stands_for_every_attempt() -> None:
    with ScriptedExecutor(failures={0: WorkerLost("gone")}) as executor:
        future = executor.options(retries=2).submit(tasks.identity, 1)
        with pytest.raises(WorkerLost):
            future.get()
        assert future.attempt == 3


def test_a_sequence_of_failures_is_for_the_first_attempts() -> None:
    with ScriptedExecutor(failures={0: [WorkerLost("one"), WorkerLost("two")]}) as executor:
        future = executor.options(retries=5).submit(tasks.identity, 1)
        assert future.get() == 1
        assert future.attempt == 3


def test_a_held_task_does_not_complete_before_its_release() -> None:
    with ScriptedExecutor(held=[0]) as executor:
        held, other = submit(executor, 2)
        pending = [held, other]
        assert [result.value for result in executor.async_get(pending)] == [1]
        assert executor.async_get(pending, timeout=0.001) == []
        with pytest.raises(TimeoutError):
            held.get(0)
        executor.release(0)
        assert held.ready()
        assert [result.value for result in executor.async_get(pending)] == [0]


def test_a_release_wakes_those_who_wait() -> None:
    with ScriptedExecutor(held=[0, 1]) as executor:
        pending = submit(executor, 2)
        calls = [Background(future.get) for future in pending]
        executor.release()
        assert [call.result() for call in calls] == [0, 1]


def test_tasks_are_released_in_the_order_given() -> None:
    with ScriptedExecutor(held=[0, 1, 2]) as executor:
        pending = submit(executor, 3)
        executor.release(2, 0)
        assert [result.value for result in executor.async_get(pending)] == [2, 0]
        executor.release()
        assert completions(executor, pending) == [1]


def test_a_task_released_before_it_is_submitted_is_not_held() -> None:
    with ScriptedExecutor(held=[0]) as executor:
        executor.release(0)
        assert executor.submit(tasks.identity, 1).get() == 1


def test_a_held_task_can_be_cancelled() -> None:
    with ScriptedExecutor(held=[0]) as executor:
        future = executor.submit(tasks.identity, 1)
        assert future.cancel()
        executor.release(0)
        with pytest.raises(CancelledError):
            future.get()


def test_options_are_refused_unless_accepted() -> None:
    with ScriptedExecutor() as executor, pytest.raises(OptionNotSupported, match="accept"):
        executor.options(timeout=1.0)
    failures = {0: TaskTimeout("task 'identity' ran longer than 1.0 s")}
    with ScriptedExecutor(failures=failures, accept=["timeout"]) as executor:
        assert completions(executor, [executor.options(timeout=1.0).submit(tasks.identity, 1)]) == [TaskTimeout]
        assert "timeout" not in executor.limitations


@pytest.mark.parametrize("n_workers", [1, 4])
def test_the_number_of_workers_is_what_was_asked_for(n_workers: int) -> None:
    with ScriptedExecutor(n_workers) as executor:
        assert executor.n_workers == n_workers


def test_nested_work_does_not_run_the_rest_on_the_stack_of_a_task() -> None:
    with ScriptedExecutor() as executor:
        futures = [executor.submit(tasks.nested_get, executor, 2) for _ in range(300)]
        assert executor.wait(futures) == [2] * 300
