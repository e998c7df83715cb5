"""What ``executor.options(…)`` returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orion.executor._core.executor import BaseExecutor
from orion.executor._core.future import AsyncException, AsyncResult, Future
from orion.executor._core.options import TaskOptions

if TYPE_CHECKING:
    from orion.executor._core.concurrent_view import ConcurrentView
    from orion.executor._trace.counters import Counters
    from orion.executor._trace.trace import Trace

__all__ = ["ExecutorView"]

P = ParamSpec("P")
T = TypeVar("T")
Self = TypeVar("Self", bound="ExecutorView")


class ExecutorView(BaseExecutor):
    """The same engine, with other options for what is submitted through it."""

    def __init__(self, owner: BaseExecutor, options: TaskOptions) -> None:
        self._owner = owner
        self._default_options = options
        self.n_workers = owner.n_workers
        self.limitations = owner.limitations  # type: ignore[misc]  # the owner's class declares them
        self.driver_host = owner.driver_host

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._owner._submit(self._default_options, function, args, kwargs)

    def async_get(
        self, futures: list[Future[T]], timeout: float | None = None
    ) -> list[AsyncResult[T] | AsyncException[T]]:
        return self._owner.async_get(futures, timeout)

    def wait(self, futures: list[Future[T]]) -> list[T]:
        return self._owner.wait(futures)

    def cancel(self, future: Future[Any]) -> bool:
        return self._owner.cancel(future)

    def options(self, **changes: Any) -> BaseExecutor:
        return ExecutorView(self._owner, self._owner._checked_options(self._default_options, changes))

    def as_concurrent(self, max_workers: int | None = None) -> ConcurrentView:
        from orion.executor._core.concurrent_view import ConcurrentView

        return ConcurrentView(self._owner, self._default_options, max_workers)

    def trace(self, *paths: str | os.PathLike[str]) -> Trace:
        return self._owner.trace(*paths)

    def counters(self) -> Counters:
        return self._owner.counters()

    def close(self, drain: bool = False) -> None:
        self._owner.close(drain)

    def __enter__(self: Self) -> Self:  # noqa: PYI019 - typing's own Self is not in 3.10
        self._owner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owner.__exit__(kind, error, traceback)

    async def __aenter__(self: Self) -> Self:  # noqa: PYI019 - as above
        await self._owner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._owner.__aexit__(kind, error, traceback)

    def __reduce__(self) -> tuple[object, ...]:
        return ExecutorView, (self._owner, self._default_options)

    def _start(self, future: Future[Any]) -> None:
        self._owner._start(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._owner._stop(future)

    def _wait_any(self, futures: list[Future[T]], timeout: float | None) -> list[Future[T]]:
        return self._owner._wait_any(futures, timeout)

    def _release(self) -> None:
        """Nothing: the engine is the owner's."""
