"""The engine of whatever speaks :mod:`concurrent.futures`: MPI, loky, Parsl, the standard library's pools."""

from __future__ import annotations

import concurrent.futures
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from importlib import import_module
from typing import Any

from orion.executor._core.foreign import outcome_of, run
from orion.executor._core.outcome import Failure, Outcome, Value
from orion.executor._core.own_address import own_address
from orion.executor._core.payload import run_here
from orion.executor._futures.errors import translated
from orion.executor._futures.limitations import IN_PROCESSES, IN_THREADS, IN_WORKERS
from orion.executor._hosted import call as hosted
from orion.executor._hosted.ticket import Ticket
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import EngineNotInstalled

__all__ = ["Futures"]

_SIZES = ("_max_workers", "num_workers", "max_workers")
"""Where pools keep how many workers they have: the standard library and loky, MPI, others."""


class Futures(BaseExecutor):
    """Run tasks in any executor of :mod:`concurrent.futures`.

    Unless it is a pool of threads, its workers run each call in a process of its own, by the engine ``process``: so
    time and memory limits hold, and a call that dies ends alone. The pool is given as many tasks at a time as it has
    workers. Work that a task submits to its own executor runs on the task's worker.

    Exceptions from the contract (:attr:`limitations` of the executor gives each its reason): ``cancel_running``, since
    :mod:`concurrent.futures` knows no way to stop what runs, ``cpus`` and ``gpus``; ``output``, ``logs``,
    ``output_of_processes`` and ``tracing``, since workers may be on other machines. In a pool of threads also
    ``timeout``, ``grace``, ``memory_gb``, ``child_processes``, ``exit_status`` and ``worker_death``, but not ``output``
    and ``logs``; and all of these and ``nested`` with ``isolate=False``.

    Parameters
    ----------
    pool
        The executor, which is left open; or what makes one when called with ``max_workers=n_workers``, itself or by
        name (``"mpi4py.futures:MPIPoolExecutor"``), and then the pool is closed with this executor.
    n_workers
        How many tasks the pool is given at a time; ``-1`` means as many as it has workers.
    isolate
        Whether calls run in processes of their own. Without that they run in the pool's workers themselves, as is
        needed for tasks that speak MPI.

    Raises
    ------
    TypeError
        If ``pool`` is no executor, or does not tell how many workers it has and ``n_workers`` is not given.
    """

    limitations = IN_PROCESSES

    def __init__(
        self,
        pool: Executor | Callable[..., Executor] | str | None = None,
        n_workers: int = -1,
        *,
        isolate: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(n_workers, **kwargs)
        if pool is None:
            raise TypeError("Futures needs a pool: Futures(concurrent.futures.ProcessPoolExecutor(4))")
        self._own_pool: Executor | None = None
        if isinstance(pool, str):
            pool = _named(pool)
        if not isinstance(pool, Executor):
            if not callable(pool):
                raise TypeError(f"pool must be an executor of concurrent.futures, or make one, not {pool!r}")
            pool = self._own_pool = pool(max_workers=self.n_workers)
        if n_workers == -1 and self._own_pool is None:
            self.n_workers = _size_of(pool)
        kind = IN_THREADS if isinstance(pool, ThreadPoolExecutor) else IN_PROCESSES if isolate else IN_WORKERS
        self.limitations = kind  # type: ignore[misc]  # depends on the pool
        if not isinstance(pool, ThreadPoolExecutor | ProcessPoolExecutor):
            self.driver_host = own_address()  # such as MPI's, whose workers may be anywhere
        self._line = _Line(pool, self.n_workers, _runner(kind, self.n_workers))
        self._when_collected = partial(self._line.close, self._own_pool, join=False)

    def _start(self, future: Future[Any]) -> None:
        self._line.add(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._line.remove(future) and self._settle_cancelled(future)

    def _release(self) -> None:
        self._line.close(self._own_pool)

    def _inside_task(self) -> bool:
        return self._line.is_working()

    def _blocking(self) -> AbstractContextManager[object]:
        return self._line.lent_slot() if self._inside_task() else nullcontext()


class _Line:
    """Tasks that wait here, and those that the pool has.

    The pool is given no more than it has workers, so a task that waits can be cancelled for certain, and a pool
    that breaks takes no more with it than was running. It knows an executor through its futures only.
    """

    def __init__(self, pool: Executor, size: int, runner: Callable[[Future[Any], Any], tuple[Any, ...]]) -> None:
        self._pool = pool
        self._size = size
        self._call_of = runner
        self._lock = threading.Lock()
        self._queue: deque[Future[Any]] = deque()
        self._given: dict[int, concurrent.futures.Future[Any]] = {}
        self._n_given = 0
        self._to_cancel: set[int] = set()  # who cancels these settles them
        self._working: set[int] = set()
        self._n_waiting = 0  # threads of the pool whose task waits for other work
        self._n_helpers = 0
        self._broken: Failure | None = None

    def add(self, future: Future[Any]) -> None:
        """Give a task to the pool when there is room for it."""
        if self._broken is not None:
            raise self._broken.exception
        with self._lock:
            self._queue.append(future)
        self._feed()
        with self._lock:
            self._help()

    def remove(self, future: Future[Any]) -> bool:
        """Keep a task from running; false if the pool runs it, which cannot be stopped."""
        with self._lock:
            if future in self._queue:
                self._queue.remove(future)
                return True
            given = self._given.get(future._id)
            self._to_cancel.add(future._id)
        try:
            return given is not None and given.cancel()
        finally:
            self._to_cancel.discard(future._id)

    def is_working(self) -> bool:
        """Return whether the calling thread runs a task."""
        return threading.get_ident() in self._working

    @contextmanager
    def lent_slot(self) -> Iterator[None]:
        """Let another thread work while the calling one, a thread of the pool's whose task waits, does nothing."""
        with self._lock:
            self._n_waiting += 1
            self._help()
        try:
            yield
        finally:
            with self._lock:
                self._n_waiting -= 1

    def work(self, call: bytes, name: str, attempt: int) -> Value | Failure:
        """Run a call in a thread of this process."""
        thread = threading.get_ident()
        self._working.add(thread)
        try:
            return run_here(call, name, attempt)
        finally:
            self._working.discard(thread)

    def close(self, own_pool: Executor | None, *, join: bool = True) -> None:
        """Take back what has not begun; close the pool if it is ours, and wait for its end if ``join``."""
        with self._lock:
            self._queue.clear()
            given = list(self._given.values())
        for each in given:
            each.cancel()
        is_busy = not all(each.done() for each in given)
        if own_pool is not None:
            own_pool.shutdown(wait=join and not is_busy)

    def _help(self) -> None:
        """Have as many threads of ours take what is queued as threads of the pool wait; with the lock held."""
        if self._queue and self._n_helpers < self._n_waiting:
            self._n_helpers += 1
            threading.Thread(target=self._take_queued, name="orion-futures-helper", daemon=True).start()

    def _take_queued(self) -> None:
        while True:
            with self._lock:
                if not self._queue or self._n_helpers > self._n_waiting:
                    self._n_helpers -= 1
                    return
                future = self._queue.popleft()
                self._help()
            if future._call is not None:  # else it was completed meanwhile
                future._executor._settle(future, self.work(future._call, future._name, future._attempt))

    def _feed(self) -> None:
        """Give the pool what it has room for."""
        while (future := self._next()) is not None:
            try:
                given = self._pool.submit(*self._call_of(future, self))
            except Exception as error:  # noqa: BLE001 - a pool that takes nothing is broken, whatever it says
                self._break(future, error)
                return
            self._given[future._id] = given
            given.add_done_callback(partial(self._ended, future))

    def _next(self) -> Future[Any] | None:
        with self._lock:
            while self._queue and self._n_given < self._size:
                future = self._queue.popleft()
                if future._call is not None:  # else it was completed meanwhile
                    self._n_given += 1
                    return future
            return None

    def _ended(self, future: Future[Any], given: concurrent.futures.Future[Any]) -> None:
        with self._lock:
            self._n_given -= 1
            self._given.pop(future._id, None)
        if not (given.cancelled() and future._id in self._to_cancel):
            future._executor._settle(future, _outcome(future, given))
        self._feed()

    def _break(self, future: Future[Any], error: Exception) -> None:
        """Fail what waits: the pool will not run it."""
        failure = Failure(translated(error, future._name, refused=True))
        with self._lock:
            self._broken = failure
            self._n_given -= 1
            waiting = [future, *self._queue]
            self._queue.clear()
        for each in waiting:
            each._executor._settle(each, failure)


def _runner(kind: Mapping[str, str], n_workers: int) -> Callable[[Future[Any], Any], tuple[Any, ...]]:
    """Return what the pool is to call for a task."""
    if kind is IN_THREADS:
        return lambda future, line: (line.work, future._call, future._name, future._attempt)
    if kind is IN_WORKERS:
        return lambda future, _: (run, future._call, future._options.name or "", future._attempt)
    return lambda future, _: (hosted.run, future._call, tuple(Ticket.of(future)), n_workers)


def _outcome(future: Future[Any], given: concurrent.futures.Future[Any]) -> Outcome:
    """Return how a task ended; what the pool itself raises is translated, since our calls never raise."""
    try:
        result = given.result(timeout=0)
    except BaseException as error:  # noqa: BLE001 - a pool may raise anything
        return Failure(translated(error, future._name))
    return result if isinstance(result, Value | Failure) else outcome_of(result)


def _named(name: str) -> Callable[..., Executor]:
    """Import what makes a pool."""
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"pool={name!r} names nothing: write module:name, as in 'mpi4py.futures:MPIPoolExecutor'")
    try:
        made: Callable[..., Executor] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        library = (error.name or module).partition(".")[0]
        message = f"pool={name!r} needs {library}, which is not installed: pip install {library}"
        raise EngineNotInstalled(message) from error
    except AttributeError as error:
        raise ValueError(f"pool={name!r}: the module {module} has no {attribute}") from error
    return made


def _size_of(pool: Executor) -> int:
    for name in _SIZES:
        size = getattr(pool, name, None)
        if isinstance(size, int) and not isinstance(size, bool) and size > 0:
            return size
    raise TypeError(f"{type(pool).__name__} does not tell how many workers it has: say Futures(pool, n_workers=…)")
