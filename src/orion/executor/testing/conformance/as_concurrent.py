"""The view ``as_concurrent()``; what it shares with the standard library's executors is shown for both in our tests."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class AsConcurrentTests(Conformance):
    """A ``concurrent.futures.Executor`` over the engine."""

    def test_a_view_returns_futures_of_the_standard_library(self) -> None:
        view = self.start().as_concurrent()
        assert isinstance(view, concurrent.futures.Executor)
        futures = [view.submit(tasks.identity, number) for number in range(10)]
        assert all(type(future) is concurrent.futures.Future for future in futures)
        assert [future.result(self.patience) for future in futures] == list(range(10))
        assert concurrent.futures.wait(futures, self.patience).not_done == set()
        assert set(concurrent.futures.as_completed(futures, self.patience)) == set(futures)
        assert list(view.map(tasks.identity, range(5), chunksize=2, buffersize=2)) == list(range(5))
        view.shutdown()

    def test_a_view_passes_exceptions_on(self) -> None:
        with self.start().as_concurrent() as view:
            future = view.submit(tasks.fail_with, KeyError, "missing")
            error = future.exception(self.patience)
            assert type(error) is KeyError
            assert error.args == ("missing",)

    def test_what_cannot_be_serialised_is_an_error_of_its_future(self) -> None:
        with self.start().as_concurrent() as view:
            bad = view.submit(tasks.identity, faults.Unpicklable())
            assert isinstance(bad.exception(self.patience), Exception)
            assert view.submit(tasks.identity, 1).result(self.patience) == 1

    def test_what_has_not_begun_is_cancelled_and_what_runs_is_not(self, tmp_path: Path) -> None:
        executor = self.start(1)
        with executor.as_concurrent() as view:
            started, release = tmp_path / "started", tmp_path / "release"
            running = view.submit(tasks.touch_and_wait, started, release, "value")
            tasks.wait_for_file(started)
            queued = [view.submit(tasks.record, tmp_path, str(number)) for number in range(5)]
            assert running.running()
            assert not running.cancel()
            assert queued[-1].cancel()
            release.touch()
            assert running.result(self.patience) == "value"
        assert tasks.recorded(tmp_path, "4") == 0
        assert tasks.recorded(tmp_path, "0") == 1

    def test_a_view_has_the_options_it_was_made_with(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "retries")
        with executor.options(retries=1, retry_on=ValueError).as_concurrent() as view:
            assert view.submit(tasks.record_and_raise, tmp_path, "run", 2).result(self.patience) == 2

    def test_shutting_a_view_down_leaves_the_executor_open(self) -> None:
        executor = self.start()
        view = executor.as_concurrent()
        future = view.submit(tasks.identity, 1)
        view.shutdown()
        assert future.result(0) == 1
        with pytest.raises(RuntimeError, match="shutdown"):
            view.submit(tasks.identity, 1)
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_closing_the_executor_ends_the_futures_of_its_views(self) -> None:
        executor = self.start()
        view = executor.as_concurrent()
        done = view.submit(tasks.identity, 1)
        assert done.result(self.patience) == 1
        executor.close()
        with pytest.raises(RuntimeError, match="closed"):
            view.submit(tasks.identity, 1)
        view.shutdown()

    def test_a_view_cannot_travel_and_says_what_can(self) -> None:
        with self.start().as_concurrent() as view:
            error = view.submit(tasks.identity, view).exception(self.patience)
            assert "pass the executor itself" in str(error)
