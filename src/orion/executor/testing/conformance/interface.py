"""Each row of the documented interface."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from orion.executor.base import (
    AsyncException,
    AsyncResult,
    BaseExecutor,
    ExecutorClosed,
    Future,
)
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class InterfaceTests(Conformance):
    """The names, arguments and meanings that are fixed."""

    def test_an_engine_is_a_base_executor(self) -> None:
        executor = self.start(2)
        assert isinstance(executor, BaseExecutor)
        assert executor.n_workers == 2 or "concurrency" in executor.limitations

    def test_submit_returns_a_future(self) -> None:
        future = self.start().submit(tasks.identity, 1)
        assert isinstance(future, Future)
        assert future.get() == 1

    def test_submit_passes_all_arguments_on(self) -> None:
        """Also those whose names the executor's own methods use."""
        names = {"self": 1, "function": 2, "timeout": 3, "name": 4, "retries": 5, "args": 6, "kwargs": 7, "futures": 8}
        future = self.start().submit(tasks.collect, "a", None, **names)
        assert future.get() == (("a", None), names)

    def test_submit_refuses_what_is_not_callable(self) -> None:
        executor = self.start()
        with pytest.raises(TypeError, match="not callable"):
            executor.submit(7)  # type: ignore[arg-type]
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_async_get_returns_results_and_removes_their_futures(self) -> None:
        executor = self.start()
        first, second = executor.submit(tasks.identity, 1), executor.submit(tasks.identity, 2)
        futures = [first, second]
        results = tasks.drain(executor, futures)
        assert futures == []
        assert all(isinstance(result, AsyncResult) for result in results)
        assert {result.future: result.value for result in results} == {first: 1, second: 2}

    def test_async_get_returns_exceptions(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.fail_with, ValueError, "wrong")
        (result,) = executor.async_get([future])
        assert isinstance(result, AsyncException)
        assert result.future is future
        assert type(result.exception) is ValueError
        assert result.exception.args == ("wrong",)
        assert isinstance(result.traceback, str)
        assert "ValueError: wrong" in result.traceback
        with pytest.raises(ValueError, match="wrong"):
            result.value  # noqa: B018 - reading it raises

    def test_async_get_takes_the_timeout_by_position_and_by_name(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        future.wait()
        assert len(executor.async_get([future], 5)) == 1
        assert len(executor.async_get(futures=[future], timeout=5.0)) == 1

    def test_wait_returns_results_in_the_order_given(self) -> None:
        executor = self.start()
        futures = [executor.submit(tasks.identity, number) for number in range(10)]
        assert executor.wait(list(reversed(futures))) == list(reversed(range(10)))

    def test_get_returns_the_same_result_each_time(self) -> None:
        future = self.start().submit(tasks.identity, ["a list"])
        assert future.get() == ["a list"]
        assert future.get() is future.get()

    def test_get_raises_the_exception_of_the_task_each_time(self) -> None:
        future = self.start().submit(tasks.fail_with, KeyError, "missing")
        for _ in range(2):
            with pytest.raises(KeyError) as raised:
                future.get()
            assert raised.value.args == ("missing",)

    def test_get_raises_both_timeout_errors(self, tmp_path: Path) -> None:
        held = self.hold(self.start(), tmp_path)
        with pytest.raises(multiprocessing.TimeoutError) as raised:
            held.future.get(timeout=0.01)
        assert isinstance(raised.value, TimeoutError)
        assert not held.future.ready()
        held.release()
        assert held.future.get() == "held"

    def test_wait_of_a_future_returns_nothing_and_never_raises(self) -> None:
        future = self.start().submit(tasks.fail_with, ValueError, "wrong")
        assert future.wait() is None  # type: ignore[func-returns-value]  # that is what is tested
        assert future.wait(timeout=1.0) is None  # type: ignore[func-returns-value]
        assert future.ready()

    def test_wait_of_a_future_ends_with_the_timeout(self, tmp_path: Path) -> None:
        held = self.hold(self.start(), tmp_path)
        held.future.wait(0.01)
        assert not held.future.ready()

    def test_ready_tells_whether_the_task_has_ended(self, tmp_path: Path) -> None:
        held = self.hold(self.start(), tmp_path)
        assert held.future.ready() is False
        held.release()
        held.future.wait()
        assert held.future.ready() is True

    def test_successful_tells_how_the_task_ended(self) -> None:
        executor = self.start()
        good, bad = executor.submit(tasks.identity, 1), executor.submit(tasks.fail_with, ValueError, "wrong")
        good.wait()
        bad.wait()
        assert good.successful() is True
        assert bad.successful() is False

    def test_successful_raises_while_the_task_runs(self, tmp_path: Path) -> None:
        held = self.hold(self.start(), tmp_path)
        with pytest.raises(ValueError, match="not ready"):
            held.future.successful()

    def test_results_can_be_made_by_position(self) -> None:
        future = self.start().submit(tasks.identity, 1)
        result = AsyncResult(future, 1)
        assert (result.future, result.value) == (future, 1)
        error = ValueError("wrong")
        failure = AsyncException(future, error, "a traceback")
        assert (failure.future, failure.exception, failure.traceback) == (future, error, "a traceback")

    def test_submitting_to_a_closed_executor_raises(self) -> None:
        executor = self.start()
        executor.close()
        with pytest.raises(ExecutorClosed, match="identity"):
            executor.submit(tasks.identity, 1)

    def test_a_future_has_the_name_of_its_function(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        assert future.name == "identity"
        assert future.attempt == 1
        assert "identity" in repr(future)
