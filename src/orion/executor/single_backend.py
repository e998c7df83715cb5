"""The engine without parallelism: a task runs in the thread that waits for it. For debugging."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from orion.executor._core.tracker import check_futures
from orion.executor.base import BaseExecutor, Future

__all__ = ["SingleExecutor"]

T = TypeVar("T")

_order_of = attrgetter("_order")


class SingleExecutor(BaseExecutor):
    """Run each task in the calling thread, when its result is first waited for.

    A debugger stops in the user's function, and an exception has its ordinary traceback.

    Exceptions from the contract (:attr:`limitations` gives each its reason). Since nothing can interrupt the calling
    thread: ``timeout``, ``cancel_running``, ``child_processes``, and ``wait_timeout``: a call that waits
    runs the task to its end. Since there is no worker, and no process of the task's own: ``worker_death``,
    ``exit_status``, ``grace``, ``memory_gb``, ``cpus``, ``gpus`` and ``output_of_processes``. Since a task
    runs when it is waited for: ``background`` and ``concurrency``.

    Parameters
    ----------
    n_workers
        Accepted for the sake of the other engines, and checked; there is one worker.
    """

    limitations: ClassVar = {
        "output_of_processes": "standard output is the process's; only what Python prints is told apart",
        "timeout": "the task runs in the calling thread, which nothing can interrupt; the process engine can",
        "grace": "there is no process of the task's own to ask; the process engine has one",
        "memory_gb": "there is no process of the task's own to measure or to stop; the process engine has one",
        "child_processes": "a running task is not stopped, so the processes that it started are not either",
        "exit_status": "there is no worker",
        "cancel_running": "the task runs in the calling thread, which nothing can interrupt",
        "worker_death": "there is no worker: what ends the task's process ends the caller",
        "wait_timeout": "a call that waits runs the task to its end, however short its timeout",
        "concurrency": "tasks run one after the other",
        "background": "a task runs when it is waited for, not before",
        "cpus": "tasks run one after the other, in this process, which has what CPUs it has",
        "gpus": "tasks see the GPUs that this process sees; ProcessExecutor(gpus=…) gives each worker one",
    }

    def __init__(self, n_workers: int = 1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self.n_workers = 1
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._local = threading.local()

    def _start(self, future: Future[Any]) -> None:
        """Nothing: the task starts when it is waited for."""

    def _stop(self, future: Future[Any]) -> bool:
        with self._lock:
            return future._id not in self._running and self._settle_cancelled(future)

    def _release(self) -> None:
        """Nothing: there is no worker."""

    def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
        self._run(future)
        return super()._wait_one(future, timeout)

    def _wait_any(self, futures: list[Future[T]], timeout: float | None) -> list[Future[T]]:
        check_futures(futures, self)
        if not any(map(_order_of, futures)):
            next(filter(self._run, list(futures)), None)  # the first that is not running elsewhere
        return super()._wait_any(futures, timeout)

    def _wait_all(self, futures: list[Future[Any]]) -> None:
        for future in futures:
            self._wait_one(future, None)

    def _running_count(self) -> int:
        return len(self._running)

    def _inside_task(self) -> bool:
        return getattr(self._local, "depth", 0) > 0

    def _run(self, future: Future[Any]) -> bool:
        """Run a task unless it has run, or is running, and return whether it was."""
        with self._lock:
            if future._order or future._id in self._running:
                return False
            self._running.add(future._id)
            call = future._call
        self._local.depth = getattr(self._local, "depth", 0) + 1
        try:
            while not future._order:  # again if it is to be retried
                self._settle(future, self._run_here(future, call, threading.current_thread().name))
        finally:
            self._local.depth -= 1
            with self._lock:
                self._running.discard(future._id)
        return True
