"""Waiting in an event loop: no thread waits for anything, so thousands of futures may be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from orion.executor._core.tracker import Phase

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor
    from orion.executor._core.future import Future

__all__ = ["close", "completion"]


def completion(future: Future[Any]) -> Generator[Any, None, None]:
    """Suspend the running asyncio task until ``future`` is done; if that task is cancelled, cancel ``future``."""
    executor = future._executor
    if future._order:
        return
    if "background" in executor.limitations:  # the task runs in the thread that waits: this one
        executor._wait_one(future, None)
        return
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(_release, waiter)
        except RuntimeError:  # the loop was closed, so nobody waits any more
            if not loop.is_closed():
                raise

    executor._tracker.watch(future, wake)
    try:
        with executor._blocking():
            yield from waiter
    except BaseException:
        executor._tracker.unwatch(future, wake)
        future.cancel()
        raise


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def close(executor: BaseExecutor, *, drain: bool) -> None:
    """Close an executor; the loop stays free while tasks finish and while workers end."""
    try:
        if drain:
            executor._tracker.advance(Phase.DRAINING)
            while pending := executor._tracker.unfinished():
                for future in pending:
                    await _done(future)
    finally:
        await asyncio.get_running_loop().run_in_executor(None, executor.close)


class _done:  # noqa: N801 - an awaitable that is used like a function
    """Awaits a future's end without asking how it ended."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, None, None]:
        return completion(self._future)
