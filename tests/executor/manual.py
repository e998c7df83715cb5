"""An engine for the tests of the core: nothing happens until a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orion.executor._core.outcome import Failure, Value
from orion.executor.base import BaseExecutor, Future

__all__ = ["ManualExecutor", "submit"]


class ManualExecutor(BaseExecutor):
    """Tasks end when :meth:`finish` or :meth:`fail` is called."""

    def __init__(self, n_workers: int = 1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self.started: list[Future[Any]] = []
        self.released = 0

    def finish(self, future: Future[Any], value: Any = None) -> None:
        self._settle(future, Value(value))

    def fail(self, future: Future[Any], error: BaseException) -> None:
        self._settle(future, Failure(error))

    def _start(self, future: Future[Any]) -> None:
        self.started.append(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self._settle_cancelled(future)

    def _release(self) -> None:
        self.started.clear()
        self.released += 1


def submit(executor: BaseExecutor, count: int, function: Callable[..., Any] = abs) -> list[Future[Any]]:
    """Submit so many tasks."""
    return [executor.submit(function, number) for number in range(count)]
