"""Paragraph "Threads": every method may be called from any thread."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from orion.executor.errors import ExecutorClosed
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class ThreadsTests(Conformance):
    """Threads share an executor without losing or mixing up results."""

    def test_threads_have_lists_of_their_own(self) -> None:
        executor = self.start(2)
        count = self.lot(40)

        def caller(first: int) -> list[int]:
            pending = [executor.submit(tasks.identity, first + number) for number in range(count // 2)]
            values = []
            following = first + count // 2
            while pending:
                for result in tasks.take(executor, pending):
                    values.append(result.value)
                    if following < first + count:
                        pending.append(executor.submit(tasks.identity, following))
                        following += 1
            return sorted(values)

        calls = [self.in_thread(lambda first=100 * n: caller(first)) for n in range(6)]  # type: ignore[misc]
        assert [call.result() for call in calls] == [list(range(100 * n, 100 * n + count)) for n in range(6)]

    def test_threads_share_a_future(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        calls = [self.in_thread(held.future.get) for _ in range(5)]
        waits = [self.in_thread(held.future.wait) for _ in range(5)]
        held.release()
        assert [call.result() for call in calls] == ["held"] * 5
        for wait in waits:
            wait.result()

    def test_threads_get_the_same_object(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, ["one object"])
        calls = [self.in_thread(future.get) for _ in range(5)]
        assert len({id(call.result()) for call in calls}) == 1

    def test_threads_wait_for_the_same_list(self, tmp_path: Path) -> None:
        """``async_get`` on copies of one list: each caller gets everything."""
        executor = self.start(2)
        count = self.lot(20)
        futures = [executor.submit(tasks.identity, number) for number in range(count)]
        calls = [self.in_thread(lambda: tasks.drain(executor, futures.copy())) for _ in range(4)]
        for call in calls:
            assert sorted(result.value for result in call.result()) == list(range(count))

    def test_one_thread_cancels_what_another_waits_for(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.hold(executor, tmp_path)
        self.needs(executor, "background")
        future = executor.submit(tasks.identity, 1)
        call = self.in_thread(future.get)
        assert self.in_thread(future.cancel).result()
        with pytest.raises(CancelledError):
            call.result()

    def test_one_thread_closes_while_others_submit(self) -> None:
        """Each submitted task ends, or its submission is refused: none is lost in between."""
        executor = self.start(2)

        def caller() -> int:
            futures = []
            try:
                for number in range(10_000):
                    futures.append(executor.submit(tasks.identity, number))
            except ExecutorClosed:
                pass
            for future in futures:
                future.wait()
                assert future.ready()
            return len(futures)

        calls = [self.in_thread(caller) for _ in range(3)]
        calls[0].join(0.05)
        executor.close()
        for call in calls:
            call.result()

    def test_views_are_made_and_used_in_threads(self) -> None:
        executor = self.start(2)

        def caller(number: int) -> str:
            return executor.options(name=f"trial {number}").submit(tasks.identity, number).name

        calls = [self.in_thread(lambda number=n: caller(number)) for n in range(8)]  # type: ignore[misc]
        assert [call.result() for call in calls] == [f"trial {n}" for n in range(8)]
