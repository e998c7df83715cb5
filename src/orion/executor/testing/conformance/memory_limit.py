"""Options, ``memory_gb``: limits the memory that the task's processes use together, and stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orion.executor.errors import OptionNotSupported, OutOfMemory
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class MemoryLimitTests(Conformance):
    """An engine that declares ``memory_gb`` refuses the option instead."""

    def test_a_memory_limit_is_honoured_or_refused(self) -> None:
        executor = self.start(1)
        reason = executor.limitations.get("memory_gb")
        if reason is None:
            assert executor.options(memory_gb=0.5).submit(tasks.identity, 1).get() == 1
        else:
            with pytest.raises(OptionNotSupported) as raised:
                executor.options(memory_gb=0.5)
            assert reason in str(raised.value)

    def test_a_task_that_uses_too_much_is_stopped(self, tmp_path: Path) -> None:
        """A task beside it, and those behind it, are not disturbed."""
        executor = self.start(2)
        self.needs(executor, "memory_gb")
        beside = self.hold(executor, tmp_path)
        limited = executor.options(memory_gb=0.25, name="trial 7")
        future = limited.submit(tasks.use_memory, 0.5, tmp_path / "started")
        with pytest.raises(OutOfMemory, match="trial 7") as raised:
            future.get()
        assert "0.25" in str(raised.value)
        assert limited.submit(tasks.identity, 1).get() == 1
        beside.release()
        assert beside.future.get() == "held"

    def test_a_task_that_comes_after_a_rest_is_limited_too(self, tmp_path: Path) -> None:
        """Its worker is there already, and nothing else happens that might remind anyone of it."""
        executor = self.start(1)
        self.needs(executor, "memory_gb")
        assert executor.submit(tasks.identity, 1).get() == 1
        with pytest.raises(OutOfMemory):
            executor.options(memory_gb=0.25).submit(tasks.use_memory, 0.5, tmp_path / "started").get()
