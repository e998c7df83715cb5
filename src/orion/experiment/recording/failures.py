"""Why trials fail."""

from __future__ import annotations

import signal

from orion.executor import OutOfMemory, Preempted, TaskTimeout, WorkerLost

__all__ = ["CAUSES", "cause_of"]

CAUSES = {
    "exception": "the objective raised, its command failed, or its result is no usable number",
    "timeout": "the trial ran longer than its time limit",
    "memory": "memory ran out",
    "lost": "the worker was lost",
    "preempted": "the worker was asked to end by something else, as schedulers do",
}
"""Why a trial fails: each class of failure has a retry budget of its own."""


def cause_of(error: BaseException) -> str:
    """Return the class of failure that an executor's error belongs to."""
    if isinstance(error, OutOfMemory):
        return "memory"
    if isinstance(error, WorkerLost):
        return "preempted" if isinstance(error, Preempted) or error.signal == signal.SIGTERM else "lost"
    return "timeout" if isinstance(error, TaskTimeout) else "exception"
