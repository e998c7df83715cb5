"""Paragraph "Names", as far as it concerns one engine."""

from __future__ import annotations

import pytest

from orion.executor import create_executor
from orion.executor.base import executor_factory
from orion.executor.errors import UnknownExecutor
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class NamesTests(Conformance):
    """An engine that has a name is made by it, in upper or lower case."""

    def test_the_engine_is_made_by_its_name(self) -> None:
        if self.engine_name is None:
            pytest.skip("the engine has no name")
        kind = type(self.start())
        assert self.engine_name.lower() in executor_factory.names()
        for name in (self.engine_name, self.engine_name.upper(), self.engine_name.title()):
            assert issubclass(executor_factory.get_class(name), kind)
        with create_executor(self.engine_name.upper(), n_workers=1) as executor:
            assert type(executor) is kind
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(UnknownExecutor) as raised:
            executor_factory.create("no such engine")
        for name in ("no such engine", "single", "thread", "process", (self.engine_name or "single").lower()):
            assert name in str(raised.value)
