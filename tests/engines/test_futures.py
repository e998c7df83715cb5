"""The engine of foreign pools: the whole contract on the standard library's pools and on loky."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from orion.executor import create_executor
from orion.executor.base import BaseExecutor
from orion.executor.errors import EngineLost, EngineNotInstalled, ExecutorError, WorkerLost
from orion.executor.futures_backend import Futures
from orion.executor.joblib_backend import Joblib
from orion.executor.testing import ExecutorConformance, faults, tasks

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["orion.executor._futures", "orion.executor._hosted.call"])  # else each worker would
PROCESSES = partial(ProcessPoolExecutor, mp_context=CONTEXT)


class TestThreadPool(ExecutorConformance):
    record_name = "futures, ThreadPoolExecutor"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Futures(ThreadPoolExecutor, n_workers)


@pytest.mark.engines
class TestProcessPool(ExecutorConformance):
    record_name = "futures, ProcessPoolExecutor"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Futures(PROCESSES, n_workers)


@pytest.mark.engines
class TestInWorkers(ExecutorConformance):
    record_name = "futures, isolate=False"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Futures(PROCESSES, n_workers, isolate=False)


@pytest.mark.engines
class TestJoblib(ExecutorConformance):
    engine_name = "joblib"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Joblib(n_workers)


class TestPools:
    """Which pool, whose, and of what size."""

    def test_a_pool_that_is_given_stays_open(self) -> None:
        with ThreadPoolExecutor(3) as pool:
            with Futures(pool) as executor:
                assert executor.n_workers == 3
                assert executor.submit(pow, 2, 10).get() == 1024
            assert pool.submit(pow, 2, 3).result() == 8

    def test_a_pool_is_made_by_its_name_and_closed(self) -> None:
        name = "concurrent.futures:ThreadPoolExecutor"
        with create_executor("futures", pool=name, n_workers=2) as executor:
            assert executor.submit(pow, 2, 10).get() == 1024

    def test_what_is_no_pool_is_refused(self) -> None:
        with pytest.raises(TypeError, match="needs a pool"):
            Futures()
        with pytest.raises(TypeError, match="not 7"):
            Futures(7)  # type: ignore[arg-type]  # that is what is tested
        with pytest.raises(ValueError, match="module:name"):
            Futures("threads")
        with pytest.raises(ValueError, match="has no NoSuchPool"):
            Futures("concurrent.futures:NoSuchPool")
        with pytest.raises(EngineNotInstalled, match="pip install no_such_library"):
            Futures("no_such_library.futures:Pool")

    def test_a_pool_that_hides_its_size_needs_to_be_told(self) -> None:
        class Hidden(Executor):
            pass

        with pytest.raises(TypeError, match=r"n_workers=…"):
            Futures(Hidden())
        Futures(Hidden(), 2).close()

    def test_a_pool_that_was_closed_says_so(self) -> None:
        pool = ThreadPoolExecutor(1)
        executor = Futures(pool)
        pool.shutdown()
        with pytest.raises(EngineLost, match="does not take task 'identity'"):
            executor.submit(tasks.identity, 1).get()
        with pytest.raises(EngineLost):
            executor.submit(tasks.identity, 1)
        executor.close()


@pytest.fixture(scope="session", autouse=True)
def trackers() -> None:
    """Start what loky and multiprocessing keep for the life of a process before a test is held to leave nothing."""
    for pool in (Joblib, partial(Futures, PROCESSES)):
        with pool(n_workers=1) as executor:
            executor.submit(tasks.identity, 1).get()


@pytest.fixture
def joblib() -> Iterator[BaseExecutor]:
    with Joblib(2) as executor:
        yield executor


class TestLoky:
    """A pool of processes, in short: the whole contract takes longer (make test-engines)."""

    def test_a_task_that_dies_ends_alone(self, joblib: BaseExecutor) -> None:
        lost = joblib.submit(faults.kill_self, faults.KILL)
        fine = [joblib.submit(tasks.identity, number) for number in range(10)]
        with pytest.raises(WorkerLost, match="SIGKILL"):
            lost.get()
        assert joblib.wait(fine) == list(range(10))

    def test_limits_and_nested_work_hold(self, joblib: BaseExecutor, tmp_path: Path) -> None:
        assert joblib.submit(tasks.nested_sum, joblib, 2, 2).get() == 4
        with pytest.raises(ExecutorError, match="time limit"):
            joblib.options(timeout=0.5).submit(tasks.wait_for_file, tmp_path / "never").get()
        assert joblib.options(name="trial 7").submit(tasks.myself).get() == ("trial 7", 1)


class TestIsolateFalse:
    """Calls in the pool's own workers."""

    def test_what_is_then_impossible_is_refused(self) -> None:
        with Futures(PROCESSES, 1, isolate=False) as executor:
            assert executor.submit(tasks.myself).get() == ("myself", 1)
            for option in ("timeout", "memory_gb", "grace"):
                with pytest.raises(ValueError, match="isolate=True"):
                    executor.options(**{option: 1.0})
            with pytest.raises(ExecutorError, match="only travel to its own tasks"):
                executor.submit(tasks.workers_seen, executor).get()
            lost = executor.submit(faults.exit_with, 3)
            with pytest.raises(WorkerLost, match="lost the worker of task 'exit_with'"):
                lost.get()
            with pytest.raises(EngineLost):
                executor.submit(tasks.identity, 1).get()
