"""What the end of a trial's task means."""

from __future__ import annotations

import signal
from concurrent.futures import CancelledError
from typing import Any, cast

import pytest

from orion.executor import (
    AsyncException,
    AsyncResult,
    Future,
    OutOfMemory,
    Preempted,
    RemoteException,
    TaskTimeout,
    WorkerLost,
)
from orion.executor.errors import TaskReport
from orion.experiment.recording.verdicts import Completed, Failed, Pruned, Stopped, judge
from orion.experiment.trial.attempt import Ended, Facts, Failure

FUTURE = cast("Future[Any]", None)
FACTS = Facts("host", 1, 0.0, 1.0, 0.5)


def raised(error: BaseException) -> AsyncException[Any]:
    return AsyncException(FUTURE, error, "Traceback: …")


@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (Ended(FACTS, (0.5,), {"accuracy": 0.9}), Completed((0.5,), {"accuracy": 0.9}, FACTS)),
        (Ended(FACTS), Pruned(FACTS)),
        (
            Ended(FACTS, failure=Failure("exception", "ValueError", "bad", "…")),
            Failed(Failure("exception", "ValueError", "bad", "…"), FACTS),
        ),
    ],
)
def test_what_the_attempt_tells(ended: Ended, verdict: object, stopping: bool) -> None:
    assert judge(AsyncResult(FUTURE, ended), stopping=stopping, in_driver=False) == verdict


@pytest.mark.parametrize(
    ("error", "cause", "kind", "message"),
    [
        (TaskTimeout("too long"), "timeout", "TaskTimeout", "too long"),
        (WorkerLost("gone", signal=signal.SIGKILL), "lost", "WorkerLost", "gone"),
        (WorkerLost("asked to go", signal=signal.SIGTERM), "preempted", "WorkerLost", "asked to go"),
        (Preempted("for others"), "preempted", "Preempted", "for others"),
        (OutOfMemory("too much", signal=signal.SIGKILL), "memory", "OutOfMemory", "too much"),
        (KeyboardInterrupt(), "exception", "KeyboardInterrupt", ""),
        (CancelledError("by others"), "exception", "CancelledError", "by others"),
        (RemoteException("user.Odd", "what", "its traceback", "cannot be pickled"), "exception", "user.Odd", "what"),
    ],
)
def test_what_the_attempt_could_not_tell(error: BaseException, cause: str, kind: str, message: str) -> None:
    verdict = judge(raised(error), stopping=False, in_driver=False)
    assert isinstance(verdict, Failed)
    assert (verdict.failure.cause, verdict.failure.kind, verdict.failure.message) == (cause, kind, message)
    assert verdict.failure.traceback


def test_what_is_known_of_a_stopped_task_is_kept_by_itself() -> None:
    error = TaskTimeout("too long", report=TaskReport(pid=5, run_time=2.0, last_output="epoch 3"))
    verdict = judge(raised(error), stopping=False, in_driver=False)
    assert isinstance(verdict, Failed)
    assert verdict.report is not None
    assert (verdict.report["pid"], verdict.report["last_output"]) == (5, "epoch 3")
    assert verdict.failure.message == "too long"


@pytest.mark.parametrize("error", [CancelledError(), WorkerLost("gone"), KeyboardInterrupt()])
def test_while_stopping_what_was_stopped_is_queued_again(error: BaseException) -> None:
    assert judge(raised(error), stopping=True, in_driver=False) == Stopped()


def test_ctrl_c_in_the_drivers_own_thread_is_the_users() -> None:
    assert judge(raised(KeyboardInterrupt()), stopping=False, in_driver=True) == Stopped(by_user=True)


def test_very_long_messages_lose_their_middle() -> None:
    ended = Ended(FACTS, failure=Failure("exception", "ValueError", "a" * 10**6 + "end", "…"))
    verdict = judge(AsyncResult(FUTURE, ended), stopping=False, in_driver=False)
    assert isinstance(verdict, Failed)
    assert len(verdict.failure.message) < 11_000
    assert verdict.failure.message.endswith("end")
