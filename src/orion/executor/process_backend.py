"""The engine of processes on this machine: the embedded default."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from orion.executor._core import payload
from orion.executor._core.cpus import available_cpus
from orion.executor._process import capabilities
from orion.executor._process.base_pool import BasePool
from orion.executor._process.resources import RESOURCES
from orion.executor._process.search_path import PathFirst
from orion.executor._process.setup import WorkerSetup, can_measure, environment
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import OptionNotSupported

if TYPE_CHECKING:
    from orion.executor._trace.recorder import Recorder

__all__ = ["ProcessExecutor"]


class ProcessExecutor(BaseExecutor):
    """Run tasks in processes of this machine; it needs nothing but Python.

    Workers are forked from a small process of their own, so they start in milliseconds and never import
    ``__main__`` again; no guard is needed in scripts. A task that crashes, hangs or is stopped
    concerns no other, and takes the processes that it started with it. When the driver ends, however it
    ends, all of its workers do.

    Arrays, and whatever else has protocol-5 buffers, travel through shared memory and arrive
    without being copied. What arrives is the receiver's own: it can be written, and nobody else sees that.

    That is so on Linux. Where its means are missing, as on macOS and Windows, a portable transport takes their place:
    workers start as fresh interpreters, arrays are copied, processes that a task started in a session
    of their own survive it, and a worker that is suspended or holds the GIL when the driver is killed ends
    only when it goes on. ``limitations`` of the executor says what else its system does not allow.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU this process may use.
        Workers start when there is work for them.
    transport
        How workers are started and reached: ``"linux"``, ``"portable"``, or ``"auto"`` for the first
        of them that this system supports.
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

    Notes
    -----
    Exceptions from the contract (:attr:`limitations` gives each its reason): ``cpus`` and ``gpus``, since these are
    shared out to workers, by ``n_workers`` and the argument ``gpus``, not to tasks.

    Raises
    ------
    NotSerializable
        If the initializer or its arguments cannot travel to the workers.
    OptionNotSupported
        If this system lacks what ``transport`` or another argument needs; the message says what.
    """

    limitations: ClassVar[Mapping[str, str]] = RESOURCES

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
        transport: str = "auto",
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
        if max_worker_memory_gb is not None and not can_measure():
            raise OptionNotSupported("max_worker_memory_gb needs /proc, by which Linux tells how much memory is used")
        setup = WorkerSetup(
            initializer=None if initializer is None else payload.dumps_call(initializer, tuple(initargs), {}),
            preload=tuple(preload),
            devices=tuple(map(str, range(gpus) if isinstance(gpus, int) else gpus)),
            max_tasks=max_tasks_per_worker,
            max_memory_bytes=None if max_worker_memory_gb is None else int(max_worker_memory_gb * 1e9),
        )
        is_portable = _is_portable(transport)
        super().__init__(n_workers, **kwargs)
        self.max_tasks_per_worker = max_tasks_per_worker
        environ = environment(self.n_workers, available_cpus(), env or {}, os.environ)
        if is_portable:
            from orion.executor import _portable

            self.limitations = _portable.limitations()  # type: ignore[misc]  # depends on transport and system
        self._path_at_start = list(sys.path)
        self._pool = _new_pool(is_portable, self.n_workers, setup, environ, idle_timeout)
        self._when_collected = partial(self._pool.close, join=False)

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        buffers: list[pickle.PickleBuffer] = []
        if sys.path != self._path_at_start:
            function = PathFirst(function, payload.call_name(function))
        return self._pool.keep(payload.dumps_call(function, args, kwargs, buffers), buffers)

    def _start(self, future: Future[Any]) -> None:
        self._pool.submit(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._pool.stop(future)

    def _release(self) -> None:
        self._pool.close()

    def _record(self, recorder: Recorder | None) -> None:
        self._pool.record(recorder)

    def _running_count(self) -> int:
        with self._pool.lock:
            return self._pool.running_count()


def _is_portable(transport: str) -> bool:
    if transport not in ("auto", "linux", "portable"):
        raise ValueError(f"transport must be 'auto', 'linux' or 'portable', not {transport!r}")
    if transport == "linux" and (missing := capabilities.missing()):
        raise OptionNotSupported(
            f"transport='linux' needs what this system lacks or forbids: {', '.join(missing)}; 'portable' does without"
        )
    return transport == "portable" or not capabilities.supported()


def _new_pool(
    is_portable: bool, n_workers: int, setup: WorkerSetup, environ: dict[str, str], idle_timeout: float | None
) -> BasePool:
    # Each can be imported where it can be used.
    if is_portable:
        from orion.executor._portable.pool import PortablePool

        return PortablePool(n_workers, setup, environ, idle_timeout)
    from orion.executor._process.launch import Launch

    launch = Launch(setup, environ)
    from orion.executor._process.pool import Pool  # while the template starts

    return Pool(n_workers, launch, len(setup.devices), idle_timeout)
