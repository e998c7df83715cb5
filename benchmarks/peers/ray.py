"""Ray on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

# It listens on the loopback interface only, sends no statistics, and leaves GPUs alone.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

import ray

from benchmarks.peers.peer import Peer, in_python

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "import ray"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._n_workers = n_workers
        ray.init(address="local", num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
        self._remote: dict[Callable[..., Any], Any] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        function, args = in_python(function, args)
        if function not in self._remote:
            # A task that kills its worker is not run again: no other contestant does that.
            self._remote[function] = ray.remote(max_retries=0)(function)
        return self._remote[function].remote(*args)

    def result(self, handle: Any) -> Any:
        return ray.get(handle)

    def results(self, handles: list[Any]) -> list[Any]:
        return list(ray.get(handles))

    def is_done(self, handle: Any) -> bool:
        return bool(ray.wait([handle], timeout=0)[0])

    def take_done(self, handles: list[Any]) -> list[Any]:
        done, handles[:] = ray.wait(handles)
        return list(done)

    def close(self) -> None:
        ray.shutdown()

    def as_joblib_backend(self) -> AbstractContextManager[object]:
        import joblib
        from ray.util.joblib import register_ray

        register_ray()
        backend: AbstractContextManager[object] = joblib.parallel_config("ray", n_jobs=self._n_workers)
        return backend
