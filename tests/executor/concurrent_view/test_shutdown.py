"""Shutting down, in every order, and the end of the interpreter."""

from __future__ import annotations

import concurrent.futures
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path

import pytest

from orion.executor import create_executor
from orion.executor.testing import tasks
from tests.executor.concurrent_view.pools import ALL, PROCESSES, Pool, opened

PATIENCE = 60


def test_after_shutdown_nothing_is_accepted(pool: Pool) -> None:
    pool.executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.executor.submit(abs, -1)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.executor.map(abs, [-1])


def test_shutting_down_again_does_nothing(pool: Pool) -> None:
    future = pool.executor.submit(abs, -1)
    for wait, cancel in ((True, False), (False, True), (True, True)):
        pool.executor.shutdown(wait, cancel_futures=cancel)
    assert future.result(0) == 1


def test_shutdown_waits_for_what_was_submitted(pool: Pool) -> None:
    futures = [pool.executor.submit(abs, -number) for number in range(20)]
    pool.executor.shutdown()
    assert [future.result(0) for future in futures] == list(range(20))


def test_shutdown_without_waiting_lets_all_tasks_end(pool: Pool) -> None:
    blocker = pool.block()
    futures = [pool.executor.submit(abs, -number) for number in range(5)]
    pool.executor.shutdown(wait=False)
    assert not any(future.done() for future in futures)
    blocker.release()
    assert [future.result(PATIENCE) for future in futures] == list(range(5))
    pool.executor.shutdown()


@pytest.mark.parametrize("wait", [True, False])
def test_shutdown_can_cancel_what_has_not_begun(pool: Pool, wait: bool) -> None:
    blocker = pool.block()
    futures = [pool.executor.submit(abs, -number) for number in range(20)]
    ending = threading.Thread(target=pool.executor.shutdown, kwargs={"wait": wait, "cancel_futures": True})
    ending.start()
    for future in futures[5:]:  # the first few may count as running
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(PATIENCE)
    assert not blocker.future.done()
    blocker.release()
    ending.join(PATIENCE)
    assert blocker.future.result(PATIENCE) == "blocked"
    assert all(future.cancelled() or future.result(PATIENCE) >= 0 for future in futures)
    pool.executor.shutdown()


def test_leaving_a_with_block_shuts_down(pool: Pool) -> None:
    with pool.executor as executor:
        futures = [executor.submit(abs, -number) for number in range(5)]
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.executor.submit(abs, -1)


def test_shutdown_without_any_work(pool: Pool) -> None:
    pool.executor.shutdown()


def test_shutdown_in_a_callback_does_not_block(pool: Pool) -> None:
    blocker = pool.block()
    done = threading.Event()
    blocker.future.add_done_callback(lambda _: (pool.executor.shutdown(wait=False), done.set()))
    blocker.release()
    assert done.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.executor.submit(abs, -1)


def test_shutdown_with_large_calls_waiting(process_pool: Pool) -> None:
    """More than any pipe holds."""
    futures = [process_pool.executor.submit(len, b"x" * (1 << 20)) for _ in range(30)]
    process_pool.executor.shutdown(wait=True)
    assert [future.result(0) for future in futures] == [1 << 20] * 30


@pytest.mark.parametrize("engine", ["process", "thread", "single"])
def test_a_view_that_nobody_holds_lets_its_tasks_end(engine: str) -> None:
    with create_executor(engine, n_workers=1) as executor:
        view = executor.as_concurrent()
        futures = [view.submit(abs, -number) for number in range(10)]
        gone = weakref.ref(view)
        del view
        gc.collect()
        assert gone() is None
        assert [future.result(PATIENCE) for future in futures] == list(range(10))


@pytest.mark.parametrize("engine", ["process", "thread", "single"])
def test_shutting_a_view_down_leaves_the_executor_open(engine: str) -> None:
    with create_executor(engine, n_workers=1) as executor:
        with executor.as_concurrent() as view:
            assert view.submit(abs, -1).result(PATIENCE) == 1
        assert executor.submit(abs, -2).get() == 2


@pytest.mark.parametrize("engine", ["process", "thread", "single"])
def test_leaving_the_block_of_the_executor_lets_the_tasks_of_its_views_end(engine: str) -> None:
    with create_executor(engine, n_workers=1) as executor:
        view = executor.as_concurrent()
        futures = [view.submit(abs, -number) for number in range(50)]
    assert [future.result(PATIENCE) for future in futures] == list(range(50))
    with pytest.raises(RuntimeError, match="closed"):
        view.submit(abs, -1)
    view.shutdown()


def test_closing_the_executor_cancels_the_tasks_of_its_views(tmp_path: Path) -> None:
    executor = create_executor("process", n_workers=1)
    view = executor.as_concurrent()
    running = view.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "never", None)
    tasks.wait_for_file(tmp_path / "started")
    futures = [running, *(view.submit(abs, -1) for _ in range(5))]
    executor.close()
    for future in futures:
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(PATIENCE)
    assert futures[-1].cancelled()
    view.shutdown()


def test_an_executor_that_only_its_view_holds_ends_with_it() -> None:
    """That its workers end, too, is checked after every test."""
    view = create_executor("process", n_workers=1).as_concurrent()
    assert view.submit(abs, -1).result(PATIENCE) == 1
    view.shutdown()


def test_many_cancelled_futures_are_passed_over(pool: Pool) -> None:
    blocker = pool.block()
    futures = [pool.executor.submit(abs, -1) for _ in range(3000)]
    for future in futures[10:-1]:
        assert future.cancel()
    blocker.release()
    assert futures[-1].result(PATIENCE) == 1


_MAKE = {
    "ours-process": "from orion.executor import create_executor; pool = create_executor('process', 1).as_concurrent()",
    "ours-thread": "from orion.executor import create_executor; pool = create_executor('thread', 1).as_concurrent()",
    "stdlib-process": "import concurrent.futures, multiprocessing; "
    "pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('fork'))",
    "stdlib-thread": "import concurrent.futures; pool = concurrent.futures.ThreadPoolExecutor(1)",
}


def _run(kind: str, source: str) -> subprocess.CompletedProcess[str]:
    script = f"{_MAKE[kind]}\n{textwrap.dedent(source)}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("kind", ALL)
def test_at_the_end_of_the_interpreter_what_was_submitted_ends(kind: str) -> None:
    run = _run(
        kind,
        """
        import time
        from operator import mul
        for number in range(5):
            pool.submit(time.sleep, 0.01)
            pool.submit(mul, 2, number).add_done_callback(lambda future: print(future.result(), flush=True))
        """,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "0\n2\n4\n6\n8\n", "")


@pytest.mark.parametrize("kind", ALL)
def test_at_the_end_of_the_interpreter_nothing_more_is_accepted(kind: str) -> None:
    run = _run(
        kind,
        """
        import atexit
        pool.submit(abs, -1).result()
        def late():
            try:
                pool.submit(abs, -1)
            except RuntimeError as error:
                print(error)
        atexit.register(late)
        """,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("cannot schedule new futures after ")


@pytest.mark.parametrize("kind", ALL)
def test_an_exception_in_the_program_does_not_hang_its_end(kind: str) -> None:
    run = _run(kind, "futures = [pool.submit(abs, -1) for _ in range(100)]\nraise SystemExit(3)")
    assert (run.returncode, run.stderr) == (3, "")


@pytest.mark.parametrize("kind", PROCESSES)
def test_a_worker_that_dies_at_the_end_of_the_interpreter_does_not_hang_it(kind: str) -> None:
    run = _run(kind, "import os\nfor code in range(3): pool.submit(os._exit, code)")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("kind", ALL)
def test_two_views_of_one_pool_are_shut_down_in_any_order(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as one, opened(kind, tmp_path) as other:
        futures = [pool.executor.submit(abs, -1) for pool in (one, other)]
        one.executor.shutdown()
        assert [future.result(PATIENCE) for future in futures] == [1, 1]
