"""Paragraph "Options": views on the engine. Time limits and retries have files of their own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import BaseExecutor, ExecutorClosed
from orion.executor.errors import OptionNotSupported
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance

BAD_VALUES: list[tuple[str, Any]] = [
    ("timeout", 0),
    ("timeout", -1.0),
    ("timeout", math.nan),
    ("timeout", math.inf),
    ("timeout", "5"),
    ("grace", -1),
    ("grace", "a while"),
    ("memory_gb", 0),
    ("memory_gb", "1 GB"),
    ("cpus", 0),
    ("cpus", "two"),
    ("gpus", -1),
    ("gpus", True),
    ("retries", -1),
    ("retries", 1.5),
    ("retries", True),
    ("retry_on", "ValueError"),
    ("retry_on", (ValueError, 7)),
    ("name", 7),
]


class OptionsTests(Conformance):
    """What a view applies, and that nothing is ignored."""

    def test_a_view_is_on_the_same_engine(self) -> None:
        executor = self.start()
        view = executor.options(name="named")
        assert isinstance(view, BaseExecutor)
        assert view.n_workers == executor.n_workers
        assert dict(view.limitations) == dict(executor.limitations)
        futures = [view.submit(tasks.identity, 1), executor.submit(tasks.identity, 2)]
        assert view.wait(futures) == executor.wait(futures) == [1, 2]
        assert len(tasks.drain(view, futures.copy())) == len(tasks.drain(executor, futures.copy())) == 2
        assert not view.cancel(futures[1])

    def test_the_name_is_given_to_tasks_of_the_view_only(self) -> None:
        executor = self.start()
        view = executor.options(name="trial 7")
        assert view.submit(tasks.identity, 1).name == "trial 7"
        assert executor.submit(tasks.identity, 1).name == "identity"
        assert "trial 7" in repr(view.submit(tasks.identity, 1))

    def test_views_add_up(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self._or_refused(executor, "retries", 2)
        view = executor.options(retry_on=ValueError).options(retries=2).options(name="both")
        future = view.submit(tasks.record_and_raise, tmp_path, "run", 3)
        assert future.get() == 3
        assert future.name == "both"
        assert view.options(name=None).submit(tasks.identity, 1).name == "identity"

    def test_closing_a_view_closes_the_engine(self) -> None:
        executor = self.start()
        executor.options(name="a view").close()
        with pytest.raises(ExecutorClosed):
            executor.submit(tasks.identity, 1)

    def test_dropping_a_view_does_not_close_the_engine(self) -> None:
        executor = self.start()
        view = executor.options(name="dropped")
        del view
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_unknown_options_are_refused_and_the_valid_ones_listed(self) -> None:
        executor = self.start()
        for target in (executor, executor.options(name="a view")):
            with pytest.raises(TypeError) as raised:
                target.options(priority=1)
            for word in ("priority", "timeout", "retries", "retry_on", "name"):
                assert word in str(raised.value)

    def test_bad_values_are_refused(self) -> None:
        executor = self.start()
        for option, value in BAD_VALUES:
            with pytest.raises((TypeError, ValueError), match=option):
                executor.options(**{option: value})

    def test_an_option_that_the_engine_cannot_honour_is_refused(self) -> None:
        """With the declared reason; asking for nothing of the kind is no error."""
        executor = self.start()
        for option, value in {"timeout": 5.0, "grace": 1.0, "memory_gb": 1.0, "retries": 1}.items():
            self._or_refused(executor, option, value, skip=False)
        executor.options(timeout=None, grace=None, memory_gb=None, name=None)

    def test_unknown_arguments_of_the_constructor_are_refused_and_the_valid_ones_listed(self) -> None:
        kind = type(self.start())
        with pytest.raises(TypeError) as raised:
            kind(colour="red")
        assert "colour" in str(raised.value)
        assert "n_workers" in str(raised.value)

    def _or_refused(self, executor: BaseExecutor, option: str, value: Any, *, skip: bool = True) -> None:
        reason = executor.limitations.get(option)
        if reason is None:
            executor.options(**{option: value})
            return
        with pytest.raises(OptionNotSupported) as raised:
            executor.options(**{option: value})
        assert reason in str(raised.value)
        if skip:
            self.needs(executor, option)
