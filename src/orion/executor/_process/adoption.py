"""The driver's side of nested work: what a task submits is run, and its worker is told how it ended."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._process import segments
from orion.executor._process.arrived import encoded
from orion.executor._process.ends import Later
from orion.executor._process.nested import HEAD_LENGTH
from orion.executor._process.parcel import Parcel
from orion.executor._process.wire import CALL_ROOM, FRAME_ROOM, Form, Frame, Kind, Reply

if TYPE_CHECKING:
    from orion.executor._process.pool import Pool

__all__ = ["Adoption"]


class Adoption:
    """Hears what workers ask of the pool; the handlers are called with the pool's lock held."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.handlers: dict[int, Callable[[Frame, Later], None]] = {
            Kind.SUBMIT: self._submitted,
            Kind.CANCEL: self._cancelled,
            Kind.BLOCKED: lambda frame, _: pool.ledger.block(frame.worker),
            Kind.UNBLOCKED: lambda frame, _: pool.ledger.unblock(frame.worker),
            Kind.PARKED: lambda frame, _: pool.ledger.park(frame.worker),
        }

    def _submitted(self, frame: Frame, later: Later) -> None:
        if self._pool.ledger.expect_nested():
            self._pool.take_back_all()
        data, buffers = self._pool.content(frame)
        task, _, _ = self._pool.channels.slots.header(self._pool.ledger.workers[frame.worker].slot)
        parent = self._pool.ledger.sent.get(task)
        if parent is not None:
            later.append(partial(self._adopt, parent, frame.worker, frame.number, data, buffers))

    def _cancelled(self, frame: Frame, later: Later) -> None:
        child = self._pool.ledger.workers[frame.worker].children.get(frame.number)
        if child is not None:
            later.append(partial(child._executor.cancel, child))

    # Without the lock

    def _adopt(
        self, parent: Future[Any], worker: int, number: int, data: bytes | memoryview, buffers: list[memoryview]
    ) -> None:
        """Run what a task submitted, for the executor that runs that task."""
        executor = parent._executor
        (length,) = HEAD_LENGTH.unpack_from(data)
        start = HEAD_LENGTH.size + length
        try:
            name, options = pickle.loads(data[HEAD_LENGTH.size : start])
            data = bytes(data[start:])
            call = Parcel(data, buffers) if buffers or len(data) > CALL_ROOM else data
            child: Future[Any] = Future(executor, next(executor._numbers), call, name, options)
            executor._tracker.add(child, from_task=True)
        except BaseException as error:
            self._reply(worker, number, *encoded(Failure(error)))
            return
        with self._pool.lock:
            state = self._pool.ledger.workers.get(worker)
            if state is not None:
                state.children[number] = child
        executor._tracker.watch(child, partial(self._child_ended, worker, number, child))
        self._pool.submit(child, first=True)

    def _child_ended(self, worker: int, number: int, child: Future[Any]) -> None:
        outcome = child._outcome
        assert outcome is not None
        with self._pool.lock:
            state = self._pool.ledger.workers.get(worker)
            if state is not None:
                state.children.pop(number, None)
        self._reply(worker, number, *encoded(outcome))

    def _reply(
        self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Sequence[memoryview]
    ) -> None:
        kind = Reply.RETURNED if ok else Reply.RAISED
        if not buffers and len(data) <= FRAME_ROOM:
            with self._pool.lock:
                self._pool.links.send(worker, Reply.HEADER.pack(kind, number, Form.INLINE) + bytes(data))
            return
        fd = segments.write([data, *buffers])
        try:
            with self._pool.lock:
                self._pool.links.send(worker, Reply.HEADER.pack(kind, number, Form.SEGMENT), fd)
        finally:
            os.close(fd)
