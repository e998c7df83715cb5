"""What the runner decides: how many trials may start, and what a trial's end means. Nothing here does I/O."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeAlias

from orion.executor import AsyncException, AsyncResult, RemoteException, WorkerLost

__all__ = ["Completed", "Failed", "Stopped", "Tally", "Verdict", "judge", "may_start"]

_LONGEST_MESSAGE = 10_000


@dataclass(frozen=True)
class Tally:
    """How many trials of an experiment are in which state.

    Parameters
    ----------
    completed, failed
        Finished trials; both count as done.
    running
        Trials that some driver works on, this one included.
    waiting
        Trials that are queued: stopped ones, and those with default values.
    """

    completed: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0

    @property
    def done(self) -> int:
        """How many trials have finished."""
        return self.completed + self.failed


def may_start(tally: Tally, max_trials: int) -> bool:
    """Return whether one more trial may start without there being more than ``max_trials`` in the end."""
    return tally.done + tally.running < max_trials


@dataclass(frozen=True)
class Completed:
    """The objective returned a value."""

    value: float
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """The trial failed; why is recorded with it."""

    kind: str
    message: str
    traceback: str

    def record(self) -> dict[str, str]:
        """Return what is written to the database."""
        return {"type": self.kind, "message": self.message, "traceback": self.traceback}


@dataclass(frozen=True)
class Stopped:
    """The trial was stopped from outside, through no fault of its own; it is queued again.

    ``by_user`` tells Ctrl-C, received by the trial itself since it ran in the driver's own thread.
    """

    by_user: bool = False


Verdict: TypeAlias = Completed | Failed | Stopped


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
        value, attributes = end.value
        return Completed(value, attributes)
    error = end.exception
    if isinstance(error, KeyboardInterrupt) and (in_driver or stopping):
        return Stopped(by_user=in_driver)
    if stopping and isinstance(error, CancelledError | WorkerLost):
        return Stopped()
    if isinstance(error, RemoteException):
        return Failed(error.type_name, _cut(error.message), _cut(error.remote_traceback))
    return Failed(type(error).__name__, _cut(_message(error)), _cut(end.traceback))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 - the user's exception may do anything
        return f"<its __str__ raised {type(problem).__name__}>"


def _cut(text: str) -> str:
    """Return ``text``, without its middle if it is very long."""
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]}\n…\n{text[-half:]}"
