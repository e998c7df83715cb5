"""The process engine of this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.peers.peer import Peer
from orion.executor import create_executor

__all__ = ["Adapter"]


class Adapter(Peer):
    imports = "from orion.executor import create_executor"

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        self._executor = create_executor("process", n_workers=n_workers)  # never a copy of the driver
        self.submit = self._executor.submit  # type: ignore[method-assign]  # nothing between

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._executor.submit(function, *args)

    def result(self, handle: Any) -> Any:
        return handle.get()

    def results(self, handles: list[Any]) -> list[Any]:
        return self._executor.wait(handles)

    def close(self) -> None:
        self._executor.close()

    def submit_limited(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        return self._executor.options(timeout=seconds).submit(function, *args)

    def is_done(self, handle: Any) -> bool:
        return bool(handle.ready())

    def take_done(self, handles: list[Any]) -> list[Any]:
        return self._executor.async_get(handles)
