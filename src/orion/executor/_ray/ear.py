"""What the pump waits at."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable

__all__ = ["Ear", "Event"]

Event = Callable[[], object]


class Ear:
    """Hears events that any thread tells, and packets that come by sockets.

    All but :meth:`tell` is for the thread that hears.
    """

    def __init__(self) -> None:
        self._events: deque[Event | None] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake, self._wakened = socket.socketpair()
        for end in (self._wake, self._wakened):
            end.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ)

    def tell(self, event: Event | None) -> None:
        """Have ``event`` seen to; ``None`` is the last one."""
        self._events.append(event)
        with contextlib.suppress(OSError):  # it will wake anyway, or never again
            self._wake.send(b"\0")

    def listen_to(self, connection: socket.socket, event: Event) -> None:
        """From now on, hear ``event`` when a packet has come."""
        self._selector.register(connection, selectors.EVENT_READ, event)

    def forget(self, connection: socket.socket) -> None:
        """Listen to it no more, if that was so."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)

    def hear(self, timeout: float | None) -> list[Event | None]:
        """Return what there is to be seen to, waiting for it for at most ``timeout`` seconds."""
        found: list[Event | None] = []
        for key, _ in self._selector.select(timeout):
            if key.data is not None:
                found.append(key.data)
                continue
            with contextlib.suppress(BlockingIOError):
                self._wakened.recv(4096)
            while self._events:
                found.append(self._events.popleft())
        return found

    def close(self) -> None:
        self._selector.close()
        self._wake.close()
        self._wakened.close()
