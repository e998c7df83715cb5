"""The driver's side of the pool: sends calls and commands the template; the pump hears the rest."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from typing import Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._process import segments
from orion.executor._process.launch import Channels, Template
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor._process.links import Links
from orion.executor._process.parcel import Parcel
from orion.executor._process.pump import Pump, settle_all
from orion.executor._process.setup import WorkerSetup
from orion.executor._process.slots import N_SLOTS
from orion.executor._process.verdicts import Verdict, over_time
from orion.executor._process.wire import Form, Frame, Order, Packet, Reply

__all__ = ["Pool"]

_SECONDS_TO_END = 5.0


class Pool:
    """Workers and the way to them.

    It knows an executor through its futures only, so that an executor that nobody holds is collected.
    ``lock`` guards the ledger, the links and the template. No future is settled under it, since that may
    call back. The methods below the line expect it to be held.
    """

    def __init__(
        self, n_workers: int, setup: WorkerSetup, environ: dict[str, str], idle_timeout: float | None = None
    ) -> None:
        self.lock = threading.Lock()
        self.poll = select.poll()
        self.ledger = Ledger(n_workers, N_SLOTS, len(setup.devices), idle_timeout)
        self.links = Links(self.poll)
        self.channels = Channels()
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.closing = False
        self.broken: Failure | None = None
        self._setup = setup
        self._environ = environ
        self.template = self.new_template()
        self._pump = Pump(self)
        self._pump.start()

    def new_template(self) -> Template:
        return Template(self.channels, self._setup, self._environ)

    def submit(self, future: Future[Any], *, first: bool = False) -> None:
        """Run a task as soon as its turn comes."""
        failed: list[tuple[Future[Any], Failure]] = []
        with self.lock:
            if self.broken is not None:
                failed = [(future, self.broken)]
            elif not self.closing:
                self.ledger.enqueue(future, first=first)
                failed = self.feed()
        settle_all(failed)

    def stop(self, future: Future[Any]) -> bool:
        """Keep a task from running, or stop it; return whether it ends as cancelled."""
        task = future._id
        worker = None
        failed: list[tuple[Future[Any], Failure]] = []
        with self.lock:
            if task not in self.ledger.sent:
                self.ledger.withdraw(task)
            elif self.take_back(task):
                self.ledger.ended(task)
                failed = self.feed()
            elif (worker := self.worker_running(task)) is None:
                return False  # it has ended, and its result is on the way
        settle_all(failed)
        cancelled = future._executor._settle_cancelled(future)
        if cancelled and worker is not None:
            with self.lock:
                self.end_task(future, worker, over_time(future))  # nobody will see the verdict
        return cancelled

    def close(self, *, join: bool = True) -> None:
        """End all workers and give everything back, at once if ``join``. No task is pending any more."""
        with self.lock:
            if self.closing:
                return
            self.closing = True
            self.ledger.clear()
            self.template.dismiss()
        self.template.end(_SECONDS_TO_END)
        self._pump.finish(join=join)

    def give_back(self) -> None:
        """Close every descriptor; for the pump's last turn."""
        with self.lock:
            self.links.close_all()
            self.template.control.close()
            self.channels.close()
            os.close(self.wake)

    # With the lock held

    def feed(self) -> list[tuple[Future[Any], Failure]]:
        """Send what can be sent, and see to it that there are workers for it; return what could not be sent."""
        failed = []
        while (future := self.ledger.next_to_send()) is not None:
            try:
                packet = _packet(future)
                if packet is not None:
                    os.write(self.channels.task_write, packet)
                    if self.ledger.arm(future, time.monotonic()):
                        os.eventfd_write(self.wake, 1)
                    continue
            except BlockingIOError:  # the pipe is full
                self.ledger.unsend([future._id])
                break
            except OSError as error:
                failed.append((future, Failure(MemoryError(f"task {future.name!r} could not be sent: {error}"))))
            self.ledger.ended(future._id)
        self._staff()
        return failed

    def content(self, frame: Frame) -> tuple[bytes | memoryview, list[memoryview]]:
        """Return what a frame holds, or what its worker has sent in a segment."""
        if frame.form == Form.INLINE:
            return frame.body, []
        fd = self.links.receive_fd(frame.worker)
        try:
            return segments.read(fd, private=False)
        finally:
            os.close(fd)

    def take_back(self, drop: int) -> bool:
        """Take a packet from the pipe before a worker does; false if it is not there."""
        found = False
        for packet in self.channels.take_back():
            if Packet.HEADER.unpack_from(packet)[0] == drop:
                found = True
            else:
                os.write(self.channels.task_write, packet)
        return found

    def take_back_all(self) -> None:
        """Take all calls from the pipe and queue them again."""
        tasks = []
        for packet in self.channels.take_back():
            task, kind, _ = Packet.HEADER.unpack_from(packet)
            if kind == Packet.RUN:
                tasks.append(task)
            elif kind == Packet.PARK:
                self.ledger.park_lost()
        self.ledger.unsend(tasks)

    def worker_running(self, task: int) -> WorkerState | None:
        """Return the worker that has begun a task and not reported its end."""
        slots = self.channels.slots
        return next((worker for worker in self.ledger.workers.values() if slots.running(worker.slot) == task), None)

    def end_task(self, future: Future[Any], worker: WorkerState, verdict: Verdict) -> None:
        """Stop a running task: ask it to end first if that is wanted."""
        gently = self.ledger.condemn(future, verdict, time.monotonic())
        if gently:
            os.eventfd_write(self.wake, 1)
        self.order(Order.TERMINATE if gently else Order.KILL, worker, future._id)

    def retire_all(self) -> None:
        """Let the workers go, since there is nothing to do."""
        while (parked := self.ledger.unpark()) is not None:
            self.links.send(parked.number, Reply.HEADER.pack(Reply.UNPARK, 0, Form.INLINE))
        with contextlib.suppress(BlockingIOError):
            for _ in self.ledger.workers:
                os.write(self.channels.task_write, Packet.HEADER.pack(0, Packet.RETIRE, Form.INLINE))

    def order(self, order: int, worker: WorkerState, detail: int = 0, fds: tuple[int, ...] = ()) -> bool:
        """Tell the template something; false if it has ended, to which the pump sees."""
        try:
            socket.send_fds(self.template.control, [Order.HEADER.pack(order, worker.number, worker.slot, detail)], fds)
        except OSError:
            return False
        return True

    def _staff(self) -> None:
        """Have as many workers at work as there should be."""
        for _ in range(self.ledger.missing()):
            if (worker := self.ledger.unpark()) is not None:
                self.links.send(worker.number, Reply.HEADER.pack(Reply.UNPARK, 0, Form.INLINE))
            elif (worker := self.ledger.hire()) is not None:
                with self.links.open(worker.number) as theirs:
                    if not self.order(Order.FORK, worker, worker.device, (theirs.fileno(),)):
                        self.ledger.died(worker.number, had_work=True)
                        self.links.close(worker.number)
                        return
        for _ in range(self.ledger.surplus()):
            try:
                os.write(self.channels.task_write, Packet.HEADER.pack(0, Packet.PARK, Form.INLINE))
            except BlockingIOError:
                break
            self.ledger.park_sent()


def _packet(future: Future[Any]) -> bytes | None:
    """Return the packet that runs a task; ``None`` if it was completed meanwhile."""
    call: bytes | Parcel | None = future._call
    if call is None:
        return None
    if isinstance(call, Parcel):
        return Packet.HEADER.pack(future._id, Packet.RUN, Form.SEGMENT) + call.place()
    return Packet.HEADER.pack(future._id, Packet.RUN, Form.INLINE) + call
