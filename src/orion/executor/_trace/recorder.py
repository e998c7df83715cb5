"""What is taken down while a trace runs; all of it appends, since it is called where tasks begin and end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from orion.executor._core.outcome import Failure
from orion.executor.errors import TaskStopped

if TYPE_CHECKING:
    from orion.executor._core.future import Future
    from orion.executor._core.outcome import Outcome

__all__ = ["Recorder", "Run"]


class Run(NamedTuple):
    """One run of a task."""

    task: int
    name: str
    attempt: int
    lane: str
    """The worker."""
    submitted: float | None
    """In seconds of the monotonic clock; ``None`` if that was before the trace began."""
    began: float
    ended: float
    outcome: str
    peak_memory_gb: float | None


class Recorder:
    """Takes down what happens to the tasks of an executor. Called in many threads: lists are appended to, and no more.

    What is appended are tuples of numbers and texts, which the garbage collector need not look at; it would take longer
    than all the rest.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._submitted: list[tuple[int, float]] = []
        self._runs: list[tuple[int, int, int | str | None, float, float, int]] = []
        self._ends: list[tuple[int, int, str, float, Outcome | None]] = []

    def submitted(self, number: int) -> None:
        self._submitted.append((number, time.monotonic()))

    def ran(
        self, future: Future[Any], worker: int | str | None, began: float, ended: float, peak_bytes: int = 0
    ) -> None:
        """Take down where (a process id, or what else the worker is called) and when a task ran, before its end."""
        self._runs.append((future._id, future._attempt, worker, began, ended, peak_bytes))

    def ended(self, future: Future[Any], outcome: Outcome) -> None:
        """Take down how one attempt of a task has ended."""
        failure = None if outcome.ok else outcome
        self._ends.append((future._id, future._attempt, future._name, time.monotonic(), failure))

    def runs(self) -> list[Run]:
        """Return what ran, in the order in which it ended."""
        submitted = dict(self._submitted)
        where: dict[tuple[int, int], tuple[Any, ...]] = {run[:2]: run[2:] for run in self._runs}
        found: dict[tuple[int, int], Run] = {}
        for task, attempt, name, now, failure in self._ends:
            told = where.get((task, attempt)) or _told_by_its_end(failure, now)
            if (task, attempt) in found or told is None:
                continue
            worker, began, ended, peak = told
            lane = worker if isinstance(worker, str) else f"process {worker}"
            how = "done" if failure is None else failure.cause()
            since = submitted.get(task)
            found[task, attempt] = Run(task, name, attempt, lane, since, began, ended, how, peak / 1e9 or None)
        return list(found.values())

    def queue_time(self) -> float:
        """Return the seconds, summed over tasks, between being submitted and beginning."""
        return sum(run.began - run.submitted for run in self.runs() if run.submitted is not None and run.attempt == 1)


def _told_by_its_end(outcome: Outcome | None, now: float) -> tuple[Any, ...] | None:
    """Return worker, beginning, end and memory of a task whose worker could not tell; ``None`` if it never began."""
    if not (isinstance(outcome, Failure) and isinstance(outcome.exception, TaskStopped)):
        return None
    report = outcome.exception.report
    if report.pid is None or report.run_time is None:
        return None
    return report.pid, now - report.run_time, now, (report.peak_memory_gb or 0.0) * 1e9
