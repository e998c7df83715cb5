"""Futures and executors in an event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class AwaitingTests(Conformance):
    """``await future``, ``async with executor``."""

    def test_awaiting_returns_the_result_or_raises(self) -> None:
        executor = self.start()

        async def main() -> None:
            assert await executor.submit(tasks.identity, 1) == 1
            with pytest.raises(ValueError, match="wrong"):
                await executor.submit(tasks.fail_with, ValueError, "wrong")
            done = executor.submit(tasks.identity, 2)
            done.wait()
            assert await done == await done == 2

        asyncio.run(main())

    def test_many_are_awaited_at_once_without_a_thread_for_each(self) -> None:
        executor = self.start()

        count = self.lot(200)

        async def main() -> None:
            futures = [executor.submit(tasks.identity, number) for number in range(count)]
            gathered = asyncio.gather(*futures)
            await asyncio.sleep(0)
            assert threading.active_count() < 50
            assert await gathered == list(range(count))

        asyncio.run(main())

    def test_the_loop_goes_on_while_a_task_runs(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "background")
        held = self.hold(executor, tmp_path)

        async def main() -> None:
            waiting = asyncio.ensure_future(held.future)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.01)
            held.release()
            assert await waiting == "held"

        asyncio.run(main())

    def test_cancelling_who_awaits_cancels_the_work(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "background")
        self.hold(executor, tmp_path)
        future = executor.submit(tasks.record, tmp_path, "ran")

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(future, 0.01)

        asyncio.run(main())
        assert future.ready()
        with pytest.raises(CancelledError):
            future.get()
        assert tasks.recorded(tmp_path, "ran") == 0

    def test_cancelling_who_awaits_stops_the_work_that_runs(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "cancel_running")
        held = self.hold(executor, tmp_path)

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(held.future, 0.01)

        asyncio.run(main())
        with pytest.raises(CancelledError):
            held.future.get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_two_loops_may_await_the_same_future(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "background")
        held = self.hold(executor, tmp_path)

        async def main() -> str:
            return await held.future

        waiting = [self.in_thread(lambda: asyncio.run(main())) for _ in range(2)]
        held.release()
        assert [thread.result() for thread in waiting] == ["held", "held"]

    def test_a_loop_that_was_closed_does_no_harm(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "background")
        held = self.hold(executor, tmp_path)
        loop = asyncio.new_event_loop()

        async def main() -> str:
            return await held.future

        task = loop.create_task(main())
        loop.run_until_complete(asyncio.sleep(0))
        coroutine = task.get_coro()
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio would say so, which is right
        loop.close()
        held.release()
        assert held.future.get() == "held"
        assert executor.submit(tasks.identity, 1).get() == 1
        assert coroutine is not None
        coroutine.close()

    def test_leaving_an_async_with_block_lets_the_tasks_end(self) -> None:
        executor = self.start()

        async def main() -> None:
            async with executor as entered:
                assert entered is executor
                async with executor.options(name="inner"):
                    futures = [executor.submit(tasks.identity, number) for number in range(20)]
                assert await executor.submit(tasks.identity, 1) == 1
            assert [future.get(0) for future in futures] == list(range(20))

        asyncio.run(main())
        with pytest.raises(RuntimeError, match="closed"):
            executor.submit(tasks.identity, 1)

    def test_leaving_an_async_with_block_by_an_exception_cancels(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "background")

        async def main() -> None:
            async with executor:
                self.hold(executor, tmp_path)
                futures.append(executor.submit(tasks.record, tmp_path, "ran"))
                raise LookupError("of the block")

        futures: list[object] = []
        with pytest.raises(LookupError, match="of the block"):
            asyncio.run(main())
        assert tasks.recorded(tmp_path, "ran") == 0

    def test_a_task_may_await_what_it_submits(self) -> None:
        executor = self.start(1)
        self.needs(executor, "nested")
        assert executor.submit(gather_in_task, executor, 5).get() == [0, 1, 2, 3, 4]
        assert executor.submit(gather_in_task, executor, 5).get() == [0, 1, 2, 3, 4]


def gather_in_task(executor: BaseExecutor, count: int) -> list[int]:
    """Submit so many tasks, and await them all at once."""

    async def main() -> list[int]:
        return list(await asyncio.gather(*[executor.submit(tasks.identity, number) for number in range(count)]))

    return asyncio.run(main())
