"""States, cancelling and callbacks of futures are the standard library's."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from orion.executor.testing import tasks
from tests.executor.concurrent_view.pools import Pool

PATIENCE = 60


def test_submit_returns_a_future_of_the_standard_library(pool: Pool) -> None:
    future = pool.executor.submit(tasks.collect, 1, self=2, fn=3, wait=4)
    assert type(future) is concurrent.futures.Future
    assert future.result(PATIENCE) == ((1,), {"self": 2, "fn": 3, "wait": 4})
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert future.exception() is None


def test_an_exception_keeps_its_type_and_arguments(pool: Pool) -> None:
    future = pool.executor.submit(tasks.fail_with, KeyError, "missing")
    error = future.exception(PATIENCE)
    assert type(error) is KeyError
    assert error.args == ("missing",)
    with pytest.raises(KeyError, match="missing"):
        future.result()
    assert (future.done(), future.cancelled()) == (True, False)


def test_calling_what_is_not_callable_is_an_error_of_the_future(pool: Pool) -> None:
    future = pool.executor.submit(7)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(TypeError, match="not callable"):
        future.result(PATIENCE)
    assert pool.executor.submit(abs, -1).result(PATIENCE) == 1


def test_a_running_future_says_so_and_is_not_cancelled(pool: Pool) -> None:
    blocker = pool.block()
    assert blocker.future.running()
    assert not blocker.future.done()
    assert not blocker.future.cancel()
    blocker.release()
    assert blocker.future.result(PATIENCE) == "blocked"
    assert not blocker.future.cancel()
    assert not blocker.future.cancelled()


def test_a_pending_future_is_cancelled_and_never_runs(pool: Pool, tmp_path: Any) -> None:
    blocker = pool.block()
    queued = [pool.executor.submit(tasks.record, tmp_path, f"task {number}") for number in range(5)]
    last = queued[-1]
    assert not last.running()
    assert not last.done()
    assert last.cancel()
    assert last.cancel()
    assert (last.cancelled(), last.done(), last.running()) == (True, True, False)
    for read in (last.result, last.exception):
        with pytest.raises(CancelledError):
            read(0)
    blocker.release()
    concurrent.futures.wait(queued, PATIENCE)
    assert [tasks.recorded(tmp_path, f"task {number}") for number in range(5)] == [1, 1, 1, 1, 0]


def test_a_result_that_is_not_there_in_time(pool: Pool) -> None:
    future = pool.block().future
    for read in (future.result, future.exception):
        with pytest.raises(concurrent.futures.TimeoutError):
            read(0.01)
    assert future.running()


def test_callbacks_are_called_once_in_the_order_in_which_they_were_added(pool: Pool) -> None:
    blocker = pool.block()
    called: list[Any] = []
    done = threading.Event()
    for number in range(5):
        blocker.future.add_done_callback(lambda future, number=number: called.append((number, future)))
    blocker.future.add_done_callback(lambda _: done.set())
    assert called == []
    blocker.release()
    assert done.wait(PATIENCE)
    assert called == [(number, blocker.future) for number in range(5)]


def test_a_callback_of_a_done_future_is_called_at_once_in_the_same_thread(pool: Pool) -> None:
    future = pool.executor.submit(abs, -1)
    future.result(PATIENCE)
    threads: list[threading.Thread] = []
    future.add_done_callback(lambda _: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]


def test_cancelling_calls_back_at_once(pool: Pool) -> None:
    pool.block()
    queued = [pool.executor.submit(abs, -1) for _ in range(5)]
    called: list[Future[int]] = []
    queued[-1].add_done_callback(called.append)
    assert queued[-1].cancel()
    assert called == [queued[-1]]


def test_a_callback_that_raises_is_logged_and_stops_nothing(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    blocker = pool.block()
    done = threading.Event()

    def fail(_: Any) -> None:
        raise ValueError("of the callback")

    blocker.future.add_done_callback(fail)
    blocker.future.add_done_callback(lambda _: done.set())
    with caplog.at_level(logging.ERROR, "concurrent.futures"):
        blocker.release()
        assert done.wait(PATIENCE)
    assert "exception calling callback" in caplog.text
    caplog.clear()  # the record holds a traceback, which holds the executor
    assert pool.executor.submit(abs, -1).result(PATIENCE) == 1


def test_a_callback_may_submit(pool: Pool) -> None:
    blocker = pool.block()
    answers: list[int] = []
    done = threading.Event()

    def go_on(_: Any) -> None:
        following = pool.executor.submit(abs, -2)
        following.add_done_callback(lambda future: (answers.append(future.result()), done.set()))

    blocker.future.add_done_callback(go_on)
    blocker.release()
    assert done.wait(PATIENCE)
    assert answers == [2]


def test_the_arguments_of_a_finished_task_are_let_go(pool: Pool) -> None:
    import gc
    import weakref

    argument = Argument()
    gone = weakref.ref(argument)
    future = pool.executor.submit(type, argument)
    del argument
    assert future.result(PATIENCE) is Argument
    pool.executor.submit(abs, -1).result(PATIENCE)
    deadline = threading.Event()
    for _ in range(200):
        gc.collect()
        if gone() is None:
            break
        deadline.wait(0.05)
    assert gone() is None


class Argument:
    pass


def test_threads_may_submit_at_the_same_time(pool: Pool) -> None:
    found: list[list[int]] = []

    def work() -> None:
        futures = [pool.executor.submit(abs, -number) for number in range(50)]
        found.append([future.result(PATIENCE) for future in futures])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(50))] * 4
