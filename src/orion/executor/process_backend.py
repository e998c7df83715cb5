"""The engine of processes on this machine: the embedded default."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from orion.executor._core import payload
from orion.executor._core.cpus import available_cpus
from orion.executor._process.parcel import Parcel
from orion.executor._process.pool import Pool
from orion.executor._process.setup import WorkerSetup, environment
from orion.executor._process.wire import CALL_ROOM
from orion.executor.base import BaseExecutor, Future

__all__ = ["ProcessExecutor"]


class ProcessExecutor(BaseExecutor):
    """Run tasks in processes of this machine; it needs nothing but Python and Linux.

    Workers are forked from a small process of their own, so they start in milliseconds and never import
    ``__main__`` again; no guard is needed in scripts. A task that crashes, hangs or is stopped
    concerns no other, and takes the processes that it started with it. When the driver ends, however it
    ends, all of its workers do.

    Arrays, and whatever else has protocol-5 buffers, travel through shared memory and arrive
    without being copied. What arrives is the receiver's own: it can be written, and nobody else sees that.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU this process may use.
        Workers start when there is work for them.
    initializer, initargs
        A function, and its arguments, that every worker calls before its first task. If it fails, every task
        ends with ``WorkersUnfit``.
    preload
        Names of modules to import once, before workers are forked, which then share them.
    env
        Environment variables of the workers, in addition to this process's. Unless set there or here,
        ``OMP_NUM_THREADS`` and its like are a fair share of the CPUs.
    gpus
        The GPUs, as a number or as the names that ``CUDA_VISIBLE_DEVICES`` takes; each worker sees one, and
        workers are spread evenly over them.
    max_tasks_per_worker
        After how many tasks a worker is replaced; ``None`` for never.
    max_worker_memory_gb
        Above which resident memory in GB (10⁹ bytes), looked at after each task, a worker is replaced.
    idle_timeout
        After how many seconds without work the workers end; they come back when there is some. ``None`` keeps them.

    Raises
    ------
    NotSerializable
        If the initializer or its arguments cannot travel to the workers.
    """

    def __init__(
        self,
        n_workers: int = -1,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: Sequence[Any] = (),
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        gpus: int | Sequence[int | str] = (),
        max_tasks_per_worker: int | None = None,
        max_worker_memory_gb: float | None = None,
        idle_timeout: float | None = 300.0,
        **kwargs: Any,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a function or None, not {initializer!r}")
        if isinstance(preload, str):
            raise TypeError(f"preload takes a list of module names: [{preload!r}]")
        for name, value in (
            ("max_tasks_per_worker", max_tasks_per_worker),
            ("max_worker_memory_gb", max_worker_memory_gb),
            ("idle_timeout", idle_timeout),
        ):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive or None, not {value!r}")
        setup = WorkerSetup(
            initializer=None if initializer is None else payload.dumps_call(initializer, tuple(initargs), {}),
            preload=tuple(preload),
            devices=tuple(map(str, range(gpus) if isinstance(gpus, int) else gpus)),
            max_tasks=max_tasks_per_worker,
            max_memory_bytes=None if max_worker_memory_gb is None else int(max_worker_memory_gb * 1e9),
        )
        super().__init__(n_workers, **kwargs)
        environ = environment(self.n_workers, available_cpus(), env or {}, os.environ)
        self._pool = Pool(self.n_workers, setup, environ, idle_timeout)
        self._when_collected = partial(self._pool.close, join=False)

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | Parcel:
        buffers: list[pickle.PickleBuffer] = []
        data = payload.dumps_call(function, args, kwargs, buffers)
        return data if not buffers and len(data) <= CALL_ROOM else Parcel(data, buffers)

    def _start(self, future: Future[Any]) -> None:
        self._pool.submit(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._pool.stop(future)

    def _release(self) -> None:
        self._pool.close()
