"""What a worker has to know of a task besides its call."""

from __future__ import annotations

from typing import Any, NamedTuple

from orion.executor._core.future import Future
from orion.executor._core.options import TaskOptions

__all__ = ["Ticket"]


class Ticket(NamedTuple):
    """Plain data, so that whatever carries it needs nothing of ours and nothing of the user's."""

    name: str
    given_name: str | None
    attempt: int
    timeout: float | None
    grace: float | None
    memory_gb: float | None
    gpus: float | None

    @classmethod
    def of(cls, future: Future[Any]) -> Ticket:
        """Return the ticket of a task's present attempt."""
        options = future._options
        return cls(
            future._name,
            options.name,
            future._attempt,
            options.timeout,
            options.grace,
            options.memory_gb,
            options.gpus,
        )

    def options(self) -> TaskOptions:
        """Return the options under which the worker's own pool runs the call; retries are the driver's."""
        return TaskOptions(timeout=self.timeout, grace=self.grace, memory_gb=self.memory_gb, name=self.given_name)
