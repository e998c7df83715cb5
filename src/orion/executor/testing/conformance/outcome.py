"""Paragraph "Outcome": every task ends exactly once, whatever it does."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import AsyncException, AsyncResult, BaseExecutor, Future
from orion.executor.errors import NotSerializable
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance

VALUES: list[Any] = [
    None,
    False,
    0,
    "",
    [],
    {},
    ValueError("an exception as a value"),
    KeyboardInterrupt,
    ({"deep": [1, (2, 3)]}, b"bytes", 1.5, 2**100),
]

ANYTHING: list[type[BaseException]] = [RuntimeError, RecursionError, SystemExit, KeyboardInterrupt, GeneratorExit]


class OutcomeTests(Conformance):
    """No task is silent, none ends twice."""

    def test_any_value_is_a_value(self) -> None:
        executor = self.start()
        for value in VALUES:
            future = executor.submit(tasks.identity, value)
            assert repr(future.get()) == repr(value)
            assert future.successful()
            (result,) = executor.async_get([future])
            assert isinstance(result, AsyncResult)

    def test_a_large_value_travels(self) -> None:
        data = bytes(range(256)) * 40_000
        assert self.start().submit(tasks.identity, data).get() == data

    def test_many_tasks_all_end(self) -> None:
        executor = self.start()
        count = self.lot(500)
        futures = [executor.submit(tasks.identity, number) for number in range(count)]
        everyone = set(futures)
        results = tasks.drain(executor, futures)
        assert sorted(result.value for result in results) == list(range(count))
        assert {result.future for result in results} == everyone

    def test_each_task_of_a_mixed_lot_ends_once(self, tmp_path: Path) -> None:
        executor = self.start(2)
        held = [self.hold(executor, tmp_path) for _ in range(2)]
        futures: list[Future[Any]] = [
            executor.submit(tasks.identity, 1),
            executor.submit(tasks.fail_with, ValueError, "wrong"),
            executor.submit(tasks.fail_with, SystemExit, 1),
            executor.submit(tasks.identity, "to be cancelled"),
            executor.submit(faults.make, faults.Unpicklable),
            executor.submit(faults.make, faults.Unloadable),
            executor.submit(tasks.collect, faults.Unloadable()),
            executor.submit(tasks.identity, 8),
        ]
        assert futures[3].cancel()
        everyone = set(futures)
        for one in held:
            one.release()
        results = tasks.drain(executor, futures)
        assert len(results) == len(everyone) == 8
        assert {result.future for result in results} == everyone
        assert all(future.ready() for future in everyone)

    def test_a_result_that_cannot_be_pickled_is_an_outcome(self) -> None:
        """The value itself, where it need not travel."""
        self._value_or_not_serialisable(self.start(), faults.make, faults.Unpicklable)

    def test_pickling_a_result_may_raise_anything(self) -> None:
        executor = self.start()
        for kind in ANYTHING:
            self._value_or_not_serialisable(executor, faults.make, faults.Unpicklable, kind)

    def test_loading_a_result_may_raise_anything(self) -> None:
        executor = self.start()
        for kind in ANYTHING:
            self._value_or_not_serialisable(executor, faults.make, faults.Unloadable, kind)

    def test_a_result_too_deep_to_pickle_is_an_outcome(self) -> None:
        self._value_or_not_serialisable(self.start(), faults.make_deep_list, 20_000)

    def test_an_argument_that_cannot_be_loaded_is_an_outcome(self) -> None:
        executor = self.start()
        for kind in ANYTHING:
            future = executor.submit(tasks.identity, faults.Unloadable(kind))
            with pytest.raises(NotSerializable, match="made to fail at loading"):
                future.get()
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_cancelled_task_is_an_outcome(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        future = executor.submit(tasks.identity, 1)
        assert future.cancel()
        held.release()
        assert future.ready()
        assert not future.successful()
        (result,) = executor.async_get([future])
        assert isinstance(result, AsyncException)
        assert isinstance(result.exception, CancelledError)

    def test_an_outcome_does_not_change(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        assert future.get() == 1
        assert not future.cancel()
        executor.close()
        assert future.get() == 1
        assert future.successful()

    def test_output_of_a_task_does_not_block_it(self) -> None:
        """More than a pipe holds."""
        assert self.start().submit(tasks.print_much, 200_000).get() == 200_000

    def test_a_task_that_recurses_for_ever_fails(self) -> None:
        executor = self.start()
        with pytest.raises(RecursionError):
            executor.submit(faults.recurse).get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def _value_or_not_serialisable(self, executor: BaseExecutor, function: Any, *args: Any) -> None:
        future = executor.submit(function, *args)
        future.wait()
        (result,) = executor.async_get([future])
        if isinstance(result, AsyncException):
            assert isinstance(result.exception, NotSerializable)
            with pytest.raises(NotSerializable):
                future.get()
        assert future.successful() is isinstance(result, AsyncResult)
        assert executor.submit(tasks.identity, 1).get() == 1
