"""Parsl on this machine, by its executor for many short tasks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from benchmarks.peers.as_completed import FuturesPeer
from benchmarks.peers.peer import in_python

__all__ = ["Adapter"]


class Adapter(FuturesPeer):
    imports = "import parsl"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory()
        executor = HighThroughputExecutor(
            label="htex",
            address="127.0.0.1",
            loopback_address="127.0.0.1",
            encrypted=False,
            max_workers_per_node=n_workers,
            cores_per_worker=1e-6,
            heartbeat_period=1,  # its 30 s are for clusters
            heartbeat_threshold=5,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        )
        config = Config(
            executors=[executor], strategy="none", run_dir=self._folder.name, initialize_logging=False, usage_tracking=0
        )
        self._kernel = parsl.load(config)
        self._apps: dict[Callable[..., Any], Any] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        function, args = in_python(function, args)
        if function not in self._apps:
            self._apps[function] = parsl.python_app(function, data_flow_kernel=self._kernel)
        return self._apps[function](*args)

    def close(self) -> None:
        self._kernel.cleanup()
        parsl.clear()
        self._folder.cleanup()
