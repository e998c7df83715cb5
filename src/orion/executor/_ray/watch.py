"""Whether a cluster's control service (GCS) is there: asked once before Ray is, and noticed when it goes.

Ray itself waits for minutes for a service that never was there, and for one minute for one that has gone, and then
ends the driver's process. Here an idle connection to it tells at once, without asking again and again: it ends when
the service does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from orion.executor.errors import EngineLost

__all__ = ["Watch", "check_reachable"]

# The beginning of every HTTP/2 connection, which is what gRPC speaks (RFC 9113, 3.4), and an empty SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_SETTINGS = b"\4"
_SECONDS_TO_ANSWER = 5.0
_SECONDS_TO_COME_BACK = 10.0  # a service that keeps its state elsewhere may be started again
_SECONDS_BETWEEN_ATTEMPTS = 0.5
_KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 5))  # for a host that vanishes without a word


def check_reachable(address: str) -> None:
    """Return if a control service answers at ``address`` (host:port).

    Raises
    ------
    EngineLost
        If none does.
    ValueError
        If it is no such address.
    """
    try:
        _connect(address).close()
    except OSError as error:
        raise EngineLost(
            f"there is no Ray cluster at {address}: {error}. `ray start --head` says the address of the one it starts"
        ) from error


class Watch:
    """Calls ``lost``, once and in a thread of its own, when the control service at ``address`` has gone."""

    def __init__(self, address: str, lost: Callable[[EngineLost], object]) -> None:
        self._address = address
        self._lost = lost
        self._ended = threading.Event()
        self._connection = _connect(address)
        self._thread = threading.Thread(target=self._run, name="orion-ray-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
        _hang_up(self._connection)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            _wait_for_end(self._connection)
            self._connection.close()
            problem = self._reconnect()
            if self._ended.is_set():
                self._connection.close()
                return
            if problem is not None:
                self._lost(
                    EngineLost(
                        f"the Ray cluster at {self._address} is gone: its control service has not answered for "
                        f"{_SECONDS_TO_COME_BACK:g} s ({problem}). Tasks that had not ended are lost; start a cluster, "
                        "and a new executor for it"
                    )
                )
                return

    def _reconnect(self) -> OSError | None:
        """Connect again; return what prevents it, if that lasts."""
        deadline = time.monotonic() + _SECONDS_TO_COME_BACK
        while not self._ended.is_set():
            try:
                self._connection = _connect(self._address)
            except OSError as error:
                if time.monotonic() >= deadline:
                    return error
                self._ended.wait(_SECONDS_BETWEEN_ATTEMPTS)
            else:
                if self._ended.is_set():  # it may not have been seen by end()
                    self._connection.close()
                return None
        return None


def _connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in address:
        raise ValueError(f"a Ray cluster's address is host:port, 'auto' or 'local', not {address!r}")
    connection = socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_ANSWER)
    try:
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        connection.sendall(_PREFACE)
        if connection.recv(9)[3:4] != _SETTINGS:
            raise ConnectionError("what answers there is no Ray control service")
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def _wait_for_end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
