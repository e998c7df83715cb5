"""What tasks may use: time and memory. What goes beyond is stopped."""

from __future__ import annotations

import time

from orion.executor._process.base_pool import BasePool
from orion.executor._process.memory import exceeds
from orion.executor._process.verdicts import over_memory, over_time

__all__ = ["Limits"]

_MEMORY_CHECK_SECONDS = 0.05


class Limits:
    """Watches the tasks that have limits; called with the pool's lock held."""

    def __init__(self, pool: BasePool) -> None:
        self._pool = pool
        self._memory_check = 0.0  # when to look at memory again

    def next_check(self) -> float | None:
        """Return when there is something to look at, at the earliest."""
        deadline = self._pool.ledger.next_deadline()
        if self._pool.ledger.memory_limited and (deadline is None or self._memory_check < deadline):
            return self._memory_check
        return deadline

    def enforce(self) -> None:
        """Stop what has run too long, or uses too much memory."""
        pool = self._pool
        now = time.monotonic()
        for future in pool.ledger.due(now):
            worker = pool.worker_running(future._id)
            started = None if worker is None else pool.started(worker, future._id)
            if future._id in pool.ledger.verdicts:
                if worker is not None:  # its time of grace is over
                    pool.terminate(worker, future._id)
            elif pool.ledger.expires(future, started, now) and worker is not None:
                pool.end_task(future, worker, over_time(future))
        if pool.ledger.memory_limited and self._memory_check <= now:
            self._check_memory()
            self._memory_check = time.monotonic() + _MEMORY_CHECK_SECONDS

    def _check_memory(self) -> None:
        pool = self._pool
        for task in pool.ledger.memory_limited - pool.ledger.verdicts.keys():
            future, worker = pool.ledger.sent[task], pool.worker_running(task)
            limit = future._options.memory_gb
            if worker is not None and worker.pid is not None and limit is not None and exceeds(worker.pid, limit * 1e9):
                pool.end_task(future, worker, over_memory(future))
