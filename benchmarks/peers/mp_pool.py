"""``multiprocessing.Pool``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from benchmarks.peers.peer import Peer

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "from multiprocessing import Pool; import multiprocessing.pool"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        context = multiprocessing.get_context("fork" if copies_driver else "forkserver")
        self._pool = context.Pool(n_workers)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.apply_async(function, args)

    def result(self, handle: Any) -> Any:
        return handle.get()

    def close(self) -> None:
        self._pool.terminate()

    def is_done(self, handle: Any) -> bool:
        return bool(handle.ready())

    def take_done(self, handles: list[Any]) -> list[Any]:
        # There is nothing to wait on, so its users look at each.
        done = [handle for handle in handles if handle.ready()]
        handles[:] = [handle for handle in handles if not handle.ready()]
        return done
