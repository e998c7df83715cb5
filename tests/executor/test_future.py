"""Futures and what ``async_get`` returns for them."""

from __future__ import annotations

import contextlib
import gc
import pickle
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from orion.executor.base import AsyncException, AsyncResult, Future
from orion.executor.errors import ResultTimeout
from tests.executor.manual import ManualExecutor, submit


@pytest.fixture
def executor() -> Iterator[ManualExecutor]:
    with ManualExecutor() as executor:
        yield executor
        executor.close()


class Thing:
    """Something that weak references can point to."""


def test_get_returns_one_object(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    thing = Thing()
    executor.finish(future, thing)
    assert future.get() is future.get(0) is thing


def test_get_raises_one_exception_whose_traceback_does_not_grow_for_ever(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    error = ValueError("wrong")
    executor.fail(future, error)
    for _ in range(3):
        with pytest.raises(ValueError, match="wrong") as raised:
            future.get()
        assert raised.value is error


def test_a_failed_future_is_freed_without_the_garbage_collector(executor: ManualExecutor) -> None:
    """The exception's traceback holds the frames that raised it, which must not hold the future."""
    gc.collect()
    gc.disable()
    try:
        (future,) = submit(executor, 1)
        executor.started.clear()
        executor.fail(future, ValueError("wrong"))
        with contextlib.suppress(ValueError):
            future.get()
        gone = weakref.ref(future)
        del future
        assert gone() is None
    finally:
        gc.enable()


def test_the_arguments_of_a_task_that_ended_are_freed(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    assert future._call is not None
    executor.finish(future)
    assert future._call is None


def test_a_result_is_freed_with_its_future(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    executor.started.clear()
    thing = Thing()
    gone = weakref.ref(thing)
    executor.finish(future, thing)
    (result,) = executor.async_get([future])
    assert result.value is thing
    del result, thing, future
    assert gone() is None


def test_a_late_result_is_told(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    with pytest.raises(ResultTimeout, match=r"'abs' pending.* after 0 s"):
        future.get(0)


def test_states_are_shown(executor: ManualExecutor) -> None:
    first, second = submit(executor, 2)
    assert "pending" in repr(first)
    executor.finish(first, 1)
    assert "done" in repr(first)
    executor.fail(second, ValueError("wrong"))
    assert repr(AsyncResult(first, 1)).endswith(", 1)")
    assert "ValueError('wrong')" in repr(AsyncException(second, ValueError("wrong"), ""))


def test_a_cancelled_future_is_told_by_name(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    assert future.cancel()
    with pytest.raises(CancelledError, match="'abs'"):
        future.get()


def test_a_future_does_not_travel(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    with pytest.raises(TypeError, match="pass its result"):
        pickle.dumps(future)


def test_a_future_is_small(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    assert not hasattr(future, "__dict__")
    assert {future: 1}[future] == 1
    assert isinstance(future, Future)


def test_the_value_of_a_failure_can_be_read_again(executor: ManualExecutor) -> None:
    (future,) = submit(executor, 1)
    executor.fail(future, KeyError("missing"))
    (result,) = executor.async_get([future])
    for _ in range(2):
        with pytest.raises(KeyError):
            result.value  # noqa: B018 - reading it raises
