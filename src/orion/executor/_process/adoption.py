"""The driver's side of nested work: what a task submits is run, and its worker is told how it ended."""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from orion.executor._core.arrived import encoded
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._process.base_pool import BasePool, Later
from orion.executor._process.ledger import WorkerState
from orion.executor._process.task_side import HEAD

__all__ = ["Adoption"]


class Adoption:
    """Is told what tasks ask of the pool; called with the pool's lock held."""

    def __init__(self, pool: BasePool) -> None:
        self._pool = pool

    def submitted(
        self,
        worker: WorkerState,
        number: int,
        data: bytes | memoryview,
        buffers: Sequence[memoryview],
        later: Later,
    ) -> None:
        """Run what a task has submitted; ``number`` is what its worker calls it."""
        parent = self._pool.ledger.sent.get(HEAD.unpack_from(data)[0])
        if parent is not None:
            later.append(partial(self._adopt, parent, worker, number, data, buffers))

    def cancelled(self, worker: WorkerState, number: int, later: Later) -> None:
        """Cancel what a task has submitted."""
        later.append(partial(self._cancel, worker, number))  # after it was adopted, if that is still to be done

    def blocked(self, worker: WorkerState) -> None:
        """Lend the slot of a worker whose task waits."""
        self._pool.ledger.block(worker.number)
        if self._pool.relay is not None:
            self._pool.relay.slots_changed()

    def unblocked(self, worker: WorkerState) -> None:
        """Count a worker again whose task goes on."""
        self._pool.ledger.unblock(worker.number)
        if self._pool.relay is not None:
            self._pool.relay.slots_changed()

    # Without the lock

    def _adopt(
        self,
        parent: Future[Any],
        worker: WorkerState,
        number: int,
        data: bytes | memoryview,
        buffers: Sequence[memoryview],
    ) -> None:
        executor = parent._executor
        _, length = HEAD.unpack_from(data)
        start = HEAD.size + length
        try:
            name, options = pickle.loads(data[HEAD.size : start])
            data = bytes(data[start:])
            call = self._pool.keep(data, buffers) if self._pool.relay is None else None
            child: Future[Any] = Future(executor, next(executor._numbers), call, name, options)
            executor._tracker.add(child, from_task=True)
            if executor._trace is not None:
                executor._trace.submitted((child._id, name, time.monotonic()))
        except BaseException as error:
            self._pool.reply(worker.number, number, *encoded(Failure(error)))
            return
        with self._pool.lock:
            if parent._id in self._pool.ledger.sent:  # what a task leaves behind when it ends is nobody's
                worker.children[number] = child
            is_orphan = worker.lost_task == parent._id
        if is_orphan:
            executor._settle_cancelled(child, "the task that had submitted it was lost")
            return
        executor._tracker.watch(child, partial(self._child_ended, worker, number, child))
        if self._pool.relay is None:
            self._pool.submit(child, first=True)
        else:
            self._pool.relay.take(child, data, buffers)

    def _cancel(self, worker: WorkerState, number: int) -> None:
        child = worker.children.get(number)
        if child is not None:
            child._executor.cancel(child)

    def _child_ended(self, worker: WorkerState, number: int, child: Future[Any]) -> None:
        outcome = child._outcome
        assert outcome is not None
        with self._pool.lock:
            worker.children.pop(number, None)
        self._pool.reply(worker.number, number, *encoded(outcome))
