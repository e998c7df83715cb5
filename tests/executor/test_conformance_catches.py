"""The conformance suite fails where it should: each engine here breaks one promise, and the named test tells."""

from __future__ import annotations

import inspect
import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest

from orion.executor._core import payload
from orion.executor._core.outcome import Failure, Outcome, Value
from orion.executor.base import BaseExecutor, ExecutorClosed, Future
from orion.executor.errors import NotSerializable
from orion.executor.testing import ExecutorConformance
from orion.executor.testing.conformance._base import Background
from orion.executor.thread_backend import ThreadExecutor

_LIMITATIONS = ThreadExecutor.limitations


class LosesOutcomes(ThreadExecutor):
    """Tasks run, and nobody hears of it."""

    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        pass


class ReturnsNothing(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        return []


class ForgetsToRemove(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        return super().async_get(futures.copy(), timeout)


class RemovesTooMuch(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        results = super().async_get(futures, timeout)
        futures.clear()
        return results


class ReplacesTheList(ThreadExecutor):
    """Returns the same results again, since what it removed comes back."""

    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        results = super().async_get(futures, timeout)
        futures += [result.future for result in results]
        return results


class OrdersBySubmission(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        return sorted(super().async_get(futures, timeout), key=lambda result: result.future._id)


class RaisesFromAsyncGet(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        results = super().async_get(futures, timeout)
        for result in results:
            result.value  # noqa: B018 - reading it raises
        return results


class LooksAtEach(ThreadExecutor):
    def async_get(self, futures: list[Future[Any]], timeout: float | None = None) -> list[Any]:
        assert all(future is not None for future in futures)
        return super().async_get(futures, timeout)


class Polls(ThreadExecutor):
    def _wait_any(self, futures: list[Future[Any]], timeout: float | None) -> list[Future[Any]]:
        while timeout is None and not any(future._order for future in futures):
            time.sleep(0.005)
        return super()._wait_any(futures, timeout)


class Spins(ThreadExecutor):
    def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
        while timeout != 0 and not future._order:
            pass
        return super()._wait_one(future, timeout)


class IgnoresTheTimeoutOfWaiting(ThreadExecutor):
    def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
        return super()._wait_one(future, None)


class SwallowsExceptions(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        super()._settle(future, Value(None) if isinstance(outcome, Failure) else outcome)


class ChangesExceptions(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        if isinstance(outcome, Failure):
            outcome = Failure(RuntimeError(str(outcome.exception)))
        super()._settle(future, outcome)


class DropsTracebacks(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        if isinstance(outcome, Failure):
            outcome = Failure(outcome.exception.with_traceback(None), "")
        super()._settle(future, outcome)


class DiesOfSystemExit(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        if not (isinstance(outcome, Failure) and isinstance(outcome.exception, SystemExit)):
            super()._settle(future, outcome)


class RunsAgainSilently(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        if isinstance(outcome, Failure):
            outcome = payload.run_here(future._call)
        super()._settle(future, outcome)


class IgnoresRetries(ThreadExecutor):
    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        self._tracker.settle(future, outcome)


class ClaimsTimeLimits(ThreadExecutor):
    """Accepts ``timeout`` as if it could honour it."""

    limitations: ClassVar = {k: v for k, v in _LIMITATIONS.items() if k != "timeout"}


class IgnoresOptions(ThreadExecutor):
    def options(self, **changes: Any) -> BaseExecutor:
        return super().options()


class ClaimsToStopTasks(ThreadExecutor):
    """Says that a running task is cancelled, and lets it run."""

    limitations: ClassVar = {k: v for k, v in _LIMITATIONS.items() if k != "cancel_running"}

    def _stop(self, future: Future[Any]) -> bool:
        return self._settle_cancelled(future)


class CancelsInWordOnly(ThreadExecutor):
    def _stop(self, future: Future[Any]) -> bool:
        return True


class NeverCancels(ThreadExecutor):
    def _stop(self, future: Future[Any]) -> bool:
        return False


class StaysOpen(ThreadExecutor):
    """Accepts work after it was closed; ends its threads all the same."""

    def _submit(self, *args: Any) -> Any:
        future: Future[Any] = Future(self, 1, b"", "nothing", self._default_options)
        return future if self._tracker.phase.value else super()._submit(*args)


class DrainsAlways(ThreadExecutor):
    """Lets all tasks finish when a block is left with an exception."""

    def __exit__(self, *error: object) -> None:
        super().__exit__(None, None, None)


class NeverDrains(ThreadExecutor):
    def __exit__(self, *error: object) -> None:
        self.close()


class ClosesInside(ThreadExecutor):
    """Does not count nested blocks."""

    def __exit__(self, *error: object) -> None:
        self.close(drain=True)


class LeavesWaitersAlone(ThreadExecutor):
    """Forgets about those who wait when it is closed."""

    def close(self, drain: bool = False) -> None:
        self._crew.dismiss()


class SharesArguments(ThreadExecutor):
    """Runs a task with the caller's own objects."""

    live: ClassVar[dict[int, Any]] = {}
    keys: ClassVar[Iterator[int]] = itertools.count()

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = next(self.keys)
        self.live[key] = (function, args, kwargs)
        return payload.dumps_call(_run_live, (key,), {})


def _run_live(key: int) -> Any:
    function, args, kwargs = SharesArguments.live.pop(key)
    return function(*args, **kwargs)


class SerialisesLate(ThreadExecutor):
    """Finds out that an argument cannot be serialised when the task runs."""

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return super()._encode(function, args, kwargs)
        except NotSerializable as error:
            return payload.dumps_call(_complain, (str(error),), {})


def _complain(message: str) -> None:
    raise TypeError(message)


class DeadlocksWhenNested(ThreadExecutor):
    def _blocking(self) -> AbstractContextManager[object]:
        return nullcontext()


class RunsTooMany(ThreadExecutor):
    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self._crew._size += 2


class RunsTooFew(ThreadExecutor):
    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self._crew._size = 1


class TakesAnyNumber(ThreadExecutor):
    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(max(1, n_workers), **kwargs)


class SwallowsArguments(ThreadExecutor):
    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers)


class DeclaresNonsense(ThreadExecutor):
    limitations: ClassVar = {**_LIMITATIONS, "speed": "it is slow at times"}


class DeclaresWithoutReason(ThreadExecutor):
    limitations: ClassVar = {**_LIMITATIONS, "timeout": "no"}


class LeaksDescriptors(ThreadExecutor):
    leaked: ClassVar[list[int]] = []

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self.leaked.extend(os.pipe())


class LivesForEver(ThreadExecutor):
    """Is never collected: something keeps hold of it."""

    kept: ClassVar[list[BaseExecutor]] = []

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        super().__init__(n_workers, **kwargs)
        self.kept.append(self)


class ComplainsWhenHalfMade(ThreadExecutor):
    def __del__(self) -> None:
        self._crew.dismiss()


CASES: list[tuple[type[BaseExecutor], str, dict[str, Any]]] = [
    (LosesOutcomes, "test_submit_returns_a_future", {}),
    (ReturnsNothing, "test_async_get_returns_results_and_removes_their_futures", {}),
    (ReturnsNothing, "test_it_blocks_until_one_is_complete", {}),
    (ForgetsToRemove, "test_exactly_the_completed_are_removed_in_place", {}),
    (ForgetsToRemove, "test_many_tasks_all_end", {}),
    (RemovesTooMuch, "test_exactly_the_completed_are_removed_in_place", {}),
    (ReplacesTheList, "test_the_list_may_be_appended_to_between_calls", {}),
    (OrdersBySubmission, "test_results_come_in_the_order_of_completion", {}),
    (RaisesFromAsyncGet, "test_it_never_raises_the_exception_of_a_task", {}),
    (LooksAtEach, "test_the_cost_of_a_call_does_not_grow_with_the_pending", {}),
    (Polls, "test_a_waiting_call_costs_no_cpu", {}),
    (Spins, "test_a_waiting_call_costs_no_cpu", {}),
    (IgnoresTheTimeoutOfWaiting, "test_get_raises_both_timeout_errors", {}),
    (IgnoresTheTimeoutOfWaiting, "test_zero_polls", {}),
    (SwallowsExceptions, "test_get_raises_the_exception_of_the_task_each_time", {}),
    (SwallowsExceptions, "test_async_get_returns_exceptions", {}),
    (ChangesExceptions, "test_type_arguments_and_attributes_survive", {}),
    (DropsTracebacks, "test_the_traceback_of_the_worker_shows", {}),
    (DiesOfSystemExit, "test_any_exception_is_a_failure_of_the_task_only", {}),
    (RunsAgainSilently, "test_a_failure_is_not_retried_unless_asked", {}),
    (IgnoresRetries, "test_named_failures_are_retried", {}),
    (ClaimsTimeLimits, "test_a_task_that_runs_too_long_is_stopped", {}),
    (IgnoresOptions, "test_an_option_that_the_engine_cannot_honour_is_refused", {}),
    (IgnoresOptions, "test_a_time_limit_is_honoured_or_refused", {}),
    (IgnoresOptions, "test_the_name_is_given_to_tasks_of_the_view_only", {}),
    (ClaimsToStopTasks, "test_a_running_task_that_resists_is_stopped", {}),
    (CancelsInWordOnly, "test_a_task_that_has_not_started_never_runs", {}),
    (CancelsInWordOnly, "test_a_running_task_is_stopped_or_goes_on", {}),
    (NeverCancels, "test_a_task_that_has_not_started_never_runs", {}),
    (StaysOpen, "test_submitting_to_a_closed_executor_raises", {}),
    (DrainsAlways, "test_leaving_the_block_with_an_exception_stops_all", {}),
    (NeverDrains, "test_leaving_the_block_lets_tasks_finish", {}),
    (ClosesInside, "test_nested_blocks_close_once", {}),
    (LeavesWaitersAlone, "test_closing_wakes_those_who_wait", {}),
    (SharesArguments, "test_changing_an_argument_after_submit_does_not_change_the_task", {}),
    (SharesArguments, "test_a_task_does_not_change_the_arguments_of_its_caller", {}),
    (SerialisesLate, "test_an_argument_that_cannot_be_pickled_is_refused_in_submit", {}),
    (DeadlocksWhenNested, "test_a_task_may_get_from_a_chain_of_tasks", {"n_workers": 1}),
    (RunsTooMany, "test_no_more_tasks_run_at_a_time", {}),
    (RunsTooFew, "test_so_many_tasks_run_at_a_time", {}),
    (TakesAnyNumber, "test_zero_and_other_negatives_are_refused", {}),
    (SwallowsArguments, "test_unknown_arguments_of_the_constructor_are_refused_and_the_valid_ones_listed", {}),
    (DeclaresNonsense, "test_limitations_are_known_guarantees", {}),
    (DeclaresWithoutReason, "test_each_limitation_has_a_reason", {}),
    (LeaksDescriptors, "test_nothing_is_left_behind", {}),
    (LivesForEver, "test_an_executor_that_nobody_holds_is_closed", {}),
    (ComplainsWhenHalfMade, "test_a_failed_constructor_leaves_no_complaint", {}),
]


# An assertion, or what the engine wrongly does to the task and the test does not expect.
FAILURES = (AssertionError, pytest.fail.Exception, ValueError, CancelledError, ExecutorClosed)


@pytest.mark.parametrize(("engine", "test", "arguments"), CASES, ids=lambda item: getattr(item, "__name__", None))
def test_a_broken_engine_fails(
    engine: type[BaseExecutor], test: str, arguments: dict[str, Any], tmp_path: Path, threads_end: None
) -> None:
    with pytest.raises(FAILURES):
        _run(engine, test, arguments, tmp_path)


@pytest.mark.parametrize(("test", "arguments"), sorted({(t, tuple(a.items())) for _, t, a in CASES}, key=str))
def test_a_sound_engine_passes(
    test: str, arguments: tuple[tuple[str, Any], ...], tmp_path: Path, threads_end: None
) -> None:
    """So it is not the way of running them that makes the tests above fail."""
    try:
        _run(ThreadExecutor, test, dict(arguments), tmp_path, patience=30.0)
    except pytest.skip.Exception:
        assert "stopped" in test


def test_no_test_hides_another() -> None:
    """The parts of the suite are base classes of one: two tests or helpers of one name would be one."""
    parts = [part for part in ExecutorConformance.__mro__ if part.__module__.startswith("orion")]
    names = [name for part in parts for name in vars(part) if not name.startswith(("__", "_abc_"))]
    assert len(names) == len(set(names))


def _run(engine: type[BaseExecutor], test: str, arguments: dict[str, Any], folder: Path, patience: float = 0.7) -> None:
    class Suite(ExecutorConformance):
        def make_executor(self, n_workers: int) -> BaseExecutor:
            return engine(n_workers)

    suite = Suite()
    suite.patience = patience
    method = getattr(suite, test)
    if "tmp_path" in inspect.signature(method).parameters:
        arguments = {**arguments, "tmp_path": folder}
    method(**arguments)


@pytest.fixture
def threads_end(tmp_path: Path) -> Iterator[None]:
    """See to it that what a broken engine left running ends: tasks end with their folder."""
    before = set(threading.enumerate())
    yield
    shutil.rmtree(tmp_path)
    while LivesForEver.kept:
        LivesForEver.kept.pop().close()
    while LeaksDescriptors.leaked:
        os.close(LeaksDescriptors.leaked.pop())
    for thread in set(threading.enumerate()) - before:
        if isinstance(thread, Background):
            thread.join(30)
