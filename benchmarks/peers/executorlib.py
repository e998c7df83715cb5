"""executorlib on this machine, with workers that stay, as it recommends for many small tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from executorlib import SingleNodeExecutor

from benchmarks.peers.as_completed import FuturesPeer
from benchmarks.peers.peer import in_python

__all__ = ["Adapter"]


class Adapter(FuturesPeer):
    imports = "from executorlib import SingleNodeExecutor"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._pool = SingleNodeExecutor(max_workers=n_workers, block_allocation=True, hostname_localhost=True)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        function, args = in_python(function, args)
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
