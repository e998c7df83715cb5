"""The engine of processes on this machine: the embedded default."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

from orion.executor._core import payload
from orion.executor._process.parcel import Parcel
from orion.executor._process.pool import Pool
from orion.executor._process.wire import CALL_ROOM
from orion.executor.base import BaseExecutor, Future

__all__ = ["ProcessExecutor"]


class ProcessExecutor(BaseExecutor):
    """Run tasks in processes of this machine; it needs nothing but Python and Linux.

    Workers are forked from a small process of their own, so they start in milliseconds and never import
    ``__main__`` again; no guard is needed in scripts. A task that crashes, hangs or is stopped
    concerns no other, and takes the processes that it started with it. When the driver ends, however it
    ends, all of its workers do.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU this process may use.
        Workers start when there is work for them.
    """

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self._pool = Pool(self.n_workers)
        self._when_collected = partial(self._pool.close, join=False)

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | Parcel:
        buffers: list[pickle.PickleBuffer] = []
        data = payload.dumps_call(function, args, kwargs, buffers)
        return data if not buffers and len(data) <= CALL_ROOM else Parcel(data, buffers)

    def _start(self, future: Future[Any]) -> None:
        self._pool.submit(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._pool.stop(future)

    def _release(self) -> None:
        self._pool.close()
