"""Dask's distributed scheduler on this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import dask
from distributed import Client, LocalCluster, wait

from benchmarks.peers.peer import Peer

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "from distributed import Client"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        # A task that kills its worker is not run again: no other contestant does that.
        dask.config.set({"distributed.scheduler.allowed-failures": 0})
        self._cluster = LocalCluster(
            n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        )
        self._client = Client(self._cluster)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._client.submit(function, *args, pure=False)

    def result(self, handle: Any) -> Any:
        return handle.result()

    def results(self, handles: list[Any]) -> list[Any]:
        return list(self._client.gather(handles))

    def is_done(self, handle: Any) -> bool:
        return bool(handle.done())

    def take_done(self, handles: list[Any]) -> list[Any]:
        done, pending = wait(handles, return_when="FIRST_COMPLETED")
        handles[:] = pending
        return list(done)

    def close(self) -> None:
        self._client.close()
        self._cluster.close()

    def as_joblib_backend(self) -> AbstractContextManager[object]:
        import joblib

        backend: AbstractContextManager[object] = joblib.parallel_config("dask", client=self._client)
        return backend
