"""joblib, which runs a sequence of calls, by loky, when their results are asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import joblib

from benchmarks.peers.peer import Peer

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "import joblib"
    in_background = False

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._n_jobs = max(2, n_workers)  # with one it would start no process
        self._parallel = joblib.Parallel(n_jobs=self._n_jobs)
        self._parallel.__enter__()  # keeps its workers from one call to the next

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return joblib.delayed(function)(*args)

    def result(self, handle: Any) -> Any:
        return self._parallel([handle])[0]

    def results(self, handles: list[Any]) -> list[Any]:
        return list(self._parallel(handles))

    def close(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        self._parallel.__exit__(None, None, None)
        get_reusable_executor().shutdown(wait=True, kill_workers=True)

    def as_joblib_backend(self) -> AbstractContextManager[object]:
        backend: AbstractContextManager[object] = joblib.parallel_config("loky", n_jobs=self._n_jobs)
        return backend
