"""For those who write an engine, or code that uses one.

``ExecutorConformance`` is the contract as tests: subclass it, in the tests of an engine, with one method::

    from orion.executor.testing import ExecutorConformance

    class TestMyEngine(ExecutorConformance):
        def make_executor(self, n_workers):
            return MyEngine(n_workers)

``ScriptedExecutor`` is an engine whose tasks complete in the order, and fail in the way, that a test asks for.

The suite needs pytest, which is imported when ``ExecutorConformance`` is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orion.executor.testing.conformance import ExecutorConformance
    from orion.executor.testing.scripted import ScriptedExecutor

__all__ = ["ExecutorConformance", "ScriptedExecutor"]


def __getattr__(name: str) -> Any:
    if name == "ScriptedExecutor":
        return import_module(f"{__name__}.scripted").ScriptedExecutor
    if name == "ExecutorConformance":
        return _conformance().ExecutorConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _conformance() -> Any:
    module = f"{__name__}.conformance"
    if module not in sys.modules:
        try:
            import pytest
        except ImportError as error:
            raise ImportError("the conformance suite runs under pytest: pip install pytest") from error
        pytest.register_assert_rewrite(module)  # else a failed assertion would not show its values
    return import_module(module)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
