"""The engine of Dask: the same program from this machine to any cluster that Dask knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from orion.executor._core.cpus import resolve_n_workers
from orion.executor._core.options import TaskOptions
from orion.executor._hosted.limitations import ELSEWHERE
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import EngineNotInstalled, OptionNotSupported

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy.cluster import Cluster
    from distributed.security import Security

__all__ = ["HAS_DASK", "Dask"]

HAS_DASK = find_spec("distributed") is not None
"""Whether Dask's library ``distributed`` is installed."""

_RESOURCES = {"cpus": "CPU", "gpus": "GPU"}
_HOW_TO_OFFER = (
    "Workers offer it when they are started with --resources {0}=…; those of a cluster of the executor's own, by "
    "threads_per_worker=… and gpus=…"
)


class Dask(BaseExecutor):
    """Run tasks on a Dask cluster: one of its own on this machine, or one that is there.

    Dask's scheduler decides where a task runs and when. Its workers run each call in a process of its own, by the
    engine ``process``: so a call that crashes, hangs or is stopped ends alone, with all that it has started, and the
    Dask worker goes on. Nothing is run again unless ``options(retries=…)`` says so, whatever the cluster's own
    ``allowed-failures`` is. Work that a task submits to its own executor runs on the task's worker.

    The workers need this package, in the same version; no guard is needed in scripts.

    Exceptions from the contract (:attr:`limitations` of the executor gives each its reason): ``output``, ``logs``,
    ``output_of_processes`` and ``tracing``, since workers may be on other machines; ``cpus`` and ``gpus`` where no
    worker offers them.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time. For a cluster of its own ``-1`` means one for every CPU this process
        may use; for one that is there, as many as its workers have threads.
    client
        A Dask client to use; it is left open.
    address
        The address of a scheduler, such as ``"tcp://10.0.0.1:8786"`` or ``"tls://10.0.0.1:8786"``.
    security
        The certificates for ``address``, a :class:`distributed.security.Security`.
    cluster
        Any Dask cluster object, such as those of dask-jobqueue and dask-kubernetes; it is left running.
    threads_per_worker
        How many tasks each worker of its own cluster runs at a time; a task can have as many CPUs.
    gpus
        The GPUs for its own cluster, as a number or as the names that ``CUDA_VISIBLE_DEVICES`` takes.

    Raises
    ------
    EngineNotInstalled
        If Dask is missing; the message says how to install it.
    EngineLost
        If the scheduler cannot be reached, or refuses the certificate.
    """

    limitations: ClassVar[Mapping[str, str]] = ELSEWHERE

    def __init__(
        self,
        n_workers: int = -1,
        client: Client | None = None,
        address: str | None = None,
        *,
        security: Security | None = None,
        cluster: Cluster | None = None,
        threads_per_worker: int = 1,
        gpus: int | Sequence[int | str] = (),
        **kwargs: Any,
    ) -> None:
        if not HAS_DASK:
            raise EngineNotInstalled.of("dask", "distributed")
        given = [name for name, value in (("client", client), ("address", address), ("cluster", cluster)) if value]
        if len(given) > 1:
            raise TypeError(f"Dask takes one of client, address and cluster, not {' and '.join(given)}")
        if given and (gpus or threads_per_worker != 1):
            raise TypeError(
                "gpus and threads_per_worker are for a cluster of its own; a cluster that is there has them"
            )
        if isinstance(threads_per_worker, bool) or not isinstance(threads_per_worker, int) or threads_per_worker < 1:
            raise ValueError(f"threads_per_worker must be a whole number, 1 or more, not {threads_per_worker!r}")
        from orion.executor._dask.connection import Connection
        from orion.executor._dask.dispatch import Dispatch

        names = [str(gpu) for gpu in (range(gpus) if isinstance(gpus, int) else gpus)]
        super().__init__(n_workers, **kwargs)
        start = (resolve_n_workers(n_workers), threads_per_worker, names)
        self._connection = Connection(client, address, security, cluster, start)
        try:
            workers = self._connection.workers()
            at_once = self._limit(n_workers, sum(worker["nthreads"] for worker in workers), is_own=not given)
            self.limitations = {**ELSEWHERE, **_not_offered(workers)}  # type: ignore[misc]  # depends on the cluster
            self.driver_host = self._connection.driver_host()
            self._dispatch = Dispatch(self._connection, self._key, at_once)
        except BaseException:
            self._connection.close()
            raise
        self._when_collected = partial(self._dispatch.close)

    def _limit(self, n_workers: int, available: int, *, is_own: bool) -> int | None:
        """Learn how many tasks run at a time; return how many the scheduler may have, if fewer than it could run."""
        if is_own:
            return None
        if n_workers == -1:
            self.n_workers = max(1, available)
            return None
        return self.n_workers if self.n_workers < available else None

    def _checked_options(self, base: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
        options = super()._checked_options(base, changes)
        for option, resource in _RESOURCES.items():
            wanted = changes.get(option)
            if wanted is None:
                continue
            most = _most(self._connection.workers(), resource)
            if most is not None and most < wanted:
                raise OptionNotSupported(
                    f"Dask cannot honour options({option}={wanted:g}): the most that a worker of this cluster offers "
                    f"of the resource {resource} is {most:g}. {_HOW_TO_OFFER.format(resource)}"
                )
        return options

    def _start(self, future: Future[Any]) -> None:
        self._dispatch.start(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._dispatch.stop(future) and self._settle_cancelled(future)

    def _release(self) -> None:
        self._dispatch.close()


def _most(workers: list[dict[str, Any]], resource: str) -> float | None:
    """Return the most that a worker offers of a resource; ``None`` if there is no worker yet."""
    return max((worker.get("resources", {}).get(resource, 0.0) for worker in workers), default=None)


def _not_offered(workers: list[dict[str, Any]]) -> dict[str, str]:
    """Return the options for which no worker offers the resource."""
    return {
        option: f"no worker of this cluster offers the resource {resource}. {_HOW_TO_OFFER.format(resource)}"
        for option, resource in _RESOURCES.items()
        if _most(workers, resource) == 0
    }
