"""The driver's side: sends calls to the scheduler in batches, and hears from it how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from distributed import Future as DaskFuture

from orion.executor._core.foreign import outcome_of
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, Outcome, described
from orion.executor._dask import worker_part
from orion.executor._dask.connection import Connection
from orion.executor._dask.keys import TaskKey, label, topic_of
from orion.executor._dask.lost import Losses
from orion.executor._hosted.ticket import Ticket
from orion.executor.errors import EngineLost

__all__ = ["Dispatch", "Sent"]

_BATCH_TASKS = 256
_BATCH_BYTES = 1 << 20  # Dask warns of graphs of ten times that
_CANCEL_SECONDS = 10.0
_LOOK_SECONDS = 0.5


@dataclass
class Sent:
    """A task that the scheduler has been given."""

    future: Future[Any]
    key: TaskKey
    dask: DaskFuture[Any]


class Dispatch:
    """Which tasks wait here, and which the scheduler has.

    It knows an executor through its futures only, so that an executor that nobody holds is collected. The lock
    guards the queue and ``sent``; Dask and the futures are called without it.

    Parameters
    ----------
    connection
        The way to the scheduler.
    executor
        The key of the executor, which tells its tasks from those of others.
    at_once
        How many tasks the scheduler may have at a time; ``None`` for any number.
    """

    def __init__(self, connection: Connection, executor: str, at_once: int | None) -> None:
        self.connection = connection
        self._executor = executor
        self._at_once = at_once
        self._lock = threading.Lock()
        self._queue: deque[Future[Any]] = deque()
        self._sent: dict[int, Sent] = {}
        self._n_copies = 0
        self._is_sending = False
        self._is_closed = False
        self._lost: EngineLost | None = None
        self._losses = Losses(self)
        connection.client.subscribe_topic(topic_of(executor), self._hear)
        connection.call_soon(self._watch)

    def start(self, future: Future[Any]) -> None:
        """Send a task when there is room for it."""
        with self._lock:
            if self._lost is not None:
                raise self._lost
            self._queue.append(future)
        self._send_soon()

    def stop(self, future: Future[Any]) -> bool:
        """Keep a task from running, or stop it; false if it has ended by now."""
        with self._lock:
            with contextlib.suppress(ValueError):
                self._queue.remove(future)
                return True
            sent = self._sent.get(future._id)
        if sent is not None:
            with contextlib.suppress(Exception):  # what the scheduler cannot be told needs no telling
                self.connection.wait_for(lambda: self._refuse(sent), _CANCEL_SECONDS)
            self.forget(sent)
        return not future._order

    def close(self) -> None:
        """Stop everything, and close what was opened."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._queue.clear()
            sent = list(self._sent.values())
            self._sent.clear()
        if self.connection.is_up:
            with contextlib.suppress(Exception):  # it goes down with the cluster, or is there no more
                self.connection.wait_for(lambda: self._leave(sent), _CANCEL_SECONDS)
        self._losses.close()
        self.connection.close()

    # In any thread

    def settle(self, sent: Sent, outcome: Outcome) -> None:
        """Complete a task that the scheduler has had."""
        self.forget(sent)
        sent.future._executor._settle(sent.future, outcome)

    def send_again(self, sent: Sent) -> None:
        """Send a task once more that never began."""
        self.forget(sent)
        with self._lock:
            if not sent.future._order and not self._is_closed:
                self._queue.appendleft(sent.future)
        self._send_soon()

    def forget(self, sent: Sent) -> None:
        with self._lock:
            if self._sent.get(sent.future._id) is sent:
                del self._sent[sent.future._id]
            has_more = bool(self._queue)
        sent.dask.release()
        if has_more:
            self._send_soon()

    def sent(self, key: list[Any]) -> Sent | None:
        """Return the task with this key, unless its future has ended or it was sent again since."""
        with self._lock:
            sent = self._sent.get(key[2])
        return sent if sent is not None and sent.key == tuple(key) else None

    def _send_soon(self) -> None:
        with self._lock:
            if self._is_sending or not self._queue:
                return
            self._is_sending = True
        self.connection.call_soon(self._send)

    # In the client's thread

    async def _send(self) -> None:
        while batch := self._next_batch():
            for resources, futures in _by_resources(batch).items():
                try:
                    await self._send_batch(futures, dict(resources))
                except Exception as error:  # noqa: BLE001 - nobody else would see it
                    failure = EngineLost(f"the Dask scheduler did not take a task: {described(error)}")
                    failure.__cause__ = error
                    for future in futures:
                        future._executor._settle(future, Failure(failure))

    def _next_batch(self) -> list[Future[Any]]:
        batch: list[Future[Any]] = []
        n_bytes = 0
        with self._lock:
            room = _BATCH_TASKS if self._at_once is None else self._at_once - len(self._sent)
            while self._queue and len(batch) < min(room, _BATCH_TASKS) and n_bytes < _BATCH_BYTES:
                future = self._queue.popleft()
                if future._call is not None:  # else it was completed meanwhile
                    n_bytes += len(future._call)
                    batch.append(future)
            if not batch:
                self._is_sending = False
        return batch

    async def _send_batch(self, futures: list[Future[Any]], resources: dict[str, float]) -> None:
        self._n_copies += 1
        keys: list[TaskKey] = [
            (label(future._name), self._executor, future._id, future._attempt, self._n_copies) for future in futures
        ]
        calls = [await self._travelling(future._call) for future in futures]
        tickets = [tuple(Ticket.of(future)) for future in futures]
        sent = self.connection.client.map(
            worker_part.run, keys, calls, tickets, key=keys, pure=False, resources=resources or None
        )
        with self._lock:
            for future, key, dask in zip(futures, keys, sent, strict=True):
                self._sent[future._id] = Sent(future, key, dask)
            ended = [self._sent[future._id] for future in futures if future._order]
        for late in ended:  # cancelled while it was on its way
            await self._refuse(late)
            self.forget(late)

    async def _travelling(self, call: bytes | None) -> Any:
        """Return a call as a graph holds it; a large one goes to a worker by itself."""
        if call is None or len(call) < _BATCH_BYTES:
            return call or b""
        return await self.connection.client.scatter(call, hash=False, asynchronous=True)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take in what a worker or the scheduler's part tells."""
        message = event[1]
        if isinstance(message, dict):
            self._losses.hear(message)
            return
        *key, data = message
        sent = self.sent(key)
        if sent is None:
            return
        if data is None:
            self.connection.call_soon(self._fetch, sent)
        else:
            self.settle(sent, outcome_of(data))

    async def _fetch(self, sent: Sent) -> None:
        """Fetch a large result from the worker that has it."""
        try:
            data = await self.connection.client.gather(sent.dask, asynchronous=True)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - it was lost, which the scheduler's part tells
            return
        if data is not None:
            self.settle(sent, outcome_of(data))

    async def _refuse(self, sent: Sent) -> None:
        client = self.connection.client
        await client.cancel([sent.dask], asynchronous=True)
        await client.run(worker_part.refuse, sent.key, on_error="ignore", asynchronous=True)

    async def _leave(self, sent: list[Sent]) -> None:
        client = self.connection.client
        client.unsubscribe_topic(topic_of(self._executor))
        if sent:
            await client.cancel([each.dask for each in sent], asynchronous=True)
            await client.run(worker_part.refuse_all, self._executor, on_error="ignore", asynchronous=True)

    async def _watch(self) -> None:
        """See to it that no task waits for a scheduler that has gone."""
        while self.connection.is_up and not self._is_closed:
            await asyncio.sleep(_LOOK_SECONDS)
        if self._is_closed:
            return
        error = EngineLost(
            f"the Dask scheduler at {self.connection.address} cannot be reached any more, so "
            "what becomes of its tasks is not known. Look at its log; then make a new executor"
        )
        with self._lock:
            self._lost = error
            futures = [*self._queue, *(sent.future for sent in self._sent.values())]
            self._queue.clear()
            self._sent.clear()
        for future in futures:
            future._executor._settle(future, Failure(error))


def _by_resources(futures: list[Future[Any]]) -> dict[tuple[tuple[str, float], ...], list[Future[Any]]]:
    groups: dict[tuple[tuple[str, float], ...], list[Future[Any]]] = {}
    for future in futures:
        options = future._options
        wanted = {"CPU": options.cpus, "GPU": options.gpus}
        resources = tuple((name, amount) for name, amount in wanted.items() if amount is not None)
        groups.setdefault(resources, []).append(future)
    return groups
