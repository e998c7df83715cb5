"""What the end of a trial's task means. Nothing here does I/O."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from orion.executor import AsyncException, AsyncResult, RemoteException, TaskStopped, WorkerLost
from orion.experiment.recording.failures import cause_of
from orion.experiment.trial.attempt import Ended, Facts, Failure

__all__ = ["Completed", "Failed", "Pruned", "Stopped", "Verdict", "judge"]

_LONGEST_MESSAGE = 10_000


@dataclass(frozen=True)
class Completed:
    """The objective returned its values."""

    values: tuple[float, ...]
    attributes: dict[str, Any]
    facts: Facts | None = None


@dataclass(frozen=True)
class Pruned:
    """The trial was ended, as its intermediate values were no good."""

    facts: Facts | None = None


@dataclass(frozen=True)
class Failed:
    """The trial failed; why is recorded with it."""

    failure: Failure
    facts: Facts | None = None
    report: dict[str, Any] | None = None
    """What else is known of an attempt that could not tell of its end."""


@dataclass(frozen=True)
class Stopped:
    """The trial was stopped from outside, through no fault of its own; it is queued again.

    ``by_user`` tells Ctrl-C, received by the trial itself since it ran in the driver's own thread.
    """

    by_user: bool = False


Verdict: TypeAlias = Completed | Pruned | Failed | Stopped


def judge(end: AsyncResult[Any] | AsyncException[Any], *, stopping: bool, in_driver: bool) -> Verdict:
    """Return what the end of a trial's task means.

    Parameters
    ----------
    end
        What the executor returned for the task.
    stopping
        Whether the experiment is being stopped: then a task that was stopped or lost its worker was so on purpose.
    in_driver
        Whether tasks run in the driver's own thread, where Ctrl-C reaches them.
    """
    if isinstance(end, AsyncResult):
        return _of_ended(end.value)
    error = end.exception
    if isinstance(error, KeyboardInterrupt) and (in_driver or stopping):
        return Stopped(by_user=in_driver)
    if stopping and isinstance(error, CancelledError | WorkerLost):
        return Stopped()
    if isinstance(error, RemoteException):
        failure = Failure("exception", error.type_name, error.message, error.remote_traceback)
    else:
        failure = Failure(cause_of(error), type(error).__name__, _message(error), end.traceback)
    return Failed(_cut_failure(failure), report=_report(error))


def _of_ended(ended: Ended) -> Verdict:
    if ended.failure is not None:
        return Failed(_cut_failure(ended.failure), ended.facts)
    if ended.values is None:
        return Pruned(ended.facts)
    return Completed(ended.values, ended.attributes, ended.facts)


def _message(error: BaseException) -> str:
    # What else is known of a stopped task is recorded by itself.
    return str(error.args[0]) if isinstance(error, TaskStopped) else str(error)


def _report(error: BaseException) -> dict[str, Any] | None:
    if not isinstance(error, TaskStopped):
        return None
    report = error.report
    return {
        "pid": report.pid,
        "seconds": report.run_time,
        "peak_memory_gb": report.peak_memory_gb,
        "last_output": report.last_output,
        "crash": report.crash,
    }


def _cut_failure(failure: Failure) -> Failure:
    return replace(failure, message=_cut(failure.message), traceback=_cut(failure.traceback))


def _cut(text: str) -> str:
    """Return ``text``, without its middle if it is very long."""
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]}\n…\n{text[-half:]}"
