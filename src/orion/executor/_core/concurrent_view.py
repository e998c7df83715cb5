"""Any executor as the standard library's: ``executor.as_concurrent()``."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor
from concurrent.futures import Future as ConcurrentFuture
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from orion.executor._core.outcome import Failure
from orion.executor._core.tracker import Phase
from orion.executor.errors import NotSerializable

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor
    from orion.executor._core.future import Future
    from orion.executor._core.options import TaskOptions

__all__ = ["ConcurrentView"]

P = ParamSpec("P")
T = TypeVar("T")

# Handed to the engine beyond one for each worker, so that none waits for the next; these count as running, as they do
# in the standard library's process pool.
_AHEAD = 1


class ConcurrentView(Executor):
    """A ``concurrent.futures.Executor`` whose tasks run on one of our engines.

    Made by :meth:`BaseExecutor.as_concurrent`. Its futures are ``concurrent.futures.Future`` objects with the states,
    the cancelling and the callbacks of the standard library; so a running task is not cancelled. Callbacks run, and
    results are loaded, in a thread of the view. What cannot be serialised is an error of its future. A worker's death
    is an error of the task that it ran, and of no other.

    As in the standard library, a task that waits for a future of its own view keeps its worker while it waits. Within
    tasks use the executor's own ``submit``.
    """

    def __init__(self, executor: BaseExecutor, options: TaskOptions, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1 or None, not {max_workers!r}")
        self._options = options
        # One who may not use all workers hands nothing out ahead, since another worker would begin it.
        full = max_workers is None or max_workers >= executor.n_workers
        self._desk = _Desk(executor, executor.n_workers + _AHEAD if full else max_workers or 1)
        weakref.finalize(self, self._desk.abandon).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> ConcurrentFuture[T]:
        """Submit a call.

        Raises
        ------
        RuntimeError
            After ``shutdown``, or when the executor is closed.
        """
        desk = self._desk
        desk.check_open()
        future: ConcurrentFuture[T] = ConcurrentFuture()
        try:
            task = desk.executor._accept(self._options, fn, args, kwargs)
        except (NotSerializable, TypeError) as error:
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        desk.add(_Item(future, task))
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Call ``fn`` with an item of each iterable in turn; return an iterator over the results, in that order.

        Parameters
        ----------
        fn
            The function.
        *iterables
            Its arguments.
        timeout
            Seconds, from this call on, within which each result has to come; else the iterator raises
            ``TimeoutError``.
        chunksize
            How many calls make one task.
        buffersize
            How many tasks may be submitted of which the results have not been returned; ``None`` submits all at once.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        deadline = None if timeout is None else time.monotonic() + timeout
        calls = zip(*iterables, strict=False)
        chunks = iter(lambda: list(itertools.islice(calls, chunksize)), [])
        futures = deque(self.submit(_call_each, fn, chunk) for chunk in itertools.islice(chunks, buffersize))
        refill = () if buffersize is None else (self.submit(_call_each, fn, chunk) for chunk in chunks)
        return _results(futures, iter(refill), deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more; the executor behind the view stays open.

        Parameters
        ----------
        wait
            Return only when all that was submitted has ended.
        cancel_futures
            Cancel what has not begun.
        """
        self._desk.shut(cancel=cancel_futures)
        if wait:
            self._desk.join()

    def stop(self) -> None:
        """Shut down without waiting: cancel what has not begun, and stop what runs where the engine can."""
        self._desk.shut(cancel=True)
        self._desk.stop_running()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a concurrent.futures view cannot travel to a task: pass the executor itself")


def _call_each(function: Callable[..., T], calls: list[tuple[Any, ...]]) -> list[T]:
    return [function(*arguments) for arguments in calls]


def _results(
    futures: deque[ConcurrentFuture[list[T]]], refill: Iterator[ConcurrentFuture[list[T]]], deadline: float | None
) -> Iterator[T]:
    """Yield the results, submitting one more chunk whenever one has come; in the end cancel the rest."""
    try:
        while futures:
            results = futures[0].result(None if deadline is None else deadline - time.monotonic())
            futures.popleft()
            futures.extend(itertools.islice(refill, 1))
            results.reverse()
            while results:
                yield results.pop()  # so that nothing here keeps a result that the caller has done with
    finally:
        for future in futures:
            future.cancel()


class _Item:
    """A future of the standard library and the task behind it."""

    __slots__ = ("begun", "ended", "future", "is_cancelled", "task")

    def __init__(self, future: ConcurrentFuture[Any], task: Future[Any]) -> None:
        self.future = future
        self.task = task
        self.begun = False  # handed to the engine
        self.ended = False
        self.is_cancelled = False  # and who waits for the future knows

    def begins(self) -> bool:
        """Let the future run, unless it was cancelled."""
        self.is_cancelled = not self.future.set_running_or_notify_cancel()
        self.begun = not self.is_cancelled
        return self.begun

    def answer(self) -> None:
        """Give the future what the task has ended with; its callbacks run here."""
        outcome = self.task._resolve()
        if self.is_cancelled:
            return
        if not self.begun:
            if isinstance(outcome, Failure) and isinstance(outcome.exception, CancelledError):
                self.future.cancel()  # the executor was closed
            if not self.begins():
                return
        if isinstance(outcome, Failure):
            self.future.set_exception(outcome.exception)
        else:
            self.future.set_result(outcome.value)


class _Desk:
    """What a view and its thread share; it knows no view, so that a view that nobody holds is collected."""

    def __init__(self, executor: BaseExecutor, room: int) -> None:
        self.executor = executor
        self._tracker = executor._tracker
        self._room = room
        self._lock = threading.Lock()
        self._queue: deque[_Item] = deque()
        self._in_flight: set[_Item] = set()
        self._unanswered = 0
        self._filling = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._todo: SimpleQueue[Callable[[], object]] = SimpleQueue()
        _desks.add(self)

    def check_open(self) -> None:
        if self._closed or _exiting.is_set():
            what = "interpreter shutdown" if _exiting.is_set() else "shutdown"
            raise RuntimeError(f"cannot schedule new futures after {what}")

    def add(self, item: _Item) -> None:
        """Queue an item; one that a task submits begins at once, since the task may wait for it."""
        nested = self.executor._inside_task()
        with self._lock:
            closed = self._closed or _exiting.is_set()
            if not closed:
                self._unanswered += 1
                if nested:
                    self._let_begin(item)
                else:
                    self._queue.append(item)
                self._start_thread()
        if closed:
            self.executor._settle_cancelled(item.task, "its view was shut down")
            self.check_open()
        self._tracker.watch(item.task, partial(self._ended, item))
        if nested:
            self._begin(item)
        else:
            self._fill()

    def shut(self, *, cancel: bool) -> None:
        with self._lock:
            self._closed = True
            dropped = list(self._queue) if cancel else []
            for _ in dropped:
                self._queue.popleft()
        for item in dropped:
            item.future.cancel()  # calls back, so not under the lock
            item.begins()  # it does not; but who waits for it is told
            self.executor._settle_cancelled(item.task)
        self._todo.put(_look)

    def stop_running(self) -> None:
        with self._lock:
            running = list(self._in_flight)
        for item in running:
            if not item.ended:
                self.executor.cancel(item.task)

    def abandon(self) -> None:
        """Take no more, since the view is gone; what was submitted ends. A collection may come while a lock is held."""
        self._closed = True
        self._todo.put(_look)

    def join(self) -> None:
        """Wait until all has been answered."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="orion-futures", daemon=True)
            self._thread.start()

    def _fill(self) -> None:
        """Hand tasks to the engine while there is room. One thread does it at a time, for all."""
        with self._lock:
            if self._filling:
                return
            self._filling = True
        try:
            while (item := self._next()) is not None:
                if item.is_cancelled:
                    self.executor._settle_cancelled(item.task)
                else:
                    self._begin(item)
        except BaseException:
            self._filling = False
            raise

    def _next(self) -> _Item | None:
        with self._lock:
            # What is queued when the executor is closed does not begin: the executor cancels it.
            while self._queue and len(self._in_flight) < self._room and self._tracker.phase is not Phase.CLOSED:
                item = self._queue.popleft()
                if not item.ended:
                    self._let_begin(item)
                    return item
            self._filling = False  # with the lock held, so that whoever comes next sees that nobody does it
            return None

    def _let_begin(self, item: _Item) -> None:
        if item.begins():
            self._in_flight.add(item)

    def _begin(self, item: _Item) -> None:
        with contextlib.suppress(Exception):  # it has become the task's outcome
            self.executor._begin(item.task)
        if "background" in self.executor.limitations:
            self._todo.put(item.task.wait)

    def _ended(self, item: _Item) -> None:
        """Take note that a task has ended; called in whichever thread the engine tells it."""
        with self._lock:
            item.ended = True
            self._in_flight.discard(item)
        self._todo.put(partial(self._answer, item))
        if item.begun:
            self._fill()

    def _work(self) -> None:
        """Answer futures, in the order in which their tasks end."""
        while not (self._closed and self._unanswered == 0):
            action = self._todo.get()
            action()
            del action
        del self.executor  # which may be open for this view only

    def _answer(self, item: _Item) -> None:
        item.answer()
        with self._lock:
            self._unanswered -= 1


def _look() -> None:
    """Have the thread look whether anything is left to do."""


_desks: weakref.WeakSet[_Desk] = weakref.WeakSet()
_exiting = threading.Event()


def _finish_all() -> None:
    """Let what was submitted end before the interpreter does, as the standard library's executors do."""
    _exiting.set()
    for desk in list(_desks):
        desk.abandon()
        desk.join()


# As concurrent.futures itself: before any atexit handler, among them the one that closes executors.
threading._register_atexit(_finish_all)  # type: ignore[attr-defined]  # private, but there is no other such moment
