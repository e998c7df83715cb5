"""Where a desk lets callers in: on its own machine by who they are, from others by what they know."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import shutil
import socket
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from orion.experiment.errors import ArgumentError
from orion.experiment.line.address import Address, LocalAddress, NetworkAddress, lively, proof, user_of

__all__ = ["Door", "Examine", "LocalDoor", "NetworkDoor"]

Examine: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Looks at the first thing that a caller says; returns the answer, or raises ``PermissionError``."""

_WAITING = 128


class Door(ABC):
    """A socket that listens."""

    listener: socket.socket
    address: Address
    """What callers connect to."""

    @abstractmethod
    def receive(self, link: socket.socket) -> tuple[Mapping[str, str] | None, Examine | None]:
        """Return what to say to a caller first, and what it has to pass before it is heard, if anything.

        Raises
        ------
        PermissionError
            If it is not to be heard.
        """

    @abstractmethod
    def close(self) -> None:
        """Listen no more, and leave nothing behind."""


class LocalDoor(Door):
    """A socket of this machine for this user; on Linux it is no file, so a driver that is killed leaves none."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if sys.platform == "linux":
                name = f"\0orion-{secrets.token_hex(16)}"
            else:
                self._folder = tempfile.mkdtemp(prefix="orion-")  # for this user only
                name = os.path.join(self._folder, "desk")
            self.listener.bind(name)
            self.listener.listen(_WAITING)
        except BaseException:
            self.close()
            raise
        self.address = LocalAddress(name)

    def receive(self, link: socket.socket) -> tuple[None, None]:
        """Let this user's programs in."""
        if user_of(link) not in (None, os.geteuid()):
            raise PermissionError
        return None, None

    def close(self) -> None:
        """Listen no more."""
        self.listener.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class NetworkDoor(Door):
    """A port of this machine, for trials on other machines, which have the run's token.

    Parameters
    ----------
    place
        An address of this machine that the workers reach, ``HOST`` or ``HOST:PORT``.

    Raises
    ------
    ArgumentError
        If this machine cannot listen there.
    """

    def __init__(self, place: str) -> None:
        host, port = _parsed(place)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            family, _, _, _, name = found[0]
            self.listener = socket.create_server(name[:2], family=family, backlog=_WAITING)
        except OSError as error:
            raise ArgumentError(
                f"this machine cannot listen at {place!r} for its trials: {error.strerror or error}. "
                "Give one of its own addresses, which the workers reach"
            ) from error
        host, port = self.listener.getsockname()[:2]
        self.address: NetworkAddress = NetworkAddress(host, port, secrets.token_bytes(32))

    def receive(self, link: socket.socket) -> tuple[Mapping[str, str], Examine]:
        """Have the caller prove that it has the token."""
        lively(link)
        challenge = secrets.token_hex(16)

        def examine(said: Mapping[str, Any]) -> Mapping[str, str]:
            theirs = str(said["challenge"])
            if not hmac.compare_digest(str(said["proof"]), proof(self.address.token, "trial", challenge, theirs)):
                raise PermissionError
            return {"proof": proof(self.address.token, "driver", challenge, theirs)}

        return {"challenge": challenge}, examine

    def close(self) -> None:
        """Listen no more."""
        self.listener.close()


def _parsed(place: str) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon or (place.count(":") > 1 and not place.startswith("[")):  # a bare IPv6 address has colons too
        host, port = place, "0"
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ArgumentError(f"where to listen for trials is HOST or HOST:PORT, not {place!r}")
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:  # a name
        everywhere = False
    if everywhere:
        raise ArgumentError(f"{place!r} is no address that workers can reach: give one of this machine's own")
    return host, int(port)
