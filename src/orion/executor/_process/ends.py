"""How the ends of tasks and of workers reach their futures."""

from __future__ import annotations

from functools import partial

from orion.executor._core import payload
from orion.executor._core.outcome import Failure, Outcome, described
from orion.executor._process.base_pool import BasePool, Later
from orion.executor._process.ledger import WorkerState
from orion.executor._process.memory import kernel_kills
from orion.executor._process.verdicts import how_it_ended, killed_by_kernel, lost
from orion.executor.errors import TaskReport, WorkersUnfit

__all__ = ["Ends"]

_SIGKILL = 9


class Ends:
    """Is told that tasks have ended and workers have died; called with the pool's lock held."""

    def __init__(self, pool: BasePool) -> None:
        self._pool = pool
        self._kernel_kills = kernel_kills()

    def task_ended(self, worker: WorkerState, task: int, outcome: Outcome, later: Later) -> None:
        """Complete a task's future as its worker has reported."""
        ledger = self._pool.ledger
        verdict = ledger.verdicts.get(task)
        future = ledger.ended(task)
        if worker.children:
            worker.children.clear()  # they go on, whatever becomes of the worker
        if future is None:
            return
        if verdict is not None:  # asked to end, it did so by itself
            outcome = Failure(verdict(self._pool.report(worker, task)))
        later.settle(future, outcome)

    def worker_died(
        self,
        worker: WorkerState,
        task: int | None,
        exitcode: int,
        report: TaskReport,
        later: Later,
        *,
        had_work: bool,
        message: str = "",
    ) -> None:
        """Fail the task that a worker ran when it died, and stop what that task had submitted."""
        ledger = self._pool.ledger
        ledger.died(worker.number, had_work=had_work)
        worker.lost_task = task
        if task is not None:
            verdict = ledger.verdicts.get(task)
            future = ledger.ended(task)
            if future is not None:
                if verdict is None and self._killed_by_kernel(exitcode):
                    verdict = killed_by_kernel(future)
                failure = Failure((verdict or lost(future, exitcode))(report))
                later.settle(future, failure)
        for child in worker.children.values():
            later.append(partial(child._executor.cancel, child))
        if ledger.hopeless:
            reason = message or how_it_ended(exitcode)
            error = WorkersUnfit(
                "the workers of the process pool end before they take any work, perhaps in the initializer: "
                f"the last one {reason}{TaskReport(crash=report.crash)}"
            )
            later.append(partial(self._pool.give_up, error))

    def workers_unfit(self, data: bytes | memoryview, later: Later) -> None:
        """Fail every task, since a worker could not be made ready; ``data`` is the failure."""
        failure = payload.load_failure(bytes(data))
        error = WorkersUnfit(f"no worker can be made ready, so no task can run: {described(failure.exception)}")
        later.append(partial(self._pool.give_up, error, failure.exception))

    def _killed_by_kernel(self, exitcode: int) -> bool:
        """Return whether a worker that ended so was probably killed because memory ran out."""
        if exitcode != -_SIGKILL:
            return False
        before, self._kernel_kills = self._kernel_kills, kernel_kills()
        return self._kernel_kills > before
