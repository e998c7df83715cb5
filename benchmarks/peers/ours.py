"""The engines of this project."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from benchmarks.peers.peer import Peer
from orion.executor import create_executor

__all__ = ["Adapter", "Dask", "Loky", "Ray", "Single", "Thread"]


class Adapter(Peer):
    """The process engine; the others differ by name and settings."""

    imports = "from orion.executor import create_executor"
    engine: ClassVar[str] = "process"
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None:
        # Never a copy of the driver.
        self._executor = create_executor(self.engine, n_workers=n_workers, **self.settings)
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

    def as_joblib_backend(self) -> AbstractContextManager[object]:
        import joblib

        import orion.executor.joblib  # noqa: F401 - registers it

        backend: AbstractContextManager[object] = joblib.parallel_config("orion", executor=self._executor)
        return backend


class Thread(Adapter):
    engine = "thread"


class Single(Adapter):
    engine = "single"
    in_background = False


class Dask(Adapter):
    engine = "dask"


class Ray(Adapter):
    engine = "ray"
    settings: ClassVar = {"address": "local", "log_to_driver": False}


class Loky(Adapter):
    engine = "joblib"
