"""The contract: what every engine does alike.

``BaseExecutor`` is the base class of all engines, ``Future`` is what ``submit`` returns,
``AsyncResult`` and ``AsyncException`` are what ``async_get`` returns, and
``executor_factory.create(name, **config)`` makes an executor by its engine's name.
"""

from __future__ import annotations

from orion.executor._core.executor import BaseExecutor
from orion.executor._core.future import AsyncException, AsyncResult, Future
from orion.executor._core.registry import create_executor, executor_factory
from orion.executor.errors import ExecutorClosed

__all__ = [
    "AsyncException",
    "AsyncResult",
    "BaseExecutor",
    "ExecutorClosed",
    "Future",
    "create_executor",
    "executor_factory",
]
