"""What all engines have in common, seen on one that does nothing by itself."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from concurrent.futures import CancelledError
from typing import Any

import pytest

from orion.executor._core.outcome import Value
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import ExecutorClosed, ExecutorError, NotSerializable, OptionNotSupported, WorkerLost
from orion.executor.testing.conformance._base import Background
from orion.executor.testing.tasks import identity
from tests.executor.manual import ManualExecutor, submit


def test_an_engine_that_forgets_a_method_cannot_be_made() -> None:
    class Incomplete(BaseExecutor):
        def _start(self, future: Future[Any]) -> None:
            pass

    with pytest.raises(TypeError, match=r"abstract.*_release.*_stop"):
        Incomplete(1)  # type: ignore[abstract]  # that is what is tested


def test_unknown_arguments_are_refused_and_the_valid_ones_listed() -> None:
    class Engine(ManualExecutor):
        def __init__(self, n_workers: int = 1, *, address: str = "", **kwargs: Any) -> None:
            super().__init__(n_workers, **kwargs)

    with pytest.raises(TypeError, match=r"Engine.*'adress'.*n_workers, address") as raised:
        Engine(1, adress="here")
    assert "kwargs" not in str(raised.value)


def test_a_failed_constructor_leaves_no_complaint() -> None:
    class Engine(ManualExecutor):
        def __init__(self) -> None:
            super().__init__(1)
            raise OSError("no workers are to be had")

        def _release(self) -> None:
            raise AttributeError("there is nothing to release yet")

    complaints: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, complaints.append
    try:
        with pytest.raises(OSError, match="no workers"):
            Engine()
        gc.collect()
    finally:
        sys.unraisablehook = before
    assert complaints == []


def test_nested_blocks_close_once() -> None:
    executor = ManualExecutor()
    with executor, executor, executor.options(name="a view"):
        pass
    assert executor.released == 1
    executor.close()
    assert executor.released == 1


def test_blocks_in_several_threads_count_together() -> None:
    executor = ManualExecutor()
    with executor:

        def visit() -> None:
            with executor:
                pass

        for call in [Background(visit) for _ in range(4)]:
            call.result()
        assert executor.released == 0
    assert executor.released == 1


def test_leaving_the_block_waits_for_tasks_that_tasks_submit() -> None:
    """The executor drains: more may come from its tasks, nothing from elsewhere."""
    inner: list[Future[Any]] = []

    class Engine(ManualExecutor):
        def _inside_task(self) -> bool:
            return threading.current_thread() is task

        def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
            draining.set()
            return super()._wait_one(future, timeout)

    executor, draining = Engine(), threading.Event()

    def run() -> None:
        assert draining.wait(30)
        with pytest.raises(ExecutorClosed):
            Background(lambda: executor.submit(abs, 2)).result()
        inner.append(executor.submit(abs, 3))
        executor.finish(outer)
        executor.finish(inner[0], 3)

    task = threading.Thread(target=run)
    with executor:
        (outer,) = submit(executor, 1)
        task.start()
    task.join()
    assert inner[0].get() == 3


def test_an_executor_that_nobody_holds_is_closed() -> None:
    released = threading.Event()

    class Engine(ManualExecutor):
        def _release(self) -> None:
            released.set()

    executor = Engine()
    gone = weakref.ref(executor)
    del executor
    gc.collect()
    assert gone() is None
    assert released.wait(30)


def test_futures_keep_their_executor() -> None:
    """Else ``ProcessExecutor().submit(f).get()`` would be cancelled under its caller."""
    executor = ManualExecutor()
    gone = weakref.ref(executor)
    (future,) = submit(executor, 1)
    del executor
    gc.collect()
    assert gone() is not None
    gone().finish(future, 1)  # type: ignore[union-attr]
    assert future.get() == 1
    future._executor.close()


def test_a_fork_cannot_use_the_executor_and_does_not_close_it() -> None:
    executor = ManualExecutor()
    (future,) = submit(executor, 1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            executor.close()
            executor.submit(abs, 1)
        except ExecutorError as error:
            code = 0 if "fork" in str(error) and not executor.released else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    executor.finish(future, 1)
    assert future.get() == 1
    executor.close()


def test_closing_settles_what_another_thread_just_submitted() -> None:
    class Engine(ManualExecutor):
        def _start(self, future: Future[Any]) -> None:
            self.close()  # as if another thread did, after the future was counted

    executor = Engine()
    future = executor.submit(abs, 1)
    assert future.ready()
    with pytest.raises(CancelledError):
        future.get()


def test_a_task_that_cannot_be_started_is_not_pending() -> None:
    class Engine(ManualExecutor):
        def _start(self, future: Future[Any]) -> None:
            raise OSError("no worker can be started")

    executor = Engine()
    with pytest.raises(OSError, match="no worker"):
        executor.submit(abs, 1)
    assert executor._tracker.unfinished() == []
    executor.close(drain=True)


def test_a_retry_that_cannot_be_started_is_a_failure() -> None:
    class Engine(ManualExecutor):
        def _start(self, future: Future[Any]) -> None:
            if future.attempt > 1:
                raise OSError("no worker can be started")

    executor = Engine()
    future = executor.options(retries=1).submit(abs, 1)
    executor.fail(future, WorkerLost("one"))
    with pytest.raises(OSError, match="no worker"):
        future.get()
    executor.close(drain=True)


def test_a_refused_task_is_not_pending() -> None:
    with ManualExecutor() as executor:
        with pytest.raises(NotSerializable):
            executor.submit(identity, threading.Lock())
        assert executor._tracker.unfinished() == []


def test_retries_start_again_and_count() -> None:
    executor = ManualExecutor()
    future = executor.options(retries=2).submit(abs, -1)
    executor.fail(future, WorkerLost("one"))
    executor.fail(future, WorkerLost("two"))
    assert executor.started == [future] * 3
    assert not future.ready()
    assert future.attempt == 3
    assert "attempt 3" in repr(future)
    executor.fail(future, WorkerLost("three"))
    assert future.ready()
    executor.close()


def test_other_failures_are_not_retried() -> None:
    executor = ManualExecutor()
    future = executor.options(retries=2).submit(abs, -1)
    executor.fail(future, ValueError("wrong"))
    assert future.ready()
    assert executor.started == [future]
    executor.close()


def test_a_closed_executor_retries_nothing() -> None:
    executor = ManualExecutor()
    future = executor.options(retries=2).submit(abs, -1)
    executor.close()
    executor.fail(future, WorkerLost("late"))
    assert executor.started == []


def test_an_option_in_the_limitations_is_refused_with_the_reason() -> None:
    class Engine(ManualExecutor):
        limitations = {"retries": "every run costs money"}  # noqa: RUF012 - as engines write it

    with Engine() as executor:
        with pytest.raises(OptionNotSupported, match="every run costs money"):
            executor.options(retries=1)
        with pytest.raises(OptionNotSupported):
            executor.options(name="a view").options(retries=1)
        executor.options(timeout=1.0)


def test_an_executor_is_itself_in_its_own_process() -> None:
    with ManualExecutor() as executor:
        assert pickle.loads(pickle.dumps(executor)) is executor
        view = pickle.loads(pickle.dumps(executor.options(name="named")))
        assert view.submit(abs, 1).name == "named"
        executor.close()


def test_an_executor_does_not_travel_to_other_processes() -> None:
    executor = ManualExecutor()
    data = pickle.dumps(executor)
    executor.close()
    del executor
    gc.collect()
    with pytest.raises(ExecutorError, match="ManualExecutor.*own tasks"):
        pickle.loads(data)


def test_closing_with_an_interrupt_while_draining_stops_all() -> None:
    class Engine(ManualExecutor):
        def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
            raise KeyboardInterrupt

    executor = Engine()
    with pytest.raises(KeyboardInterrupt), executor:
        (future,) = submit(executor, 1)
    assert future.ready()
    assert executor.released == 1


def test_an_outcome_that_cannot_be_loaded_does_not_stop_the_engine() -> None:
    """Retrying needs to know the outcome, so it is loaded; what it holds stays that future's."""
    executor = ManualExecutor()
    future = executor.options(retries=1).submit(abs, 1)
    executor._settle(future, Value(7))
    assert future.get() == 7
    with pytest.raises(ExecutorClosed):
        executor.close()
        executor.submit(abs, 1)


def test_the_end_of_the_process_closes_quietly_what_was_half_made() -> None:
    """A half-made engine that something still holds must not spoil the driver's last words."""
    code = """
from tests.executor.manual import ManualExecutor

class Engine(ManualExecutor):
    def __init__(self):
        super().__init__(1)
        kept.append(self)
        raise OSError("no workers are to be had")

    def _release(self):
        raise AttributeError("there is nothing to release yet")

kept = []
try:
    Engine()
except OSError:
    print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60, env=_environment()
    )
    assert (done.stdout, done.stderr, done.returncode) == ("told\n", "", 0)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
