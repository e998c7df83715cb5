"""The engine of threads in this process, for tasks that wait or that release the GIL."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar

from orion.executor.base import BaseExecutor, Future

__all__ = ["ThreadExecutor"]


class ThreadExecutor(BaseExecutor):
    """Run tasks in threads of this process.

    Threads start when there is work for them. While a task waits for work that it submitted itself,
    another thread takes its place, so nested work cannot deadlock.

    Exceptions from the contract (:attr:`limitations` gives each its reason). Since a thread cannot be stopped:
    ``timeout``, ``cancel_running`` and ``child_processes``. Since all tasks share this process:
    ``worker_death``, ``exit_status``, ``grace``, ``memory_gb``, ``cpus``, ``gpus`` and ``output_of_processes``.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU this process may use.
    """

    limitations: ClassVar = {
        "output_of_processes": "standard output is the process's; only what Python prints is told apart",
        "timeout": "a thread cannot be stopped; the process engine stops a task at its time limit",
        "grace": "there is no process of the task's own to ask; the process engine has one",
        "memory_gb": "the tasks share one process, whose memory belongs to all; the process engine gives each its own",
        "child_processes": "a running task is not stopped, so the processes that it started are not either",
        "exit_status": "a worker is a thread, which has no exit code",
        "cancel_running": "a thread cannot be stopped; a task that has not started never runs",
        "worker_death": "the workers are threads of this process: what ends one ends all",
        "cpus": "the threads share the CPUs of this process: n_workers says how many tasks run at a time",
        "gpus": "the threads share the GPUs that this process sees; ProcessExecutor(gpus=…) gives each worker one",
    }

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self._crew = _Crew(self.n_workers)
        self._when_collected = partial(self._crew.dismiss, join=False)

    def _start(self, future: Future[Any]) -> None:
        self._crew.add(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._crew.remove(future) and self._settle_cancelled(future)

    def _release(self) -> None:
        self._crew.dismiss()

    def _running_count(self) -> int:
        return self._crew.running_count()

    def _inside_task(self) -> bool:
        return threading.current_thread() in self._crew.threads

    def _blocking(self) -> AbstractContextManager[object]:
        return self._crew.lent_slot() if self._inside_task() else nullcontext()


class _Crew:
    """The threads and their queue.

    It knows no executor but through queued futures, so an executor that nobody holds is collected
    although its threads wait for work.
    """

    def __init__(self, size: int) -> None:
        self.threads: set[threading.Thread] = set()
        self._size = size
        self._queue: deque[Future[Any]] = deque()
        self._running: set[int] = set()
        self._idle = 0
        self._waiting = 0  # threads whose task waits for other work
        self._local = threading.local()
        self._dismissed = False
        self._changed = threading.Condition(threading.Lock())

    def add(self, future: Future[Any]) -> None:
        with self._changed:
            self._queue.append(future)
            self._man()

    def remove(self, future: Future[Any]) -> bool:
        """Take a future from the queue; false if it is not there."""
        with self._changed:
            if future._id in self._running or future not in self._queue:
                return False
            self._queue.remove(future)
            return True

    def running_count(self) -> int:
        """Return how many tasks run at this moment."""
        with self._changed:
            return len(self._running)

    def dismiss(self, *, join: bool = True) -> None:
        """End the threads that are idle now, the others when their task ends; if ``join``, wait for the idle ones."""
        with self._changed:
            self._dismissed = True
            self._queue.clear()
            idle = not self._running
            threads = list(self.threads)
            self._changed.notify_all()
        for thread in threads:
            if join and idle and thread.ident != threading.get_ident():
                thread.join()

    @contextmanager
    def lent_slot(self) -> Iterator[None]:
        """Let another thread run while the calling one, whose task waits, does nothing."""
        waits = getattr(self._local, "waits", 0)  # of coroutines of the task; it has one slot to lend
        self._local.waits = waits + 1
        if waits == 0:
            with self._changed:
                self._waiting += 1
                self._man()
        try:
            yield
        finally:
            self._local.waits -= 1
            if self._local.waits == 0:
                with self._changed:
                    self._waiting -= 1

    def _man(self) -> None:
        """See to it that threads take what is queued."""
        self._changed.notify()
        if len(self._queue) <= self._idle or self._dismissed or len(self.threads) - self._waiting >= self._size:
            return
        thread = threading.Thread(target=self._work, name="orion-thread-worker", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads are to be had; those there are will do the work
            if not self.threads:
                raise
        else:
            self.threads.add(thread)

    def _work(self) -> None:
        while (future := self._next()) is not None:
            call = future._call
            if call is not None:  # else it was settled meanwhile
                executor = future._executor
                executor._settle(future, executor._run_here(future, call, f"thread {threading.get_native_id()}"))
                del executor
            with self._changed:
                self._running.discard(future._id)
            del future, call

    def _next(self) -> Future[Any] | None:
        """Wait for work; ``None`` ends the thread, since there is no more or there are threads enough."""
        with self._changed:
            while not self._dismissed and len(self.threads) - self._waiting <= self._size:
                if self._queue:
                    future = self._queue.popleft()
                    self._running.add(future._id)
                    return future
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            self.threads.discard(threading.current_thread())
            self._man()
            return None
