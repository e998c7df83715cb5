"""``concurrent.futures.ProcessPoolExecutor``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.peers.as_completed import FuturesPeer

__all__ = ["Adapter"]


class Adapter(FuturesPeer):
    imports = "from concurrent.futures import ProcessPoolExecutor"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        context = multiprocessing.get_context("fork" if copies_driver else "forkserver")
        self._pool = ProcessPoolExecutor(n_workers, mp_context=context)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
