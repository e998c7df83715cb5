"""What each frame of the result pipe means."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived
from orion.executor._core.outcome import Failure, Outcome, described
from orion.executor._process.adoption import Adoption
from orion.executor._process.base_pool import Later
from orion.executor._process.ends import Ends
from orion.executor._process.wire import PEAK_MEMORY, Form, Frame, Kind, Packet

if TYPE_CHECKING:
    from orion.executor._process.pool import Pool

__all__ = ["Hearing"]

_RETURNED = Kind.RETURNED
_INLINE = Form.INLINE


class Hearing:
    """Takes frames to whom they concern; called with the pool's lock held."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._ends = Ends(pool)
        self._adoption = Adoption(pool)
        self._handlers: dict[int, Callable[[Frame, Later], None]] = {
            Kind.RETURNED: self._ended,
            Kind.RAISED: self._ended,
            Kind.SPAWNED: self._spawned,
            Kind.DIED: self._died,
            Kind.UNFIT: self._unfit,
            Kind.SUBMIT: self._submitted,
            Kind.CANCEL: self._cancelled,
            Kind.BLOCKED: lambda frame, _: self._adoption.blocked(pool.ledger.workers[frame.worker]),
            Kind.UNBLOCKED: lambda frame, _: self._adoption.unblocked(pool.ledger.workers[frame.worker]),
            Kind.PIECE: lambda frame, _: pool.add_piece(frame.worker, frame.body),
            Kind.FETCH: lambda frame, _: pool.send_call(frame.worker, frame.number),
            Kind.PARKED: lambda frame, _: pool.ledger.park(frame.worker),
        }

    def hear_all(self, frames: Sequence[Frame], later: Later) -> None:
        workers = self._pool.ledger.workers
        set_heard = self._pool.channels.slots.set_heard
        for frame in frames:
            kind, form, number, task, body = frame
            if kind == _RETURNED and form == _INLINE and number in workers:  # nearly all are of this kind
                worker = workers[number]
                set_heard(worker.slot, task)
                self._ends.task_ended(worker, task, Arrived(True, body), later)
            else:
                self._hear(frame, later)

    def _hear(self, frame: Frame, later: Later) -> None:
        # A worker whose template was killed may be heard after it was given up.
        if frame.worker in self._pool.ledger.workers or frame.kind == Kind.UNFIT:
            self._handlers[frame.kind](frame, later)

    def _ended(self, frame: Frame, later: Later) -> None:
        outcome: Outcome
        try:
            data, buffers = self._pool.content(frame)
            outcome = Arrived(frame.kind == Kind.RETURNED, data, buffers)
        except (OSError, MemoryError) as error:
            outcome = Failure(no_room(error))
        worker = self._pool.ledger.workers[frame.worker]
        self._pool.channels.slots.set_heard(worker.slot, frame.number)
        self._ends.task_ended(worker, frame.number, outcome, later)

    def _spawned(self, frame: Frame, later: Later) -> None:
        self._pool.ledger.workers[frame.worker].pid = frame.number
        self._pool.template.has_forked = True

    def _died(self, frame: Frame, later: Later) -> None:
        pool = self._pool
        worker = pool.ledger.workers[frame.worker]
        task, kind, _ = pool.channels.slots.header(worker.slot)
        (peak,) = PEAK_MEMORY.unpack_from(frame.body)
        message = frame.body[PEAK_MEMORY.size :].decode("utf-8", "replace")
        if worker.pid is None and pool.ledger.not_hired(worker.number):
            pool.links.close(frame.worker)
            return
        if kind == Packet.PARK and not worker.was_parked:
            pool.ledger.park_lost()
        if kind == Packet.RUN and not pool.channels.slots.started_ns(worker.slot, task):
            pool.ledger.unsend([task])  # it was not begun
        self._ends.worker_died(
            worker,
            task if kind == Packet.RUN else None,
            os.waitstatus_to_exitcode(frame.number),
            pool.report(worker, task, peak, message),
            later,
            had_work=kind != 0,
            message=message if worker.pid is None else "",
        )
        pool.pieces.pop(frame.worker, None)
        pool.channels.slots.clear(worker.slot)
        pool.links.close(frame.worker)

    def _unfit(self, frame: Frame, later: Later) -> None:
        try:
            data, _ = self._pool.content(frame)
        except (OSError, MemoryError) as error:
            data = payload.dump_failure(no_room(error))
        self._ends.workers_unfit(data, later)

    def _submitted(self, frame: Frame, later: Later) -> None:
        if self._pool.ledger.expect_nested():
            self._pool.take_back_all()
        try:
            data, buffers = self._pool.content(frame)
        except (OSError, MemoryError) as error:
            refusal = payload.dump_failure(no_room(error))
            later.append(partial(self._pool.reply, frame.worker, frame.number, False, refusal, ()))
            return
        self._adoption.submitted(self._pool.ledger.workers[frame.worker], frame.number, data, buffers, later)

    def _cancelled(self, frame: Frame, later: Later) -> None:
        self._adoption.cancelled(self._pool.ledger.workers[frame.worker], frame.number, later)


def no_room(error: Exception) -> MemoryError:
    return MemoryError(f"this process has no room for what a worker has sent: {described(error)}")
