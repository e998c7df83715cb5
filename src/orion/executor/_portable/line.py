"""The driver's end of the socket to a worker. Neither direction ever blocks."""

from __future__ import annotations

import socket
from collections import deque

from orion.executor._portable.messages import HEADER, READ_BYTES, Inbox, Message

__all__ = ["Line"]


class Line:
    """Messages to and from one worker; what it does not read yet waits here."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self.socket = ours
        self._inbox = Inbox()
        self._waiting: deque[memoryview] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._waiting)

    def send(self, kind: int, number: int = 0, body: bytes = b"", head: bytes = b"") -> None:
        """Send a message, whose body begins with ``head``; nothing happens if the worker has died: that is heard."""
        self._waiting.append(memoryview(HEADER.pack(len(head) + len(body), kind, number) + head))
        if body:
            self._waiting.append(memoryview(body))
        self.flush()

    def flush(self) -> None:
        """Send as much of what waits as the socket takes."""
        try:
            while self._waiting:
                rest = self._waiting[0][self.socket.send(self._waiting[0]) :]
                if rest:
                    self._waiting[0] = rest
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()

    def receive(self) -> list[Message] | None:
        """Return the messages that are complete by now; ``None`` if there is nothing, and will be nothing more."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        return list(self._inbox.add(data)) if data else None

    def receive_rest(self) -> list[Message]:
        """Return what has arrived from a worker that has died."""
        messages: list[Message] = []
        try:
            while data := self.socket.recv(READ_BYTES):
                messages += self._inbox.add(data)
        except OSError:  # nothing more, though a descendant of the worker may hold its end
            pass
        return messages
