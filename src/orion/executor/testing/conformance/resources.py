"""Options, ``cpus`` and ``gpus``: set aside for a task, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.errors import OptionNotSupported
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class ResourcesTests(Conformance):
    """An engine that can set GPUs aside says in :meth:`make_gpu_executor` how."""

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        """Return a new executor for whose tasks there are so many GPUs; they need not exist."""
        raise NotImplementedError("an engine that honours options(gpus=…) shows it here")

    @pytest.mark.parametrize("option", ["cpus", "gpus"])
    def test_what_cannot_be_set_aside_is_refused(self, option: str) -> None:
        executor = self.start(1)
        reason = executor.limitations.get(option)
        executor.options(**{option: None})
        if reason is None:
            executor.options(**{option: 1})
            return
        with pytest.raises(OptionNotSupported) as raised:
            executor.options(**{option: 1})
        assert reason in str(raised.value)

    def test_a_task_may_ask_for_a_cpu(self) -> None:
        executor = self.start(1)
        self.needs(executor, "cpus")
        assert executor.options(cpus=1).submit(tasks.identity, 1).get() == 1

    def test_each_task_sees_its_own_gpu(self, tmp_path: Path) -> None:
        """Two at a time, and the GPU of one that has ended goes to the next."""
        self.needs(self.start(1), "gpus")
        executor = self.make_gpu_executor(2, 2)
        self._made.append(executor)
        release = tmp_path / "release"
        one = executor.options(gpus=1)
        futures = []
        for number in range(2):
            futures.append(one.submit(tasks.wait_and_say_gpus, tmp_path / f"started{number}", release))
        for number in range(2):
            self.await_file(tmp_path / f"started{number}")
        futures.append(one.submit(tasks.wait_and_say_gpus, tmp_path / "started2", release))
        release.touch()
        first, second, third = executor.wait(futures)
        assert sorted([first, second]) == ["0", "1"]
        assert third in ("0", "1")

    def test_a_task_that_asks_for_two_sees_two(self, tmp_path: Path) -> None:
        self.needs(self.start(1), "gpus")
        executor = self.make_gpu_executor(2, 2)
        self._made.append(executor)
        (tmp_path / "release").touch()
        task = executor.options(gpus=2).submit(tasks.wait_and_say_gpus, tmp_path / "started", tmp_path / "release")
        assert sorted(task.get().split(",")) == ["0", "1"]
