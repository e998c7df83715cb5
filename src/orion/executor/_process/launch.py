"""The channels between the driver and its workers, and the start of the template."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import subprocess

from orion.executor._process import segments
from orion.executor._process.command import command, reserve_standard_descriptors
from orion.executor._process.setup import WorkerSetup
from orion.executor._process.slots import Slots
from orion.executor._process.stragglers import MARK, end_stragglers
from orion.executor._process.wire import PACKET_BYTES

__all__ = ["Channels", "Launch", "Template"]

_PIPE_BYTES = 1 << 20


class Channels:
    """The task pipe, the result pipe and the slots; they outlive a template."""

    def __init__(self) -> None:
        self._opened: list[int] = []
        # O_DIRECT makes a pipe of packets (pipe(2)): a reader gets one call, whole.
        self.task_read, self.task_write = self._pipe(os.O_DIRECT)
        os.set_blocking(self.task_write, False)
        # Blocking belongs to the description, so reading without blocking needs one of its own.
        self.task_drain = self._keep(os.open(f"/proc/self/fd/{self.task_read}", os.O_RDONLY | os.O_NONBLOCK))
        self.result_read, self.result_write = self._pipe(0)
        os.set_blocking(self.result_read, False)
        self.slots = Slots()

    def take_back(self) -> list[bytes]:
        """Return the packets that no worker has read, in order."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while packet := os.read(self.task_drain, PACKET_BYTES):
                packets.append(packet)
        return packets

    def close(self) -> None:
        for fd in self._opened:
            os.close(fd)
        self._opened.clear()
        self.slots.close()

    def _pipe(self, flags: int) -> tuple[int, int]:
        read, write = map(self._keep, os.pipe2(os.O_CLOEXEC | flags))
        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: the usual size will do
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return read, write

    def _keep(self, fd: int) -> int:
        self._opened.append(fd)
        return fd


class Template:
    """The template process as the driver holds it."""

    def __init__(self, channels: Channels, setup: WorkerSetup, environ: dict[str, str]) -> None:
        self.has_forked = False
        self._mark = os.urandom(16).hex()
        settings = segments.write([setup.dumps()])
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pipes = (channels.task_read, channels.task_drain, channels.result_write)
        fds = (theirs.fileno(), *pipes, channels.slots.fd, settings)
        try:
            self._process = subprocess.Popen(
                command("orion.executor._process.template", *fds, os.getpid()),
                stdin=subprocess.DEVNULL,
                env={**environ, MARK: self._mark},
                pass_fds=fds,
                start_new_session=True,  # so that Ctrl-C reaches the driver only
            )
        except BaseException:
            self.control.close()
            raise
        finally:
            os.close(settings)
            theirs.close()

    def dismiss(self) -> None:
        """Tell the template to kill all workers and to end."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)

    def end(self, timeout: float) -> int:
        """Wait for the template's end, at most ``timeout`` seconds, then kill it; return its exit code."""
        try:
            if not wait_for_exit(self._process.pid, timeout):
                self._process.kill()
        except OSError:  # no descriptor is left: look at it now and then
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
            self._process.kill()
        if self._process.wait() != 0:
            end_stragglers(self._mark, timeout)
        return self._process.returncode


class Launch:
    """The start of a pool's processes; it can be made before the rest of the pool, which is imported meanwhile."""

    def __init__(self, setup: WorkerSetup, environ: dict[str, str]) -> None:
        self._setup = setup
        self._environ = environ
        reserve_standard_descriptors()
        self.channels = Channels()
        try:
            self.template = self.again()
        except BaseException:
            self.channels.close()
            raise

    def again(self) -> Template:
        """Start another template, on the same channels."""
        return Template(self.channels, self._setup, self._environ)


def wait_for_exit(pid: int, timeout: float) -> bool:
    """Wait until a process has ended, at most ``timeout`` seconds; return whether it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))
    finally:
        os.close(fd)
