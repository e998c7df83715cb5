"""Which tasks wait for a job, which have one, and how many more may have: decisions only, no files and no commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from orion.executor._core.future import Future
from orion.executor._slurm.calls import Needs
from orion.executor._slurm.folder import run_name

__all__ = ["Ledger", "Task"]

_ARRAY_SIZE = 1000  # Slurm's own limit (MaxArraySize) is 1001 unless it is configured


@dataclass(eq=False)
class Task:
    """A task that has not ended.

    Parameters
    ----------
    name
        What the folder calls it.
    future
        Its future.
    needs
        What it has to be given.
    run_by
        The run that submitted it, if a task did.
    alone
        Whether it gets a job of its own, however many there are.
    """

    name: str
    future: Future[Any]
    needs: Needs
    run_by: str | None = None
    alone: bool = False
    run: str = ""  # the attempt that waits or has a job
    job: str | None = None  # what Slurm calls the job, as soon as it is known
    inside: bool = False  # it is run by the job of the task that waits for it
    ended: float | None = None  # since when Slurm says that the job has ended, while there is no result

    def begin_attempt(self) -> None:
        """Get ready for the attempt that the future is at."""
        self.run = run_name(self.name, self.future._attempt)
        self.job, self.inside, self.ended = None, False, None


@dataclass
class Ledger:
    """``n_workers`` jobs at a time; every method expects its owner's lock to be held."""

    n_workers: int
    queued: dict[str, Task] = field(default_factory=dict)  # by run, in the order in which they get jobs
    urgent: dict[str, Task] = field(default_factory=dict)  # likewise, those that get jobs however many there are
    sent: dict[str, Task] = field(default_factory=dict)
    ending: dict[str, str] = field(default_factory=dict)  # job by run, for runs that were cancelled and may still run
    n_inside: int = 0

    def has_work(self) -> bool:
        return bool(self.queued or self.urgent or self.sent or self.ending)

    def tasks(self) -> list[Task]:
        return [*self.urgent.values(), *self.queued.values(), *self.sent.values()]

    def enqueue(self, task: Task) -> None:
        """Have a task wait for its turn."""
        (self.urgent if task.alone else self.queued)[task.run] = task

    def can_send(self) -> bool:
        return bool(self.urgent) or (bool(self.queued) and self.n_free() > 0)

    def n_free(self) -> int:
        """Return how many more jobs there may be."""
        return self.n_workers - (len(self.sent) - self.n_inside) - len(self.ending)

    def next_batch(self, *, limited: bool = True) -> list[Task]:
        """Take tasks with the same needs out of the queue, those that come first, as many as may have jobs now."""
        queue = self.urgent or self.queued
        room = self.n_free() if limited and queue is self.queued else len(queue)
        if room <= 0 or not queue:
            return []
        needs = next(iter(queue.values())).needs
        batch = list(islice((task for task in queue.values() if task.needs == needs), min(room, _ARRAY_SIZE)))
        for task in batch:
            del queue[task.run]
            self.sent[task.run] = task
        return batch

    def put_back(self, batch: list[Task]) -> None:
        """Have tasks wait again, before all others."""
        back = {task.run: task for task in batch if self.sent.pop(task.run, None) is not None}
        if batch[0].alone:
            self.urgent = back | self.urgent
        else:
            self.queued = back | self.queued

    def move_inside(self, task: Task, job: str) -> None:
        """Take note that a task is run by the job of the one that waits for it."""
        if task.run in self.sent and not task.inside:
            self.n_inside += 1
            task.inside = True
        task.job, task.ended = job, None

    def find(self, run: str) -> Task | None:
        return self.sent.get(run) or self.queued.get(run) or self.urgent.get(run)

    def ended(self, run: str) -> Task | None:
        """Forget a run that has ended; ``None`` if it is not known, or was cancelled."""
        self.ending.pop(run, None)
        self._unqueue(run)
        task = self.sent.pop(run, None)
        if task is not None and task.inside:
            self.n_inside -= 1
        return task

    def withdraw(self, task: Task) -> str | None:
        """Forget a cancelled task; return the job to cancel, if it has one."""
        if self._unqueue(task.run) or self.sent.pop(task.run, None) is None:
            return None
        if task.inside:
            self.n_inside -= 1
            return None
        if task.job is not None:
            self.ending[task.run] = task.job
        return task.job

    def _unqueue(self, run: str) -> bool:
        return (self.queued.pop(run, None) or self.urgent.pop(run, None)) is not None
