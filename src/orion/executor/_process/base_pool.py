"""What every pool of worker processes does alike, whichever way it reaches its workers."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any, Protocol

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, Outcome
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor._process.verdicts import Verdict, over_time
from orion.executor.errors import ExecutorError, TaskReport

if TYPE_CHECKING:
    from orion.executor._trace.recorder import Recorder

__all__ = ["BasePool", "Later", "Relay", "settle_all"]

End = tuple[Future[Any], Outcome]


class Later:
    """What events lead to that may call back, and so has to wait until the pool's lock is free; it keeps its order."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], object]] = []
        self._ends: list[End] | None = None  # of the last action, if that is to give futures their ends

    def append(self, action: Callable[[], object]) -> None:
        self._ends = None
        self._actions.append(action)

    def settle(self, future: Future[Any], outcome: Outcome) -> None:
        """Give a future its end; many at once take little more than one."""
        if self._ends is None:
            self._ends = []
            self._actions.append(partial(settle_all, self._ends))
        self._ends.append((future, outcome))

    def carry_out(self) -> None:
        """Do all of it; without the lock."""
        for action in self._actions:
            action()


class Relay(Protocol):
    """Where the pool of a cluster's worker takes what its tasks ask for: the driver has the queue."""

    def take(self, child: Future[Any], data: bytes, buffers: Sequence[memoryview]) -> None:
        """Run elsewhere what a task has submitted: a serialised call and its buffers."""

    def slots_changed(self) -> None:
        """Take note that a task lends its slot or has it back; called with the pool's lock held."""


class BasePool(ABC):
    """Workers and the way to them.

    It knows an executor through its futures only, so that an executor that nobody holds is collected.
    ``lock`` guards the ledger and the ways to the workers. No future is settled under it, since that may
    call back. The methods below the line expect it to be held.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.lock = threading.Lock()
        self.ledger = ledger
        self.closing = False
        self.broken: Failure | None = None
        self.relay: Relay | None = None
        self.recorder: Recorder | None = None

    @abstractmethod
    def keep(self, data: bytes, buffers: Sequence[PickleBuffer | memoryview]) -> Any:
        """Return a call as a future keeps it until the task has ended; what is in ``buffers`` may change later."""

    def submit(self, future: Future[Any], *, first: bool = False) -> None:
        """Run a task as soon as its turn comes."""
        failed: list[tuple[Future[Any], Failure]] = []
        with self.lock:
            if self.broken is not None:
                failed = [(future, self.broken)]
            elif not self.closing:
                self.ledger.enqueue(future, first=first)
                failed = self.feed()
        if failed:
            settle_all(failed)

    def stop(self, future: Future[Any]) -> bool:
        """Keep a task from running, or stop it; return whether it ends as cancelled."""
        task = future._id
        worker = None
        failed: list[tuple[Future[Any], Failure]] = []
        with self.lock:
            if task not in self.ledger.sent:
                self.ledger.withdraw(task)
            elif self.take_back(task):
                self.ledger.ended(task)
                failed = self.feed()
            elif (worker := self.worker_running(task)) is None:
                return False  # it has ended, and its result is on the way
        settle_all(failed)
        cancelled = future._executor._settle_cancelled(future)
        if cancelled and worker is not None:
            with self.lock:
                self.end_task(future, worker, over_time(future))  # nobody will see the verdict
        return cancelled

    @abstractmethod
    def close(self, *, join: bool = True) -> None:
        """End all workers and give everything back, at once if ``join``. No task is pending any more."""

    def give_up(self, error: ExecutorError, cause: BaseException | None = None) -> None:
        """Fail every task, those to come too."""
        error.__cause__ = cause
        failure = Failure(error)
        with self.lock:
            self.broken = failure
            futures = self.ledger.clear()
        settle_all([(future, failure) for future in futures])

    @abstractmethod
    def reply(
        self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Sequence[memoryview]
    ) -> None:
        """Tell a worker how what it submitted has ended; nothing happens if it has died."""

    def record(self, recorder: Recorder | None) -> None:
        """Let ``recorder`` know when and where tasks have run; or nobody."""
        with self.lock:
            self.recorder = recorder

    # With the lock held

    @abstractmethod
    def running_count(self) -> int:
        """Return how many tasks run at this moment."""

    @abstractmethod
    def feed(self) -> list[tuple[Future[Any], Failure]]:
        """Send what can be sent, and see to it that there are workers for it; return what could not be sent."""

    @abstractmethod
    def take_back(self, task: int) -> bool:
        """Take back a task that was sent, before a worker begins it; false if it is too late."""

    @abstractmethod
    def worker_running(self, task: int) -> WorkerState | None:
        """Return the worker that has begun a task and not reported its end."""

    @abstractmethod
    def started(self, worker: WorkerState, task: int) -> float | None:
        """Return when a worker has begun a task (monotonic clock); ``None`` if it is not known yet."""

    @abstractmethod
    def report(self, worker: WorkerState, task: int) -> TaskReport:
        """Return what is known of a task that a worker has begun."""

    @abstractmethod
    def terminate(self, worker: WorkerState, task: int, *, gently: bool = False) -> None:
        """Kill a worker if it still runs that task, with all that it has started; or ask them to end."""

    @abstractmethod
    def wake_up(self) -> None:
        """Have the time until the next deadline computed again."""

    def end_task(self, future: Future[Any], worker: WorkerState, verdict: Verdict) -> None:
        """Stop a running task: ask it to end first if that is wanted."""
        gently = self.ledger.condemn(future, verdict, time.monotonic())
        if gently:
            self.wake_up()
        self.terminate(worker, future._id, gently=gently)


def settle_all(ends: Sequence[End]) -> None:
    """Give futures of one executor their ends; not with the pool's lock held."""
    if ends:
        ends[0][0]._executor._settle_all(ends)
