"""The contract, proven for each engine that ships here."""

from __future__ import annotations

from orion.executor.base import BaseExecutor
from orion.executor.process_backend import ProcessExecutor
from orion.executor.single_backend import SingleExecutor
from orion.executor.testing import ExecutorConformance, ScriptedExecutor
from orion.executor.thread_backend import ThreadExecutor


class TestSingle(ExecutorConformance):
    engine_name = "single"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return SingleExecutor(n_workers)


class TestThread(ExecutorConformance):
    engine_name = "thread"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return ThreadExecutor(n_workers)


class TestProcess(ExecutorConformance):
    engine_name = "process"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return ProcessExecutor(n_workers)


class TestProcessPortable(ExecutorConformance):
    engine_name = "process"
    record_name = "process, portable transport"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return ProcessExecutor(n_workers, transport="portable")


class TestScripted(ExecutorConformance):
    def make_executor(self, n_workers: int) -> BaseExecutor:
        return ScriptedExecutor(n_workers)
