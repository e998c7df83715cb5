"""The driver's own line to each worker: replies go out, descriptors of segments come in."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections import deque
from collections.abc import Callable

__all__ = ["Links"]


class Links:
    """One socket of packets for each worker. Sending never blocks: what a worker does not read waits here."""

    def __init__(self, poll: select.poll, wake_up: Callable[[], None]) -> None:
        self._poll = poll
        self._wake_up = wake_up
        self._sockets: dict[int, socket.socket] = {}
        self._waiting: dict[int, deque[tuple[bytes, int | None]]] = {}
        self._worker_of: dict[int, int] = {}
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def open(self, worker: int) -> socket.socket:
        """Return the worker's end of a new line, which is the caller's to close."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._sockets[worker] = ours
        self._worker_of[ours.fileno()] = worker
        return theirs

    def send(self, worker: int, packet: bytes, fd: int | None = None) -> None:
        """Send a packet, and a descriptor with it, to a worker; nothing happens if that has died."""
        line = self._sockets.get(worker)
        if line is None:
            return
        waiting = self._waiting.get(worker)
        try:
            if waiting is not None:
                raise BlockingIOError
            socket.send_fds(line, [packet], [] if fd is None else [fd])
        except BlockingIOError:
            if waiting is None:
                waiting = self._waiting[worker] = deque()
                self._poll.register(line.fileno(), select.POLLOUT)
                self._wake_up()  # this may be another thread than the one that polls
            waiting.append((packet, None if fd is None else os.dup(fd)))
        except OSError:
            return  # it has died; its end will be reported

    def receive_fd(self, worker: int) -> int:
        """Return the next descriptor that a worker has sent; it is there before the frame that tells of it.

        The kernel drops one for which there is no room, so room is made.

        Raises
        ------
        OSError
            If it was dropped nevertheless.
        """
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        _, fds, _, _ = socket.recv_fds(self._sockets[worker], 1, 1)
        if not fds:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return fds[0]

    def received(self, fd: int) -> None:
        """Close a descriptor that a worker has sent, and see to it that there is room for the next."""
        os.close(fd)
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def flush(self, descriptor: int) -> None:
        """Send what waits for the worker whose line can be written again."""
        worker = self._worker_of[descriptor]
        line, waiting = self._sockets[worker], self._waiting[worker]
        while waiting:
            packet, fd = waiting[0]
            try:
                socket.send_fds(line, [packet], [] if fd is None else [fd])
            except BlockingIOError:
                return
            except OSError:
                pass
            waiting.popleft()
            if fd is not None:
                os.close(fd)
        del self._waiting[worker]
        self._poll.unregister(descriptor)

    def close(self, worker: int) -> None:
        """Close the line to a worker."""
        line = self._sockets.pop(worker)
        del self._worker_of[line.fileno()]
        waiting = self._waiting.pop(worker, None)
        if waiting is not None:
            self._poll.unregister(line.fileno())
            for _, fd in waiting:
                if fd is not None:
                    os.close(fd)
        line.close()

    def close_all(self) -> None:
        for worker in list(self._sockets):
            self.close(worker)
        if self._spare >= 0:
            os.close(self._spare)
