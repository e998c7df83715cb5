"""``orion.experiment.optimize``: what ``study.optimize`` does, with processes or any other engine."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import optuna
from optuna.study._tell import _tell_with_warning
from optuna.study.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from orion.executor import AsyncException, AsyncResult, BaseExecutor, Future, RemoteException, create_executor
from orion.experiment.errors import ArgumentError, TrialPruned
from orion.experiment.line.conversation import Conversation, snapshot
from orion.experiment.line.desk import Desk
from orion.experiment.trial.attempt import Assignment, Attempt
from orion.experiment.trial.reporting import current_attempt

if TYPE_CHECKING:
    from orion.experiment.views.study_bar import StudyBar

__all__ = ["optimize"]

_logger = optuna.logging.get_logger("optuna.orion")

Callback = Callable[[Study, FrozenTrial], None]


def optimize(
    study: Study,
    objective: Callable[[Any], Any],
    n_trials: int | None = None,
    timeout: float | None = None,
    n_jobs: int | None = None,
    catch: Iterable[type[Exception]] | type[Exception] = (),
    callbacks: Iterable[Callback] | None = None,
    gc_after_trial: bool = False,
    show_progress_bar: bool = False,
    *,
    executor: str | BaseExecutor = "process",
    address: str | None = None,
) -> None:
    """Optimize an objective as ``study.optimize`` does, whose arguments these are, and with worker processes.

    The study stays in this process, whatever its storage, in-memory ones too; trials in the workers ask it for
    suggestions and report to it. A trial whose worker dies fails like one that raises.

    Parameters
    ----------
    study
        An Optuna study.
    objective
        A function of a trial.
    n_trials
        How many trials to run; ``None`` for no limit.
    timeout
        Seconds after which no new trial starts; ``None`` for no limit.
    n_jobs
        How many trials run at a time; ``-1`` means one for every CPU. By default 1, and as many as an executor that is
        given has workers.
    catch
        Exceptions that fail their trial only. Any other one is raised here, once the running trials have ended.
    callbacks
        Called here, with the study and the trial, after each trial. They may call ``study.stop()``.
    gc_after_trial
        Whether to collect garbage after each trial, where it has run.
    show_progress_bar
        Whether to show Optuna's progress bar.
    executor
        The name of an engine, or an executor, which is left open.
    address
        Where to listen for what trials ask, ``HOST`` or ``HOST:PORT``: an address of this machine that the workers
        reach. By default the engine says whether they may be elsewhere, and where.

    Raises
    ------
    ArgumentError
        If there is no such engine, or this machine cannot listen there.
    RuntimeError
        If it is called within an optimization of the same study.
    """
    if study._thread_local.in_optimize_loop:
        raise RuntimeError("Nested invocation of `optimize` isn't allowed.")
    caught = tuple(catch) if isinstance(catch, Iterable) else (catch,)
    with ExitStack() as stack:
        engine = _engine(executor, n_jobs)
        if engine is not executor:
            stack.callback(engine.close)
        desk = Desk(address or engine.driver_host)
        stack.callback(desk.close)
        bar = _bar(show_progress_bar, study, n_trials, timeout)
        stack.callback(bar.close)
        jobs = engine.n_workers if n_jobs is None or n_jobs < 0 else min(n_jobs, engine.n_workers)
        call = _Call(objective, gc_after_trial)
        loop = _Optimization(study, engine, desk, call, jobs, caught, tuple(callbacks or ()), bar)
        with _in_loop(study):
            loop.run(n_trials, timeout)


class _Optimization:
    """The loop that keeps the workers full."""

    def __init__(
        self,
        study: Study,
        engine: BaseExecutor,
        desk: Desk,
        call: _Call,
        jobs: int,
        caught: tuple[type[Exception], ...],
        callbacks: tuple[Callback, ...],
        bar: StudyBar,
    ) -> None:
        self._study = study
        self._engine = engine
        self._desk = desk
        self._call = call
        self._jobs = jobs
        self._caught = caught
        self._callbacks = callbacks
        self._bar = bar
        self._running: dict[Future[Any], Trial] = {}
        self._problem: BaseException | None = None

    def run(self, n_trials: int | None, timeout: float | None) -> None:
        """Run trials until there are enough, the time is over, or the study is stopped."""
        began = time.monotonic()
        started = 0
        pending: list[Future[Any]] = []
        ends: deque[AsyncResult[Any] | AsyncException[Any]] = deque()
        newest: Future[Any] | None = None
        try:
            while True:
                while (
                    len(self._running) < self._jobs
                    and (n_trials is None or started < n_trials)
                    and (timeout is None or time.monotonic() - began < timeout)
                    and self._problem is None
                    and not self._study._stop_flag
                ):
                    newest = self._start()
                    pending.append(newest)
                    started += 1
                if not pending and not ends:
                    break
                ends += self._engine.async_get(pending, 0 if ends else None)
                if newest is not None and not newest.ready():  # it should get to its work before the driver goes on
                    self._desk.attend(_key(self._running[newest]))
                self._settle(ends.popleft())
        except BaseException:
            self._abandon()
            raise
        if self._problem is not None:
            raise self._problem

    def _start(self) -> Future[Any]:
        with self._desk.lock:
            trial = self._study.ask()
            try:
                assignment = Assignment(
                    self._study.study_name, trial.number, 1, {}, 0, address=self._desk.address,
                    snapshot=snapshot(trial), in_driver="worker_death" in self._engine.limitations,
                )  # fmt: skip
                future = self._engine.options(name=f"trial {trial.number}").submit(self._call, assignment)
            except BaseException:
                self._study.tell(trial, state=TrialState.FAIL)
                raise
            self._desk.admit(assignment.key, Conversation(trial, stop=self._stop))
        self._running[future] = trial
        return future

    def _stop(self) -> None:
        self._study._stop_flag = True

    def _settle(self, end: AsyncResult[Any] | AsyncException[Any]) -> None:
        """Tell the study of a trial's end, and whom else it concerns."""
        trial = self._running.pop(end.future)
        self._desk.dismiss(_key(trial))
        with self._desk.lock:
            if isinstance(end, AsyncResult):
                self._tell(trial, end.value)
            elif isinstance(end.exception, optuna.TrialPruned | TrialPruned):
                _tell_with_warning(self._study, trial, state=TrialState.PRUNED)
                _logger.info(f"Trial {trial.number} pruned. {end.exception}")
            else:
                _tell_with_warning(self._study, trial, state=TrialState.FAIL)
                _logger.warning(f"Trial {trial.number} failed: {end.exception!r}\n{end.traceback}")
                if not self._is_caught(end.exception) and self._problem is None:
                    self._problem = end.exception
            if self._callbacks and self._problem is None:
                frozen = self._study._storage.get_trial(trial._trial_id)
                for callback in self._callbacks:
                    callback(self._study, copy.deepcopy(frozen))
            self._bar.update()

    def _tell(self, trial: Trial, value: Any) -> None:
        # What study.tell does, without reading the trial once more, which costs as much as to write it.
        state, values, _ = _tell_with_warning(self._study, trial, value)
        if state is TrialState.COMPLETE and values is not None:
            self._study._log_completed_trial(values, trial.number, trial.params)

    def _is_caught(self, error: BaseException) -> bool:
        if isinstance(error, RemoteException):  # stands for one that cannot travel, and names its type
            return any(kind.__name__ == error.type_name for kind in self._caught) or Exception in self._caught
        return isinstance(error, self._caught)

    def _abandon(self) -> None:
        """Stop what runs, and leave no running trial in the study."""
        for future, trial in self._running.items():
            future.cancel()
            self._desk.dismiss(_key(trial))
            with self._desk.lock:
                self._study.tell(trial, state=TrialState.FAIL)
        self._running.clear()


def _key(trial: Trial) -> str:
    """Return under what a trial asks."""
    return f"trial {trial.number}, attempt 1"


class _Call:
    """Calls the objective in a worker."""

    def __init__(self, objective: Callable[[Any], Any], collect: bool) -> None:
        self._objective = objective
        self._collect = collect

    def __call__(self, assignment: Assignment) -> Any:
        """Return what the objective returns; what it raises goes through."""
        from orion.experiment.line.proxy import TrialProxy

        assert assignment.snapshot is not None
        attempt = Attempt(assignment)
        try:
            with current_attempt(attempt):
                return _plain(self._objective(TrialProxy(attempt.caller, assignment.number, assignment.snapshot)))
        finally:
            attempt.caller.close()
            if self._collect:
                import gc

                gc.collect()


def _plain(value: Any) -> Any:
    """Return values as plain numbers where they are numbers, so that no tensor or array has to travel."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


@contextmanager
def _in_loop(study: Study) -> Iterator[None]:
    """Let callbacks call ``study.stop()``."""
    study._stop_flag = False
    study._thread_local.in_optimize_loop = True
    try:
        yield
    finally:
        study._thread_local.in_optimize_loop = False


def _engine(executor: str | BaseExecutor, n_jobs: int | None) -> BaseExecutor:
    if isinstance(executor, BaseExecutor):
        return executor
    try:
        return create_executor(executor, n_workers=1 if n_jobs is None else n_jobs)
    except (ValueError, TypeError) as error:
        raise ArgumentError(str(error)) from error


def _bar(shown: bool, study: Study, n_trials: int | None, timeout: float | None) -> StudyBar:
    from orion.experiment.views.study_bar import StudyBar

    return StudyBar(study, n_trials, timeout, shown=shown)
