"""What an engine declares about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from orion.executor._core.guarantees import GUARANTEES
from orion.executor.base import BaseExecutor
from orion.executor.errors import OptionNotSupported
from orion.executor.testing.conformance._base import Conformance

ASKED_FOR: Mapping[str, Callable[[BaseExecutor], Any]] = {
    "cpus": lambda executor: executor.options(cpus=1),
    "gpus": lambda executor: executor.options(gpus=1),
    "grace": lambda executor: executor.options(grace=1.0),
    "logs": lambda executor: executor.options(logs="INFO"),
    "memory_gb": lambda executor: executor.options(memory_gb=1.0),
    "output": lambda executor: executor.options(output="capture"),
    "retries": lambda executor: executor.options(retries=1),
    "timeout": lambda executor: executor.options(timeout=5.0),
    "tracing": lambda executor: executor.trace(),
}
"""How a caller asks for what an engine may refuse; the other guarantees are not asked for."""


class DeclarationTests(Conformance):
    """Exceptions from the contract are declared in known words, each with a reason."""

    def test_limitations_are_known_guarantees(self) -> None:
        limitations = self.start().limitations
        unknown = sorted(set(limitations) - set(GUARANTEES))
        assert not unknown, f"unknown guarantees {unknown}; the known ones are {sorted(GUARANTEES)}"

    def test_each_limitation_has_a_reason(self) -> None:
        for guarantee, reason in self.start().limitations.items():
            assert isinstance(reason, str), guarantee
            assert len(reason.split()) >= 3, f"{guarantee}: {reason!r} tells a user nothing"

    def test_what_is_declared_is_refused_when_it_is_asked_for(self) -> None:
        executor = self.start(1)
        for guarantee in set(GUARANTEES) & set(executor.limitations):
            assert not self.keeps(executor, guarantee)
            if guarantee in ASKED_FOR:
                with pytest.raises(OptionNotSupported) as raised:
                    ASKED_FOR[guarantee](executor)
                assert executor.limitations[guarantee] in str(raised.value)

    def test_the_engine_says_what_it_is(self) -> None:
        documentation = type(self.start()).__doc__
        assert documentation, "the class of the engine has no docstring"
