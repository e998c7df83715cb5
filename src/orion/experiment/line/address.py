"""Where a driver listens, and how its trials connect to it. This runs in the workers: it imports nothing heavy."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Address", "LocalAddress", "NetworkAddress", "lively", "proof", "user_of"]

_CONNECT_TIMEOUT_S = 30.0
_LONGEST_LINE = 1 << 10


@dataclass(frozen=True)
class LocalAddress:
    """A socket of the driver's machine, which only its user can use.

    Parameters
    ----------
    name
        A path; or on Linux a name that begins with a null character, which is no file and is gone with the driver.
    """

    name: str

    def connect(self) -> socket.socket:
        """Return a connection to the driver."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(self.name)
            if user_of(link) not in (None, os.geteuid()):  # the driver is gone, and somebody else listens there now
                raise ConnectionRefusedError("another user's program has taken the driver's place")
        except BaseException:
            link.close()
            raise
        return link


@dataclass(frozen=True)
class NetworkAddress:
    """A port of the driver's machine, for trials on others. Both ends prove that they have the token; none sends it.

    Parameters
    ----------
    host, port
        As the workers reach it.
    token
        The run's own; it travels with the trials, by the engine.
    """

    host: str
    port: int
    token: bytes = field(repr=False)

    def connect(self) -> socket.socket:
        """Return a connection to the driver, which has proved that it is the driver."""
        link = socket.create_connection((self.host, self.port), _CONNECT_TIMEOUT_S)
        try:
            lively(link)
            self._introduce(link)
            link.settimeout(None)
        except (ValueError, KeyError, TypeError):
            link.close()
            raise ConnectionRefusedError("what listens there is no driver of this run") from None
        except BaseException:
            link.close()
            raise
        return link

    def _introduce(self, link: socket.socket) -> None:
        import hmac
        import secrets

        theirs, mine = _read_line(link)["challenge"], secrets.token_hex(16)
        answer = {"challenge": mine, "proof": proof(self.token, "trial", theirs, mine)}
        link.sendall(json.dumps(answer).encode() + b"\n")
        if not hmac.compare_digest(_read_line(link)["proof"], proof(self.token, "driver", theirs, mine)):
            raise ValueError


Address: TypeAlias = LocalAddress | NetworkAddress


def proof(token: bytes, role: str, drivers_challenge: str, trials_challenge: str) -> str:
    """Return what only an end that has the token can say, and only about these challenges."""
    import hmac

    return hmac.new(token, f"{role}/{drivers_challenge}/{trials_challenge}".encode(), "sha256").hexdigest()


def user_of(link: socket.socket) -> int | None:
    """Return the number of the user at the other end of a local socket, where the system tells it."""
    if sys.platform != "linux":
        return None
    _, user, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(user)


def lively(link: socket.socket) -> None:
    """Have a connection send at once what it is given, and notice within minutes that the other machine is gone."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)


def _read_line(link: socket.socket) -> dict[str, str]:
    """Return the next line, byte by byte, since what follows it belongs to others."""
    line = b""
    while not line.endswith(b"\n"):
        byte = link.recv(1)
        if not byte or len(line) > _LONGEST_LINE:
            raise ValueError
        line += byte
    found = json.loads(line)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError
    return found
