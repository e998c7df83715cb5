"""Run functions in parallel on any engine, with the same guarantees on each.

The names below are loaded when first used, so that importing this package, which
every worker process does, costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orion.executor._core.current import current_task
    from orion.executor.base import (
        AsyncException,
        AsyncResult,
        BaseExecutor,
        Future,
        create_executor,
        executor_factory,
    )
    from orion.executor.errors import (
        EngineLost,
        EngineNotInstalled,
        ExecutorClosed,
        ExecutorError,
        NotSerializable,
        OptionNotSupported,
        OutOfMemory,
        Preempted,
        RemoteException,
        ResultTimeout,
        TaskReport,
        TaskStopped,
        TaskTimeout,
        UnknownExecutor,
        WorkerLost,
        WorkersUnfit,
    )

__all__ = [
    "AsyncException",
    "AsyncResult",
    "BaseExecutor",
    "EngineLost",
    "EngineNotInstalled",
    "ExecutorClosed",
    "ExecutorError",
    "Future",
    "NotSerializable",
    "OptionNotSupported",
    "OutOfMemory",
    "Preempted",
    "RemoteException",
    "ResultTimeout",
    "TaskReport",
    "TaskStopped",
    "TaskTimeout",
    "UnknownExecutor",
    "WorkerLost",
    "WorkersUnfit",
    "create_executor",
    "current_task",
    "executor_factory",
]

_IN_BASE = {"AsyncException", "AsyncResult", "BaseExecutor", "Future", "create_executor", "executor_factory"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_module_of(name)), name)
    return value


def _module_of(name: str) -> str:
    if name == "current_task":  # by itself, since it is asked for in workers, which need nothing else of the contract
        return "orion.executor._core.current"
    return "orion.executor.base" if name in _IN_BASE else "orion.executor.errors"


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
