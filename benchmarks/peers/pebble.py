"""Pebble."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from pebble import ProcessPool

from benchmarks.peers.as_completed import FuturesPeer

__all__ = ["Adapter"]


class Adapter(FuturesPeer):
    imports = "from pebble import ProcessPool"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        context = multiprocessing.get_context("fork" if copies_driver else "forkserver")
        self._pool = ProcessPool(n_workers, context=context)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.schedule(function, args=args)

    def submit_limited(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.schedule(function, args=args, timeout=seconds)

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()
