"""What is taken down while a trace runs; all of it appends, since it is called where tasks begin and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from orion.executor._core.outcome import Failure
from orion.executor._trace.record import RECORD
from orion.executor.errors import TaskStopped

if TYPE_CHECKING:
    from orion.executor._core.future import Future
    from orion.executor._core.outcome import Outcome

__all__ = ["Recorder", "Run"]

_Told = tuple["int | str | None", float, float, float]  # worker, began, ended, peak memory in GB
_now = time.monotonic


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

    Many fields are appended at a time rather than one tuple of them: every object that is kept makes the garbage
    collector come earlier, which would take longer than all the rest.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.told = bytearray()
        """What workers tell of runs themselves: one :data:`RECORD` after another."""
        self._submitted: list[Any] = []  # task, name, moment, and so on
        self.submitted: Callable[[tuple[int, str, float]], None] = self._submitted.extend
        """Take down that a task, of that name, was submitted at that moment of the monotonic clock."""
        self._runs: list[Any] = []  # task, attempt, worker, began_ns, ended_ns, and so on
        self._failures: list[tuple[int, int, float, Outcome]] = []

    def pending(self, futures: Iterable[Future[Any]]) -> None:
        """Take down what was submitted before the trace began."""
        for future in futures:
            self._submitted.extend((future._id, future._name, None))

    def ran(self, future: Future[Any], worker: int | str | None, began_ns: int, ended_ns: int) -> None:
        """Take down where (a process id, or what else the worker is called) and when a task ran, before its end.

        When is told in nanoseconds of the monotonic clock.
        """
        self._runs.extend((future._id, future._attempt, worker, began_ns, ended_ns))

    def failed(self, future: Future[Any], outcome: Outcome) -> None:
        """Take down that one attempt of a task has failed; what ran and has not failed is done."""
        if not future._order:
            self._failures.append((future._id, future._attempt, _now(), outcome))

    def runs(self) -> list[Run]:
        """Return what ran, in the order in which it ended."""
        names: dict[int, str] = {}
        submitted: dict[int, float | None] = {}
        for task, name, moment in _groups(self._submitted, 3):
            names[task], submitted[task] = name, moment
        found: dict[tuple[int, int], Run] = {}

        def add(task: int, attempt: int, told: _Told, outcome: str = "done") -> None:
            worker, began, ended, peak = told
            lane = worker if isinstance(worker, str) else f"process {worker}"
            place = (lane, submitted.get(task), began, ended)
            found[task, attempt] = Run(task, names.get(task, ""), attempt, *place, outcome, peak or None)

        for task, attempt, worker, began_ns, ended_ns in _groups(self._runs, 5):
            add(task, attempt, (worker, began_ns / 1e9, ended_ns / 1e9, 0.0))
        for task, began_ns, ended_ns, peak, attempt, process in RECORD.iter_unpack(bytes(self.told)):
            add(task, attempt, (process, began_ns / 1e9, ended_ns / 1e9, peak / 1e9))
        for task, attempt, now, failure in list(self._failures):
            run = found.get((task, attempt))
            if run is not None:
                found[task, attempt] = run._replace(outcome=failure.cause())
            elif (known := _told_by_its_end(failure, now)) is not None:
                add(task, attempt, known, failure.cause())
        return sorted(found.values(), key=lambda run: run.ended)

    def queue_time(self) -> float:
        """Return the seconds, summed over tasks, between being submitted and beginning."""
        return sum(run.began - run.submitted for run in self.runs() if run.submitted is not None and run.attempt == 1)


def _groups(fields: list[Any], size: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(fields.copy())] * size, strict=True)  # a copy, since more may be appended meanwhile


def _told_by_its_end(outcome: Outcome, now: float) -> _Told | None:
    """Return worker, beginning, end and memory of a task whose worker could not tell; ``None`` if it never began."""
    if not (isinstance(outcome, Failure) and isinstance(outcome.exception, TaskStopped)):
        return None
    report = outcome.exception.report
    if report.pid is None or report.run_time is None:
        return None
    return report.pid, now - report.run_time, now, report.peak_memory_gb or 0.0
