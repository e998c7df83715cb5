"""``map``, ``as_completed`` and ``progress``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import Future
from orion.executor.errors import ResultTimeout
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class IteratingTests(Conformance):
    """Iterators over work."""

    def test_map_returns_results_in_the_order_of_the_arguments(self) -> None:
        executor = self.start()
        assert list(executor.map(tasks.identity, range(20))) == list(range(20))
        assert list(executor.map(pow, range(5), itertools.repeat(2))) == [0, 1, 4, 9, 16]
        assert list(executor.options(name="mine").map(tasks.identity, "ab", in_flight=1)) == ["a", "b"]
        assert list(executor.map(tasks.identity, [])) == []

    def test_map_reads_an_endless_iterable_only_so_far_ahead(self) -> None:
        read = []

        def numbers() -> Iterator[int]:
            for number in itertools.count():
                read.append(number)
                yield number

        results = self.start().map(tasks.identity, numbers(), in_flight=3)
        assert len(read) == 3
        for expected in range(10):
            assert next(results) == expected
            assert len(read) <= expected + 4

    def test_map_raises_in_turn_and_cancels_what_is_in_flight(self, tmp_path: Path) -> None:
        executor = self.start(1)
        results = executor.map(tasks.record_or_raise, [tmp_path] * 100, range(100), [3] * 100, in_flight=50)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="this is 3"):
            next(results)
        with pytest.raises(StopIteration):
            next(results)
        assert executor.submit(tasks.identity, 1).get() == 1
        assert tasks.recorded(tmp_path, "90") == 0  # beyond what was in flight

    def test_map_raises_what_the_iterable_raises_in_its_turn(self) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            yield 2
            raise LookupError("no third")

        results = self.start().map(tasks.identity, numbers())
        assert [next(results), next(results)] == [1, 2]
        with pytest.raises(LookupError, match="no third"):
            next(results)

    def test_map_refuses_what_makes_no_sense(self) -> None:
        executor = self.start()
        with pytest.raises(ValueError, match="in_flight"):
            executor.map(tasks.identity, [1], in_flight=0)
        with pytest.raises(TypeError, match="not callable"):
            executor.map(7, [1])  # type: ignore[call-overload]  # that is what is tested
        with pytest.raises(TypeError, match="iterable"):
            executor.map(tasks.identity)  # type: ignore[call-overload]  # that is what is tested

    def test_as_completed_yields_each_future_once_in_the_order_of_completion(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "concurrency")
        held = self.hold(executor, tmp_path)
        quick = [executor.submit(tasks.identity, number) for number in range(3)]
        given: list[Future[Any]] = [held.future, *quick, *quick, held.future]
        completed = executor.as_completed(given)
        found = [next(completed) for _ in range(3)]
        assert set(found) == set(quick)
        held.release()
        assert list(completed) == [held.future]
        assert len(given) == 8

    def test_as_completed_yields_what_failed_too(self) -> None:
        executor = self.start()
        good, bad = executor.submit(tasks.identity, 1), executor.submit(tasks.fail_with, ValueError, "wrong")
        futures: list[Future[Any]] = [good, bad]
        assert set(executor.as_completed(iter(futures))) == set(futures)
        assert list(executor.as_completed([])) == []

    def test_as_completed_raises_at_its_timeout(self, tmp_path: Path) -> None:
        executor = self.start()
        held = self.hold(executor, tmp_path)
        with pytest.raises(ResultTimeout, match="1 of 1 tasks"):
            list(executor.as_completed([held.future], timeout=0.01))
        with pytest.raises(ValueError, match="timeout"):
            executor.as_completed([], timeout=-1)

    def test_what_was_iterated_over_can_still_be_asked_for(self) -> None:
        executor = self.start()
        futures = [executor.submit(tasks.identity, number) for number in range(3)]
        assert len(list(executor.as_completed(futures))) == 3
        assert {result.value for result in executor.async_get(futures)} == {0, 1, 2}

    def test_progress_yields_what_as_completed_does(self, capsys: pytest.CaptureFixture[str]) -> None:
        executor = self.start()
        good, bad = executor.submit(tasks.identity, 1), executor.submit(tasks.fail_with, ValueError, "wrong")
        futures: list[Future[Any]] = [good, bad]
        assert set(executor.progress(futures, label="trials")) == set(futures)
        assert "trials: 2/2, 1 failed" in capsys.readouterr().err
