"""Paragraph "Time": seconds, as floats, of the monotonic clock."""

from __future__ import annotations

import itertools
import math
import threading
import time
from pathlib import Path

import pytest

from orion.executor.base import ExecutorClosed
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class TimeTests(Conformance):
    """``None`` waits for ever, ``0`` polls, a negative number is refused."""

    def test_a_negative_timeout_is_refused(self) -> None:
        """Whether the result is there or not, so that the mistake shows in the first run."""
        executor = self.start()
        pending, ready = executor.submit(tasks.identity, 1), executor.submit(tasks.identity, 2)
        ready.wait()
        for future, timeout in itertools.product((pending, ready), (-1, -0.001, -math.inf, math.nan)):
            with pytest.raises(ValueError, match="timeout"):
                future.get(timeout)
            with pytest.raises(ValueError, match="timeout"):
                future.wait(timeout)
            with pytest.raises(ValueError, match="timeout"):
                executor.async_get([future], timeout)
        with pytest.raises(ValueError, match="timeout"):
            executor.async_get([], -1)

    def test_zero_polls(self, tmp_path: Path) -> None:
        executor = self.start()
        held = self.hold(executor, tmp_path)
        futures = [held.future]
        with pytest.raises(TimeoutError):
            held.future.get(0)
        held.future.wait(0)
        assert executor.async_get(futures, 0) == []
        assert futures == [held.future]
        held.release()
        held.future.wait()
        assert held.future.get(0) == "held"
        assert len(executor.async_get(futures, 0)) == 1

    def test_a_timeout_is_not_cut_short(self, tmp_path: Path) -> None:
        executor = self.start()
        held = self.hold(executor, tmp_path)
        for wait in (held.future.wait, lambda timeout: executor.async_get([held.future], timeout)):
            begin = time.monotonic()
            wait(0.05)
            assert time.monotonic() - begin >= 0.049

    @pytest.mark.parametrize("timeout", [None, 1e12, math.inf])
    def test_a_long_timeout_waits_for_the_result(self, tmp_path: Path, timeout: float | None) -> None:
        executor = self.start(3)
        helds = [self.hold(executor, tmp_path) for _ in range(3)]
        waits = [
            self.in_thread(lambda: helds[0].future.get(timeout)),
            self.in_thread(lambda: helds[1].future.wait(timeout)),
            self.in_thread(lambda: executor.async_get([helds[2].future], timeout)),
        ]
        for held in helds:
            held.release()
        got, _, (done,) = [wait.result() for wait in waits]  # type: ignore[attr-defined]  # three types
        assert got == "held"
        assert done.value == "held"

    def test_a_timeout_runs_out_whatever_the_tasks_do(self, tmp_path: Path) -> None:
        """An engine that declares ``wait_timeout`` runs the task to its end in the waiting call instead."""
        executor = self.start(1)
        started, release = tmp_path / "started", tmp_path / "release"
        future = executor.submit(tasks.touch_and_wait, started, release, 1)
        if not self.keeps(executor, "wait_timeout"):
            release.touch()
            future.wait(0)
            assert future.get(0) == 1
        else:
            with pytest.raises(TimeoutError):
                future.get(0.05)
            assert not future.ready()
            release.touch()
            assert future.get() == 1

    def test_a_task_starts_without_being_waited_for(self, tmp_path: Path) -> None:
        """An engine that declares ``background`` runs it in the thread that waits for it, and not in ``submit``."""
        executor = self.start(1)
        future = executor.submit(tasks.record, tmp_path, "run", threading.get_ident())
        if not self.keeps(executor, "background"):
            assert tasks.recorded(tmp_path, "run") == 0
            here = executor.submit(threading.get_ident)
            assert here.get() == threading.get_ident()
        else:
            self.await_that(lambda: tasks.recorded(tmp_path, "run") == 1)
            self.await_that(future.ready)
        assert future.get() == threading.get_ident()

    def test_waiting_for_nothing_does_not_wait(self) -> None:
        executor = self.start()
        assert executor.async_get([]) == []
        assert executor.async_get([], timeout=None) == []
        assert executor.wait([]) == []
        executor.close()
        assert executor.async_get([]) == []
        with pytest.raises(ExecutorClosed):
            executor.submit(tasks.identity, 1)
