"""Iterating over work: with a bounded part of it in flight, and in the order in which it completes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from orion.executor._core.future import Future
from orion.executor._core.options import check_timeout
from orion.executor.errors import ResultTimeout

__all__ = ["Iterating"]

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

_IN_FLIGHT_PER_WORKER = 4


class Iterating(ABC):
    """The methods of every executor that return iterators; they are built on the others."""

    n_workers: int

    @overload
    def map(self, function: Callable[[A], T], one: Iterable[A], /, *, in_flight: int | None = None) -> Iterator[T]: ...
    @overload
    def map(
        self, function: Callable[[A, B], T], one: Iterable[A], two: Iterable[B], /, *, in_flight: int | None = None
    ) -> Iterator[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A, B, C], T],
        one: Iterable[A],
        two: Iterable[B],
        three: Iterable[C],
        /,
        *,
        in_flight: int | None = None,
    ) -> Iterator[T]: ...
    @overload
    def map(
        self,
        function: Callable[..., T],
        one: Iterable[Any],
        two: Iterable[Any],
        three: Iterable[Any],
        four: Iterable[Any],
        /,
        *more: Iterable[Any],
        in_flight: int | None = None,
    ) -> Iterator[T]: ...
    def map(
        self, function: Callable[..., T], /, *iterables: Iterable[Any], in_flight: int | None = None
    ) -> Iterator[T]:
        """Call ``function`` with an item of each iterable in turn; return an iterator over the results, in that order.

        The iterables are read as results are taken, so they may be endless, and memory stays flat. They end with the
        shortest. What the next results come from is at work while the caller uses the last one.

        Parameters
        ----------
        function
            The function to call.
        *iterables
            Its arguments; as many as it takes.
        in_flight
            How many calls may be submitted of which the result has not been returned; by default four a worker.

        Raises
        ------
        BaseException
            What a task, or an iterable, raises, in its turn; then, and when the iterator is closed, the tasks in
            flight are cancelled.
        ValueError
            If ``in_flight`` is less than 1.
        """
        if not callable(function):
            raise TypeError(f"map takes a function and iterables of its arguments; {function!r} is not callable")
        if not iterables:
            raise TypeError("map takes at least one iterable of arguments")
        if in_flight is None:
            in_flight = _IN_FLIGHT_PER_WORKER * self.n_workers
        if in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, not {in_flight!r}")
        line = _Line(self, function, zip(*iterables, strict=False), in_flight)
        line.fill()
        return line.results()

    def as_completed(self, futures: Iterable[Future[T]], timeout: float | None = None) -> Iterator[Future[T]]:
        """Return an iterator over ``futures`` in the order in which they complete, each once.

        Parameters
        ----------
        futures
            Futures of this executor. Unlike ``async_get``, nothing is removed from it.
        timeout
            Seconds, from this call on, within which all have to complete; ``None`` waits for ever.

        Raises
        ------
        ResultTimeout
            By the iterator, if ``timeout`` has passed. The tasks go on.
        """
        check_timeout(timeout)
        pending = list(dict.fromkeys(futures))
        return self._completed(pending, timeout, None if timeout is None else time.monotonic() + timeout)

    def progress(self, futures: Iterable[Future[T]], *, label: str = "tasks") -> Iterator[Future[T]]:
        """Return what ``as_completed`` does, and show on standard error how far it has come while it is iterated over.

        That is a bar on a terminal and in a notebook, and lines elsewhere, every few seconds. The bars need rich and
        ipywidgets (``pip install 'orion-executor[progress]'``); without them there are lines.

        Parameters
        ----------
        futures
            Futures of this executor.
        label
            What to call them in the display.
        """
        from orion.executor._core.progress import shown

        pending = list(dict.fromkeys(futures))
        return shown(self.as_completed(pending), pending, label)

    @abstractmethod
    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit work."""

    @abstractmethod
    def _wait_any(self, futures: list[Future[T]], timeout: float | None) -> list[Future[T]]:
        """Block until one of ``futures`` is done; remove and return those that are."""

    def _completed(
        self, pending: list[Future[T]], timeout: float | None, deadline: float | None
    ) -> Iterator[Future[T]]:
        total = len(pending)
        while pending:
            done = self._wait_any(pending, None if deadline is None else max(0.0, deadline - time.monotonic()))
            if not done:
                raise ResultTimeout(f"{len(pending)} of {total} tasks have not ended after {timeout} s. They go on")
            done.reverse()
            while done:
                yield done.pop()  # so that nothing here keeps a result that the caller has done with


class _Line(Generic[T]):
    """The calls of one ``map`` that are in flight."""

    def __init__(
        self, executor: Iterating, function: Callable[..., T], calls: Iterator[tuple[Any, ...]], in_flight: int
    ) -> None:
        self._executor = executor
        self._function = function
        self._calls = calls
        self._in_flight = in_flight
        self._pending: deque[Future[T]] = deque()
        self._end: Exception | None = None  # what is raised when all before it has been returned
        self._exhausted = False

    def fill(self) -> None:
        """Submit calls until enough are in flight."""
        while not self._exhausted and len(self._pending) < self._in_flight:
            try:
                self._pending.append(self._executor.submit(self._function, *next(self._calls)))
            except StopIteration:
                self._exhausted = True
            except Exception as error:  # of the iterable, or of submit: it comes in its turn
                self._end = error
                self._exhausted = True

    def results(self) -> Iterator[T]:
        try:
            while self._pending:
                result = self._pending[0].get()
                self._pending.popleft()
                self.fill()
                yield result
                del result  # while the next is waited for, nobody may want this one
            if self._end is not None:
                raise self._end
        finally:
            for future in self._pending:
                future.cancel()
