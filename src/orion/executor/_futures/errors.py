"""A pool's own exceptions, translated by their types."""

from __future__ import annotations

import sys
from concurrent.futures import BrokenExecutor, CancelledError

from orion.executor._core.outcome import described
from orion.executor.errors import EngineLost, ExecutorError, WorkerLost

__all__ = ["translated"]

# What says that a worker has gone, by module: looked up, not imported, since who raises it has imported it.
_LOST = {
    "parsl.executors.high_throughput.errors": ("WorkerLost", "ManagerLost"),
    "parsl.executors.errors": ("BadStateException",),
    "ipyparallel.error": ("EngineError",),
}


def translated(error: BaseException, task: str, *, refused: bool = False) -> BaseException:
    """Return what a pool's own exception means for a task; ``refused``: the pool did not take it."""
    made: BaseException
    if isinstance(error, CancelledError):
        made = CancelledError(f"task {task!r} was stopped: its pool cancelled it")
    elif refused:
        made = EngineLost(
            f"the pool does not take task {task!r}: {described(error)}. It was closed, or is broken: make a new one"
        )
    elif isinstance(error, (BrokenExecutor, *_known(_LOST))):
        made = WorkerLost(
            f"the pool lost the worker of task {task!r} before the task had ended: {described(error)}. Likely "
            "causes: the worker was killed, or its host was lost. options(retries=1) would run it again"
        )
    else:
        made = ExecutorError(
            f"the pool could not run task {task!r}: {described(error)}. Its workers need orion-executor, "
            "cloudpickle and what the task needs, in the same versions as here"
        )
    made.__cause__ = error
    return made


def _known(names: dict[str, tuple[str, ...]]) -> list[type[BaseException]]:
    """Return the exception types of these names whose modules are imported."""
    found = [getattr(sys.modules.get(module), name, None) for module, kinds in names.items() for name in kinds]
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)]
