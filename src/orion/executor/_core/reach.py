"""How a pickled executor becomes an executor again: in its own process itself, in its own task a way to it."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from orion.executor._core import worker_side
from orion.executor.errors import ExecutorError

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor

__all__ = ["reachable", "reattach"]

reachable: WeakValueDictionary[str, BaseExecutor] = WeakValueDictionary()
"""The executors of this process, by the key under which they are pickled."""


def reattach(key: str, n_workers: int, kind: type[BaseExecutor]) -> BaseExecutor:
    """Return the executor that was pickled: itself in its own process, a way to it in a task of its own."""
    executor = reachable.get(key)
    if executor is None or executor._owner_pid != os.getpid():
        executor = worker_side.attach(key, n_workers, kind) if worker_side.attach is not None else None
    if executor is None:
        raise ExecutorError(
            f"an executor ({kind.__name__}) can only travel to its own tasks, and this process runs none of them"
        )
    return executor


def _close_all() -> None:
    for executor in list(reachable.values()):
        with suppress(Exception):  # one that is half made must not keep the others open
            executor.close()


atexit.register(_close_all)
