"""The driver's side: one thread sends tasks as jobs, takes in results, and asks Slurm about jobs that have none.

The thread is there only while something is pending. It knows an executor through its futures only, so that an executor
that nobody holds is collected.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from typing import Any, NamedTuple

from orion.executor._core.arrived import Arrived
from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, Outcome
from orion.executor._slurm import commands
from orion.executor._slurm.adoption import Adoption
from orion.executor._slurm.folder import Folder
from orion.executor._slurm.ledger import Ledger, Task
from orion.executor._slurm.lookup import Lookup
from orion.executor._slurm.outcomes import outcome_of
from orion.executor._slurm.script import Directives
from orion.executor.errors import EngineLost, ExecutorError

__all__ = ["Intervals", "Pool"]

_GATHER_SECONDS = 0.01  # what is submitted within this time goes as one array
_JOIN_SECONDS = 10.0


class Intervals(NamedTuple):
    """Times, in seconds; see ``Slurm``."""

    poll: float
    lookup: float
    file_lag: float
    patience: float


class Pool:
    """Tasks and their jobs."""

    def __init__(self, folder: Folder, directives: Directives, intervals: Intervals, n_workers: int, lock: int) -> None:
        self.folder = folder
        self._directives = directives
        self.intervals = intervals
        self._lock_file = lock
        self.ledger = Ledger(n_workers)
        self.changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._to_cancel: list[str] = []
        self.asked: set[str] = set()  # runs whose jobs were asked to end, for a reason that Slurm knows
        self._kept: dict[str, list[str]] = {}  # results that a running task may wait for, by its run
        self._seen: set[str] = set()  # those results, and those of runs that were given up
        self._given_up: set[str] = set()  # jobs
        self.next_lookup = 0.0
        self._trouble: float | None = None  # since when Slurm does not answer
        self._broken: EngineLost | None = None
        self._closing = False
        self._adoption = Adoption(self)
        self._lookup = Lookup(self)
        self.last_batch = 0

    def submit(self, task: Task) -> None:
        """Give a task a job as soon as its turn comes.

        Raises
        ------
        EngineLost
            If Slurm was given up, and still does not answer.
        """
        if self._broken is not None:
            if not commands.is_up():
                raise EngineLost(str(self._broken))
            self._broken = None
        with self.changed:
            task.begin_attempt()
            if not self._closing:
                self.ledger.enqueue(task)
                self._wake()

    def adopt(self, task: Task) -> None:
        """Go on with a task that an earlier driver gave a job."""
        with self.changed:
            self.ledger.sent[task.run] = task
            self._wake()

    def stop(self, future: Future[Any], task: Task) -> bool:
        """Keep a task from running, or stop it; return whether it ends as cancelled."""
        if not future._executor._settle_cancelled(future):
            return False
        self.folder.claim(task.run, {"cancelled": True})  # its job, or the task that submitted it, might begin it
        self.folder.call(task.name).unlink(missing_ok=True)
        with self.changed:
            job = self.ledger.withdraw(task)
            if job is not None:
                self._to_cancel.append(job)
                self._wake()
        return True

    def close(self, *, join: bool = True) -> None:
        """Cancel all jobs and remove what is not needed any more; the logs stay. No task is pending any more."""
        self._end_thread(join)
        jobs = {task.job for task in self.ledger.sent.values() if task.job}
        jobs |= {*self.ledger.ending.values(), *self._to_cancel, *self._given_up}
        os.close(self._lock_file)
        try:
            commands.cancel(jobs)
        except ExecutorError as error:
            message = f"jobs {', '.join(sorted(jobs)[:10])} could not be cancelled, and may go on: {error}"
            warnings.warn(f"{message}. Slurm.attach({str(self.folder.root)!r}) has them", RuntimeWarning, stacklevel=2)
        else:
            self.folder.clear()

    def detach(self) -> None:
        """Give jobs to all that waits for them, and leave the rest to whoever attaches to the folder."""
        self._end_thread(join=True)
        try:
            self._cancel()
            while batch := self.ledger.next_batch(limited=False):
                self._submit_batch(batch, at_once=self.ledger.n_workers)
        finally:
            os.close(self._lock_file)

    def _end_thread(self, join: bool) -> None:
        with self.changed:
            self._closing = True
            self.changed.notify()
            thread = self._thread
        if thread is not None and join and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)

    def _wake(self) -> None:
        if self._thread is None:
            self.next_lookup = time.monotonic() + self.intervals.lookup
            self._thread = threading.Thread(target=self._serve, name="orion-slurm", daemon=True)
            self._thread.start()
        elif self.ledger.can_send() or self._to_cancel:
            self.changed.notify()

    # In the thread

    def _serve(self) -> None:
        while True:
            with self.changed:
                if self._closing or not (self.ledger.has_work() or self._to_cancel):
                    self._thread = None
                    return
                if not self.ledger.can_send() and not self._to_cancel:
                    self.changed.wait(self.intervals.poll)
            time.sleep(_GATHER_SECONDS)
            try:
                self._collect()  # results are files, and come without a controller too
                self._send()
                self._cancel()
                if time.monotonic() >= self.next_lookup:
                    self._lookup.look_up()
                self._trouble = None
            except EngineLost as error:
                self._endure(error)
            except ExecutorError as error:
                self._endure(EngineLost(f"{error}"))
            except Exception as error:  # such as a folder that has vanished: nothing may stay silent
                lost = EngineLost(f"the folder {self.folder.root} cannot be worked with: {error!r}")
                lost.__cause__ = error
                self._endure(lost)

    def _endure(self, error: EngineLost) -> None:
        """Go on for a while although Slurm does not answer; then fail all that is pending."""
        now = time.monotonic()
        if self._trouble is None:
            self._trouble = now
        if now - self._trouble < self.intervals.patience:
            with self.changed:
                self.changed.wait(self.intervals.poll)
            return
        self._broken = EngineLost(
            f"Slurm has not answered for {now - self._trouble:.0f} s: {error}. Its jobs may go on: once it answers, "
            f"Slurm.attach({str(self.folder.root)!r}) has their results"
        )
        with self.changed:
            tasks = self.ledger.tasks()
            self._seen |= {task.run for task in tasks}
            self._given_up |= {*self.ledger.ending.values(), *(task.job for task in tasks if task.job)}
            self.ledger = Ledger(self.ledger.n_workers)
            self._to_cancel = []
            self._trouble = None
        for task in tasks:
            _settle(task, Failure(self._broken))

    def _send(self) -> None:
        while not self._closing:
            with self.changed:
                batch = self.ledger.next_batch()
            if not batch:
                return
            self._submit_batch([task for task in batch if not self._is_run_inside(task)])

    def _is_run_inside(self, task: Task) -> bool:
        """Return whether the task that has submitted this one has begun it itself."""
        claimant = None if task.run_by is None else self.folder.claimant(task.run)
        if claimant is None:
            return False
        with self.changed:
            self.ledger.move_inside(task, claimant.get("job", ""))
        return True

    def _submit_batch(self, batch: list[Task], at_once: int | None = None) -> None:
        if not batch:
            return
        self.last_batch += 1
        number = self.last_batch
        try:
            self.folder.runs(number).write_text("\n".join(task.run for task in batch))
            script = self.folder.script(number)
            script.write_text(self._directives.script(self.folder, number))
            job = commands.submit(script, self._directives.of_batch(self.folder, batch[0].needs, len(batch), at_once))
        except EngineLost:
            with self.changed:
                self.ledger.put_back(batch)
            raise
        except Exception as error:
            failure = ExecutorError(f"Slurm refused the job of task {batch[0].future.name!r}: {error}")
            failure.__cause__ = error
            with self.changed:
                for task in batch:
                    self.ledger.ended(task.run)
            for task in batch:
                _settle(task, Failure(failure))
            return
        with self.changed:
            for place, task in enumerate(batch):
                task.job = job if len(batch) == 1 else f"{job}_{place}"
                if task.run not in self.ledger.sent:  # cancelled meanwhile
                    self.ledger.ending[task.run] = task.job
                    self._to_cancel.append(task.job)
        self.folder.job(number).write_text(job)

    def _cancel(self) -> None:
        with self.changed:
            jobs, self._to_cancel = self._to_cancel, []
        if jobs:
            self.next_lookup = min(self.next_lookup, time.monotonic() + max(1.0, self.intervals.poll))
            try:
                commands.cancel(jobs)
            except BaseException:
                with self.changed:
                    self._to_cancel += jobs
                raise

    def _collect(self) -> None:
        """Take in the results that are there, and before them what the tasks that ended have asked for."""
        results = [run for run in self.folder.listed(self.folder.results) if run not in self._seen]
        self._adoption.hear()
        for run in results:
            with self.changed:
                known = self.ledger.find(run)
                if known is None:  # it was cancelled, and its job is about to end
                    self.ledger.ended(run)
            if known is None and not self._adoption.orphans:
                self.folder.result(run).unlink(missing_ok=True)
            elif known is not None and run not in self.asked:
                self._take(known, run)

    def _take(self, task: Task, run: str) -> None:
        try:
            outcome: Outcome | None = outcome_of(self.folder.result(run))
        except (OSError, ValueError, KeyError) as error:
            lost = ExecutorError(f"the result of task {task.future.name!r} cannot be read: {error}")
            outcome = Failure(lost)
        if outcome is None:
            self.asked.add(run)
            self.next_lookup = 0.0  # Slurm knows why
            return
        self.end(task, run, outcome)

    def end(self, task: Task, run: str, outcome: Outcome) -> None:
        """Forget a run that has ended, and settle its future."""
        with self.changed:
            self.ledger.ended(run)
            parent = None if task.run_by is None else self.ledger.find(task.run_by)
            is_awaited = parent is not None
            if is_awaited and task.job is not None and not task.inside and isinstance(outcome, Arrived):
                self._cancel_superfluous(task)  # the one that waits for it may have run it itself
        self.asked.discard(run)
        _settle(task, outcome)
        self._put_away(task, run, is_awaited)
        for result in self._kept.pop(run, ()):
            self._seen.discard(result)
            self.folder.result(result).unlink(missing_ok=True)

    def _cancel_superfluous(self, task: Task) -> None:
        """Cancel a task's own job if it was run in another."""
        claimant = self.folder.claimant(task.run)
        if claimant and claimant.get("job") != task.job and task.job is not None:
            self._to_cancel.append(task.job)

    def _put_away(self, task: Task, run: str, is_awaited: bool) -> None:
        """Keep a result where it is of use: for a task that waits for it, or for a driver that attaches later."""
        result = self.folder.result(run)
        if is_awaited and task.run_by is not None:
            self._seen.add(run)
            self._kept.setdefault(task.run_by, []).append(run)
        elif task.run_by is None and task.future._order:
            with contextlib.suppress(OSError):
                os.replace(result, self.folder.finished(run))
        else:
            result.unlink(missing_ok=True)


def _settle(task: Task, outcome: Outcome) -> None:
    task.future._executor._settle(task.future, outcome)
