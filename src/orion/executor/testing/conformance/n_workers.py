"""Paragraph "``n_workers``"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class NumberOfWorkersTests(Conformance):
    """The number asked for is the number of tasks that run at a time."""

    def test_minus_one_means_every_cpu(self) -> None:
        executor = self.start(-1)
        assert type(executor.n_workers) is int
        assert executor.n_workers >= 1
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_zero_and_other_negatives_are_refused(self) -> None:
        for n_workers in (0, -2, -10):
            with pytest.raises(ValueError, match="n_workers"):
                self.start(n_workers)

    def test_what_is_no_whole_number_is_refused(self) -> None:
        wrong: list[Any] = ["2", 1.5, None, True]
        for n_workers in wrong:
            with pytest.raises(TypeError, match="n_workers"):
                self.start(n_workers)

    def test_so_many_tasks_run_at_a_time(self, tmp_path: Path) -> None:
        executor = self.start(3)
        self.needs(executor, "concurrency")
        assert executor.n_workers == 3
        helds = [self.hold(executor, tmp_path) for _ in range(3)]
        for held in helds:
            held.release()
        assert executor.wait([held.future for held in helds]) == ["held"] * 3

    def test_no_more_tasks_run_at_a_time(self, tmp_path: Path) -> None:
        executor = self.start(2)
        running = executor.wait([executor.submit(tasks.count_running, tmp_path) for _ in range(12)])
        assert max(running) <= executor.n_workers
