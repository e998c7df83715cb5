"""Under what address others reach this machine."""

from __future__ import annotations

import socket

__all__ = ["own_address"]

_ANYWHERE = "203.0.113.1"  # of no machine (RFC 5737); nothing is sent there


def own_address(towards: str | None = None) -> str:
    """Return the address of this machine from which it reaches another one, without sending anything.

    Parameters
    ----------
    towards
        The other one's name or address; ``None`` for the way to most others. With no way there, it is what this
        machine's own name stands for, or else the loopback address.
    """
    try:
        found = socket.getaddrinfo(towards or _ANYWHERE, 9, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)  # of a datagram socket: it only looks up the way
            return str(probe.getsockname()[0])
    except OSError:
        pass
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
