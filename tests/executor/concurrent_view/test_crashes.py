"""Whatever crashes, raises or exits while it is pickled, run or unpickled: its future ends, and so does ``shutdown``.

The cases are those of the standard library's own tests. That one crash breaks the whole pool is the standard library's
way; with ours only the one task fails.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import pytest

from orion.executor.testing import tasks
from tests.executor.concurrent_view.pools import PROCESSES, Pool, opened

PATIENCE = 60


def crash() -> Any:
    os._exit(7)


def leave() -> Any:
    sys.exit(7)


def fail() -> Any:
    raise ValueError("on purpose")


class AtPickling:
    """Does something when it is pickled."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __reduce__(self) -> Any:
        self.action()
        return AtPickling, (self.action,)


class AtUnpickling:
    """Does something when it is unpickled."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __reduce__(self) -> Any:
        return self.action, ()


def make(kind: type, action: Callable[[], Any]) -> Any:
    return kind(action)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "argument raises when pickled": (tasks.identity, (AtPickling(fail),)),
    "argument raises when unpickled": (tasks.identity, (AtUnpickling(fail),)),
    "argument exits when unpickled": (tasks.identity, (AtUnpickling(leave),)),
    "argument crashes when unpickled": (tasks.identity, (AtUnpickling(crash),)),
    "function raises": (fail, ()),
    "function exits": (leave, ()),
    "function crashes": (crash, ()),
    "result raises when pickled": (make, (AtPickling, fail)),
    "result exits when pickled": (make, (AtPickling, leave)),
    "result crashes when pickled": (make, (AtPickling, crash)),
    "result raises when unpickled": (make, (AtUnpickling, fail)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_future_ends_whatever_happens(process_pool: Pool, case: str) -> None:
    function, arguments = CASES[case]
    future = process_pool.executor.submit(function, *arguments)
    assert future.exception(PATIENCE) is not None
    if process_pool.is_ours:  # and nothing else was harmed
        assert process_pool.executor.submit(abs, -1).result(PATIENCE) == 1
    process_pool.executor.shutdown(wait=True)


def test_a_result_that_exits_when_it_is_unpickled_is_an_error_of_its_future(tmp_path: Path) -> None:
    """The standard library's pool is broken by it, and reports that in a thread."""
    with opened("ours-process", tmp_path) as pool:
        future = pool.executor.submit(make, AtUnpickling, leave)
        assert future.exception(PATIENCE) is not None
        assert pool.executor.submit(abs, -1).result(PATIENCE) == 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", PROCESSES)
def test_shutdown_ends_whatever_happens(kind: str, case: str, tmp_path: Path) -> None:
    function, arguments = CASES[case]
    with opened(kind, tmp_path, n_workers=2) as pool:
        futures = [pool.executor.submit(function, *arguments)]
        try:
            futures.extend(pool.executor.submit(abs, -1) for _ in range(20))
        except BrokenExecutor:  # by the first task, already
            assert not pool.is_ours
        pool.executor.shutdown(wait=True)
        assert all(future.done() for future in futures)
        assert futures[0].exception() is not None
        if pool.is_ours:
            assert [future.result() for future in futures[1:]] == [1] * 20


def test_only_the_task_that_ran_fails_when_a_worker_dies(tmp_path: Path) -> None:
    with opened("ours-process", tmp_path) as pool:
        futures = [pool.executor.submit(os._exit, 3), *(pool.executor.submit(abs, -number) for number in range(20))]
        assert "exited with code 3" in str(futures[0].exception(PATIENCE))
        assert [future.result(PATIENCE) for future in futures[1:]] == list(range(20))
