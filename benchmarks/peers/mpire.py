"""mpire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpire import WorkerPool

from benchmarks.peers.peer import Peer

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "from mpire import WorkerPool"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._pool = WorkerPool(n_jobs=n_workers, start_method="fork" if copies_driver else "forkserver")

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.apply_async(function, args)

    def submit_limited(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.apply_async(function, args, task_timeout=seconds)

    def result(self, handle: Any) -> Any:
        return handle.get()

    def is_done(self, handle: Any) -> bool:
        return bool(handle.ready())

    def close(self) -> None:
        self._pool.terminate()
