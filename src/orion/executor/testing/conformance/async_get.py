"""Paragraph "``async_get``"."""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, BaseExecutor, Future
from orion.executor.testing import locks, tasks
from orion.executor.testing.conformance._base import Conformance


class AsyncGetTests(Conformance):
    """Any list, in any order, changed in place; no polling."""

    few, many = 100, 2000
    """Numbers of pending futures between which the cost of a call is compared."""

    def test_results_come_in_the_order_of_completion(self, tmp_path: Path) -> None:
        executor = self.start(4)
        helds = [self.hold(executor, tmp_path) for _ in range(4)]
        for place in (2, 0, 3):
            helds[place].release()
            helds[place].future.wait()
        futures = [held.future for held in helds]
        results = executor.async_get(futures)
        assert [result.future for result in results] == [helds[place].future for place in (2, 0, 3)]
        assert futures == [helds[1].future]

    def test_exactly_the_completed_are_removed_in_place(self, tmp_path: Path) -> None:
        executor = self.start(2)
        held = self.hold(executor, tmp_path)
        done = [executor.submit(tasks.identity, number) for number in range(5)]
        executor.wait(done)
        futures: list[Future[Any]] = [done[3], held.future, *done[:3], done[4]]
        alias = futures
        assert [result.value for result in executor.async_get(futures)] == self._in_order_of_completion(executor, done)
        assert alias is futures
        assert futures == [held.future]
        assert executor.async_get(futures, 0) == []
        assert futures == [held.future]

    def test_the_list_may_be_in_any_order(self) -> None:
        executor = self.start()
        count = self.lot(100)
        submitted = [executor.submit(tasks.identity, number) for number in range(count)]
        for seed in range(3):
            futures = submitted.copy()
            random.Random(seed).shuffle(futures)
            values = [result.value for result in tasks.drain(executor, futures)]
            assert sorted(values) == list(range(count))

    def test_the_list_may_be_appended_to_between_calls(self) -> None:
        executor = self.start()
        pending = [executor.submit(tasks.identity, number) for number in range(3)]
        seen = []
        following, count = 3, self.lot(30)
        while pending:
            for result in tasks.take(executor, pending):
                seen.append(result.value)
                if following < count:
                    pending.append(executor.submit(tasks.identity, following))
                    following += 1
        assert sorted(seen) == list(range(count))

    def test_it_blocks_until_one_is_complete(self, tmp_path: Path) -> None:
        executor = self.start(2)
        first, second = self.hold(executor, tmp_path), self.hold(executor, tmp_path)
        futures = [first.future, second.future]
        call = self.in_thread(lambda: executor.async_get(futures))
        second.release()
        assert [result.future for result in call.result()] == [second.future]
        assert futures == [first.future]

    def test_it_returns_nothing_once_the_timeout_has_passed(self, tmp_path: Path) -> None:
        executor = self.start()
        held = self.hold(executor, tmp_path)
        futures = [held.future]
        assert executor.async_get(futures, timeout=0.02) == []
        assert futures == [held.future]

    def test_completions_elsewhere_do_not_end_the_wait(self, tmp_path: Path) -> None:
        """A call returns for its own futures, not for those of another caller's list."""
        executor = self.start(3)
        mine, other = self.hold(executor, tmp_path), self.hold(executor, tmp_path)
        call = self.in_thread(lambda: executor.async_get([mine.future]))
        other.release()
        other.future.wait()
        for number in range(5):
            executor.submit(tasks.identity, number).wait()
        mine.release()
        assert [result.future for result in call.result()] == [mine.future]

    def test_it_never_raises_the_exception_of_a_task(self) -> None:
        executor = self.start()
        kinds: list[type[BaseException]] = [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit]
        futures = [executor.submit(tasks.fail_with, kind, "wrong") for kind in kinds]
        results = tasks.drain(executor, futures)
        assert all(isinstance(result, AsyncException) for result in results)
        assert {type(result.exception) for result in results if isinstance(result, AsyncException)} == set(kinds)

    def test_a_future_that_get_returned_is_still_returned(self) -> None:
        executor = self.start()
        futures = [executor.submit(tasks.identity, number) for number in range(3)]
        assert [future.get() for future in futures] == [0, 1, 2]
        assert sorted(result.value for result in executor.async_get(futures)) == [0, 1, 2]
        assert futures == []

    def test_a_future_may_be_in_several_lists(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        for _ in range(3):
            futures = [future]
            assert [result.value for result in executor.async_get(futures)] == [1]
            assert futures == []

    def test_a_future_may_be_listed_twice(self) -> None:
        """It is removed as often as it is listed, at the latest by the next call."""
        executor = self.start()
        twice, once = executor.submit(tasks.identity, 1), executor.submit(tasks.identity, 2)
        results = tasks.drain(executor, [twice, once, twice])
        assert {result.future for result in results} == {twice, once}

    def test_futures_of_another_executor_are_refused(self, tmp_path: Path) -> None:
        """Else the call would wait for ever. The list stays as it was."""
        executor, other = self.start(), self.start()
        foreign: Future[Any] = self.hold(other, tmp_path).future
        futures = [executor.submit(tasks.identity, 2), foreign]
        listed = futures.copy()
        with pytest.raises(ValueError, match="another executor"):
            executor.async_get([foreign])
        with pytest.raises(ValueError, match="another executor"):
            executor.wait(futures)
        assert futures == listed

    def test_what_is_no_future_is_refused(self) -> None:
        executor = self.start()
        with pytest.raises(TypeError, match="what submit returned"):
            executor.async_get([7])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="what submit returned"):
            executor.wait(["text"])  # type: ignore[arg-type]

    def test_results_are_there_after_closing(self) -> None:
        executor = self.start()
        futures = [executor.submit(tasks.identity, number) for number in range(3)]
        executor.close(drain=True)
        assert sorted(result.value for result in executor.async_get(futures)) == [0, 1, 2]

    def test_a_waiting_call_costs_no_cpu(self, tmp_path: Path) -> None:
        """Nor does it wake up to look: the thread is put to sleep a few times at most."""
        resource = pytest.importorskip("resource")
        if not hasattr(resource, "RUSAGE_THREAD"):
            pytest.skip("the system does not count for each thread")
        executor = self.start(1)
        for wait in (lambda future: executor.async_get([future]), lambda future: future.get(60.0)):
            lock, started = tmp_path / "lock", tmp_path / "started"
            started.unlink(missing_ok=True)
            with lock.open("w") as file:
                locks.lock(file)
                future = executor.submit(tasks.wait_for_lock, lock, started)
                self.see_to(executor, future)
                self.await_file(started)
                release = threading.Timer(0.3, locks.unlock, (file,))
                release.start()
                before, cpu = resource.getrusage(resource.RUSAGE_THREAD), time.process_time()
                wait(future)
                after, cpu = resource.getrusage(resource.RUSAGE_THREAD), time.process_time() - cpu
                release.join()
            assert after.ru_nvcsw - before.ru_nvcsw < 12, "the waiting thread woke up again and again"
            assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.03
            assert cpu < 0.25, "some thread of the process was busy while all waited"

    def test_the_cost_of_a_call_does_not_grow_with_the_pending(self, tmp_path: Path) -> None:
        """Counted in steps of the interpreter: none is made for each pending future."""
        for timeout in (None, 0.0, 0.01):
            few, many = (self._steps(tmp_path, pending, timeout) for pending in (self.few, self.many))
            assert many - few < (self.many - self.few) / 4, f"timeout={timeout}: {few} steps, then {many}"

    def _steps(self, folder: Path, pending: int, timeout: float | None) -> int:
        executor = self.start(1)
        quick = executor.submit(tasks.identity, 0)
        quick.wait()
        futures: list[Future[Any]] = []
        if "background" not in executor.limitations:
            futures.append(self.hold(executor, folder).future)
        futures += [executor.submit(tasks.identity, number) for number in range(pending)]
        if timeout is None:
            futures.insert(0, quick)
        steps = _count_steps(lambda: executor.async_get(futures, timeout))
        executor.close()
        return steps

    def _in_order_of_completion(self, executor: BaseExecutor, done: list[Future[Any]]) -> list[Any]:
        return [result.value for result in executor.async_get(done.copy())]


def _count_steps(call: Callable[[], object]) -> int:
    """Return how many instructions of Python's the calling thread executes in ``call``."""
    steps = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    gc.collect()  # a collection in between would run the finalizers of others, and count their steps
    collects, before = gc.isenabled(), sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return steps
