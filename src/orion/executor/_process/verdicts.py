"""Why a task did not end by itself, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orion.executor._core import payload
from orion.executor._core.future import Future
from orion.executor._core.outcome import described
from orion.executor._process.wire import DESCRIPTORS_GONE
from orion.executor.errors import (
    OutOfMemory,
    TaskReport,
    TaskStopped,
    TaskTimeout,
    WorkerLost,
)

__all__ = [
    "Verdict",
    "how_it_ended",
    "killed_by_kernel",
    "lost",
    "over_memory",
    "over_time",
    "unreadable",
    "where_it_crashed",
]

Verdict = Callable[[TaskReport], TaskStopped]


def over_time(future: Future[Any]) -> Verdict:
    return lambda report: TaskTimeout.after(f"task {future.name!r}", future._options.timeout, report=report)


def over_memory(future: Future[Any]) -> Verdict:
    return lambda report: OutOfMemory.beyond(f"task {future.name!r}", future._options.memory_gb, report=report)


def killed_by_kernel(future: Future[Any]) -> Verdict:
    return lambda report: OutOfMemory(
        f"the worker running task {future.name!r} was killed by signal 9 (SIGKILL), and the kernel has just killed for "
        "want of memory. Only this task failed; fewer workers, or smaller tasks, leave more for each",
        signal=9,
        report=report,
    )


def lost(future: Future[Any], code: int) -> Verdict:
    """Return the verdict on a task whose worker ended with that exit code; a signal's is negative."""
    if code == DESCRIPTORS_GONE:
        return lambda report: WorkerLost(
            f"task {future.name!r} closed or replaced file descriptors that it had not opened, so its worker could not "
            "report its result. Only this task failed; close only what you open",
            exitcode=code,
            report=report,
        )
    name = f"task {future.name!r}"
    if code < 0:
        return lambda report: WorkerLost.died(name, signal=-code, report=report)
    return lambda report: WorkerLost.died(name, exitcode=code, report=report)


def unreadable(future: Future[Any], error: Exception) -> Verdict:
    return lambda report: WorkerLost(
        f"what the worker running task {future.name!r} has sent could not be taken in: {described(error)}. It was "
        "replaced. Likely causes: the result is too large for this process, or the task wrote into descriptors "
        "that it had not opened",
        report=report,
    )


def where_it_crashed(text: str) -> str:
    """Return the user's part of what faulthandler wrote."""
    return text.partition(f'  File "{payload.__file__}"')[0].rstrip()


def how_it_ended(code: int) -> str:
    if code == DESCRIPTORS_GONE:
        return "closed or replaced file descriptors that it had not opened"
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
