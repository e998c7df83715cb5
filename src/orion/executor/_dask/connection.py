"""The way to a Dask scheduler: opened, checked, closed; what is wrong with it is said in one line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from distributed import Client
from distributed.comm.core import connect
from distributed.security import Security

from orion.executor._core.outcome import described
from orion.executor._core.own_address import own_address
from orion.executor._dask.cluster import local_cluster
from orion.executor._dask.scheduler_part import Guard
from orion.executor._dask.worker_part import Host, version
from orion.executor.errors import EngineLost

__all__ = ["Connection"]

T = TypeVar("T")

_CONNECT_SECONDS = 15.0
_START_SECONDS = 60.0


class Connection:
    """A client, and what has to be closed with it.

    Parameters
    ----------
    client, address, security, cluster
        What the user gave of them; with none, a cluster is started.
    start
        Number of workers, threads of each, and GPUs of a cluster that is started.
    """

    def __init__(
        self,
        client: Client | None,
        address: str | None,
        security: Security | None,
        cluster: Any,
        start: tuple[int, int, list[str]],
    ) -> None:
        self._own_cluster: Any = None
        self._own_client: Client | None = None
        try:
            if client is None:
                if cluster is None and address is None:
                    cluster = self._own_cluster = local_cluster(*start)
                client = self._own_client = _connect(cluster or address, security)
            self.client = client
            if self._own_cluster is not None:
                client.wait_for_workers(len(self._own_cluster.worker_spec), timeout=_START_SECONDS)
            _register(client)
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return _address(self.client)

    def driver_host(self) -> str | None:
        """Return this machine's address as the scheduler's workers reach it; ``None`` if they are started here."""
        _, _, place = self.address.rpartition("://")
        if self._own_cluster is not None or self.address.startswith("inproc://"):
            return None
        return own_address(place.rpartition(":")[0].strip("[]"))

    @property
    def is_up(self) -> bool:
        """Whether the scheduler can be reached."""
        return bool(self.client.status == "running")

    def workers(self) -> list[dict[str, Any]]:
        """Return what the scheduler knows of its workers; each has ``nthreads``, ``host`` and ``resources``."""
        found = self.client.scheduler_info(n_workers=-1)["workers"]
        return [{"address": address, **worker} for address, worker in found.items()]

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the client's own thread; a coroutine function runs there."""
        loop = self.client.loop
        assert loop is not None
        loop.add_callback(function, *args)

    def wait_for(self, function: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Run a coroutine function in the client's own thread and wait for its result; not from that thread itself.

        Raises
        ------
        TimeoutError
            If it did not end in time.
        """
        result: T = self.client.sync(function, callback_timeout=seconds)
        return result

    def close(self) -> None:
        """Close what was opened here."""
        if self._own_client is not None:
            with contextlib.suppress(Exception):  # the scheduler may have gone
                self._own_client.close(timeout=5)
        if self._own_cluster is not None:
            self._own_cluster.close(timeout=10)


def _connect(target: Any, security: Security | None) -> Client:
    options: dict[str, Any] = {} if security is None else {"security": security}
    where = target if isinstance(target, str) else getattr(target, "scheduler_address", repr(target))
    try:
        if isinstance(target, str):
            _try(target, security or Security())
        return Client(target, timeout=_CONNECT_SECONDS, set_as_default=False, **options)
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        # Dask says TypeError of a TLS address without certificates, and of most other things OSError.
        raise EngineLost(
            f"the Dask scheduler at {where} cannot be reached: {described(error)}. "
            "Look at the address (tcp:// or tls://), at the certificates if it is tls://, and whether it runs"
        ) from error


def _try(address: str, security: Security) -> None:
    """Connect once: a client that cannot would leave a thread and its descriptors behind."""

    async def attempt() -> None:
        comm = await connect(address, timeout=_CONNECT_SECONDS, **security.get_connection_args("client"))
        await comm.close()

    with ThreadPoolExecutor(1) as thread:  # the calling one may have an event loop of its own, as in a notebook
        thread.submit(asyncio.run, attempt()).result()


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "address", "(unknown)"))


def _register(client: Client) -> None:
    """Bring our parts to the scheduler and the workers, unless they are there."""
    try:
        client.register_plugin(Guard())
        client.register_plugin(Host())
        versions = set(client.run(version).values())
    except Exception as error:
        raise EngineLost(
            f"the Dask scheduler at {_address(client)} or one of its workers refuses our part: "
            f"{described(error)}. orion-executor has to be installed there too, in the same version, and the "
            "scheduler's option distributed.scheduler.pickle has to be on"
        ) from error
    if versions - {version()}:
        raise EngineLost(
            f"workers of the Dask scheduler at {_address(client)} have orion-executor "
            f"{', '.join(sorted(versions - {version()}))}, and this process has {version()}: install the same version"
        )
