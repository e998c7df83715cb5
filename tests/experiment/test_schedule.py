"""What the runner decides."""

from __future__ import annotations

import signal
from concurrent.futures import CancelledError
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion.executor import AsyncException, AsyncResult, Future, RemoteException, TaskTimeout, WorkerLost
from orion.experiment.schedule import Completed, Failed, Stopped, Tally, judge, may_start

FUTURE = cast("Future[Any]", None)


def raised(error: BaseException) -> AsyncException[Any]:
    return AsyncException(FUTURE, error, "Traceback: …")


counts = st.integers(0, 50)


@given(counts, counts, counts, counts, st.integers(1, 100))
def test_never_more_than_asked_for(completed: int, failed: int, running: int, waiting: int, max_trials: int) -> None:
    tally = Tally(completed, failed, running, waiting)
    started = 0
    while may_start(tally, max_trials) and started <= max_trials:
        tally = Tally(completed, failed, tally.running + 1, waiting)
        started += 1
    assert tally.done + tally.running == max(max_trials, completed + failed + running)


def test_queued_trials_are_run_within_the_limit() -> None:
    assert may_start(Tally(completed=3, failed=5, waiting=4), max_trials=9)
    assert not may_start(Tally(completed=3, failed=6, waiting=4), max_trials=9)


def test_a_value_completes() -> None:
    end: AsyncResult[Any] = AsyncResult(FUTURE, (0.5, {"accuracy": 0.9}))
    for stopping in (False, True):
        assert judge(end, stopping=stopping, in_driver=False) == Completed(0.5, {"accuracy": 0.9})


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("bad"), "ValueError", "bad"),
        (SystemExit(3), "SystemExit", "3"),
        (TaskTimeout("too long"), "TaskTimeout", "too long"),
        (WorkerLost("gone", signal=signal.SIGKILL), "WorkerLost", "gone"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (CancelledError("the objective's own"), "CancelledError", "the objective's own"),
        (RemoteException("user.Odd", "what", "its traceback", "cannot be pickled"), "user.Odd", "what"),
        (Unprintable(), "Unprintable", "<its __str__ raised RuntimeError>"),
    ],
)
def test_an_exception_fails_the_trial(error: BaseException, kind: str, message: str) -> None:
    verdict = judge(raised(error), stopping=False, in_driver=False)
    assert isinstance(verdict, Failed)
    assert (verdict.kind, verdict.message) == (kind, message)
    assert verdict.traceback
    assert verdict.record() == {"type": kind, "message": message, "traceback": verdict.traceback}


@pytest.mark.parametrize("error", [CancelledError(), WorkerLost("gone"), KeyboardInterrupt()])
def test_while_stopping_what_was_stopped_is_queued_again(error: BaseException) -> None:
    assert judge(raised(error), stopping=True, in_driver=False) == Stopped()


def test_while_stopping_the_objectives_own_error_still_counts() -> None:
    assert isinstance(judge(raised(ValueError()), stopping=True, in_driver=False), Failed)


def test_ctrl_c_in_the_drivers_own_thread_is_the_users() -> None:
    assert judge(raised(KeyboardInterrupt()), stopping=False, in_driver=True) == Stopped(by_user=True)


def test_very_long_messages_lose_their_middle() -> None:
    verdict = judge(raised(ValueError("a" * 10**6 + "end")), stopping=False, in_driver=False)
    assert isinstance(verdict, Failed)
    assert len(verdict.message) < 11_000
    assert verdict.message.endswith("end")
