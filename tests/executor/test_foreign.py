"""Calls in workers that another library has started, and what a task is told about itself there."""

from __future__ import annotations

import threading

import pytest

from orion.executor import current_task
from orion.executor._core import foreign, payload
from orion.executor._core.outcome import Failure, Value
from orion.executor.errors import NotSerializable, RemoteTraceback
from orion.executor.testing import faults, tasks


def ends(function: object, *args: object, name: str = "", attempt: int = 1) -> Value | Failure:
    call = payload.dumps_call(function, args, {})  # type: ignore[arg-type]  # what is no function fails there
    return foreign.outcome_of(foreign.run(call, name, attempt)).resolve()


def test_a_value_comes_back() -> None:
    outcome = ends(tasks.identity, bytes(1 << 20))
    assert isinstance(outcome, Value)
    assert outcome.value == bytes(1 << 20)


def test_an_exception_comes_back_with_its_type_and_the_traceback() -> None:
    outcome = ends(tasks.fail_with, KeyError, "gone")
    assert isinstance(outcome, Failure)
    assert type(outcome.exception) is KeyError
    assert isinstance(outcome.exception.__cause__, RemoteTraceback)
    assert "fail_with" in outcome.traceback


def test_a_result_that_cannot_travel_is_told() -> None:
    outcome = ends(faults.make, faults.Unpicklable)
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.exception, NotSerializable)


@pytest.mark.parametrize(("name", "seen"), [("", "myself"), ("trial 7", "trial 7")])
def test_the_task_knows_its_name_and_attempt(name: str, seen: str) -> None:
    outcome = ends(tasks.myself, name=name, attempt=3)
    assert isinstance(outcome, Value)
    assert outcome.value == (seen, 3)
    assert current_task() is None


def test_threads_of_a_task_know_it_too() -> None:
    def task() -> object:
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(current_task()))
        thread.start()
        thread.join()
        return tuple(seen[0]) if isinstance(seen[0], tuple) else seen[0]

    outcome = ends(task, name="with a thread")
    assert isinstance(outcome, Value)
    assert outcome.value == ("with a thread", 1)
