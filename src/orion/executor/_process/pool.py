"""The driver's side of the pool: sends calls and commands the template; the pump hears the rest."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Sequence
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._process import segments
from orion.executor._process.base_pool import BasePool
from orion.executor._process.launch import Launch
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor._process.links import Links
from orion.executor._process.parcel import Parcel
from orion.executor._process.pieces import cut, put_together
from orion.executor._process.pump import Pump
from orion.executor._process.slots import N_SLOTS
from orion.executor._process.tail import read_tail
from orion.executor._process.verdicts import where_it_crashed
from orion.executor._process.wire import (
    CALL_ROOM,
    FRAME_ROOM,
    REPLY_ROOM,
    Form,
    Frame,
    Order,
    Packet,
    PacketWriter,
    Reply,
)
from orion.executor.errors import TaskReport, WorkersUnfit

if TYPE_CHECKING:
    from orion.executor._trace.recorder import Recorder

__all__ = ["Pool"]

_SECONDS_TO_END = 5.0


class Pool(BasePool):
    """Workers that a template forks, and that read their calls from one pipe."""

    def __init__(self, n_workers: int, launch: Launch, n_devices: int = 0, idle_timeout: float | None = None) -> None:
        super().__init__(Ledger(n_workers, N_SLOTS, n_devices, idle_timeout))
        self.poll = select.poll()
        self.links = Links(self.poll, self.wake_up)
        self.channels = launch.channels
        self._packets = PacketWriter(launch.channels.task_write)
        self.pieces: dict[int, bytearray | None] = {}  # by worker: of what it sends; None if there is no room for it
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.template = launch.template
        self.new_template = launch.again
        segments.begin_keeping()
        self._pump = Pump(self)
        self._pump.start()

    def keep(self, data: bytes, buffers: Sequence[PickleBuffer | memoryview]) -> bytes | Parcel:
        return Parcel(data, buffers) if buffers or len(data) > CALL_ROOM else data

    def close(self, *, join: bool = True) -> None:
        with self.lock:
            if self.closing:
                return
            self.closing = True
            self.ledger.clear()
            self.template.dismiss()
        self.template.end(_SECONDS_TO_END)
        self._pump.finish(join=join)

    def reply(
        self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Sequence[memoryview]
    ) -> None:
        kind = Reply.RETURNED if ok else Reply.RAISED
        if not buffers and len(data) <= FRAME_ROOM:
            with self.lock:
                self.links.send(worker, Reply.HEADER.pack(kind, number, Form.INLINE) + bytes(data))
            return
        try:
            fd = segments.write([data, *buffers])
        except OSError:
            with self.lock:
                self._send_in_pieces(worker, kind, number, [data, *buffers])
            return
        try:
            with self.lock:
                self.links.send(worker, Reply.HEADER.pack(kind, number, Form.SEGMENT), fd)
        finally:
            os.close(fd)

    def give_back(self) -> None:
        """Close every descriptor; for the pump's last turn."""
        with self.lock:
            self.links.close_all()
            self.template.control.close()
            self.channels.close()
            os.close(self.wake)
            self.wake = -1
        segments.end_keeping()

    def record(self, recorder: Recorder | None) -> None:
        super().record(recorder)
        with self.lock:
            if not self.closing:
                self.channels.slots.timed[0] = recorder is not None

    # With the lock held

    def running_count(self) -> int:
        slots = self.channels.slots
        return 0 if self.closing else sum(slots.running(worker.slot) != 0 for worker in self.ledger.workers.values())

    def feed(self) -> list[tuple[Future[Any], Failure]]:
        failed: list[tuple[Future[Any], Failure]] = []
        if self.ledger.is_content:
            return failed
        while batch := self._next_packets(failed):
            n_sent = self._packets.write([packet for _, packet in batch])
            for future, _ in batch[:n_sent]:
                options = future._options
                if (options.timeout is not None or options.memory_gb is not None) and self.ledger.arm(
                    future, time.monotonic()
                ):
                    os.eventfd_write(self.wake, 1)
            if n_sent < len(batch):  # the pipe is full
                self.ledger.unsend([future._id for future, _ in batch[n_sent:]])
                break
        return failed + self._staff()

    def _next_packets(self, failed: list[tuple[Future[Any], Failure]]) -> list[tuple[Future[Any], bytes]]:
        """Return what should be sent now, or the beginning of it; what cannot be sent goes to ``failed``."""
        batch: list[tuple[Future[Any], bytes]] = []
        while len(batch) < PacketWriter.MOST and (future := self.ledger.next_to_send()) is not None:
            try:
                packet = _packet(future)
            except OSError as error:
                failed.append((future, Failure(MemoryError(f"task {future.name!r} could not be sent: {error}"))))
                packet = None
            if packet is None:
                self.ledger.ended(future._id)
            else:
                batch.append((future, packet))
        return batch

    def content(self, frame: Frame) -> tuple[bytes | memoryview, list[memoryview]]:
        """Return what a frame holds, or what its worker has sent in a segment or in pieces.

        Raises
        ------
        OSError, MemoryError
            If this process has no room for it.
        """
        if frame.form == Form.INLINE:
            return frame.body, []
        if frame.form == Form.PIECES:
            arrived = self.pieces.pop(frame.worker)
            if arrived is None:
                raise MemoryError
            return put_together(arrived)
        fd = self.links.receive_fd(frame.worker)
        try:
            return segments.read(fd, private=False)
        finally:
            self.links.received(fd)

    def send_call(self, worker: int, task: int) -> None:
        """Send a worker, in pieces, the call of a task that it has begun."""
        call = self.ledger.call(task)
        if isinstance(call, Parcel):
            try:
                parts = call.content()
            except (OSError, MemoryError):
                parts = []  # which tells the worker
            self._send_in_pieces(worker, Reply.CALL, task, parts)

    def add_piece(self, worker: int, piece: bytes) -> None:
        """Take in a piece of what a worker is sending."""
        try:
            arrived = self.pieces.setdefault(worker, bytearray())
            if arrived is not None:
                arrived += piece
        except MemoryError:
            self.pieces[worker] = None

    def _send_in_pieces(self, worker: int, kind: int, number: int, parts: Sequence[bytes | memoryview]) -> None:
        for piece in cut(parts, REPLY_ROOM):
            self.links.send(worker, Reply.HEADER.pack(Reply.PIECE, number, Form.INLINE) + piece)
        self.links.send(worker, Reply.HEADER.pack(kind, number, Form.PIECES))

    def take_back(self, task: int) -> bool:
        packets = self.channels.take_back()
        others = [packet for packet in packets if Packet.HEADER.unpack_from(packet)[0] != task]
        for start in range(0, len(others), PacketWriter.MOST):
            self._packets.write(others[start : start + PacketWriter.MOST])
        return len(others) < len(packets)

    def take_back_all(self) -> None:
        """Take all calls from the pipe and queue them again."""
        tasks = []
        for packet in self.channels.take_back():
            task, kind, *_ = Packet.HEADER.unpack_from(packet)
            if kind == Packet.RUN:
                tasks.append(task)
            elif kind == Packet.PARK:
                self.ledger.park_lost()
        self.ledger.unsend(tasks)

    def worker_running(self, task: int) -> WorkerState | None:
        slots = self.channels.slots
        return next((worker for worker in self.ledger.workers.values() if slots.running(worker.slot) == task), None)

    def started(self, worker: WorkerState, task: int) -> float | None:
        return self.channels.slots.started(worker.slot, task)

    def report(self, worker: WorkerState, task: int, peak_bytes: int = 0, crash: str = "") -> TaskReport:
        started = self.started(worker, task)
        return TaskReport(
            pid=worker.pid,
            run_time=None if started is None else time.monotonic() - started,
            peak_memory_gb=peak_bytes / 1e9 or None,
            last_output=read_tail(self.channels.slots.tail(worker.slot)),
            crash=where_it_crashed(crash),
        )

    def terminate(self, worker: WorkerState, task: int, *, gently: bool = False) -> None:
        self.order(Order.TERMINATE if gently else Order.KILL, worker, task)

    def wake_up(self) -> None:
        if self.wake >= 0:  # else the pump has ended, and nothing is left to be done
            os.eventfd_write(self.wake, 1)

    def retire_all(self) -> None:
        """Let the workers go, since there is nothing to do."""
        while (parked := self.ledger.unpark()) is not None:
            self.links.send(parked.number, Reply.HEADER.pack(Reply.UNPARK, 0, Form.INLINE))
        with contextlib.suppress(BlockingIOError):
            for _ in self.ledger.workers:
                os.write(self.channels.task_write, Packet.order(Packet.RETIRE))

    def order(self, order: int, worker: WorkerState, detail: int = 0, fds: tuple[int, ...] = ()) -> bool:
        """Tell the template something; false if it has ended, to which the pump sees."""
        try:
            socket.send_fds(self.template.control, [Order.HEADER.pack(order, worker.number, worker.slot, detail)], fds)
        except OSError:
            return False
        return True

    def _staff(self) -> list[tuple[Future[Any], Failure]]:
        """Have as many workers at work as there should be; return what cannot be run without another."""
        if self.ledger.fully_staffed:
            return []
        for _ in range(self.ledger.missing()):
            if (worker := self.ledger.unpark()) is not None:
                self.links.send(worker.number, Reply.HEADER.pack(Reply.UNPARK, 0, Form.INLINE))
            elif (worker := self.ledger.hire()) is not None:
                try:
                    theirs = self.links.open(worker.number)
                except OSError as error:
                    return [] if self.ledger.not_hired(worker.number) else self._refuse(worker, error)
                with theirs:
                    if not self.order(Order.FORK, worker, worker.device, (theirs.fileno(),)):
                        self.ledger.died(worker.number, had_work=True)
                        self.links.close(worker.number)
                        return []
        for _ in range(self.ledger.surplus()):
            try:
                os.write(self.channels.task_write, Packet.order(Packet.PARK))
            except BlockingIOError:
                break
            self.ledger.park_sent()
        return []

    def _refuse(self, worker: WorkerState, reason: OSError) -> list[tuple[Future[Any], Failure]]:
        """Return what waits for a worker, since this one cannot be reached and no other does anything."""
        self.ledger.died(worker.number, had_work=True)
        self.take_back_all()
        error = WorkersUnfit(f"there is no worker, and none can be started: {reason}")
        return [(future, Failure(error)) for future in self.ledger.lose_queued()]


def _packet(future: Future[Any]) -> bytes | None:
    """Return the packet that runs a task; ``None`` if it was completed meanwhile."""
    call: bytes | Parcel | None = future._call
    if call is None:
        return None
    form, body = (Form.INLINE, call) if isinstance(call, bytes) else _placed(call)
    return Packet.run(future._id, form, future._attempt, future._options.name or "", body)


def _placed(call: Parcel) -> tuple[int, bytes]:
    try:
        return Form.SEGMENT, call.place()
    except OSError:  # its worker will have it sent in pieces
        return Form.PIECES, b""
