"""A way between a driver and a host on the same machine that does not lead through Ray.

A call of an actor costs either side several times what a packet on a socket does. So small messages take this way
where there is one; what is large, and all that goes from machine to machine, goes through Ray. The socket has a name of
Linux's abstract kind (unix(7)): it is reached from this machine only, and leaves no file. Each end asks the kernel
whose process the other is, and has nothing to do with those of other users.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct

__all__ = ["ROOM", "connect", "listen", "meet"]

ROOM = 1 << 16
"""How many bytes a packet has at most."""

_SECONDS_TO_CONNECT = 1.0  # others may be in the way
_CREDENTIALS = struct.Struct("3i")  # process, user, group


def listen() -> socket.socket | None:
    """Return a socket on which one driver is awaited; ``None`` where there are none of this kind."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(f"\0orion-ray-{secrets.token_hex(16)}")
        listener.listen()
    except OSError:
        listener.close()
        return None
    return listener


def meet(listener: socket.socket) -> socket.socket:
    """Wait for the driver and return the connection to it; whoever else comes is sent away."""
    with listener:
        while (connection := _trusted(listener.accept()[0])) is None:
            pass
    return connection


def connect(name: bytes) -> socket.socket | None:
    """Return a connection to the host that listens under ``name``; ``None`` if that is on another machine."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(_SECONDS_TO_CONNECT)
    try:
        connection.connect(name)
    except OSError:
        connection.close()
        return None
    connection.setblocking(False)
    return _trusted(connection)


def _trusted(connection: socket.socket) -> socket.socket | None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(credentials)[1] == os.getuid():
        return connection
    connection.close()
    return None
