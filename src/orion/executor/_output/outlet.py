"""The driver's side: one thread that takes in what tasks print and log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import socket
import struct
import sys
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from orion.executor._output.records import MESSAGE_BYTES, record_of
from orion.executor._output.wired import Here, Wired, registered

if TYPE_CHECKING:
    from orion.executor._core.future import Future
    from orion.executor._core.options import TaskOptions

__all__ = ["Outlet", "Printing"]

_READ_BYTES = 1 << 16
_BACKLOG = 512
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (unix(7))


class Printing(NamedTuple):
    """A task that prints."""

    number: int
    name: str
    is_shown: bool


class Outlet:
    """Where what the tasks of one executor print and log comes out.

    Workers reach it by a socket that has no place in the file system and lets in processes of the same user only. What
    comes through it is text: nothing is unpickled.
    """

    def __init__(self, *, in_process: bool) -> None:
        self.key = uuid.uuid4().hex
        self._futures: WeakValueDictionary[int, Future[Any]] = WeakValueDictionary()
        self._lock = threading.RLock()  # what is shown may be written to by who holds it: a handler of logging
        self._selector = selectors.DefaultSelector()
        self._partial: dict[Printing, bytes] = {}
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._in_process = in_process
        self._closed = False
        registered[self.key] = self

    @property
    def address(self) -> str:
        """The abstract name (unix(7)) of the socket."""
        return f"\0orion-output-{self.key}"

    def wire(self, function: Callable[..., Any], name: str, number: int, options: TaskOptions) -> Callable[..., Any]:
        """Return a function whose output and log records come here."""
        with self._lock:
            if self._listener is None and not self._closed and not self._in_process:
                self._listen()
        return Wired(function, name, Here(self.key, self.address, os.getpid()), number, options.output, options.logs)

    def add(self, future: Future[Any]) -> None:
        """Take note of a task; what it prints belongs to its future as long as somebody holds that."""
        future._printed = bytearray()
        self._futures[future._id] = future

    def printed(self, future: Future[Any]) -> str:
        """Return what a task has printed so far: all of it, when it has ended."""
        with self._lock:
            self._take_in()
            return bytes(future._printed or b"").decode("utf-8", "replace")

    def write(self, task: Printing, data: bytes) -> None:
        """Take in what a task has printed: keep it, or show the lines that are complete."""
        with self._lock:
            if task.is_shown:
                *lines, rest = (self._partial.pop(task, b"") + data).split(b"\n")
                if rest:
                    self._partial[task] = rest
                _show(task.name, lines)
            elif (future := self._futures.get(task.number)) is not None and future._printed is not None:
                future._printed += data

    def finish(self, task: Printing) -> None:
        """Show the last line of a task, which nothing ends."""
        with self._lock:
            rest = self._partial.pop(task, b"")
            if rest:
                _show(task.name, [rest])

    def close(self, *, join: bool = True) -> None:
        """Take in what has been written, and close, at once if ``join``; no task runs any more."""
        with self._lock:
            if self._closed:
                return
            self._take_in()
            self._closed = True
            if self._wake is not None:
                self._wake[1].send(b"\0")
        if self._thread is None:
            self._give_back()
        elif join and self._thread.ident != threading.get_ident():
            self._thread.join()

    # With the lock held

    def _listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(self.address)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._wake = socket.socketpair()
        self._selector.register(self._wake[0], selectors.EVENT_READ, lambda end: end.recv(1))
        self._thread = threading.Thread(target=self._run, name="orion-output", daemon=True)
        self._thread.start()

    def _take_in(self) -> None:
        """Take in all that has been written by now."""
        while not self._closed and (ready := self._selector.select(0)):
            for key, _ in ready:
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            line, _ = listener.accept()
            _, user, _ = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            if user != os.geteuid():
                line.close()
                return
            line.setblocking(False)
            self._selector.register(line, selectors.EVENT_READ, self._hear)

    def _hear(self, line: socket.socket) -> None:
        """Take in one message of a worker: the pipe of a task, or a log record."""
        try:
            data, fds, _, _ = socket.recv_fds(line, MESSAGE_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        if not data:
            self._end(line)
            return
        message = understood(data)
        if fds and message is not None and not fds[1:]:
            task = Printing(message["task"], message["name"], bool(message.get("shown")))
            os.set_blocking(fds[0], False)
            self._selector.register(fds[0], selectors.EVENT_READ, partial(self._read, task))
        elif message is not None:
            log(message)
        else:
            for fd in fds:
                os.close(fd)

    def _read(self, task: Printing, fd: int) -> None:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self.write(task, data)
        else:
            self._end(fd)
            self.finish(task)

    def _end(self, source: Any) -> None:
        self._selector.unregister(source)
        os.close(source) if isinstance(source, int) else source.close()

    def _run(self) -> None:
        while not self._closed:
            ready = self._selector.select()
            with self._lock:
                for key, _ in ready:
                    if not self._closed and self._selector.get_map().get(key.fd) is key:  # else it was closed meanwhile
                        key.data(key.fileobj)
        self._give_back()

    def _give_back(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._end(key.fileobj)
        for task in list(self._partial):
            self.finish(task)
        self._selector.close()
        if self._wake is not None:
            self._wake[1].close()


def understood(data: bytes) -> dict[str, Any] | None:
    """Return a message, or ``None`` if it is none of ours."""
    try:
        message = json.loads(data)
    except ValueError:
        return None
    if isinstance(message, dict) and isinstance(message.get("task"), int) and isinstance(message.get("name"), str):
        return message
    return None


def log(message: dict[str, Any]) -> None:
    """Hand a log record to the driver's logging, where its levels and handlers apply."""
    record = record_of(message)
    if record is not None and logging.getLogger(record.name).isEnabledFor(record.levelno):
        logging.getLogger(record.name).handle(record)


def _show(name: str, lines: list[bytes]) -> None:
    text = "".join(f"[{name}] {line.decode('utf-8', 'replace')}\n" for line in lines)
    if text and sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()
