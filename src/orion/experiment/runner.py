"""The loop that keeps the workers full: a trial ends, it is recorded, the next one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from orion.executor import AsyncException, AsyncResult, BaseExecutor, ExecutorClosed, ExecutorError, Future
from orion.experiment.errors import ExperimentError
from orion.experiment.interrupts import Interrupts
from orion.experiment.objective import Objective, evaluate
from orion.experiment.progress import Progress
from orion.experiment.schedule import Stopped, judge
from orion.experiment.trials import Claim, Trials

__all__ = ["Runner"]


class Runner:
    """Run trials until there are enough finished ones.

    Parameters
    ----------
    trials
        The experiment's trials.
    executor
        Where the objective runs.
    objective
        The function to call.
    trial_timeout
        Seconds after which a trial is stopped and fails; ``None`` for no limit.
    progress
        Told what happens.
    interrupts
        Active, so that Ctrl-C and SIGTERM come as ``KeyboardInterrupt``.
    """

    def __init__(
        self,
        trials: Trials,
        executor: BaseExecutor,
        objective: Objective,
        *,
        trial_timeout: float | None,
        progress: Progress,
        interrupts: Interrupts,
    ) -> None:
        self._trials = trials
        self._executor = executor
        self._objective = objective
        self._options: dict[str, Any] = {} if trial_timeout is None else {"timeout": trial_timeout}
        self._progress = progress
        self._interrupts = interrupts
        self._in_driver = "background" in executor.limitations
        self._running: dict[Future[Any], Claim] = {}
        self._requeued = 0

    def run(self) -> None:
        """Run until all is done.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C or SIGTERM. What runs is left running: call :meth:`stop`.
        """
        pending: list[Future[Any]] = []
        while True:
            with self._interrupts.held():
                pending += self._fill()
                if not pending:
                    self._trials.take_back()  # a driver beside this one may have been killed meanwhile
                    pending += self._fill()
            if not pending:
                return
            ends = self._executor.async_get(pending)
            with self._interrupts.held():
                stopped_by_user = self._settle(ends, stopping=False)
            if stopped_by_user:
                raise KeyboardInterrupt

    def stop(self, close: Callable[[], object] | None) -> int:
        """Stop what runs: record what has arrived, queue the rest for the next run, and return how many these are.

        Parameters
        ----------
        close
            Stops every task of the executor; ``None`` if it is used by others too.
        """
        self._collect()
        if close is not None:
            close()
        self.abandon()
        self._collect()
        for claim in self._running.values():  # on an engine that cannot stop it; its result will be ignored
            self._requeue(claim)
        self._running.clear()
        return self._requeued

    def abandon(self) -> None:
        """Stop what runs and record nothing: the next run will find these trials without a driver."""
        for future in self._running:
            future.cancel()

    def _fill(self) -> list[Future[Any]]:
        """Start trials until the workers are full or no more are to be started; return the new futures."""
        started = []
        while len(self._running) < self._executor.n_workers and not self._interrupts.received:
            claim = self._trials.claim(self._progress.max_trials)
            if claim is None:
                break
            future = self._submit(claim)
            self._running[future] = claim
            started.append(future)
            self._progress.trial_started(self._trials.tally)
        return started

    def _submit(self, claim: Claim) -> Future[Any]:
        try:
            view = self._executor.options(name=f"trial {claim.number}", **self._options)
            return view.submit(evaluate, self._objective, claim.parameters)
        except ExecutorError as error:
            self._requeue(claim)
            raise ExperimentError(f"trial {claim.number} cannot be started: {error}") from error

    def _collect(self) -> None:
        """Settle the running trials whose end has arrived."""
        arrived = [future for future in self._running if future.ready()]
        self._settle(self._executor.async_get(arrived), stopping=True)

    def _settle(self, ends: Sequence[AsyncResult[Any] | AsyncException[Any]], *, stopping: bool) -> bool:
        """Record or requeue trials whose tasks have ended, and return whether one was ended by Ctrl-C."""
        stopped_by_user = False
        for end in ends:
            claim = self._running[end.future]
            stopping = stopping or self._is_cut_off(end)
            verdict = judge(end, stopping=stopping, in_driver=self._in_driver)
            if isinstance(verdict, Stopped):
                stopped_by_user |= verdict.by_user
                self._requeue(claim)
            else:
                record = self._trials.record(claim, verdict)
                self._progress.trial_ended(self._trials.tally, record)
            del self._running[end.future]
        return stopped_by_user

    def _is_cut_off(self, end: AsyncResult[Any] | AsyncException[Any]) -> bool:
        """Return whether a trial was cancelled since somebody else has closed the executor."""
        if isinstance(end, AsyncException) and isinstance(end.exception, CancelledError):
            try:
                self._executor.submit(int).cancel()
            except ExecutorClosed:
                return True
        return False

    def _requeue(self, claim: Claim) -> None:
        self._trials.requeue(claim)
        self._requeued += 1
