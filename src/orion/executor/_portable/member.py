"""A worker as the pool sees it."""

from __future__ import annotations

from dataclasses import dataclass

from orion.executor._portable.launch import WorkerProcess
from orion.executor._portable.line import Line
from orion.executor._process.ledger import WorkerState

__all__ = ["Member"]


@dataclass(eq=False)
class Member:
    """A worker and the way to it.

    ``task`` is the one that was sent to it, if any; ``started`` says when it began that, if it has. A worker that is
    leaving will end by itself, a doomed one is being stopped; both get no more tasks.
    """

    state: WorkerState
    process: WorkerProcess
    line: Line
    task: int | None = None
    started: float | None = None
    had_work: bool = False
    is_leaving: bool = False
    is_doomed: bool = False
