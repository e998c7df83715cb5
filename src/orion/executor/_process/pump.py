"""The one thread in the driver that hears workers and template, and watches time limits.

It is never the main thread, since a signal's exception could lose what was just read.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import select
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from orion.executor._core import payload
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, Outcome, described
from orion.executor._process import segments
from orion.executor._process.arrived import Arrived, encoded
from orion.executor._process.launch import wait_for_exit
from orion.executor._process.ledger import WorkerState
from orion.executor._process.memory import exceeds, kernel_kills
from orion.executor._process.nested import HEAD_LENGTH
from orion.executor._process.parcel import Parcel
from orion.executor._process.tail import read_tail
from orion.executor._process.verdicts import (
    how_it_ended,
    killed_by_kernel,
    lost,
    over_memory,
    over_time,
    where_it_crashed,
)
from orion.executor._process.wire import (
    CALL_ROOM,
    FRAME_ROOM,
    PEAK_MEMORY,
    Form,
    Frame,
    Kind,
    Order,
    Packet,
    Reply,
    complete_length,
    frames,
)
from orion.executor.errors import ExecutorError, TaskReport, WorkerLost, WorkersUnfit

if TYPE_CHECKING:
    from orion.executor._process.pool import Pool

__all__ = ["Pump", "settle_all"]

_READ_BYTES = 1 << 18
_SECONDS_TO_DIE = 2.0
_MEMORY_CHECK_SECONDS = 0.05
_MAX_TEMPLATES = 5

Later = list[Callable[[], object]]


class Pump:
    """Hears what happens, takes it to the ledger under the pool's lock, then settles futures without it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._thread = threading.Thread(target=self._run, name="orion-pool", daemon=True)
        self._finished = False
        self._unread = b""
        self._templates = 1
        self._memory_check = 0.0
        self._kernel_kills = kernel_kills()
        self._handlers: dict[int, Callable[[Frame, Later], None]] = {
            Kind.RETURNED: self._ended,
            Kind.RAISED: self._ended,
            Kind.SPAWNED: self._spawned,
            Kind.DIED: self._died,
            Kind.SUBMIT: self._submitted,
            Kind.CANCEL: self._cancelled,
            Kind.BLOCKED: lambda frame, _: pool.ledger.block(frame.worker),
            Kind.UNBLOCKED: lambda frame, _: pool.ledger.unblock(frame.worker),
            Kind.PARKED: lambda frame, _: pool.ledger.park(frame.worker),
            Kind.UNFIT: self._unfit,
        }
        for fd in (pool.channels.result_read, pool.template.control.fileno(), pool.wake):
            pool.poll.register(fd, select.POLLIN)

    def start(self) -> None:
        self._thread.start()

    def finish(self, *, join: bool) -> None:
        """End the thread, which then gives back what the pool holds."""
        self._finished = True
        os.eventfd_write(self._pool.wake, 1)
        if join and threading.get_ident() != self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._finished:
                self._turn()
        except BaseException as error:
            self._break(WorkerLost(f"the process pool failed, and all its tasks with it: {error!r}"), error)
            raise
        finally:
            self._pool.give_back()

    def _turn(self) -> None:
        pool = self._pool
        with pool.lock:
            resting = pool.ledger.rest(time.monotonic())
            if resting:
                pool.retire_all()
            deadline = pool.ledger.next_deadline()
            if pool.ledger.memory_limited:
                deadline = min(deadline or math.inf, self._memory_check)
        pause = None if deadline is None else max(0, math.ceil((deadline - time.monotonic()) * 1000))
        for fd, _ in pool.poll.poll(pause):
            if fd == pool.channels.result_read:
                self._hear()
            elif fd == pool.wake:
                os.eventfd_read(pool.wake)
            elif fd == pool.template.control.fileno():
                self._template_ended()
            else:
                with pool.lock:
                    pool.links.flush(fd)
        if deadline is not None and deadline <= time.monotonic():
            self._expire()

    def _hear(self) -> None:
        """Read what workers and template have written."""
        data = self._unread + os.read(self._pool.channels.result_read, _READ_BYTES)
        end = complete_length(data)
        self._unread = data[end:]
        later: Later = []
        with self._pool.lock:
            for frame in frames(data):
                self._handlers[frame.kind](frame, later)
            failed = self._pool.feed()
        for action in later:
            action()
        settle_all(failed)

    # What frames mean; with the lock held, and what may call back in ``later``

    def _ended(self, frame: Frame, later: Later) -> None:
        data, buffers = self._content(frame)
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
            later.append(partial(self._break, error))

    def _unfit(self, frame: Frame, later: Later) -> None:
        data, _ = self._content(frame)
        failure = payload.load_failure(bytes(data))
        error = WorkersUnfit(f"no worker can be made ready, so no task can run: {described(failure.exception)}")
        later.append(partial(self._break, error, failure.exception))

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

    def _submitted(self, frame: Frame, later: Later) -> None:
        if self._pool.ledger.expect_nested():
            self._pool.take_back_all()
        data, buffers = self._content(frame)
        task, _, _ = self._pool.channels.slots.header(self._pool.ledger.workers[frame.worker].slot)
        parent = self._pool.ledger.sent.get(task)
        if parent is not None:
            later.append(partial(self._adopt, parent, frame.worker, frame.number, data, buffers))

    def _cancelled(self, frame: Frame, later: Later) -> None:
        child = self._pool.ledger.workers[frame.worker].children.get(frame.number)
        if child is not None:
            later.append(partial(child._executor.cancel, child))

    def _content(self, frame: Frame) -> tuple[bytes | memoryview, list[memoryview]]:
        if frame.form == Form.INLINE:
            return frame.body, []
        fd = self._pool.links.receive_fd(frame.worker)
        try:
            return segments.read(fd, private=False)
        finally:
            os.close(fd)

    # Nested work; without the lock

    def _adopt(
        self, parent: Future[Any], worker: int, number: int, data: bytes | memoryview, buffers: list[memoryview]
    ) -> None:
        """Run what a task submitted, for the executor that runs that task."""
        executor = parent._executor
        (length,) = HEAD_LENGTH.unpack_from(data)
        start = HEAD_LENGTH.size + length
        try:
            name, options = pickle.loads(data[HEAD_LENGTH.size : start])
            call: bytes | Parcel = bytes(data[start:])
            if buffers or len(call) > CALL_ROOM:
                call = Parcel(call, buffers)
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

    def _reply(self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Any) -> None:
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

    # Time limits, and the end of all

    def _expire(self) -> None:
        """Stop what has run too long, or uses too much memory."""
        pool = self._pool
        with pool.lock:
            now = time.monotonic()
            for future in pool.ledger.due(now):
                worker = pool.worker_running(future._id)
                started = None if worker is None else pool.channels.slots.started(worker.slot, future._id)
                if future._id in pool.ledger.verdicts:
                    if worker is not None:  # its time of grace is over
                        pool.order(Order.KILL, worker, future._id)
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

    def _template_ended(self) -> None:
        """Start another template, unless the pool is being closed; what its workers ran is lost."""
        pool = self._pool
        pool.poll.unregister(pool.template.control.fileno())
        if pool.closing:
            return
        pool.template.end(_SECONDS_TO_DIE)
        for worker in list(pool.ledger.workers.values()):  # the kernel has killed them with it
            if worker.pid is not None:
                wait_for_exit(worker.pid, _SECONDS_TO_DIE)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._hear()  # what they had reported before
        later: Later = []
        with pool.lock:
            pool.take_back_all()
            for worker in list(pool.ledger.workers.values()):
                pool.ledger.died(worker.number, had_work=True)
                pool.channels.slots.clear(worker.slot)
                pool.links.close(worker.number)
            for future in pool.ledger.lose_sent():
                failure = Failure(WorkerLost.died(f"task {future.name!r}"))
                later.append(partial(future._executor._settle, future, failure))
        for action in later:
            action()
        self._templates += 1
        if self._templates > _MAX_TEMPLATES:
            self._break(WorkerLost("the process that forks the pool's workers was killed again and again"))
            return
        with pool.lock:
            if pool.closing:
                return
            pool.template = pool.new_template()
            pool.poll.register(pool.template.control.fileno(), select.POLLIN)
            failed = pool.feed()
        settle_all(failed)

    def _break(self, error: ExecutorError, cause: BaseException | None = None) -> None:
        """Fail every task, those to come too."""
        error.__cause__ = cause
        failure = Failure(error)
        with self._pool.lock:
            self._pool.broken = failure
            futures = self._pool.ledger.clear()
        settle_all([(future, failure) for future in futures])


def settle_all(ends: list[tuple[Future[Any], Failure]]) -> None:
    """Give futures their ends; not with the pool's lock held."""
    for future, failure in ends:
        future._executor._settle(future, failure)
