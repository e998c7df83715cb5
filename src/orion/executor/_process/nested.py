"""The driver's replies to a worker, whose tasks submit work themselves or which is parked."""

from __future__ import annotations

import errno
import os
import socket
import threading

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived
from orion.executor._core.executor import BaseExecutor
from orion.executor._process import segments
from orion.executor._process.pieces import put_together
from orion.executor._process.task_side import TaskSideExecutor, answered
from orion.executor._process.wire import PACKET_BYTES, Form, Reply
from orion.executor._process.worker import Worker

__all__ = ["attach", "listen"]

_listening_in = 0  # the process whose reader thread runs


def attach(worker: Worker, key: str, n_workers: int, kind: type[BaseExecutor]) -> BaseExecutor:
    """Return the executor that an unpickled executor becomes in this worker."""
    return TaskSideExecutor(worker, key, n_workers, kind, kind.limitations)


def listen(worker: Worker) -> None:
    """Start the thread that hears the driver's replies, unless it runs."""
    global _listening_in  # noqa: PLW0603 - one thread a process, and a fork has none
    if _listening_in != os.getpid():
        _listening_in = os.getpid()
        threading.Thread(target=_hear, args=(worker,), name="orion-replies", daemon=True).start()


def _hear(worker: Worker) -> None:
    arriving = bytearray()
    while True:
        try:
            packet, fds, _, _ = socket.recv_fds(worker.link, PACKET_BYTES, 1)
        except OSError:
            return
        if not packet:
            return
        kind, number, form = Reply.HEADER.unpack_from(packet)
        if kind == Reply.UNPARK:
            worker.unparked.release()
            continue
        if kind == Reply.PIECE:
            arriving += packet[Reply.HEADER.size :]
            continue
        if kind == Reply.CALL:
            worker.calls.put(arriving)
            arriving = bytearray()
            continue
        try:
            data, buffers = _content(packet, form, fds, arriving)
            answered(Arrived(kind == Reply.RETURNED, data, buffers), number)
        except (OSError, MemoryError) as error:
            problem = MemoryError(f"the worker has no room for the result of what the task had submitted: {error}")
            answered(Arrived(False, payload.dump_failure(problem)), number)
        if form == Form.PIECES:
            arriving = bytearray()


def _content(
    packet: bytes, form: int, fds: list[int], arrived: bytearray
) -> tuple[bytes | memoryview, list[memoryview]]:
    if form == Form.INLINE:
        return packet[Reply.HEADER.size :], []
    if form == Form.PIECES:
        return put_together(arrived)
    if not fds:  # the kernel leaves out what there is no room for
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    try:
        return segments.read(fds[0], private=False)
    finally:
        os.close(fds[0])
