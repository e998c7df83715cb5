"""Oríon's own executors, which share the import path of this project's and hence have an environment of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from benchmarks.peers.peer import Peer

__all__ = ["Adapter", "Dask"]


class _OrionExecutor(Peer):
    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._executor = self._make(n_workers)

    @abstractmethod
    def _make(self, n_workers: int) -> Any: ...

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._executor.submit(function, *args)

    def result(self, handle: Any) -> Any:
        return handle.get()

    def is_done(self, handle: Any) -> bool:
        return bool(handle.ready())

    def take_done(self, handles: list[Any]) -> list[Any]:
        done: list[Any] = []
        while not done:
            done = self._executor.async_get(handles, timeout=0.01)
        return done

    def close(self) -> None:
        self._executor.__exit__(None, None, None)


class Adapter(_OrionExecutor):
    imports = "from orion.executor.multiprocess_backend import PoolExecutor"

    def _make(self, n_workers: int) -> Any:
        from orion.executor.multiprocess_backend import PoolExecutor

        return PoolExecutor(n_workers)

    def close(self) -> None:
        self._executor.pool.terminate()  # its own way waits for what will never end


class Dask(_OrionExecutor):
    imports = "from orion.executor.dask_backend import Dask"

    def _make(self, n_workers: int) -> Any:
        from distributed import Client, LocalCluster

        from orion.executor.dask_backend import Dask

        self._cluster = LocalCluster(
            n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        )
        return Dask(n_workers, client=Client(self._cluster))

    def close(self) -> None:
        super().close()
        self._cluster.close()
