"""Asking Slurm about jobs, all of them at once, to find those that have ended without a result."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from orion.executor._core import payload
from orion.executor._core.outcome import Failure
from orion.executor._slurm import commands, records
from orion.executor._slurm.folder import tail
from orion.executor._slurm.ledger import Task
from orion.executor._slurm.states import JobState, verdict
from orion.executor.errors import TaskReport

if TYPE_CHECKING:
    from orion.executor._slurm.pool import Pool

__all__ = ["Lookup"]


class Lookup:
    """Called by the pool's thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def look_up(self) -> None:
        """Ask Slurm about all jobs at once; find those that have ended without a result."""
        with self._pool.changed:
            tasks = [task for task in self._pool.ledger.sent.values() if task.job is not None]
            jobs = {task.job for task in tasks if task.job} | set(self._pool.ledger.ending.values())
        states = commands.states_of(jobs) if jobs else {}
        now = time.monotonic()
        self._pool.next_lookup = now + self._pool.intervals.lookup
        for task in tasks:
            state = states.get(task.job or "")
            if state is not None and not state.has_ended:
                task.ended = None
                if task.run in self._pool.asked:
                    self._pool.next_lookup = min(self._pool.next_lookup, now + self._pool.intervals.poll)
                continue
            if task.ended is None:
                task.ended = now
            if (state is not None and not state.may_have_result) or now - task.ended >= self._pool.intervals.file_lag:
                self._lose(task, state)
            else:
                self._pool.next_lookup = min(self._pool.next_lookup, task.ended + self._pool.intervals.file_lag)
        with self._pool.changed:
            for run, job in list(self._pool.ledger.ending.items()):
                if job not in states or states[job].has_ended:
                    self._pool.ledger.ended(run)

    def _lose(self, task: Task, state: JobState | None) -> None:
        """Settle a task whose job has ended without a result."""
        run, job = task.run, task.job or ""
        claimant = self._pool.folder.claimant(run) or {}
        if claimant.get("job", job) != job:  # the task that waits for it has taken it
            with self._pool.changed:
                self._pool.ledger.move_inside(task, claimant["job"])
            return
        result = self._pool.folder.result(run)
        if result.exists() and run not in self._pool.asked:
            return  # it has arrived just now
        error = verdict(f"task {task.future.name!r}", job, state, self._report(task, job))
        with contextlib.suppress(OSError):
            records.write(result, {"end": "raised"}, [payload.dump_failure(error)])
        self._pool.end(task, run, Failure(error))

    def _report(self, task: Task, job: str) -> TaskReport:
        log = self._pool.folder.log_of_run(task.run) if task.inside else self._pool.folder.log(job)
        if task.run not in self._pool.asked:
            return TaskReport(last_output=tail(log))
        head = records.read_head(self._pool.folder.result(task.run))
        known = {name: head[name] for name in ("pid", "run_time", "peak_memory_gb", "last_output")}
        return TaskReport(**known)
