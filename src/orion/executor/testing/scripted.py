"""An executor that does what a test tells it to: order of completion and failures are chosen beforehand."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from orion.executor._core.outcome import Failure
from orion.executor._core.payload import run_here
from orion.executor._core.tracker import check_futures
from orion.executor.base import BaseExecutor, Future

__all__ = ["ScriptedExecutor"]

T = TypeVar("T")

_order_of = attrgetter("_order")


class ScriptedExecutor(BaseExecutor):
    """Run tasks in memory, in the order and with the failures that a script asks for.

    For testing code that uses executors: no processes, no threads, no chance. Tasks are
    numbered from 0 in the order of submission. A call that waits runs pending tasks, one after the other
    in the scripted order, until what it waits for is there; tasks whose turn comes before it complete too.

    Exceptions from the contract, since there is no worker: see :attr:`limitations`.

    Parameters
    ----------
    n_workers
        What ``n_workers`` says to the code under test; tasks run one at a time nevertheless.
    order
        Numbers of tasks in the order in which they complete. Of the pending ones the first named here comes
        first; those not named follow in the order of submission.
    failures
        Exceptions with which tasks end instead of running, by the task's number: one for every attempt, or a
        sequence of them for the first attempts, after which the task runs.
    held
        Numbers of tasks that do not complete until :meth:`release` is called; what waits for one blocks.
    accept
        Options from :attr:`limitations`, such as ``timeout``, that are accepted though nothing
        enforces them, so that code that asks for them can be tested: script ``TaskTimeout`` as a failure.

    Examples
    --------
    >>> from orion.executor.errors import WorkerLost
    >>> executor = ScriptedExecutor(order=[1, 0], failures={2: WorkerLost("the host is gone")})
    >>> pending = [executor.submit(abs, -n) for n in range(3)]
    >>> executor.async_get(pending)[0].value
    1
    >>> executor.async_get(pending)[0].value
    0
    >>> executor.async_get(pending)[0].exception
    WorkerLost('the host is gone')
    """

    limitations: ClassVar[Mapping[str, str]] = {
        "timeout": "tasks run in the thread that waits, which nothing can interrupt; see the argument accept",
        "grace": "there is no process of the task's own to ask; see the argument accept",
        "memory_gb": "tasks share the memory of this process; see the argument accept",
        "output_of_processes": "tasks run in this process, whose standard output belongs to all",
        "tracing": "there is no worker whose time could be told",
        "cancel_running": "tasks run in the thread that waits, which nothing can interrupt",
        "worker_death": "there is no worker; a lost one is scripted as a failure",
        "wait_timeout": "a call that waits runs tasks to their end, however short its timeout",
        "concurrency": "tasks run one after the other",
        "background": "a task runs when something is waited for, not before",
        "cpus": "tasks run one after the other in this process; see the argument accept",
        "gpus": "tasks see the GPUs that this process sees; see the argument accept",
    }

    def __init__(
        self,
        n_workers: int = 1,
        *,
        order: Sequence[int] = (),
        failures: Mapping[int, BaseException | Sequence[BaseException]] | None = None,
        held: Iterable[int] = (),
        accept: Iterable[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(n_workers, **kwargs)
        self.limitations = {  # type: ignore[misc]  # fewer than the class has, for this instance
            name: reason for name, reason in type(self).limitations.items() if name not in set(accept)
        }
        self._rank = {number: place for place, number in enumerate(order)}
        self._failures = dict(failures or {})
        self._held = set(held)
        self._waiting: dict[int, Future[Any]] = {}  # by number; neither running nor done
        self._turns: list[tuple[int, int]] = []  # heap of rank and number of those not held; may name tasks long gone
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._local = threading.local()

    def release(self, *numbers: int) -> None:
        """Complete held tasks now, in the order given; without numbers all that are held, in the order of submission.

        A task that has not been submitted yet is no longer held when it is.
        """
        for number in numbers or sorted(self._held):
            with self._lock:
                self._held.discard(number)
                future = self._waiting.get(number)
            if future is not None and self._claim(future):
                self._run(future)

    def _start(self, future: Future[Any]) -> None:
        number = _number(future)
        with self._lock:
            if number in self._running:
                return  # a retry, which goes on where it is
            self._waiting[number] = future
            if number not in self._held:
                heapq.heappush(self._turns, (self._rank.get(number, len(self._rank)), number))

    def _stop(self, future: Future[Any]) -> bool:
        with self._lock:
            waited = self._waiting.pop(_number(future), None) is not None
        return waited and self._settle_cancelled(future)

    def _release(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._turns.clear()

    def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
        if self._inside_task():
            # Only what the task waits for: the others would pile up on its stack.
            if self._claim(future):
                self._run(future)
        else:
            while not future._order and self._run_next():
                pass
        return super()._wait_one(future, timeout)

    def _wait_any(self, futures: list[Future[T]], timeout: float | None) -> list[Future[T]]:
        check_futures(futures, self)
        while not any(map(_order_of, futures)):
            if self._inside_task():
                chosen = next(filter(self._claim, futures), None)
                if chosen is None:
                    break
                self._run(chosen)
            elif not self._run_next():
                break
        return super()._wait_any(futures, timeout)

    def _wait_all(self, futures: list[Future[Any]]) -> None:
        for future in futures:
            self._wait_one(future, None)

    def _inside_task(self) -> bool:
        return getattr(self._local, "depth", 0) > 0

    def _claim(self, future: Future[Any]) -> bool:
        """Take a task out of those that wait, to run it; false if it is held, runs, or is done."""
        number = _number(future)
        with self._lock:
            if number in self._held or self._waiting.pop(number, None) is None:
                return False
            self._running.add(number)
            return True

    def _run_next(self) -> bool:
        """Run the task whose turn it is; false if there is none."""
        while True:
            with self._lock:
                if not self._turns:
                    return False
                future = self._waiting.get(heapq.heappop(self._turns)[1])
            if future is not None and self._claim(future):
                self._run(future)
                return True

    def _run(self, future: Future[Any]) -> None:
        """Run a claimed task to its end, retries included."""
        call, number = future._call, _number(future)
        self._local.depth = getattr(self._local, "depth", 0) + 1
        try:
            while not future._order:
                failure = self._failure(number, future.attempt)
                self._settle(
                    future, run_here(call, future.name, future.attempt) if failure is None else Failure(failure)
                )
        finally:
            self._local.depth -= 1
            with self._lock:
                self._running.discard(number)

    def _failure(self, number: int, attempt: int) -> BaseException | None:
        """Return the exception with which this attempt ends instead of running, if the script names one."""
        failure = self._failures.get(number)
        if failure is None or isinstance(failure, BaseException):
            return failure
        return failure[attempt - 1] if attempt <= len(failure) else None


def _number(future: Future[Any]) -> int:
    return future._id - 1
