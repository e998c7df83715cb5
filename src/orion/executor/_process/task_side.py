"""The executor as a task sees it: what the task submits goes to the driver, and runs in other workers."""

from __future__ import annotations

import itertools
import pickle
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived
from orion.executor._core.executor import BaseExecutor
from orion.executor._core.future import Future
from orion.executor._core.options import TaskOptions
from orion.executor._core.outcome import Failure
from orion.executor._core.reach import reachable, reattach
from orion.executor._process.wire import Kind
from orion.executor.errors import ExecutorError, OptionNotSupported

__all__ = ["HEAD", "DriverLine", "TaskSideExecutor", "answered"]

HEAD = struct.Struct("<QI")  # the task that submits; length of what precedes the call: name and options

_ELSEWHERE = "what a task submits prints and logs where its worker does"

_awaited: dict[int, Future[Any]] = {}
_numbers = itertools.count(1)


class DriverLine(Protocol):
    """A worker's way to the driver.

    ``task`` is what the worker runs. The driver cannot tell: when it hears of something, the worker may be further.
    """

    task: int

    def send(self, kind: int, number: int, data: bytes = b"", buffers: Sequence[pickle.PickleBuffer] = ()) -> None:
        """Tell the driver something; ``kind`` is one of :class:`Kind`."""

    def listen(self) -> None:
        """See to it that what the driver replies reaches :func:`answered`."""


def answered(outcome: Arrived, number: int) -> None:
    """Complete what a task had submitted under that number."""
    future = _awaited.pop(number, None)
    if future is not None:
        future._executor._tracker.settle(future, outcome)


class TaskSideExecutor(BaseExecutor):
    """An executor inside a task that it runs."""

    def __init__(
        self,
        line: DriverLine,
        key: str,
        n_workers: int,
        kind: type[BaseExecutor],
        limitations: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(n_workers)
        self.limitations = {  # type: ignore[misc]  # those of the driver's executor, and more
            **limitations,
            "output": _ELSEWHERE,
            "logs": _ELSEWHERE,
        }
        self._kind = kind
        self._key = key
        self._numbers = _numbers
        self._line = line
        self._waits = 0
        self._depth = 1  # a task runs inside of the block of who submitted it
        reachable[key] = self
        line.listen()

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
        self._line.send(Kind.SUBMIT, future._id, HEAD.pack(self._line.task, len(head)) + head + data, buffers)

    def _stop(self, future: Future[Any]) -> bool:
        self._line.send(Kind.CANCEL, future._id)
        self._wait_one(future, None)
        outcome = future._resolve()
        return isinstance(outcome, Failure) and isinstance(outcome.exception, CancelledError)

    def _release(self) -> None:
        """Nothing: the engine is the driver's."""

    def _inside_task(self) -> bool:
        return True

    def _outlet_for(self, options: TaskOptions) -> NoReturn:
        raise OptionNotSupported(f"options(output=…, logs=…) cannot be used inside of a task: {_ELSEWHERE}")

    def _blocking(self) -> AbstractContextManager[object]:
        # Other threads of the task hold no slot.
        return self._lent_slot() if threading.current_thread() is threading.main_thread() else nullcontext()

    @contextmanager
    def _lent_slot(self) -> Iterator[None]:
        # Coroutines of the task may wait at the same time; it has one slot to lend.
        self._waits += 1
        if self._waits == 1:
            self._line.send(Kind.BLOCKED, 0)
        try:
            yield
        finally:
            self._waits -= 1
            if self._waits == 0:
                self._line.send(Kind.UNBLOCKED, 0)
