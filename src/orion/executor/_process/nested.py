"""The driver's replies to a worker, whose tasks submit work themselves or which is parked."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

from orion.executor._core.arrived import Arrived
from orion.executor._core.executor import BaseExecutor
from orion.executor._process import segments
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
        data: bytes | memoryview = packet[Reply.HEADER.size :]
        buffers: list[memoryview] = []
        if form == Form.SEGMENT:
            with contextlib.closing(os.fdopen(fds[0], "rb")) as file:
                data, buffers = segments.read(file.fileno(), private=False)
        answered(Arrived(kind == Reply.RETURNED, data, buffers), number)
