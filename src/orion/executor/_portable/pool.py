"""The driver's side: one thread starts workers, hears them and watches time limits; each idle worker gets one call."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pickle import PickleBuffer
from typing import Any
from weakref import WeakSet

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._portable.hearing import Hearing
from orion.executor._portable.launch import WorkerProcess
from orion.executor._portable.line import Line
from orion.executor._portable.member import Member
from orion.executor._portable.messages import Message, Order, about, body_of
from orion.executor._process.base_pool import BasePool, Later, settle_all
from orion.executor._process.command import reserve_standard_descriptors
from orion.executor._process.ends import Ends
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor._process.limits import Limits
from orion.executor._process.setup import WorkerSetup
from orion.executor._process.verdicts import unreadable
from orion.executor.errors import TaskReport, WorkerLost

__all__ = ["PortablePool"]

_MAX_WORKERS = 500  # select(2), which Windows has to do with, takes 512 sockets
_SECONDS_TO_END = 5.0

_pools: WeakSet[PortablePool] = WeakSet()


class PortablePool(BasePool):
    """Workers that are interpreters of their own, each with a socket of its own."""

    def __init__(
        self, n_workers: int, setup: WorkerSetup, environ: Mapping[str, str], idle_timeout: float | None = None
    ) -> None:
        reserve_standard_descriptors()
        super().__init__(Ledger(n_workers, _MAX_WORKERS, len(setup.devices), idle_timeout, ahead=0))
        self._setup = body_of(setup.dumps())
        self._environ = environ
        self._members: dict[int, Member] = {}
        self._idle: dict[int, Member] = {}
        self._ended: deque[int] = deque()
        self._sent_again: set[int] = set()  # tasks whose worker ended before it began them
        self._limits = Limits(self)
        self._ends = Ends(self)
        self._hearing = Hearing(self, self._ends)
        self._finished = False
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="orion-pool", daemon=True)
        self._thread.start()
        _pools.add(self)

    def keep(self, data: bytes, buffers: Sequence[PickleBuffer | memoryview]) -> bytes:
        return body_of(data, buffers)

    def close(self, *, join: bool = True) -> None:
        with self.lock:
            if self.closing:
                return
            self.closing = self._finished = True
            self.ledger.clear()
            self.wake_up()
        if join and threading.get_ident() != self._thread.ident:
            self._thread.join()

    def reply(
        self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Sequence[memoryview]
    ) -> None:
        body = body_of(data, buffers)
        with self.lock:
            member = self._members.get(worker)
            if member is not None:
                self._send(member, Order.RETURNED if ok else Order.RAISED, number, body)

    def abandon(self) -> None:
        """Close the copies of all sockets that a forked child has: while one is open, no worker sees the driver end."""
        for end in (self._wake_read, self._wake_write, *(member.line.socket for member in self._members.values())):
            end.close()

    # With the lock held

    def running_count(self) -> int:
        return sum(member.started is not None for member in self._members.values())

    def feed(self) -> list[tuple[Future[Any], Failure]]:
        while self._idle and (future := self.ledger.next_to_send()) is not None:
            if future._call is None:  # it was completed meanwhile
                self.ledger.ended(future._id)
                continue
            _, member = self._idle.popitem()
            member.task, member.started, member.had_work = future._id, None, True
            head = about(future._attempt, future._options.name or "")
            self._send(member, Order.RUN, future._id, future._call, head)
            if self.ledger.arm(future, time.monotonic()):
                self.wake_up()
        if self.ledger.missing() > 0:
            self.wake_up()
        return []

    def take_back(self, task: int) -> bool:
        return False

    def worker_running(self, task: int) -> WorkerState | None:
        return next((member.state for member in self._members.values() if member.task == task), None)

    def started(self, worker: WorkerState, task: int) -> float | None:
        member = self._members[worker.number]
        return member.started if member.task == task else None

    def report(self, worker: WorkerState, task: int) -> TaskReport:
        started = self.started(worker, task)
        return TaskReport(pid=worker.pid, run_time=None if started is None else time.monotonic() - started)

    def terminate(self, worker: WorkerState, task: int, *, gently: bool = False) -> None:
        member = self._members.get(worker.number)
        if member is not None and member.task == task:
            member.is_doomed = True  # so that it gets no other task meanwhile
            member.process.end(gently=gently)

    def wake_up(self) -> None:
        with contextlib.suppress(OSError):  # so many wake-ups are on their way that another is not needed; or closed
            self._wake_write.send(b"\0")

    def _send(self, member: Member, kind: int, number: int = 0, body: bytes = b"", head: bytes = b"") -> None:
        member.line.send(kind, number, body, head)
        if member.line.is_waiting:
            self.wake_up()

    def task_started(self, member: Member) -> None:
        """Take note that a worker begins what was sent to it."""
        member.started = time.monotonic()
        self._sent_again.discard(member.task or 0)

    def make_idle(self, member: Member) -> None:
        """Give a worker something to do when there is something, unless it should go."""
        member.task = member.started = None
        if member.is_doomed:
            member.process.end()
        elif not member.is_leaving:
            self._idle[member.state.number] = member

    # The pool's own thread

    def _run(self) -> None:
        try:
            while not self._finished:
                self._turn()
        except BaseException as error:
            self.give_up(WorkerLost(f"the process pool failed, and all its tasks with it: {error!r}"), error)
            raise
        finally:
            self._give_back()

    def _turn(self) -> None:
        later = Later()
        self._staff(later)
        with self.lock:
            if self.ledger.rest(time.monotonic()):
                self._retire(len(self._idle))
            for member in self._members.values():
                self._watch(member)
            deadline = self._limits.next_check()
        pause = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = self._selector.select(pause)
        with self.lock:
            for key, _ in ready:
                if key.data is None:
                    self._wake_read.recv(4096)
                else:
                    self._serve(key.data, later)
            while self._ended:
                self._bury(self._members[self._ended.popleft()], later)
            if deadline is not None and deadline <= time.monotonic():
                self._limits.enforce()
            failed = self.feed()
        later.carry_out()
        settle_all(failed)

    def _staff(self, later: Later) -> None:
        """Have as many workers as there should be."""
        with self.lock:
            hired = [self.ledger.hire() for _ in range(self.ledger.missing())]
            self._retire(len(self._idle) - self.ledger.n_workers)
        for state in hired:
            if state is not None and not self._finished:
                try:
                    self._start(state)
                except OSError as error:
                    self._not_started(state, f"could not be started: {error}", later)
            elif state is None and self.ledger.n_active == 0:
                self._refuse(later)

    def _start(self, state: WorkerState) -> None:
        ours, theirs = socket.socketpair()
        try:
            process = WorkerProcess(theirs, state.device, self._environ, partial(self._worker_ended, state.number))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        member = Member(state, process, Line(ours))
        with self.lock:
            state.pid = process.pid
            self._members[state.number] = member
            self._send(member, Order.SETUP, 0, self._setup)
            self._selector.register(ours, selectors.EVENT_READ, member)

    def _not_started(self, state: WorkerState, reason: str, later: Later) -> None:
        """Make do without a worker; if no other does anything, try again, but not for ever."""
        with self.lock:
            if not self.ledger.not_hired(state.number):
                self._ends.worker_died(state, None, 0, TaskReport(), later, had_work=False, message=reason)
                self.wake_up()

    def _refuse(self, later: Later) -> None:
        """Fail a task that all others wait for, since there can be no more workers."""
        with self.lock:
            future = self.ledger.next_to_send()
            if future is None:
                return
            self.ledger.ended(future._id)
            self.wake_up()
        reason = f"task {future.name!r} found no worker: all {_MAX_WORKERS} wait for tasks that theirs have submitted"
        later.settle(future, Failure(WorkerLost(reason)))

    def _worker_ended(self, number: int) -> None:
        self._ended.append(number)
        self.wake_up()

    def _watch(self, member: Member) -> None:
        """Wait until the worker can be written to, if there is something to be written."""
        key = self._selector.get_map().get(member.line.socket)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if member.line.is_waiting else 0)
        if key is not None and key.events != events:
            self._selector.modify(member.line.socket, events, member)

    def _retire(self, count: int) -> None:
        """Let idle workers go."""
        for _ in range(count):
            _, member = self._idle.popitem()
            member.is_leaving = True
            self._send(member, Order.RETIRE)

    def _serve(self, member: Member, later: Later) -> None:
        member.line.flush()
        if not self._hear(member, member.line.receive, later):
            self._selector.unregister(member.line.socket)

    def _hear(self, member: Member, receive: Callable[[], list[Message] | None], later: Later) -> bool:
        """Take in what a worker has sent; false if there will be nothing more."""
        try:
            messages = receive()
            for message in messages or ():
                self._hearing.hear(member, message, later)
        except Exception as error:  # too large for this process, or no message: a task may write into any descriptor
            future = self.ledger.sent.get(member.task or 0)
            if future is not None:
                self.ledger.verdicts[future._id] = unreadable(future, error)
            member.process.end()
            return False
        return messages is not None

    def _bury(self, member: Member, later: Later) -> None:
        """Take leave of a worker that has ended."""
        self._hear(member, member.line.receive_rest, later)
        worker, exitcode = member.state, member.process.exitcode or 0
        self._take_back_unbegun(member)
        report = self.report(worker, member.task or 0)
        del self._members[worker.number]
        self._idle.pop(worker.number, None)
        had_work = member.had_work or member.is_leaving
        self._ends.worker_died(worker, member.task, exitcode, report, later, had_work=had_work)
        with contextlib.suppress(KeyError):
            self._selector.unregister(member.line.socket)
        member.line.socket.close()

    def _take_back_unbegun(self, member: Member) -> None:
        """Queue again, once, what was sent to a worker that had ended, or was just ending, while it was idle."""
        task = member.task
        if task is None or member.started is not None or task in self._sent_again or task in self.ledger.verdicts:
            return
        self._sent_again.add(task)
        self.ledger.unsend([task])
        member.task = None

    def _give_back(self) -> None:
        """End all workers, and close everything."""
        for member in self._members.values():
            member.process.end()
        for member in self._members.values():
            member.process.join(_SECONDS_TO_END)
        with self.lock:
            self._selector.close()
            self.abandon()


def _abandon_all() -> None:
    for pool in list(_pools):
        pool.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
