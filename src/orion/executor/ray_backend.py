"""The engine of Ray: a local one that is started here, or a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

from orion.executor._core import payload
from orion.executor._core.options import TaskOptions
from orion.executor._process.search_path import PathFirst
from orion.executor._ray.request import Request
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import EngineNotInstalled

__all__ = ["HAS_RAY", "Ray"]

HAS_RAY = find_spec("ray") is not None

_ELSEWHERE = "the task may run on another machine; Ray shows here what tasks print, if log_to_driver is set"


class Ray(BaseExecutor):
    """Run tasks on Ray.

    Up to ``n_workers`` actors, the hosts, each hold what their tasks ask Ray for, and run one task at a time in
    a process of its own, made and watched as by the process engine. So a task that dies, hangs or is stopped concerns
    no other, and nothing is run again unless ``options(retries=…)`` says so. Hosts start when there is work for them.

    Exceptions from the contract (:attr:`limitations` gives each its reason), since what a task prints is handed over
    within one machine: ``output``, ``output_of_processes`` and ``logs``; and clocks are told within one: ``tracing``.

    Large arrays travel through Ray's object store. Results that come from it are not copied, and cannot be written to.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU of the cluster, or, if a Ray is
        started here, for every CPU this process may use.
    address
        The cluster: ``"host:port"`` of its head, ``"auto"`` for the one that was started on this machine, or
        ``"local"`` to start one here, which only this machine can reach and which ends with its last executor. ``None``
        is ``RAY_ADDRESS`` where it is set, else ``"local"``. A Ray that this process has initialised is used, and
        left running.
    num_cpus, num_gpus, resources, object_store_gb
        What a Ray that is started here has, altogether: CPUs (``n_workers`` by default), GPUs, custom resources
        by name, and GB (10⁹ bytes) of memory for objects (0.2 by default; more goes to the disk).
    task_resources
        Custom resources that every task asks for, by name. CPUs, GPUs and memory are options of a task:
        ``options(cpus=…, gpus=…, memory_gb=…)``; a task has one CPU and no GPU by default.
    runtime_env
        The runtime environment of the workers, as Ray takes it.
    log_to_driver
        Show here what tasks print.
    idle_timeout
        After how many seconds without work a host gives back what it holds.

    Raises
    ------
    EngineNotInstalled
        If Ray is not installed.
    EngineLost
        If there is no cluster at ``address``, or it refuses the connection.
    OptionNotSupported
        If no node of the cluster has what every task asks for.
    """

    limitations: ClassVar = {
        "output": _ELSEWHERE,
        "output_of_processes": _ELSEWHERE,
        "logs": _ELSEWHERE,
        "tracing": "clocks of other machines are others: Ray's dashboard and ray timeline show who was busy when",
    }

    def __init__(
        self,
        n_workers: int = -1,
        *,
        address: str | None = None,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        resources: Mapping[str, float] | None = None,
        object_store_gb: float | None = None,
        task_resources: Mapping[str, float] | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        log_to_driver: bool = True,
        idle_timeout: float = 10.0,
        **kwargs: Any,
    ) -> None:
        if not HAS_RAY:
            raise EngineNotInstalled.of("ray", "Ray")
        for name, value in (("idle_timeout", idle_timeout), ("object_store_gb", object_store_gb)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")
        super().__init__(n_workers, **kwargs)
        from orion.executor._ray.cluster import LocalRay, join
        from orion.executor._ray.crew import Crew

        local = LocalRay(num_cpus, num_gpus, resources, object_store_gb)
        self._cluster = join(address, local, self.n_workers, log_to_driver)
        self._custom = dict(task_resources or {})
        self._path_at_start = list(sys.path)
        try:
            self._cluster.check(Request(), self._custom)
            if n_workers == -1:
                self.n_workers = self._cluster.n_cpus()
            self.driver_host = self._cluster.driver_host()
        except BaseException:
            self._cluster.release()
            raise
        hire = partial(self._cluster.hire, custom=self._custom, runtime_env=runtime_env)
        check = partial(self._cluster.check, custom=self._custom)
        self._crew = Crew(self.n_workers, self._cluster, idle_timeout, hire, check)
        self._when_collected = self._crew.close

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._crew.check()
        buffers: list[Any] = []
        if sys.path != self._path_at_start:
            function = PathFirst(function, payload.call_name(function))
        return self._cluster.keep(payload.dumps_call(function, args, kwargs, buffers), buffers)

    def _start(self, future: Future[Any]) -> None:
        self._crew.submit(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._crew.stop(future)

    def _release(self) -> None:
        self._crew.close()

    def _checked_options(self, base: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
        options = super()._checked_options(base, changes)
        if any(changes.get(name) is not None for name in ("cpus", "gpus", "memory_gb")):
            self._crew.check(Request.of(options))
        return options
