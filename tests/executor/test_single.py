"""What is particular about the engine without parallelism."""

from __future__ import annotations

import inspect
import threading
import traceback
from pathlib import Path

import pytest

from orion.executor.single_backend import SingleExecutor
from orion.executor.testing import faults, tasks


def test_a_task_runs_when_its_result_is_first_waited_for(tmp_path: Path) -> None:
    with SingleExecutor() as executor:
        futures = [executor.submit(tasks.record, tmp_path, f"run{number}") for number in range(4)]
        assert tasks.recorded(tmp_path, "*") == 0
        assert not any(future.ready() for future in futures)
        futures[2].get()
        assert [tasks.recorded(tmp_path, f"run{number}") for number in range(4)] == [0, 0, 1, 0]
        executor.async_get(futures[:2])
        assert [tasks.recorded(tmp_path, f"run{number}") for number in range(4)] == [1, 0, 1, 0]


def test_a_task_runs_in_the_thread_that_waits() -> None:
    with SingleExecutor() as executor:
        assert executor.submit(threading.get_ident).get() == threading.get_ident()


def test_a_debugger_finds_the_caller_on_the_stack() -> None:
    def task() -> list[str]:
        return [frame.function for frame in inspect.stack()]

    with SingleExecutor() as executor:
        assert "test_a_debugger_finds_the_caller_on_the_stack" in executor.submit(task).get()


def test_an_exception_has_its_ordinary_traceback() -> None:
    """It can be examined post mortem: the frames are the task's own, with their variables."""
    with SingleExecutor() as executor:
        future = executor.submit(tasks.record_and_raise, Path("nowhere"), "run", 1)
        with pytest.raises(FileNotFoundError) as raised:
            future.get()
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(raised.tb)]
        assert "record_and_raise" in frames
        assert raised.value.__cause__ is None
        failing = executor.submit(faults.raise_chained)
        with pytest.raises(ValueError, match="outer") as chained:
            failing.get()
        assert isinstance(chained.value.__cause__, KeyError)


def test_any_timeout_runs_the_task() -> None:
    with SingleExecutor() as executor:
        assert executor.submit(tasks.identity, 1).get(0) == 1
        future = executor.submit(tasks.identity, 2)
        future.wait(0)
        assert future.ready()
        assert [result.value for result in executor.async_get([executor.submit(tasks.identity, 3)], 0)] == [3]


def test_a_task_is_run_by_one_thread_only(tmp_path: Path) -> None:
    from orion.executor.testing.conformance._base import Background

    with SingleExecutor() as executor:
        future = executor.submit(tasks.record, tmp_path, "run", 1)
        calls = [Background(future.get) for _ in range(8)]
        assert [call.result() for call in calls] == [1] * 8
        assert tasks.recorded(tmp_path, "run") == 1


def test_there_is_one_worker_whatever_was_asked_for() -> None:
    for n_workers in (1, 8, -1):
        with SingleExecutor(n_workers) as executor:
            assert executor.n_workers == 1
