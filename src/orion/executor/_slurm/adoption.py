"""The driver's side of nested work: what tasks submit is run, and cancelled when they say so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from orion.executor._core.future import Future
from orion.executor._slurm.calls import Needs, read_options
from orion.executor._slurm.ledger import Task
from orion.executor.errors import ExecutorError

if TYPE_CHECKING:
    from orion.executor._slurm.pool import Pool

__all__ = ["Adoption"]


class Adoption:
    """Does what tasks ask for in the folder; called by the pool's thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.orphans: set[str] = set()  # what was asked for by tasks not known yet

    def hear(self) -> None:
        """Do what tasks have asked for."""
        asks = self._pool.folder.listed(self._pool.folder.asked)
        for ask in sorted(asks, key=lambda name: (name.startswith("cancel"), name)):  # names begin with the time
            about, _, name = ask.partition("-")
            if about == "cancel":
                self._cancel_by_name(name)
            elif not self._adopt(name) and ask not in self.orphans:
                self.orphans.add(ask)  # who asks for the task that asks may be heard of next time
                continue
            self.orphans.discard(ask)
            (self._pool.folder.asked / ask).unlink(missing_ok=True)

    def _cancel_by_name(self, name: str) -> None:
        with self._pool.changed:
            tasks = self._pool.ledger.tasks()
        for task in tasks:
            if task.name == name:
                task.future._executor.cancel(task.future)

    def _adopt(self, name: str) -> bool:
        """Run what a task has submitted; false if that task is not known, since it was stopped."""
        head, options = read_options(self._pool.folder.call(name))
        with self._pool.changed:
            parent = self._pool.ledger.find(head["run_by"])
        if parent is None:
            return False
        executor = parent.future._executor
        future: Future[Any] = Future(executor, next(executor._numbers), None, head["name"], options)
        task = Task(name, future, Needs.of(options), head["run_by"], head["alone"])
        future._call = task
        with contextlib.suppress(ExecutorError):  # the executor is being closed
            executor._tracker.add(future, from_task=True)
            self._pool.submit(task)
        return True
