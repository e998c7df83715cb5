"""The executor of Oríon's that chose between processes and threads, under its own name."""

from __future__ import annotations

from typing import Any

from orion.executor.base import BaseExecutor
from orion.executor.process_backend import ProcessExecutor
from orion.executor.thread_backend import ThreadExecutor

__all__ = ["PoolExecutor"]

_BACKENDS: dict[str, type[BaseExecutor]] = {
    "multiprocess": ProcessExecutor,
    "loky": ProcessExecutor,
    "thread": ThreadExecutor,
    "threading": ThreadExecutor,
}


class PoolExecutor(BaseExecutor):
    """Make a process or a thread executor, by the name that Oríon gave its backend.

    Parameters
    ----------
    n_workers
        The number of workers; ``-1`` means one for every CPU this process may use.
    backend
        ``multiprocess`` or ``loky`` for the process engine, ``thread`` or ``threading`` for threads.

    Raises
    ------
    ValueError
        For an unknown backend; the message lists the valid ones.
    """

    def __new__(  # type: ignore[misc]  # it makes one of two engines, both of which count as instances
        cls, n_workers: int = -1, backend: str = "multiprocess", **kwargs: Any
    ) -> BaseExecutor:
        """Make the executor."""
        if backend not in _BACKENDS:
            raise ValueError(f"unknown backend {backend!r}; the backends are {', '.join(_BACKENDS)}")
        return _BACKENDS[backend](n_workers=n_workers, **kwargs)


PoolExecutor.register(ProcessExecutor)
PoolExecutor.register(ThreadExecutor)
