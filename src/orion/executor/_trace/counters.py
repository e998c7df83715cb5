"""How many tasks an executor has had, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor

__all__ = ["Counters", "count"]


class Counters(TypedDict):
    """What :meth:`BaseExecutor.counters` returns."""

    submitted: int
    running: int | None
    """``None`` where the engine cannot tell."""
    done: int
    """Ended, in whatever way."""
    failed: dict[str, int]
    """Of those done, by the type of exception."""
    queue_time: float | None
    """Seconds, summed over the tasks that a trace has seen, of waiting for a worker; ``None`` without a trace."""


def count(executor: BaseExecutor) -> Counters:
    """Return the counters of an executor."""
    submitted, done, failed = executor._tracker.counts()
    return Counters(
        submitted=submitted,
        running=executor._running_count(),
        done=done,
        failed=failed,
        queue_time=None if executor._trace is None else executor._trace.queue_time(),
    )
