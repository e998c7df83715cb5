"""A complete engine for orion.executor: a thread for each task that runs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from orion.executor import BaseExecutor, Future

_NO_PROCESS = "tasks run in threads of this process"
_UNSTOPPABLE = "a thread cannot be stopped"


class OwnExecutor(BaseExecutor):
    """Run tasks in threads that live as long as their task."""

    limitations: ClassVar = {
        **dict.fromkeys(("timeout", "cancel_running", "child_processes"), _UNSTOPPABLE),
        **dict.fromkeys(("worker_death", "exit_status", "grace", "memory_gb", "cpus", "gpus"), _NO_PROCESS),
        "output_of_processes": _NO_PROCESS,
    }

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self._lock = threading.Lock()
        self._queue: deque[Future[Any]] = deque()
        self._free = self.n_workers
        self._mine = threading.local()

    def _start(self, future: Future[Any]) -> None:
        self._queue.append(future)
        self._go_on()

    def _stop(self, future: Future[Any]) -> bool:
        with self._lock:
            if future not in self._queue:
                return False
            self._queue.remove(future)
        return self._settle_cancelled(future)

    def _release(self) -> None:
        self._queue.clear()

    def _go_on(self, freed: int = 0) -> None:
        """Begin what may begin, after so many workers have become free."""
        with self._lock:
            self._free += freed
            while self._free > 0 and self._queue:
                self._free -= 1
                threading.Thread(target=self._run, args=(self._queue.popleft(),), daemon=True).start()

    def _run(self, future: Future[Any]) -> None:
        self._mine.is_task = True
        call = future._call
        if call is not None:  # else it was settled meanwhile
            self._settle(future, self._run_here(future, call, threading.current_thread().name))
        self._go_on(freed=1)

    def _inside_task(self) -> bool:
        return getattr(self._mine, "is_task", False)

    @contextmanager
    def _blocking(self) -> Iterator[None]:
        """Lend the worker of a task that waits, so that what it has submitted can run."""
        if not self._inside_task():
            yield
            return
        self._go_on(freed=1)
        try:
            yield
        finally:
            with self._lock:
                self._free -= 1
