"""What the transport for Linux needs of the system."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Mapping

from orion.executor._process.slots import MAP_BYTES

__all__ = ["missing", "supported"]


def supported() -> bool:
    """Return whether this system has all that the transport for Linux needs."""
    return not missing()


def missing() -> list[str]:
    """Return what the transport for Linux needs and this system lacks or forbids; each is tried, not looked up."""
    found = []
    for name, attempt in _ATTEMPTS.items():
        try:
            attempt()
        except (AttributeError, OSError):
            found.append(name)
    return found


def _try_memory_file() -> None:
    fd = os.memfd_create("orion-attempt", os.MFD_CLOEXEC)
    try:
        os.ftruncate(fd, MAP_BYTES)  # it takes no memory, but ulimit -f may be below it
    finally:
        os.close(fd)


def _try_packet_pipe() -> None:
    for fd in os.pipe2(os.O_CLOEXEC | os.O_DIRECT):
        os.close(fd)


def _try_packet_sockets() -> None:
    for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET):
        end.close()
    socket.send_fds, socket.recv_fds  # noqa: B018 - only whether they are there


_ATTEMPTS: Mapping[str, Callable[[], object]] = {
    "memory files (os.memfd_create)": _try_memory_file,
    "process descriptors (os.pidfd_open)": lambda: os.close(os.pidfd_open(os.getpid())),
    "event descriptors (os.eventfd)": lambda: os.close(os.eventfd(0, os.EFD_CLOEXEC)),
    "pipes of packets (os.O_DIRECT)": _try_packet_pipe,
    "sockets of packets that carry descriptors (socket.send_fds)": _try_packet_sockets,
    "select.poll": lambda: select.poll,
    "os.waitid": lambda: os.waitid,
    "/proc": lambda: os.stat("/proc/self/fd"),
}
