"""The loop that keeps the workers full: a trial ends, it is recorded, the next one is asked for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from typing import Any

from orion.executor import AsyncException, AsyncResult, ExecutorClosed, ExecutorError, Future
from orion.experiment.errors import DiskFull, ExperimentError, StorageError, TooManyFailures
from orion.experiment.line.conversation import Conversation, snapshot
from orion.experiment.line.desk import Desk
from orion.experiment.objectives.functions import DefineByRun
from orion.experiment.recording.bookkeeping import Bookkeeping
from orion.experiment.recording.trials import Claim, Trials
from orion.experiment.recording.verdicts import Failed, Stopped, judge
from orion.experiment.running.engine import Engine
from orion.experiment.running.interrupts import Interrupts
from orion.experiment.running.limits import Deadline, Limits
from orion.experiment.running.patience import Patience
from orion.experiment.running.retries import Retries
from orion.experiment.trial.attempt import Assignment, Objective, carry_out
from orion.experiment.trial.gpus import Lease
from orion.experiment.views.progress import Progress

__all__ = ["Runner"]

# How soon to look again for a GPU that is not free: another driver has it, or a process that is about to end.
_GPU_PAUSES_S = (0.01, 0.5)


class Runner:
    """Run trials until there are enough finished ones, or until another limit is reached.

    Parameters
    ----------
    trials
        The experiment's trials.
    engine
        Where the objective runs.
    objective
        What to run.
    limits, retries, patience
        When to end, and what to try again.
    books
        Where attempts are written down.
    desk
        Where running trials ask; its lock is held by whoever uses the trials.
    progress
        Told what happens.
    interrupts
        Active, so that Ctrl-C and SIGTERM come as ``KeyboardInterrupt``.
    """

    def __init__(
        self,
        trials: Trials,
        engine: Engine,
        objective: Objective,
        *,
        limits: Limits,
        retries: Retries,
        patience: Patience,
        books: Bookkeeping,
        desk: Desk,
        progress: Progress,
        interrupts: Interrupts,
    ) -> None:
        self._trials = trials
        self._executor = engine.executor
        self._engine = engine
        self._objective = objective
        self._limits = limits
        self._retries = retries
        self._patience = patience
        self._books = books
        self._desk = desk
        self._progress = progress
        self._interrupts = interrupts
        self._deadline = Deadline(limits.timeout)
        self._in_driver = "worker_death" in self._executor.limitations
        self._in_drivers_thread = "background" in self._executor.limitations
        self._running: dict[Future[Any], Claim] = {}
        self._leases: dict[int, Lease] = {}  # of running trials, by their numbers
        self._gpu_pause = 0.0  # until GPUs should be looked for again; 0 if none are lacking
        self._failures: list[str] = []  # of this run: what each is grouped by
        self._ending = ""  # why nothing new starts, if nothing does
        self._requeued = 0

    def run(self) -> None:
        """Run until all is done.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C or SIGTERM. What runs is left running: call :meth:`stop`.
        TooManyFailures, DiskFull
            If it makes no sense to go on. What runs is left running.
        """
        pending: list[Future[Any]] = []
        while True:
            with self._writing():
                pending += self._fill()
                if not pending and not self._ending:
                    self._trials.take_back()  # a driver beside this one may have been killed meanwhile
                    self._books.taken_back(self._trials.taken_back)
                    pending += self._fill()
            if not pending and self._gpu_pause:
                time.sleep(self._gpu_pause)  # nothing tells when those who have them are done
                if not self._deadline.passed():
                    continue
            if not pending:
                break
            try:
                ends = self._wait(pending)
            except KeyboardInterrupt:
                if not self._interrupts.draining:
                    raise
                pending = list(self._running)
                continue
            with self._writing():
                stopped_by_user = self._settle(ends, stopping=False)
            if stopped_by_user:
                raise KeyboardInterrupt
            if self._deadline.passed():
                self._time_is_over()
                break
        if self._interrupts.received:
            raise KeyboardInterrupt

    def stop(self, close: Callable[[], object] | None) -> int:
        """Stop what runs: record what has arrived, queue the rest for the next run, and return how many these are.

        Parameters
        ----------
        close
            Stops every task of the executor; ``None`` if it is used by others too.
        """
        with self._desk.lock:
            self._collect()
        if close is not None:
            close()
        self.abandon()
        with self._desk.lock:
            self._collect()
            for claim in self._running.values():  # on an engine that cannot stop it; its result will be ignored
                self._requeue(claim)
            self._running.clear()
        return self._requeued

    def abandon(self) -> None:
        """Stop what runs and record nothing: the next run will find these trials without a driver."""
        for future in self._running:
            future.cancel()

    def give_back(self) -> None:
        """Give back all GPUs; call it when nothing runs any more."""
        for lease in self._leases.values():
            lease.release()
        self._leases.clear()

    def _wait(self, pending: list[Future[Any]]) -> list[AsyncResult[Any] | AsyncException[Any]]:
        """Wait until a trial ends, the time is over, or a signal comes."""
        # In the driver's own thread the objective would be hit by a signal that is to let it finish.
        with nullcontext() if self._in_drivers_thread else self._interrupts.waiting():
            left = self._deadline.left()
            if self._gpu_pause:
                left = self._gpu_pause if left is None else min(left, self._gpu_pause)
            return self._executor.async_get(pending, left)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold signals back, and keep the desk from using the study."""
        with self._interrupts.held(), self._desk.lock:
            yield

    def _time_is_over(self) -> None:
        with self._interrupts.held():
            requeued = self.stop(None)
            self._progress.noted(
                f"its time of {self._limits.timeout:g} s is over, {requeued} running ones were stopped and queued again"
            )

    def _fill(self) -> list[Future[Any]]:
        """Start trials until the workers are full or no more are to be started; return the new futures."""
        started: list[Future[Any]] = []
        if self._interrupts.draining and not self._ending:
            self._ending = "interrupted"
            self._progress.draining()
        while len(self._running) < self._executor.n_workers and not self._interrupts.received and not self._ending:
            if self._patience.exhausted():
                self._end(f"no better trial among the last {self._patience.limit}")
                break
            lease = self._lease()
            if self._gpu_pause:
                break
            claim = self._trials.claim(self._progress.max_trials)
            if claim is None:
                self._release(lease)
                break
            if lease is not None:
                self._leases[claim.number] = lease
            future = self._submit(claim)
            self._running[future] = claim
            started.append(future)
            self._progress.trial_started(self._trials.tally, claim.number, claim.attempt, claim.parameters)
        return started

    def _lease(self) -> Lease | None:
        """Take the GPUs of one more trial, if trials have any."""
        if self._engine.leases is None:
            return None
        lease = self._engine.leases.take()
        if lease is not None:
            self._gpu_pause = 0.0
            return lease
        before, (shortest, longest) = self._gpu_pause, _GPU_PAUSES_S
        self._gpu_pause = min(longest, max(shortest, 2 * before))
        if before < longest == self._gpu_pause and not self._running:
            self._progress.noted("waiting for a GPU: other drivers have them all")
        return None

    def _release(self, lease: Lease | None) -> None:
        if lease is not None and self._engine.leases is not None:
            self._engine.leases.release(lease)

    def _end(self, why: str) -> None:
        """Start nothing new; what runs may finish."""
        if not self._ending:
            self._ending = why
            self._progress.noted(f"{why}: no more trials are started")

    def _submit(self, claim: Claim) -> Future[Any]:
        try:
            assignment = self._assignment(claim)
            view = self._executor.options(name=f"trial {claim.number}", **self._engine.options)
            future = view.submit(carry_out, self._objective, assignment)
        except ExecutorError as error:
            self._requeue(claim)
            raise ExperimentError(f"trial {claim.number} cannot be started: {error}") from error
        except StorageError:
            self._requeue(claim)
            raise
        self._desk.admit(assignment.key, self._conversation(claim))
        return future

    def _assignment(self, claim: Claim) -> Assignment:
        return Assignment(
            experiment=self._progress.name,
            number=claim.number,
            attempt=claim.attempt,
            parameters=claim.parameters,
            seed=claim.seed,
            n_objectives=self._trials.n_objectives,
            address=self._desk.address,
            snapshot=snapshot(claim.trial) if isinstance(self._objective, DefineByRun) else None,
            folder=self._books.begin(claim),
            in_driver=self._in_driver,
            in_drivers_thread=self._in_drivers_thread,
            gpus=self._leases[claim.number].shares if claim.number in self._leases else (),
        )

    def _conversation(self, claim: Claim) -> Conversation:
        return Conversation(
            claim.trial,
            stop=lambda: self._end(f"trial {claim.number} has stopped the study"),
            reported=lambda step, value: self._progress.trial_reported(claim.number, step, value),
        )

    def _collect(self) -> None:
        """Settle the running trials whose end has arrived."""
        arrived = [future for future in self._running if future.ready()]
        self._settle(self._executor.async_get(arrived), stopping=True)

    def _settle(self, ends: Sequence[AsyncResult[Any] | AsyncException[Any]], *, stopping: bool) -> bool:
        """Record or requeue trials whose tasks have ended, and return whether one was ended by Ctrl-C."""
        stopped_by_user = False
        problem: ExperimentError | None = None
        for end in ends:
            claim = self._running.pop(end.future)
            self._part_with(claim)
            if isinstance(end, AsyncException) and isinstance(end.exception, DiskFull):
                self._requeue(claim)
                problem = end.exception
                continue
            stopping = stopping or self._is_cut_off(end)
            verdict = judge(end, stopping=stopping, in_driver=self._in_drivers_thread)
            if isinstance(verdict, Stopped):
                stopped_by_user |= verdict.by_user
                self._requeue(claim)
                continue
            attempt = self._books.end(claim, verdict)
            if isinstance(verdict, Failed) and self._retries.allow(verdict.failure.cause, claim.history):
                self._trials.requeue(claim, attempt)
                self._progress.trial_retried(self._trials.tally, claim.number, _reason(verdict))
                continue
            record = self._trials.record(claim, verdict, attempt)
            if record is None:
                self._progress.noted(f"trial {claim.number} was taken over by another driver: this result is dropped")
                continue
            self._books.finish(record)
            self._patience.note(record)
            self._progress.trial_ended(self._trials.tally, record)
            if isinstance(verdict, Failed):
                problem = self._problem(claim, verdict) or problem
        if problem is not None and not stopping:
            raise problem
        return stopped_by_user

    def _problem(self, claim: Claim, verdict: Failed) -> ExperimentError | None:
        """Take note of a failed trial, and return why no more trials should run, if none should."""
        self._failures.append(_reason(verdict))
        if verdict.failure.kind == "ResultUnreadable" and not self._trials.tally.completed:
            return ExperimentError(f"trial {claim.number}: {verdict.failure.message}")
        limit = self._limits.max_broken
        if limit is None or len(self._failures) < limit:
            return None
        reasons = [f"{count} of them {reason}" for reason, count in Counter(self._failures).most_common(3)]
        return TooManyFailures(
            f"{len(self._failures)} trials have failed, and no more than that may: " + "; ".join(reasons)
        )

    def _is_cut_off(self, end: AsyncResult[Any] | AsyncException[Any]) -> bool:
        """Return whether a trial was cancelled since somebody else has closed the executor."""
        if isinstance(end, AsyncException) and isinstance(end.exception, CancelledError):
            try:
                self._executor.submit(int).cancel()
            except ExecutorClosed:
                return True
        return False

    def _requeue(self, claim: Claim) -> None:
        self._part_with(claim)
        attempt = self._interrupted(claim) if self._books.has_begun(claim) else None
        self._trials.requeue(claim, attempt)
        self._requeued += 1

    def _interrupted(self, claim: Claim) -> dict[str, Any] | None:
        try:
            return self._books.end(claim, Stopped())
        except StorageError:  # no room for it, which may be why the trial is queued again
            return None

    def _part_with(self, claim: Claim) -> None:
        """Answer a trial no longer, and give back its GPUs: what had them is gone."""
        self._desk.dismiss(f"trial {claim.number}, attempt {claim.attempt}")
        self._release(self._leases.pop(claim.number, None))


def _reason(verdict: Failed) -> str:
    lines = f"{verdict.failure.kind}: {verdict.failure.message}".strip().splitlines()
    return lines[0][:200]
