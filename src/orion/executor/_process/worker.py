"""A worker: reads a call, runs it, writes how it ended, and reads the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import socket
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

from orion.executor._core import payload, worker_side
from orion.executor._process import segments
from orion.executor._process.pieces import cut, put_together
from orion.executor._process.setup import WorkerSetup
from orion.executor._process.slots import ATTEMPT_AND_PID, DONE, ENDED_NS, HEARD, PEAK_BYTES, STARTED_NS, TASK, Slots
from orion.executor._process.surroundings import Surroundings
from orion.executor._process.tail import Tee, start_tail
from orion.executor._process.upkeep import Upkeep
from orion.executor._process.wire import DESCRIPTORS_GONE, FRAME_ROOM, Form, Kind, Packet, frame

__all__ = ["Worker"]

_SO_COOKIE = 57  # socket(7)
_control = fcntl.fcntl
_F_GETPIPE_SZ = fcntl.F_GETPIPE_SZ
_SHORT_NS = 100_000  # in less, a task does not get memory worth asking the kernel for
_suppress_all = contextlib.suppress(Exception)  # making one takes longer than using it


class Worker:
    """The worker's end of the pool."""

    def __init__(
        self,
        number: int,
        slot: int,
        pipes: tuple[int, int, int],
        slots: Slots,
        link: socket.socket,
        driver: int,
        setup: WorkerSetup,
    ) -> None:
        self.number = number
        self.link = link
        self.task = 0
        self._slot = slot
        self._tasks, self._tasks_now, self._results = pipes
        self._slots = slots
        self._marks = slots.marks(slot)
        self._timed = slots.timed
        self._record = slots.record(slot)
        self._driver = driver
        self._setup = setup
        self._wears_out = setup.max_tasks is not None or setup.max_memory_bytes is not None
        self._pid = os.getpid()
        self._attempt = 0  # of the last run that was told
        self._send_lock = threading.Lock()
        self._pipes = self._pipe_sizes()
        self._cookie = self._link_cookie()
        self._tail = slots.tail(slot)
        self.unparked = threading.Semaphore(0)
        self.calls: SimpleQueue[bytearray] = SimpleQueue()  # that were fetched

    def run(self) -> None:
        """Serve until there are no more calls, or until the worker should be replaced."""
        if not self._prepare():
            return
        segments.begin_keeping()
        surroundings = Surroundings(self._reopened)
        upkeep = Upkeep(lambda: surroundings.restore() and self._link_cookie() == self._cookie)
        packet = self._slots.packet(self._slot)
        n_tasks = 0
        while self._read_packet([packet], upkeep):
            task, kind, form, length, attempt, name_length = Packet.HEADER.unpack_from(packet)
            if kind == Packet.RUN:
                self._marks[STARTED_NS] = time.monotonic_ns()
                self._marks[TASK] = self.task = task
                start_tail(self._tail)
                self._serve(task, form, attempt, *Packet.content(packet, length, name_length))
                self._marks[DONE] = task
                n_tasks += 1
                if self._wears_out and self._setup.worn_out(n_tasks):
                    return
            elif kind == Packet.PARK:
                self._park()
            else:
                return

    def _read_packet(self, buffers: list[memoryview], upkeep: Upkeep) -> bool:
        """Read the next packet; false if there will be none for this worker.

        What tasks have changed is put back meanwhile. That is left out at most for a millisecond, and only if the call
        was submitted when nobody could have known of the last one's end: those who know expect all to be as it was.
        """
        if not self.task:  # before the first there is nothing to put back
            return os.readv(self._tasks, buffers) > 0
        now_ns = self._marks[ENDED_NS]
        if not upkeep.is_due(now_ns):
            try:
                if os.readv(self._tasks_now, buffers) == 0:
                    return False
            except BlockingIOError:
                pass
            else:
                return self._marks[HEARD] != self._marks[DONE] or upkeep.look(now_ns)
        return upkeep.look(now_ns) and os.readv(self._tasks, buffers) > 0

    def send(
        self, kind: int, number: int, data: bytes = b"", buffers: Any = (), record: memoryview | None = None
    ) -> None:
        """Tell the driver; what is too large for a frame goes into a segment, whose descriptor precedes the frame."""
        if not buffers and len(data) <= FRAME_ROOM:
            os.write(self._results, frame(kind, self.number, number, data, Form.INLINE, record))
            return
        try:
            fd = segments.write([data, *buffers])
        except OSError:
            self._send_in_pieces(kind, number, [data, *buffers], record)
            return
        self._check_link()
        try:
            with self._send_lock:  # the driver takes descriptors in the order of their frames
                socket.send_fds(self.link, [b"\0"], [fd])
                os.write(self._results, frame(kind, self.number, number, b"", Form.SEGMENT, record))
        finally:
            os.close(fd)

    def _send_in_pieces(
        self, kind: int, number: int, parts: list[bytes | pickle.PickleBuffer], record: memoryview | None
    ) -> None:
        with self._send_lock:
            for piece in cut(parts, FRAME_ROOM):
                os.write(self._results, frame(Kind.PIECE, self.number, number, piece))
            os.write(self._results, frame(kind, self.number, number, b"", Form.PIECES, record))

    def listen(self) -> None:
        """See to it that the driver's replies are heard."""
        self._check_link()
        from orion.executor._process.nested import listen

        listen(self)

    def _prepare(self) -> bool:
        """Get ready for calls; false if the initializer failed, which is reported."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        worker_side.attach = self._attach
        for name in ("stdout", "stderr"):
            if (stream := getattr(sys, name)) is not None:  # the driver has none if it is a daemon
                setattr(sys, name, Tee(stream, self._tail))
        if self._setup.initializer is None:
            return True
        ok, data, _ = payload.execute(self._setup.initializer, name=None)
        self._check_pipes()
        self._check_link()
        if not ok:
            self.send(Kind.UNFIT, 0, data)
        return ok

    def _reopened(self, fd: int, mode: str) -> Any:
        stream = open(fd, mode, closefd=False)  # noqa: SIM115 - it stays open
        return stream if mode == "r" else Tee(stream, self._tail)

    def _attach(self, *engine: Any) -> Any:
        from orion.executor._process.nested import (
            attach,  # most workers need none of it
        )

        return attach(self, *engine)

    def _serve(self, task: int, form: int, attempt: int, name: str, body: bytes) -> None:
        call: Any = body
        call_buffers: list[memoryview] = []
        try:
            if form != Form.INLINE:
                call, call_buffers = self._fetch_call(task) if form == Form.PIECES else self._open_call(task, body)
            ok, data, buffers = payload.execute(call, call_buffers, name=name, attempt=attempt)
        except BaseException as error:  # a signal's exception may come outside of the user's code
            ok, data, buffers = False, payload.dump_failure(error), []
        del call, call_buffers
        if os.getpid() != self._pid:  # the task forked, and the child came back with it
            os._exit(0)
        with _suppress_all:  # the task may have closed or replaced it
            sys.stdout.flush()
        with _suppress_all:
            sys.stderr.flush()
        self._check_pipes()
        self._marks[ENDED_NS] = time.monotonic_ns()
        record = self._told_run(attempt) if self._timed[0] else None
        try:
            self.send(Kind.RETURNED if ok else Kind.RAISED, task, data, buffers, record)
        except OSError as error:
            problem = payload.dump_failure(MemoryError(f"the result could not be handed over: {error}"))
            self.send(Kind.RAISED, task, problem)

    def _fetch_call(self, task: int) -> tuple[memoryview, list[memoryview]]:
        """Have the driver send a call, in pieces."""
        self.listen()
        self.send(Kind.FETCH, task)
        call, buffers = put_together(self.calls.get())
        if not call:
            raise MemoryError("the driver has no room to send the call")
        return call, buffers

    def _told_run(self, attempt: int) -> memoryview:
        """Return the record of the run that has ended."""
        marks = self._marks
        if attempt != self._attempt:
            self._attempt = attempt
            marks[ATTEMPT_AND_PID] = attempt | self._pid << 32
        if marks[ENDED_NS] - marks[STARTED_NS] > _SHORT_NS or not marks[PEAK_BYTES]:
            import resource

            marks[PEAK_BYTES] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return self._record

    def _open_call(self, task: int, body: bytes) -> tuple[memoryview, list[memoryview]]:
        """Open the driver's segment that holds a call; the driver keeps it open while the task runs."""
        number, inode = (int(part) for part in body.split())
        try:
            fd = os.open(f"/proc/{self._driver}/fd/{number}", os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # no descriptor is left
            return self._fetch_call(task)
        try:
            if os.fstat(fd).st_ino != inode:
                raise OSError(f"descriptor {number} of the driver is not the segment that was sent")
            segments.hold(fd)
            return segments.read(fd, private=True)
        finally:
            os.close(fd)

    def _park(self) -> None:
        """Do nothing until told to go on: there are more workers than slots for them."""
        self.listen()
        self.send(Kind.PARKED, 0)
        self.unparked.acquire()

    def _check_pipes(self) -> None:
        """End if a task has closed the pipes; others may have taken their place, and must not be written into."""
        if self._pipe_sizes() != self._pipes:
            os._exit(DESCRIPTORS_GONE)

    def _check_link(self) -> None:
        """End if a task has closed the link; it is seldom used, so it is looked at before that and between tasks."""
        if self._link_cookie() != self._cookie:
            os._exit(DESCRIPTORS_GONE)

    def _pipe_sizes(self) -> tuple[int, int] | None:
        """Return what tells the pipes from others: nobody else makes such large ones, and os.fstat takes far longer."""
        try:
            return _control(self._tasks, _F_GETPIPE_SZ), _control(self._results, _F_GETPIPE_SZ)
        except OSError:
            return None

    def _link_cookie(self) -> bytes:
        """Return the link's number, which no other socket has."""
        try:
            return self.link.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8)
        except OSError:
            return b""
