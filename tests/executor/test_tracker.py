"""Which futures ``async_get`` returns, in what order, and what is left in the list."""

from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion.executor._core.outcome import Value
from orion.executor._core.tracker import Gate, Phase, Tracker
from orion.executor.base import AsyncResult, ExecutorClosed, Future
from orion.executor.testing.conformance._base import Background
from tests.executor.manual import ManualExecutor, submit

MANY = 200  # more than are looked up one by one


@pytest.fixture
def executor() -> Iterator[ManualExecutor]:
    with ManualExecutor() as executor:
        yield executor
        executor.close()


def take(executor: ManualExecutor, futures: list[Future[Any]]) -> list[Future[Any]]:
    return [result.future for result in executor.async_get(futures, 0)]


@pytest.mark.parametrize("finished", [[0], [4], [2, 1, 3], [4, 3, 2, 1, 0], []])
def test_few_of_an_ordered_list(executor: ManualExecutor, finished: list[int]) -> None:
    all_futures = submit(executor, 5)
    for place in finished:
        executor.finish(all_futures[place])
    futures = all_futures.copy()
    assert take(executor, futures) == [all_futures[place] for place in finished]
    assert futures == [all_futures[place] for place in range(5) if place not in finished]
    assert take(executor, futures) == []


def test_many_of_an_ordered_list(executor: ManualExecutor) -> None:
    all_futures = submit(executor, 3 * MANY)
    finished = random.Random(1).sample(all_futures, 2 * MANY)
    for future in finished:
        executor.finish(future)
    futures = all_futures.copy()
    assert take(executor, futures) == finished
    assert futures == [future for future in all_futures if future not in set(finished)]


@pytest.mark.parametrize("count", [3, MANY])
def test_a_list_in_no_order(executor: ManualExecutor, count: int) -> None:
    all_futures = submit(executor, 2 * count)
    shuffled = random.Random(2).sample(all_futures, len(all_futures))
    for future in shuffled[:count]:
        executor.finish(future)
    futures = list(reversed(all_futures))
    assert take(executor, futures) == shuffled[:count]
    assert futures == [future for future in reversed(all_futures) if future in set(shuffled[count:])]


def test_a_completion_of_another_list_stays_for_that_list(executor: ManualExecutor) -> None:
    mine, others = submit(executor, 3), submit(executor, 3)
    executor.finish(others[1])
    executor.finish(mine[2])
    assert take(executor, mine) == [mine[-1]] or len(mine) == 2
    assert take(executor, others) == [others[1]] or len(others) == 2
    assert take(executor, mine) == []


def test_what_another_list_was_given_first_is_found(executor: ManualExecutor) -> None:
    """Both lists hold the future; the one that looks second gets it too."""
    all_futures = submit(executor, 5)
    executor.finish(all_futures[3])
    for _ in range(3):
        assert take(executor, all_futures.copy()) == [all_futures[3]]


def test_a_thread_that_sleeps_finds_what_another_was_given(executor: ManualExecutor) -> None:
    """The other one may be quicker: the completion is not news any more when this one wakes."""
    tracker = executor._tracker
    (future,) = submit(executor, 1)

    def asleep(gate: Gate) -> bool:
        executor.finish(future)
        assert gate.wait(0)
        assert take(executor, [future]) == [future]  # the quicker one
        return True

    mine = [future]
    assert tracker.take(mine, asleep) == [future]
    assert mine == []


def test_a_completion_between_looking_and_sleeping_is_seen(executor: ManualExecutor) -> None:
    futures = submit(executor, 2)
    first = futures[0]
    calls = []

    def asleep(gate: Gate) -> bool:
        calls.append(gate)
        if len(calls) == 1:
            executor.finish(executor.submit(abs, 1))  # of no interest here, but it wakes
            executor.finish(first)
            return True
        raise AssertionError("it would sleep for ever")

    assert executor._tracker.take(futures, asleep) == [first]


def test_duplicates_are_removed_in_the_end(executor: ManualExecutor) -> None:
    a, b = submit(executor, 2)
    executor.finish(b)
    futures = [b, a, b]
    found = take(executor, futures) + take(executor, futures)
    assert set(found) == {b}
    assert futures == [a]


def test_results_that_nobody_holds_are_forgotten(executor: ManualExecutor) -> None:
    futures = submit(executor, MANY)
    held = [weakref.ref(future) for future in futures]
    for future in futures:
        executor.finish(future)
    executor.started.clear()
    del futures, future
    assert not any(reference() for reference in held)
    for _ in range(MANY):
        executor.finish(*submit(executor, 1))
        executor.started.clear()
    assert len(executor._tracker._fresh) < MANY
    assert executor._tracker.unfinished() == []


def test_threads_with_lists_of_their_own(executor: ManualExecutor) -> None:
    lists = [submit(executor, 50) for _ in range(4)]
    everything = [future for futures in lists for future in futures]

    def drain(futures: list[Future[Any]]) -> list[Future[Any]]:
        done: list[Future[Any]] = []
        while futures:
            done += [result.future for result in executor.async_get(futures)]
        return done

    calls = [Background(partial(drain, futures.copy())) for futures in lists]
    order = random.Random(3).sample(everything, len(everything))
    for future in order:
        executor.finish(future)
    for futures, call in zip(lists, calls, strict=True):
        assert call.result() == [future for future in order if future in set(futures)]


def test_threads_that_share_futures_lose_none(executor: ManualExecutor) -> None:
    """Every caller's copy of one list is drained, whoever is first each time."""
    futures = submit(executor, 300)

    def drain(mine: list[Future[Any]]) -> int:
        count = 0
        while mine:
            count += len(executor.async_get(mine))
        return count

    calls = [Background(lambda: drain(futures.copy())) for _ in range(4)]
    for future in futures:
        executor.finish(future)
    assert [call.result() for call in calls] == [300] * 4


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_against_a_naive_model(data: st.DataObject) -> None:
    """Any sequence of submitting, finishing, appending, reordering and taking, for two lists."""
    executor = ManualExecutor()
    known: list[Future[Any]] = []
    completed: list[Future[Any]] = []
    lists: list[list[Future[Any]]] = [[], []]
    for _ in range(data.draw(st.integers(1, 25))):
        step = data.draw(st.sampled_from(["submit", "finish", "take", "take", "shuffle"]))
        chosen = data.draw(st.integers(0, 1))
        if step == "submit":
            new = submit(executor, data.draw(st.integers(1, 60)))
            known += new
            lists[chosen] += new
        elif step == "finish":
            pending = [future for future in known if not future.ready()]
            for future in data.draw(st.permutations(pending))[: data.draw(st.integers(0, 50))]:
                executor.finish(future)
                completed.append(future)
        elif step == "shuffle":
            lists[chosen] = data.draw(st.permutations(lists[chosen]))
        else:
            expected = [future for future in completed if future in set(lists[chosen])]
            left = [future for future in lists[chosen] if not future.ready()]
            assert take(executor, lists[chosen]) == expected
            assert lists[chosen] == left
    executor.close()


def test_a_future_has_one_outcome(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    assert executor._tracker.settle(future, Value(1))
    assert not executor._tracker.settle(future, Value(2))
    assert future.get() == 1
    executor.finish(future, 3)
    assert future.get() == 1


def test_watchers_are_called_once_and_at_once_if_it_is_done(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    calls: list[str] = []
    executor._tracker.watch(future, lambda: calls.append("before"))
    executor.finish(future)
    executor._tracker.watch(future, lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_a_wait_that_timed_out_leaves_no_watcher(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    assert not executor._tracker.wait_for(future, 0.001)
    assert executor.async_get([future], 0.001) == []
    assert not future._watchers
    assert not executor._tracker._watchers


def test_an_interrupted_wait_leaves_no_watcher(executor: ManualExecutor) -> None:
    def interrupted(gate: Gate) -> bool:
        raise KeyboardInterrupt

    (future,) = submit(executor, 1)
    with pytest.raises(KeyboardInterrupt):
        executor._tracker.take([future], interrupted)
    assert not executor._tracker._watchers
    executor.finish(future)
    (result,) = executor.async_get([future])
    assert isinstance(result, AsyncResult)


def test_only_tasks_may_submit_while_draining() -> None:
    tracker = Tracker()
    with ManualExecutor() as executor:
        (future,) = submit(executor, 1)
        assert tracker.advance(Phase.DRAINING)
        assert not tracker.advance(Phase.DRAINING)
        tracker.add(future, from_task=True)
        with pytest.raises(ExecutorClosed):
            tracker.add(future, from_task=False)
        assert tracker.advance(Phase.CLOSED)
        assert not tracker.advance(Phase.DRAINING)
        with pytest.raises(ExecutorClosed):
            tracker.add(future, from_task=True)
        executor.close()


@pytest.mark.parametrize("timeout", [None, 1e300, threading.TIMEOUT_MAX * 2])
def test_a_gate_opens_whatever_the_timeout(timeout: float | None) -> None:
    gate = Gate()
    timer = threading.Timer(0.01, gate.open)
    timer.start()
    assert gate.wait(timeout)
    timer.join()
