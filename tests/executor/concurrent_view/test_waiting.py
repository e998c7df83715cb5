"""``concurrent.futures.wait``, ``as_completed`` and ``map`` work as with the standard library's executors."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import sys
import time
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from pathlib import Path

import pytest

from orion.executor.testing import tasks
from tests.executor.concurrent_view.pools import ALL, Pool, opened

PATIENCE = 60


def test_wait_for_all(pool: Pool) -> None:
    futures = [pool.executor.submit(abs, -number) for number in range(5)]
    done, not_done = concurrent.futures.wait(futures, PATIENCE, ALL_COMPLETED)
    assert (done, not_done) == (set(futures), set())


def test_wait_for_the_first(pool: Pool) -> None:
    quick = pool.executor.submit(abs, -1)
    quick.result(PATIENCE)
    blocked = pool.block().future
    done, not_done = concurrent.futures.wait([blocked, quick], PATIENCE, FIRST_COMPLETED)
    assert (done, not_done) == ({quick}, {blocked})


def test_wait_for_the_first_exception(pool: Pool) -> None:
    good = pool.executor.submit(abs, -1)
    bad = pool.executor.submit(tasks.fail_with, ValueError, "wrong")
    concurrent.futures.wait([good, bad], PATIENCE)
    blocked = pool.block().future
    done, not_done = concurrent.futures.wait([good, bad, blocked], PATIENCE, FIRST_EXCEPTION)
    assert (done, not_done) == ({good, bad}, {blocked})


def test_wait_ends_with_the_timeout(pool: Pool) -> None:
    blocked = pool.block().future
    done, not_done = concurrent.futures.wait([blocked], 0.01)
    assert (done, not_done) == (set(), {blocked})


def test_wait_counts_a_duplicate_once(pool: Pool) -> None:
    future = pool.executor.submit(abs, -1)
    done, not_done = concurrent.futures.wait([future, future, future], PATIENCE)
    assert (done, not_done) == ({future}, set())


def test_wait_counts_the_cancelled_as_done_once_their_turn_has_come(pool: Pool) -> None:
    blocker = pool.block()
    queued = [pool.executor.submit(abs, -1) for _ in range(5)]
    assert queued[-1].cancel()
    blocker.release()
    done, not_done = concurrent.futures.wait([blocker.future, *queued], PATIENCE)
    assert (done, not_done) == ({blocker.future, *queued}, set())


def test_as_completed_yields_each_future_once(pool: Pool) -> None:
    futures = [pool.executor.submit(abs, -number) for number in range(5)]
    found = list(concurrent.futures.as_completed([*futures, *futures], PATIENCE))
    assert len(found) == 5
    assert set(found) == set(futures)


def test_as_completed_yields_what_is_done_before_the_timeout(pool: Pool) -> None:
    quick = pool.executor.submit(abs, -1)
    quick.result(PATIENCE)
    blocked = pool.block().future
    found = []
    with pytest.raises(concurrent.futures.TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        found.extend(concurrent.futures.as_completed([blocked, quick], 0))
    assert found in ([], [quick])  # extend keeps what it was given before the exception, or not


def test_as_completed_yields_the_cancelled(pool: Pool) -> None:
    blocker = pool.block()
    queued = [pool.executor.submit(abs, -1) for _ in range(5)]
    assert queued[-1].cancel()
    blocker.release()
    assert set(concurrent.futures.as_completed(queued, PATIENCE)) == set(queued)


def test_map_returns_results_in_order(pool: Pool) -> None:
    assert list(pool.executor.map(pow, range(10), range(10), timeout=PATIENCE)) == [n**n for n in range(10)]
    assert list(pool.executor.map(pow, range(10), itertools.repeat(2))) == [n**2 for n in range(10)]
    assert list(pool.executor.map(abs, [])) == []


def test_map_in_chunks(pool: Pool) -> None:
    assert list(pool.executor.map(abs, range(10), chunksize=3)) == list(range(10))


def test_map_raises_what_a_call_raises_in_its_turn(pool: Pool) -> None:
    results = pool.executor.map(divmod, [4, 4, 4], [2, 0, 2])
    assert next(results) == (2, 0)
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_map_raises_at_its_timeout(pool: Pool, tmp_path: Path) -> None:
    release = tmp_path / "release"
    results = pool.executor.map(tasks.touch_and_wait, [tmp_path / "started"], [release], ["value"], timeout=0.05)
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)
    release.touch()


def test_map_cancels_what_has_not_begun_when_a_call_fails(pool: Pool, tmp_path: Path) -> None:
    started, release = tmp_path / "started", tmp_path / "release"
    results = pool.executor.map(run_or_record, [tmp_path] * 20, range(20))
    tasks.wait_for_file(started)
    release.touch()
    with pytest.raises(ValueError, match="the first"):
        list(results)
    pool.executor.submit(abs, -1).result(PATIENCE)
    assert tasks.recorded(tmp_path, "19") == 0


def run_or_record(folder: Path, number: int) -> None:
    """The first waits until it is released, and fails; each other one holds on, as long as nobody has seen that."""
    if number == 0:
        tasks.touch_and_wait(folder / "started", folder / "release", None)
        raise ValueError("the first")
    tasks.record(folder, str(number))
    time.sleep(0.05)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind.startswith("ours") or sys.version_info >= (3, 14)])
def test_map_reads_only_so_far_ahead(kind: str, tmp_path: Path) -> None:
    read = []

    def numbers() -> itertools.count[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    with opened(kind, tmp_path) as pool:
        results = pool.executor.map(abs, numbers(), buffersize=4)  # type: ignore[call-arg]  # new in Python 3.14
        assert len(read) == 4
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        assert len(read) == 7


def test_an_event_loop_runs_calls_in_it(pool: Pool) -> None:
    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        wrapped = asyncio.wrap_future(pool.executor.submit(abs, -1))
        return await loop.run_in_executor(pool.executor, abs, -2), await wrapped

    assert asyncio.run(main()) == (2, 1)


def test_cancelling_in_an_event_loop_cancels_what_has_not_begun(pool: Pool) -> None:
    async def main() -> None:
        pool.block()
        futures = [pool.executor.submit(abs, -1) for _ in range(5)]
        wrapped = asyncio.wrap_future(futures[-1])
        wrapped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wrapped
        await asyncio.sleep(0)  # the cancelling is passed on by a callback of the loop
        assert futures[-1].cancelled()

    asyncio.run(main())
