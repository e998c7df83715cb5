"""How the ends of tasks and of workers reach their futures."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from orion.executor._core import payload
from orion.executor._core.outcome import Failure, Outcome, described
from orion.executor._process.arrived import Arrived
from orion.executor._process.ledger import WorkerState
from orion.executor._process.memory import kernel_kills
from orion.executor._process.tail import read_tail
from orion.executor._process.verdicts import (
    how_it_ended,
    killed_by_kernel,
    lost,
    where_it_crashed,
)
from orion.executor._process.wire import PEAK_MEMORY, Frame, Kind, Packet
from orion.executor.errors import ExecutorError, TaskReport, WorkersUnfit

if TYPE_CHECKING:
    from orion.executor._process.pool import Pool

__all__ = ["Ends", "Later"]

Later = list[Callable[[], object]]
"""What a frame leads to that may call back, and so has to wait until the pool's lock is free."""


class Ends:
    """Hears that tasks have ended and workers have died; called with the pool's lock held.

    ``give_up`` is called when no task can run any more.
    """

    def __init__(self, pool: Pool, give_up: Callable[[ExecutorError, BaseException | None], None]) -> None:
        self._pool = pool
        self._give_up = give_up
        self._kernel_kills = kernel_kills()
        self.handlers: dict[int, Callable[[Frame, Later], None]] = {
            Kind.RETURNED: self._ended,
            Kind.RAISED: self._ended,
            Kind.SPAWNED: self._spawned,
            Kind.DIED: self._died,
            Kind.UNFIT: self._unfit,
        }

    def _ended(self, frame: Frame, later: Later) -> None:
        data, buffers = self._pool.content(frame)
        verdict = self._pool.ledger.verdicts.get(frame.number)
        future = self._pool.ledger.ended(frame.number)
        if future is None:
            return
        outcome: Outcome
        if verdict is None:
            outcome = Arrived(frame.kind == Kind.RETURNED, data, buffers)
        else:  # asked to end, it did so by itself
            outcome = Failure(verdict(self._report(self._pool.ledger.workers[frame.worker], frame.number)))
        later.append(partial(future._executor._settle, future, outcome))

    def _spawned(self, frame: Frame, later: Later) -> None:
        self._pool.ledger.workers[frame.worker].pid = frame.number

    def _died(self, frame: Frame, later: Later) -> None:
        pool = self._pool
        slots = pool.channels.slots
        slot = pool.ledger.workers[frame.worker].slot
        task, kind, _ = slots.header(slot)
        worker = pool.ledger.died(frame.worker, had_work=kind != 0)
        if kind == Packet.PARK and not worker.parked:
            pool.ledger.park_lost()
        (peak,) = PEAK_MEMORY.unpack_from(frame.body)
        message = frame.body[PEAK_MEMORY.size :].decode("utf-8", "replace")
        verdict = pool.ledger.verdicts.get(task)
        future = pool.ledger.ended(task) if kind == Packet.RUN else None
        if future is not None:
            if verdict is None and self._killed_by_kernel(frame.number):
                verdict = killed_by_kernel(future)
            report = self._report(worker, task, peak, message)
            failure = Failure((verdict or lost(future, frame.number))(report))
            later.append(partial(future._executor._settle, future, failure))
        for child in worker.children.values():
            later.append(partial(child._executor.cancel, child))
        slots.clear(slot)
        pool.links.close(frame.worker)
        if pool.ledger.hopeless:
            reason = message or how_it_ended(frame.number)
            error = WorkersUnfit(
                f"the workers of the process pool end before they take any work: the last one {reason}"
            )
            later.append(partial(self._give_up, error, None))

    def _unfit(self, frame: Frame, later: Later) -> None:
        data, _ = self._pool.content(frame)
        failure = payload.load_failure(bytes(data))
        error = WorkersUnfit(f"no worker can be made ready, so no task can run: {described(failure.exception)}")
        later.append(partial(self._give_up, error, failure.exception))

    def _report(self, worker: WorkerState, task: int, peak_bytes: int = 0, crash: str = "") -> TaskReport:
        slots = self._pool.channels.slots
        started = slots.started(worker.slot, task)
        return TaskReport(
            pid=worker.pid,
            run_time=None if started is None else time.monotonic() - started,
            peak_memory_gb=peak_bytes / 1e9 or None,
            last_output=read_tail(slots.tail(worker.slot)),
            crash=where_it_crashed(crash),
        )

    def _killed_by_kernel(self, status: int) -> bool:
        """Return whether a worker that ended with that status was probably killed because memory ran out."""
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return False
        before, self._kernel_kills = self._kernel_kills, kernel_kills()
        return self._kernel_kills > before
