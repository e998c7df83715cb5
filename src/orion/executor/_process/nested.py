"""The executor as a task sees it: what the task submits goes to the driver, and runs in other workers."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from orion.executor._core import payload
from orion.executor._core.executor import BaseExecutor
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._core.reach import reachable, reattach
from orion.executor._process import segments
from orion.executor._process.arrived import Arrived
from orion.executor._process.wire import PACKET_BYTES, Form, Kind, Reply
from orion.executor._process.worker import Worker
from orion.executor.errors import ExecutorError

__all__ = ["HEAD_LENGTH", "TaskSideExecutor", "attach", "listen"]

HEAD_LENGTH = struct.Struct("<I")

_awaited: dict[int, Future[Any]] = {}
_numbers = itertools.count(1)
_listening_in = 0  # the process whose reader thread runs


class TaskSideExecutor(BaseExecutor):
    """An executor inside a task that it runs."""

    def __init__(self, worker: Worker, key: str, n_workers: int, kind: type[BaseExecutor]) -> None:
        super().__init__(n_workers)
        self.limitations = kind.limitations  # type: ignore[misc]  # the engine's class declares them
        self._kind = kind
        self._key = key
        self._numbers = _numbers
        self._worker = worker
        self._depth = 1  # a task runs inside of the block of who submitted it
        reachable[key] = self
        listen(worker)

    def close(self, drain: bool = False) -> None:
        """Refuse: only who made the executor closes it."""
        raise ExecutorError("a task cannot close the executor that runs it: its maker does, outside of the tasks")

    def __del__(self) -> None:
        """Nothing: the engine is the driver's."""

    def __reduce__(self) -> tuple[object, ...]:
        return reattach, (self._key, self.n_workers, self._kind)

    def _encode(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bytes, list[pickle.PickleBuffer]]:
        buffers: list[pickle.PickleBuffer] = []
        return payload.dumps_call(function, args, kwargs, buffers), buffers

    def _start(self, future: Future[Any]) -> None:
        data, buffers = future._call
        head = payload.dumps((future._name, future._options))
        _awaited[future._id] = future
        self._worker.send(Kind.SUBMIT, future._id, HEAD_LENGTH.pack(len(head)) + head + data, buffers)

    def _stop(self, future: Future[Any]) -> bool:
        self._worker.send(Kind.CANCEL, future._id)
        self._wait_one(future, None)
        outcome = future._resolve()
        return isinstance(outcome, Failure) and isinstance(outcome.exception, CancelledError)

    def _release(self) -> None:
        """Nothing: the engine is the driver's."""

    def _inside_task(self) -> bool:
        return True

    def _blocking(self) -> AbstractContextManager[object]:
        # Other threads of the task hold no slot.
        return self._lent_slot() if threading.current_thread() is threading.main_thread() else nullcontext()

    @contextmanager
    def _lent_slot(self) -> Iterator[None]:
        self._worker.send(Kind.BLOCKED, 0)
        try:
            yield
        finally:
            self._worker.send(Kind.UNBLOCKED, 0)


def attach(worker: Worker, key: str, n_workers: int, kind: type[BaseExecutor]) -> BaseExecutor:
    """Return the executor that an unpickled executor becomes in this worker."""
    return TaskSideExecutor(worker, key, n_workers, kind)


def listen(worker: Worker) -> None:
    """Start the thread that hears the driver's replies, unless it runs."""
    global _listening_in
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
        future = _awaited.pop(number, None)
        if future is not None:
            future._executor._tracker.settle(future, Arrived(kind == Reply.RETURNED, data, buffers))
        del future
