"""The part in Dask's workers: runs calls in processes of their own, so that they can be stopped and cannot harm it."""

from __future__ import annotations

import asyncio
from typing import Any

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from orion.executor._core.future import Future
from orion.executor._dask import marks
from orion.executor._dask.keys import Mark, TaskKey, mark_of, topic_of
from orion.executor._hosted.seat import Seat, failed, visible_gpus
from orion.executor._hosted.ticket import Ticket

__all__ = ["Host", "refuse", "refuse_all", "run", "version", "which_began"]

_NAME = "orion-host"
_MAX_EVENT_BYTES = 8192  # the scheduler keeps the last events for a while


class Host(WorkerPlugin):
    """What one worker runs of ours."""

    name = _NAME
    idempotent = True

    def setup(self, worker: Worker) -> None:
        resources = worker.state.total_resources
        gpus = visible_gpus() or [str(number) for number in range(int(resources.get("GPU", 0)))]
        self._worker = worker
        self._seat = Seat(worker.state.nthreads, gpus)
        self._marks = marks.Marks(worker.id)
        self._running: dict[TaskKey, Future[Any]] = {}
        self._refused: dict[TaskKey, None] = {}
        self._refused_executors: set[str] = set()
        self._is_closing = False

    def teardown(self, worker: Worker) -> None:
        self._is_closing = True
        self._marks.close(keep=bool(self._running))
        self._seat.close()

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Stop what nobody wants any more: its driver has ended, or the scheduler was told to drop it."""
        if finish in ("cancelled", "released", "forgotten") and key in self._running:
            self._seat.stop(self._running[key])

    async def run(self, key: TaskKey, call: bytes, ticket: Ticket) -> bytes | None:
        """Run a call; how it ended is told by an event, or returned if that is large."""
        if self._is_refused(key):
            return None
        self._marks.add(mark_of(key))
        data = await self._result(key, call, ticket)
        if self._is_closing or self._is_refused(key):
            return None  # it was stopped: the scheduler's part tells why, or the driver knows
        is_small = len(data) <= _MAX_EVENT_BYTES
        self._worker.log_event(topic_of(key[1]), [*key, data if is_small else None])
        return None if is_small else data

    def refuse(self, key: TaskKey) -> None:
        """Never begin a task, and stop it if it is running."""
        self._refused[key] = None
        while len(self._refused) > 10_000:
            del self._refused[next(iter(self._refused))]
        if key in self._running:
            self._seat.stop(self._running[key])

    def refuse_all(self, executor: str) -> None:
        """Refuse all tasks of an executor."""
        self._refused_executors.add(executor)
        for key in [key for key in self._running if key[1] == executor]:
            self._seat.stop(self._running[key])

    def _is_refused(self, key: TaskKey) -> bool:
        return key in self._refused or key[1] in self._refused_executors

    async def _result(self, key: TaskKey, call: bytes, ticket: Ticket) -> bytes:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bytes] = loop.create_future()

        def end(data: bytes) -> None:
            if not ended.done():
                ended.set_result(data)

        try:
            self._running[key] = self._seat.start(call, ticket, lambda data: loop.call_soon_threadsafe(end, data))
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this task only
            return failed(error)
        try:
            return await ended
        finally:
            del self._running[key]


async def run(key: TaskKey, call: bytes, ticket: tuple[Any, ...]) -> bytes | None:
    """Run a call; this is the task as Dask sees it."""
    return await _host(get_worker()).run(tuple(key), call, Ticket(*ticket))  # type: ignore[arg-type]  # a key's parts


def refuse(key: TaskKey, dask_worker: Worker) -> None:
    """See :meth:`Host.refuse`."""
    _host(dask_worker).refuse(key)


def refuse_all(executor: str, dask_worker: Worker) -> None:
    """See :meth:`Host.refuse_all`."""
    _host(dask_worker).refuse_all(executor)


def which_began(server: str, asked: list[Mark], dask_worker: Worker) -> list[Mark] | None:
    """See :func:`marks.read`; any worker on the host can tell."""
    return marks.read(server, asked)


def version() -> str:
    """Return the version of this package, in whatever process."""
    from importlib.metadata import version as version_of

    return version_of("orion-executor")


def _host(worker: Worker) -> Host:
    host = worker.plugins[_NAME]
    assert isinstance(host, Host)
    return host
