"""loky."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loky import ProcessPoolExecutor

from benchmarks.peers.as_completed import FuturesPeer

__all__ = ["Adapter"]


class Adapter(FuturesPeer):
    imports = "from loky import ProcessPoolExecutor"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._pool = ProcessPoolExecutor(n_workers)  # its own context never copies the driver

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown(kill_workers=True)
