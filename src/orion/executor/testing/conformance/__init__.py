"""The contract of :mod:`orion.executor.base`, as tests that every engine passes."""

from __future__ import annotations

from orion.executor.testing.conformance.as_concurrent import AsConcurrentTests
from orion.executor.testing.conformance.async_get import AsyncGetTests
from orion.executor.testing.conformance.awaiting import AwaitingTests
from orion.executor.testing.conformance.cancel import CancelTests
from orion.executor.testing.conformance.closing import ClosingTests
from orion.executor.testing.conformance.current_task import CurrentTaskTests
from orion.executor.testing.conformance.declarations import DeclarationTests
from orion.executor.testing.conformance.driver_host import DriverHostTests
from orion.executor.testing.conformance.exceptions import ExceptionTests
from orion.executor.testing.conformance.interface import InterfaceTests
from orion.executor.testing.conformance.iterating import IteratingTests
from orion.executor.testing.conformance.memory_limit import MemoryLimitTests
from orion.executor.testing.conformance.n_workers import NumberOfWorkersTests
from orion.executor.testing.conformance.names import NamesTests
from orion.executor.testing.conformance.nested import NestedWorkTests
from orion.executor.testing.conformance.options import OptionsTests
from orion.executor.testing.conformance.outcome import OutcomeTests
from orion.executor.testing.conformance.output import OutputTests
from orion.executor.testing.conformance.resources import ResourcesTests
from orion.executor.testing.conformance.retries import RetriesTests
from orion.executor.testing.conformance.serialisation import SerialisationTests
from orion.executor.testing.conformance.threads import ThreadsTests
from orion.executor.testing.conformance.time import TimeTests
from orion.executor.testing.conformance.time_limit import TimeLimitTests
from orion.executor.testing.conformance.tracing import TracingTests
from orion.executor.testing.conformance.wait import WaitTests
from orion.executor.testing.conformance.worker_death import WorkerDeathTests

__all__ = ["ExecutorConformance"]


class ExecutorConformance(
    InterfaceTests,
    TimeTests,
    OutcomeTests,
    AsyncGetTests,
    WaitTests,
    ExceptionTests,
    WorkerDeathTests,
    ClosingTests,
    OptionsTests,
    TimeLimitTests,
    MemoryLimitTests,
    ResourcesTests,
    RetriesTests,
    CurrentTaskTests,
    CancelTests,
    SerialisationTests,
    NestedWorkTests,
    ThreadsTests,
    IteratingTests,
    AwaitingTests,
    AsConcurrentTests,
    OutputTests,
    TracingTests,
    NumberOfWorkersTests,
    DriverHostTests,
    NamesTests,
    DeclarationTests,
):
    """The contract as tests; subclass it, in the tests of an engine, with the method :meth:`make_executor`.

    An engine that cannot keep a guarantee declares it in its ``limitations``, with the reason; the keys are those
    of ``orion.executor._core.guarantees.GUARANTEES``. The tests then check the fallback, such as that an option is
    refused, or are skipped with that reason where there is no fallback to check.

    The tests use files to synchronise with tasks. An engine whose workers run on other machines needs a
    folder that all share: run pytest with ``--basetemp``. ``make_executor`` may connect to workers that a
    fixture of the subclass started once for all tests.

    Examples
    --------
    >>> class TestMyEngine(ExecutorConformance):
    ...     engine_name = "mine"
    ...
    ...     def make_executor(self, n_workers):
    ...         return MyEngine(n_workers)
    """
