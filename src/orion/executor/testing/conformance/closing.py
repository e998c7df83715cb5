"""Paragraph "Closing"."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, ExecutorClosed, Future
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class OnPurpose(Exception):
    """Raised by the tests themselves."""


class ClosingTests(Conformance):
    """Explicit and idempotent; a ``with`` block drains or stops; nobody waits in vain."""

    def test_closing_twice_does_nothing(self) -> None:
        executor = self.start()
        for drain in (False, True, False):
            executor.close(drain=drain)

    def test_closing_from_two_threads_at_once(self) -> None:
        executor = self.start()
        executor.submit(tasks.identity, 1)
        for call in [self.in_thread(executor.close) for _ in range(4)]:
            call.result()

    def test_a_closed_executor_accepts_nothing(self) -> None:
        executor = self.start()
        view = executor.options(name="a view")
        with executor:
            pass
        for closed in (executor, view):
            with pytest.raises(ExecutorClosed):
                closed.submit(tasks.identity, 1)
            with pytest.raises(ExecutorClosed), closed:
                pass

    def test_leaving_the_block_lets_tasks_finish(self, tmp_path: Path) -> None:
        count = self.lot(20)
        with self.start(2) as executor:
            futures = [executor.submit(tasks.record, tmp_path, "run", number) for number in range(count)]
        assert all(future.ready() for future in futures)
        assert [future.get() for future in futures] == list(range(count))
        assert tasks.recorded(tmp_path, "run") == count

    def test_leaving_the_block_waits_for_what_runs(self, tmp_path: Path) -> None:
        executor = self.start(1)
        with executor:
            held = self.hold(executor, tmp_path)
            threading.Timer(0.05, held.release).start()
        assert held.future.ready()
        assert held.future.get() == "held"

    def test_leaving_the_block_with_failed_tasks_raises_nothing(self) -> None:
        with self.start() as executor:
            future = executor.submit(tasks.fail_with, ValueError, "wrong")
        assert not future.successful()

    def test_leaving_the_block_with_an_exception_stops_all(self, tmp_path: Path) -> None:
        """The exception goes on; what has not started never runs; nobody waits for what runs."""
        executor = self.start(1)
        with pytest.raises(OnPurpose), executor:
            held = self.hold(executor, tmp_path)
            queued = [executor.submit(tasks.record, tmp_path, "run") for _ in range(5)]
            raise OnPurpose
        for future in [held.future, *queued]:
            assert future.ready()
            with pytest.raises(CancelledError):
                future.get()
        assert tasks.recorded(tmp_path, "run") == 0

    def test_closing_stops_what_runs(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "cancel_running")
        lock, started = tmp_path / "lock", tmp_path / "started"
        future = executor.submit(tasks.hold_lock_against_all, lock, started)
        self.await_file(started)
        executor.close()
        assert future.ready()
        self.await_that(lambda: not tasks.is_locked(lock))

    @pytest.mark.parametrize("own_session", [False, True])
    def test_closing_stops_the_processes_of_tasks(self, tmp_path: Path, own_session: bool) -> None:
        executor = self.start(1)
        self.needs(executor, "cancel_running", "child_processes")
        lock, started = tmp_path / "lock", tmp_path / "started"
        executor.submit(tasks.spawn_child_and_hang, lock, started, own_session)
        self.await_file(started)
        executor.close()
        self.await_that(lambda: not tasks.is_locked(lock))

    def test_nested_blocks_close_once(self) -> None:
        executor = self.start()
        with executor:
            with executor as again:
                assert again.submit(tasks.identity, 1).get() == 1
            assert executor.submit(tasks.identity, 2).get() == 2
            with pytest.raises(OnPurpose), executor.options(name="a view"):
                raise OnPurpose
            assert executor.submit(tasks.identity, 3).get() == 3
        with pytest.raises(ExecutorClosed):
            executor.submit(tasks.identity, 4)

    def test_closing_wakes_those_who_wait(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        future, futures = held.future, [held.future]
        got = self.in_thread(future.get)
        waited = self.in_thread(future.wait)
        all_waited = self.in_thread(lambda: executor.wait([future]))
        taken = self.in_thread(lambda: executor.async_get(futures))
        executor.close()
        waited.result()
        for call in (got, all_waited):
            with pytest.raises(CancelledError):
                call.result()
        (result,) = taken.result()
        assert isinstance(result, AsyncException)
        assert isinstance(result.exception, CancelledError)

    def test_closing_ends_a_drain_in_another_thread(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        draining = self.in_thread(lambda: executor.close(drain=True))
        draining.join(0.05)
        assert draining.is_alive()
        executor.close()
        draining.result()
        assert held.future.ready()

    def test_results_remain_after_closing(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        with executor:
            pass
        assert future.get() == 1
        assert executor.wait([future]) == [1]
        assert [result.value for result in executor.async_get([future])] == [1]

    def test_unfinished_tasks_are_cancelled(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        futures: list[Future[Any]] = [held.future, *(executor.submit(tasks.identity, n) for n in range(10))]
        executor.close()
        assert all(future.ready() and not future.successful() for future in futures)
        results = executor.async_get(futures)
        assert {type(r.exception) for r in results if isinstance(r, AsyncException)} == {CancelledError}
        assert len(results) == 11

    def test_an_executor_that_nobody_holds_is_closed(self) -> None:
        executor = self.make_executor(1)
        executor.submit(tasks.identity, 1).get()
        gone = weakref.ref(executor)
        del executor

        def collected() -> bool:
            gc.collect()
            return gone() is None

        self.await_that(collected)

    def test_a_failed_constructor_leaves_no_complaint(self) -> None:
        """The finalizer of the half-made executor must not raise."""
        complaints: list[object] = []
        before, sys.unraisablehook = sys.unraisablehook, complaints.append
        try:
            with pytest.raises(ValueError, match="n_workers"):
                self.make_executor(0)
            gc.collect()
        finally:
            sys.unraisablehook = before
        assert complaints == []

    def test_nothing_is_left_behind(self) -> None:
        """No thread, process or file descriptor more after the second executor than after the first."""
        left = []
        for _ in range(3):
            with self.make_executor(2) as executor:
                executor.wait([executor.submit(tasks.identity, number) for number in range(4)])
            del executor
            gc.collect()
            left.append(_census())
        self.await_that(lambda: all(now <= then for now, then in zip(_census(), left[0], strict=True)))


def _census() -> tuple[int, int, int]:
    """Return how many threads, file descriptors and children this process has."""
    descriptors = Path("/proc/self/fd")
    count = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    return threading.active_count(), count, _children()


def _children() -> int:
    children = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children += int(fields[1]) == os.getpid()
    return children
