"""The processes in which one worker of another library runs its calls."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from orion.executor._core.arrived import encoded
from orion.executor._core.foreign import packed
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure
from orion.executor._hosted.ticket import Ticket
from orion.executor.errors import OptionNotSupported
from orion.executor.process_backend import ProcessExecutor

__all__ = ["Seat", "visible_gpus"]

_IDLE_SECONDS = 60.0


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` lists them."""
    return [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]


class Seat:
    """Where a worker's calls run.

    A call that asks for GPUs runs in a process that sees these only: what a process has once begun to use, it keeps.

    Parameters
    ----------
    n_workers
        How many calls the worker runs at a time.
    gpus
        Names of the GPUs that are shared out to calls that ask for some.
    env
        Environment variables of the processes, in addition to the worker's.
    """

    def __init__(self, n_workers: int, gpus: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        self._n_workers = n_workers
        self._gpus = list(gpus)
        self._env = dict(env or {})
        self._lent: Counter[str] = Counter()  # how many calls use a GPU
        self._pools: dict[tuple[str, ...], ProcessExecutor] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def start(self, call: bytes, ticket: Ticket, when_done: Callable[[bytes], object]) -> Future[Any]:
        """Begin a call; ``when_done`` is told how it ended, in another thread, as ``foreign.outcome_of`` takes it."""
        gpus = self._lend(ticket.gpus)
        try:
            pool = self._pool(gpus)
            kept = pool._pool.keep(call, ())
            future: Future[Any] = Future(pool, next(pool._numbers), kept, ticket.name, ticket.options())
            future._attempt = ticket.attempt
            pool._tracker.add(future, from_task=False)
            pool._tracker.watch(future, partial(self._ended, future, gpus, when_done))
            pool._start(future)
        except BaseException:
            self._take_back(gpus)
            raise
        return future

    def stop(self, future: Future[Any]) -> bool:
        """Stop a call that was begun here; return whether it had not ended yet."""
        return future.cancel()

    def drain(self) -> None:
        """Wait for what calls have submitted and do not wait for themselves."""
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            while pending := pool._tracker.unfinished():
                pool._wait_all(pending)

    def close(self) -> None:
        """End all processes, and the calls that they run."""
        with self._lock:
            self._is_closed = True
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _ended(self, future: Future[Any], gpus: tuple[str, ...], when_done: Callable[[bytes], object]) -> None:
        self._take_back(gpus)
        outcome = future._outcome
        assert outcome is not None
        when_done(packed(*encoded(outcome)))

    def _pool(self, gpus: tuple[str, ...]) -> ProcessExecutor:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this worker is closing and begins nothing any more")
            pool = self._pools.get(gpus)
            if pool is None:
                env = {**self._env, "CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else self._env
                pool = ProcessExecutor(self._n_workers, env=env, idle_timeout=_IDLE_SECONDS)
                self._pools[gpus] = pool
            return pool

    def _lend(self, gpus: float | None) -> tuple[str, ...]:
        """Choose the GPUs that the fewest calls use; who counts them out is the scheduler."""
        if gpus is None:
            return ()
        needed = math.ceil(gpus)
        if needed > len(self._gpus):
            raise OptionNotSupported(
                f"options(gpus={gpus:g}) asks for more GPUs than this worker sees: {len(self._gpus)}. "
                "What a worker sees is in its CUDA_VISIBLE_DEVICES"
            )
        with self._lock:
            chosen = sorted(self._gpus, key=lambda name: (self._lent[name], self._gpus.index(name)))[:needed]
            chosen.sort(key=self._gpus.index)
            self._lent.update(chosen)
        return tuple(chosen)

    def _take_back(self, gpus: tuple[str, ...]) -> None:
        if gpus:
            with self._lock:
                self._lent.subtract(gpus)


def failed(error: BaseException) -> bytes:
    """Return, as ``foreign.outcome_of`` takes it, that a call could not be begun."""
    return packed(*encoded(Failure(error)))
