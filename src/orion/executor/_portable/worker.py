"""A worker: runs one call after the other.

Two threads of its own read and write, so that nothing of the task's, such as the exception of a
signal's handler, can tear a message apart.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, NoReturn

from orion.executor._core import payload, worker_side
from orion.executor._portable.launch import end_tree
from orion.executor._portable.messages import (
    HEADER,
    READ_BYTES,
    Inbox,
    Kind,
    Message,
    Order,
    about_and_rest,
    body_of,
    content_of,
)
from orion.executor._process.setup import WorkerSetup, fit_out
from orion.executor._process.surroundings import Surroundings
from orion.executor._process.wire import DESCRIPTORS_GONE

__all__ = ["main"]


def main() -> None:
    """Run a worker; the arguments are its end of the line and its device."""
    line, device = map(int, sys.argv[2:4])
    status = 1
    try:
        Worker(socket.socket(fileno=line)).run(device)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


class Worker:
    """The worker's end of the pool."""

    def __init__(self, line: socket.socket) -> None:
        line.set_inheritable(False)
        self.task = 0
        self._line = line
        self._pid = os.getpid()
        self._identity = self._descriptor()
        self._orders: SimpleQueue[Message] = SimpleQueue()
        self._unsent: SimpleQueue[bytes | None] = SimpleQueue()
        self._sending = threading.Lock()
        self._writer = threading.Thread(target=_or_die, args=(self._write,), name="orion-to-driver", daemon=True)

    def run(self, device: int) -> None:
        """Serve until there are no more calls, or until the worker should be replaced."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        worker_side.attach = self._attach
        threading.Thread(target=_or_die, args=(self._read,), name="orion-from-driver", daemon=True).start()
        self._writer.start()
        setup = WorkerSetup.loads(content_of(self._next_order().body)[0])
        problem = _prepare(setup, device)
        if self._descriptor() != self._identity:
            os._exit(DESCRIPTORS_GONE)
        if problem is None:
            self.send(Kind.SPAWNED, self._pid)
            self._serve(setup)
        else:
            self.send(Kind.UNFIT, 0, problem)
        self._unsent.put(None)
        self._writer.join()

    def send(self, kind: int, number: int, data: bytes = b"", buffers: Sequence[pickle.PickleBuffer] = ()) -> None:
        """Tell the driver something; what is in the buffers may change as soon as this returns."""
        body = body_of(data, buffers) if data or buffers else b""
        self._unsent.put(HEADER.pack(len(body), kind, number) + body)

    def listen(self) -> None:
        """Nothing: the driver's replies are heard already."""

    def _serve(self, setup: WorkerSetup) -> None:
        n_tasks = 0
        surroundings = Surroundings()
        while (order := self._next_order()).kind == Order.RUN:
            self.task = task = order.number
            outcome = _execute(order.body)
            del order
            if os.getpid() != self._pid:  # the task forked, and the child came back with it
                os._exit(0)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the task may have closed or replaced it
                    stream.flush()
            if self._descriptor() != self._identity:
                os._exit(DESCRIPTORS_GONE)
            n_tasks += 1
            worn_out = not surroundings.restore() or setup.worn_out(n_tasks)
            if worn_out:
                self.send(Kind.LEAVING, task)
            self._report(task, *outcome)
            del outcome
            if worn_out:
                return

    def _report(self, task: int, ok: bool, data: bytes, buffers: Sequence[pickle.PickleBuffer]) -> None:
        try:
            self.send(Kind.RETURNED if ok else Kind.RAISED, task, data, buffers)
        except BaseException as error:
            self.send(Kind.RAISED, task, payload.dump_failure(error))

    def _next_order(self) -> Message:
        while True:
            with contextlib.suppress(BaseException):  # what a signal's handler raises that a task has left behind
                return self._orders.get()

    def _attach(self, key: str, n_workers: int, kind: type[Any]) -> Any:
        from orion.executor._portable import limitations
        from orion.executor._process.task_side import TaskSideExecutor  # most workers need none of it

        return TaskSideExecutor(self, key, n_workers, kind, limitations())

    # The worker's own threads

    def _read(self) -> None:
        inbox = Inbox()
        while True:
            try:
                data = self._line.recv(READ_BYTES)
            except OSError as error:
                self._disconnected(error)
            if not data:
                self._disconnected(None)
            for message in inbox.add(data):
                if message.kind in (Order.RETURNED, Order.RAISED):
                    _pass_on(message)
                    continue
                if message.kind == Order.RUN:
                    self._write_out(HEADER.pack(0, Kind.STARTED, message.number))
                self._orders.put(message)

    def _write(self) -> None:
        while (data := self._unsent.get()) is not None:
            self._write_out(data)

    def _write_out(self, data: bytes) -> None:
        try:
            with self._sending:
                self._line.sendall(data)
        except OSError as error:
            self._disconnected(error)

    def _disconnected(self, error: OSError | None) -> NoReturn:
        """End, since the driver cannot be reached; if that is because it has ended, with all that was started here."""
        if error is not None and error.errno in (errno.EBADF, errno.ENOTSOCK):
            os._exit(DESCRIPTORS_GONE)
        end_tree(self._pid)
        os._exit(1)

    def _descriptor(self) -> tuple[int, int] | None:
        """Return what the line's descriptor refers to; a task can close it, and open another in its place."""
        try:
            status = os.fstat(self._line.fileno())
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _prepare(setup: WorkerSetup, device: int) -> bytes | None:
    """Get ready for calls; return what went wrong."""
    fit_out(setup.devices, device)
    try:
        setup.import_preloaded()
    except BaseException as error:
        return payload.dump_failure(error)
    if setup.initializer is None:
        return None
    ok, data, _ = payload.execute(setup.initializer, name=None)
    return None if ok else data


def _execute(body: bytes) -> tuple[bool, bytes, list[pickle.PickleBuffer]]:
    try:
        attempt, name, call_body = about_and_rest(memoryview(body))
        call, buffers = content_of(call_body)
        return payload.execute(call, buffers, name=name, attempt=attempt)
    except BaseException as error:  # a signal's exception may come outside of the user's code
        return False, payload.dump_failure(error), []


def _or_die(work: Callable[[], None]) -> None:
    """End the process if its reader or writer fails, for lack of memory above all: without these it would hang."""
    try:
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def _pass_on(message: Message) -> None:
    from orion.executor._core.arrived import Arrived
    from orion.executor._process.task_side import answered

    data, buffers = content_of(message.body)
    answered(Arrived(message.kind == Order.RETURNED, data, buffers), message.number)
